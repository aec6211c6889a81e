/* For the templates *.inc: T is double. Ended by type_end.h; no include guard, since each template needs it anew. */
#define T double
#define ARITHMETIC CLOSS_F64
#define BITS uint64_t
#define NAME(name) closs_##name##_f64
#define PAIR closs_pair_f64
#define NORMAL closs_normal_f64
#define SUM closs_sum_f64
#define ELEMENT closs_element_f64
#define PARAMETERS closs_parameters_f64
#define JOB closs_job_f64
#define ABSOLUTE fabs
#define FRACTION_BITS 52
#define BIAS 1023
#define SPLIT_BITS 27
#define SMALL_FIELD 53      /* values with this biased exponent or a smaller one are scaled up first, */
#define SMALL_SCALE 0x1p108 /* by this, */
#define SMALL_EXPONENT 108  /* which is 2 to this */
#define RECIPROCAL_SEED 0x7fde623822fc16e6
#define ROOT_SEED 0x5fe6eb50c7b537a9
#define NEWTON_STEPS 5
