/* For the templates *.inc: T is float. Ended by type_end.h; no include guard, since each template needs it anew. */
#define T float
#define ARITHMETIC CLOSS_F32
#define BITS uint32_t
#define NAME(name) closs_##name##_f32
#define PAIR closs_pair_f32
#define NORMAL closs_normal_f32
#define SUM closs_sum_f32
#define ELEMENT closs_element_f32
#define PARAMETERS closs_parameters_f32
#define JOB closs_job_f32
#define ABSOLUTE fabsf
#define FRACTION_BITS 23
#define BIAS 127
#define SPLIT_BITS 12
#define SMALL_FIELD 24      /* values with this biased exponent or a smaller one are scaled up first, */
#define SMALL_SCALE 0x1p48f /* by this, */
#define SMALL_EXPONENT 48   /* which is 2 to this */
#define RECIPROCAL_SEED 0x7ef311c7
#define ROOT_SEED 0x5f3759df
#define NEWTON_STEPS 4
