#include "loops.h"

#include <math.h>
#if defined(__SSE2__)
#include <immintrin.h>
#endif

/* With the slope s, huber's value is s (d - s / 2): one formula for both branches. */
static inline float huber_value(float d) {
  float s = d < -1 ? -1.0f : d > 1 ? 1.0f : d;
  return s * (d - 0.5f * s);
}

float loop_forward(bool huber, size_t elements, const float *x, const float *y) {
  float sum = 0;
  if (huber) {
#pragma omp parallel for simd reduction(+ : sum) schedule(static)
    for (size_t i = 0; i < elements; i++) {
      sum += huber_value(x[i] - y[i]);
    }
  } else {
#pragma omp parallel for simd reduction(+ : sum) schedule(static)
    for (size_t i = 0; i < elements; i++) {
      sum += fabsf(x[i] - y[i]);
    }
  }
  return sum / (float)elements;
}

#if defined(__AVX512F__)
#define STEP 16
static inline float step(bool huber, float scale, const float *x, const float *y, float *dx, float *dy) {
  const __m512 zero = _mm512_setzero_ps(), one = _mm512_set1_ps(1), minus = _mm512_set1_ps(-1);
  __m512 d = _mm512_sub_ps(_mm512_load_ps(x), _mm512_load_ps(y)), slope, value;
  if (huber) {
    slope = _mm512_min_ps(_mm512_max_ps(d, minus), one);
    value = _mm512_mul_ps(slope, _mm512_sub_ps(d, _mm512_mul_ps(_mm512_set1_ps(0.5f), slope)));
  } else {
    slope = _mm512_mask_mov_ps(_mm512_mask_mov_ps(d, _mm512_cmp_ps_mask(d, zero, _CMP_GT_OQ), one),
                               _mm512_cmp_ps_mask(d, zero, _CMP_LT_OQ), minus);
    value = _mm512_abs_ps(d);
  }
  slope = _mm512_mul_ps(slope, _mm512_set1_ps(scale));
  _mm512_stream_ps(dx, slope);
  if (dy != NULL) {
    _mm512_stream_ps(dy, _mm512_sub_ps(zero, slope));
  }
  return _mm512_reduce_add_ps(value);
}
#elif defined(__SSE2__)
#define STEP 4
static inline float step(bool huber, float scale, const float *x, const float *y, float *dx, float *dy) {
  const __m128 zero = _mm_setzero_ps(), one = _mm_set1_ps(1), minus = _mm_set1_ps(-1);
  __m128 d = _mm_sub_ps(_mm_load_ps(x), _mm_load_ps(y)), slope, value;
  if (huber) {
    slope = _mm_min_ps(_mm_max_ps(d, minus), one);
    value = _mm_mul_ps(slope, _mm_sub_ps(d, _mm_mul_ps(_mm_set1_ps(0.5f), slope)));
  } else {
    slope = _mm_sub_ps(_mm_and_ps(_mm_cmpgt_ps(d, zero), one), _mm_and_ps(_mm_cmplt_ps(d, zero), one));
    value = _mm_andnot_ps(_mm_set1_ps(-0.0f), d);
  }
  slope = _mm_mul_ps(slope, _mm_set1_ps(scale));
  _mm_stream_ps(dx, slope);
  if (dy != NULL) {
    _mm_stream_ps(dy, _mm_sub_ps(zero, slope));
  }
  value = _mm_add_ps(value, _mm_movehl_ps(value, value));
  return _mm_cvtss_f32(_mm_add_ss(value, _mm_shuffle_ps(value, value, 1)));
}
#else
#define STEP 1
static inline float step(bool huber, float scale, const float *x, const float *y, float *dx, float *dy) {
  float d = *x - *y;
  float slope = huber ? (d < -1 ? -1.0f : d > 1 ? 1.0f : d) : d > 0 ? 1.0f : d < 0 ? -1.0f : d;
  *dx = scale * slope;
  if (dy != NULL) {
    *dy = -scale * slope;
  }
  return huber ? huber_value(d) : fabsf(d);
}
#endif

float loop_gradient(bool huber, size_t elements, const float *x, const float *y, float *dx, float *dy) {
  const float scale = 1 / (float)elements;
  float sum = 0;
#pragma omp parallel for reduction(+ : sum) schedule(static)
  for (size_t i = 0; i < elements; i += STEP) {
    sum += step(huber, scale, x + i, y + i, dx + i, dy != NULL ? dy + i : NULL);
  }
  return sum / (float)elements;
}
