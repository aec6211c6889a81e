/* DLPack's structures, by the tags and members of dlpack.h: their layout is an ABI that other libraries were compiled
 * for. Not to be included together with dlpack.h. */
#ifndef CLOSS_API_DLPACK_ABI_H
#define CLOSS_API_DLPACK_ABI_H

#include <stdint.h>

enum closs_dl_device { CLOSS_DL_CPU = 1, CLOSS_DL_CUDA_HOST = 3, CLOSS_DL_OPENCL = 4, CLOSS_DL_ROCM_HOST = 11 };

enum closs_dl_type {
  CLOSS_DL_INT = 0,
  CLOSS_DL_UINT = 1,
  CLOSS_DL_FLOAT = 2,
  CLOSS_DL_BFLOAT = 4,
  CLOSS_DL_COMPLEX = 5, /* bits of both parts together */
  CLOSS_DL_BOOL = 6
};

#define CLOSS_DL_READ_ONLY UINT64_C(1)
#define CLOSS_DL_MAJOR 1

typedef struct closs_dl_tensor {
  void *data;
  int32_t device_type;
  int32_t device_id;
  int32_t ndim;
  uint8_t code;
  uint8_t bits;
  uint16_t lanes;
  int64_t *shape;
  int64_t *strides; /* in elements; NULL: row-major */
  uint64_t byte_offset;
} closs_dl_tensor;

struct DLManagedTensor {
  closs_dl_tensor dl_tensor;
  void *manager_ctx;
  void (*deleter)(struct DLManagedTensor *self);
};

struct DLManagedTensorVersioned {
  uint32_t major;
  uint32_t minor;
  void *manager_ctx;
  void (*deleter)(struct DLManagedTensorVersioned *self);
  uint64_t flags;
  closs_dl_tensor dl_tensor;
};

#endif
