/* A linear autoencoder's training loop: 8 x 8 pieces of a photograph through 8 numbers and back, by huber's loss.
 * The decoder is a linear layer on a loss; the encoder's product and its gradient are CLBlast's.
 *   autoencoder china.npy */
#define CL_TARGET_OPENCL_VERSION 120
#include <clblast_c.h>
#include <closs/closs.h>
#include <closs/linear.h>
#include <math.h>
#include <stdio.h>

enum { SIDE = 256, PIECE = 8, ROWS = SIDE / PIECE * (SIDE / PIECE), SIZE = PIECE * PIECE, CODE = 8, STEPS = 300 };

static float pieces[ROWS][SIZE];

/* The first channel, 8 x 8 pixels a row, from -0.5 to 0.5. */
static int read_pieces(const char *path) {
  static float pixels[SIDE][SIDE][3];
  FILE *file = fopen(path, "rb");
  if (file == NULL || fseek(file, 128, SEEK_SET) != 0 || fread(pixels, sizeof pixels, 1, file) != 1) return 0;
  fclose(file);
  for (int y = 0; y < SIDE; y++)
    for (int x = 0; x < SIDE; x++)
      pieces[y / PIECE * (SIDE / PIECE) + x / PIECE][y % PIECE * PIECE + x % PIECE] = pixels[y][x][0] - 0.5f;
  return 1;
}

/* Adam (Kingma and Ba, 2015). */
static void adam(float *w, const float *gradient, float moments[][2], int count, int step) {
  for (int i = 0; i < count; i++) {
    float *m = moments[i];
    m[0] += 0.1f * (gradient[i] - m[0]);
    m[1] += 0.001f * (gradient[i] * gradient[i] - m[1]);
    w[i] -= 0.01f * (m[0] / (1 - powf(0.9f, (float)step))) / (sqrtf(m[1] / (1 - powf(0.999f, (float)step))) + 1e-8f);
  }
}

int main(int argc, char **argv) {
  cl_platform_id platform;
  cl_device_id device;
  if (argc != 2 || !read_pieces(argv[1])) return puts("usage: autoencoder china.npy"), 1;
  if (clGetPlatformIDs(1, &platform, NULL) != CL_SUCCESS ||
      clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 1, &device, NULL) != CL_SUCCESS)
    return puts("no OpenCL device"), 1;
  cl_context context = clCreateContext(NULL, 1, &device, NULL, NULL, NULL);
  cl_command_queue queue = clCreateCommandQueue(context, device, 0, NULL);
  closs_context *closs;
  closs_error error;
  if (closs_context_create(context, device, NULL, &closs, &error) != CLOSS_OK) return puts(error.text), 1;

  closs_linear *decoder;
  const closs_parameter delta = {"delta", 0.1};
  closs_linear_options options = CLOSS_LINEAR_OPTIONS_INIT;
  options.rows = ROWS, options.features = CODE, options.outputs = SIZE, options.bias = false;
  options.loss = CLOSS_HUBER, options.parameters = &delta, options.parameter_count = 1;
  options.wanted = CLOSS_LINEAR_LOSS | CLOSS_LINEAR_W_GRADIENT | CLOSS_LINEAR_X_GRADIENT;
  if (closs_linear_create(closs, &options, &decoder, &error) != CLOSS_OK ||
      closs_linear_prepare(decoder, &error) != CLOSS_OK)
    return puts(error.text), 1;

  static float encode[SIZE * CODE], decode[CODE * SIZE], gradient[SIZE * CODE], moments[2][SIZE * CODE][2];
  for (int i = 0; i < SIZE * CODE; i++) { /* small numbers of no order */
    encode[i] = 0.1f * sinf((float)(7 * i * i % 1009));
    decode[i] = 0.1f * sinf((float)(11 * i * i % 1013));
  }
  size_t weights = sizeof encode, codes = sizeof(float) * ROWS * CODE;
  cl_mem x = clCreateBuffer(context, CL_MEM_COPY_HOST_PTR, sizeof pieces, pieces, NULL);
  cl_mem w1 = clCreateBuffer(context, 0, weights, NULL, NULL), g1 = clCreateBuffer(context, 0, weights, NULL, NULL);
  cl_mem code = clCreateBuffer(context, 0, codes, NULL, NULL);
  closs_linear_buffers buffers = CLOSS_LINEAR_BUFFERS_INIT;
  buffers.x.memory = code, buffers.y.memory = x;
  buffers.w.memory = clCreateBuffer(context, 0, weights, NULL, NULL);
  buffers.w_gradient.memory = clCreateBuffer(context, 0, weights, NULL, NULL);
  buffers.x_gradient.memory = clCreateBuffer(context, 0, codes, NULL, NULL);
  buffers.predictions.memory = clCreateBuffer(context, 0, sizeof pieces, NULL, NULL);
  buffers.loss.memory = clCreateBuffer(context, 0, sizeof(float), NULL, NULL);
  buffers.workspace.memory = clCreateBuffer(context, 0, (size_t)closs_linear_workspace(decoder) + 16, NULL, NULL);

  float loss = 0, first = 0;
  for (int step = 1; step <= STEPS; step++) {
    clEnqueueWriteBuffer(queue, w1, CL_FALSE, 0, weights, encode, 0, NULL, NULL);
    clEnqueueWriteBuffer(queue, buffers.w.memory, CL_FALSE, 0, weights, decode, 0, NULL, NULL);
    if (CLBlastSgemm(CLBlastLayoutRowMajor, CLBlastTransposeNo, CLBlastTransposeNo, ROWS, CODE, SIZE, 1, x, 0, SIZE, w1,
                     0, CODE, 0, code, 0, CODE, &queue, NULL) != CLBlastSuccess)
      return puts("CLBlastSgemm failed"), 1;
    if (closs_linear_enqueue(decoder, queue, &buffers, 0, NULL, NULL, &error) != CLOSS_OK) return puts(error.text), 1;
    CLBlastSgemm(CLBlastLayoutRowMajor, CLBlastTransposeYes, CLBlastTransposeNo, SIZE, CODE, ROWS, 1, x, 0, SIZE,
                 buffers.x_gradient.memory, 0, CODE, 0, g1, 0, CODE, &queue, NULL);
    clEnqueueReadBuffer(queue, buffers.loss.memory, CL_TRUE, 0, sizeof loss, &loss, 0, NULL, NULL);
    clEnqueueReadBuffer(queue, g1, CL_TRUE, 0, weights, gradient, 0, NULL, NULL);
    adam(encode, gradient, moments[0], SIZE * CODE, step);
    clEnqueueReadBuffer(queue, buffers.w_gradient.memory, CL_TRUE, 0, weights, gradient, 0, NULL, NULL);
    adam(decode, gradient, moments[1], SIZE * CODE, step);
    if (step == 1) first = loss;
    if (step == 1 || step % 50 == 0) printf("step %3d: reconstruction loss %.6f\n", step, loss);
  }
  cl_mem all[] = {x,
                  w1,
                  g1,
                  code,
                  buffers.w.memory,
                  buffers.w_gradient.memory,
                  buffers.x_gradient.memory,
                  buffers.predictions.memory,
                  buffers.loss.memory,
                  buffers.workspace.memory};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
    clReleaseMemObject(all[i]);
  closs_linear_destroy(decoder);
  closs_context_destroy(closs);
  clReleaseCommandQueue(queue);
  clReleaseContext(context);
  return loss < 0.2f * first ? 0 : 1;
}
