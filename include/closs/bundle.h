/**
 * @file bundle.h
 * Bundles: compiled programs of one device in one piece of memory, for where there is no compiler, or no time for it.
 *
 * A bundle is made where the device is, by closs_bundle_make() (the command `closs pack`), and given to
 * closs_context_create() later: from a file, or from an array in the program (firmware without files). It holds a
 * program for each loss and kernel variant that was asked for; what a plan wants is told it at run time, so these
 * programs are few, and up to 1.4 times slower on small arrays than those that are compiled for one plan.
 *
 * A program is taken only where everything it depends on is the same: closs's version, the names and versions of
 * platform, device and driver, and the kernels. For all else closs_plan_prepare() goes on as without a bundle, and the
 * log says so; without a compiler it fails, and names the program that is missing. Plans whose arrays reach over 2^30
 * elements or more have no program in a bundle.
 *
 * Programs of FPGAs are made by their vendors' compilers, in hours and elsewhere: closs_bundle_sources() gives what
 * they take, and closs_bundle_make() takes what they give.
 */
#ifndef CLOSS_BUNDLE_H
#define CLOSS_BUNDLE_H

#include "closs/context.h"
#include "closs/loss.h"
#include "closs/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/** @addtogroup kept
 * @{ */

/** A device image from a vendor's offline compiler; or a SPIR-V module, for platforms with cl_khr_il_program. */
typedef struct closs_image {
  const void *bytes; /**< as the compiler wrote it */
  size_t size;       /**< its bytes */
} closs_image;

/** What a bundle holds. Start from #CLOSS_BUNDLE_OPTIONS_INIT. */
typedef struct closs_bundle_options {
  size_t size;              /**< sizeof(closs_bundle_options) */
  const closs_loss *losses; /**< NULL: all */
  size_t loss_count;        /**< how many losses */
  /** Types of operands: f16, bf16, f32, f64, c64, c128. Those of one arithmetic share the programs for strided and
   * mixed operands, integers among them. NULL: all that the device has. */
  const closs_dtype *dtypes;
  size_t dtype_count; /**< how many types */
  /** Images of closs_bundle_sources() for the same device, by this version of closs; NULL: compiled here. */
  const closs_image *images;
  size_t image_count; /**< how many images */
} closs_bundle_options;

/** The defaults of #closs_bundle_options. */
#define CLOSS_BUNDLE_OPTIONS_INIT                                                                                      \
  { sizeof(closs_bundle_options), NULL, 0, NULL, 0, NULL, 0 }

/**
 * Makes a bundle for the context's device: compiles, or takes images; runs each kernel once without work; finds out the
 * device's class. Blocks. Of images, those programs are taken whose kernels are there; each loss and type that is named
 * in the options must have one. What they compute is compared with closs_reference() first.
 * @param[out] bytes  the bundle, of *size bytes; set to NULL on failure. Released by closs_bundle_release().
 * @return CLOSS_INVALID_ARGUMENT, CLOSS_UNSUPPORTED (a type that the device lacks), CLOSS_COMPILE_FAILED,
 * CLOSS_SELF_TEST_FAILED (an image computes something wrong), CLOSS_OPENCL_ERROR or CLOSS_OUT_OF_MEMORY
 */
CLOSS_API closs_status closs_bundle_make(closs_context *context, const closs_bundle_options *options, void **bytes,
                                         size_t *size, closs_error *error);

/** Frees a bundle that closs_bundle_make() made with this context. NULL is allowed. */
CLOSS_API void closs_bundle_release(closs_context *context, void *bytes);

/** An argument of a kernel: "__global const uchar *" or "uint", and its name. */
typedef struct closs_kernel_argument {
  const char *type; /**< as OpenCL C writes it */
  const char *name; /**< as the source names it */
} closs_kernel_argument;

/** No kernel has more arguments. */
#define CLOSS_MAX_KERNEL_ARGUMENTS 48

/** A kernel of a source. */
typedef struct closs_kernel_info {
  const char *name;                       /**< of the function */
  const closs_kernel_argument *arguments; /**< in order */
  size_t argument_count;                  /**< how many, at most #CLOSS_MAX_KERNEL_ARGUMENTS */
} closs_kernel_info;

/** A source for an offline compiler: one program, as text that needs no options and includes nothing. */
typedef struct closs_offline_source {
  const char *name;                 /**< "closs_l1_contiguous_f32": the same in every set */
  const char *text;                 /**< OpenCL C, ended by a zero byte */
  size_t text_size;                 /**< bytes without it */
  char sha256[65];                  /**< of the text, in hexadecimal */
  const closs_kernel_info *kernels; /**< that the source holds */
  size_t kernel_count;              /**< how many */
} closs_offline_source;

/**
 * Gives the sources of the programs that a bundle with these options would hold. Compiles nothing. The kernels are
 * single work-item kernels, launched with one work-item; their names differ, so that one image can hold all of them,
 * and from those of another version or of other kernels, so that closs_bundle_make() refuses a stale image. No argument
 * is ever a NULL buffer. options->images is not used.
 * @param visit  called once a source; what it gets is valid during the call
 */
CLOSS_API closs_status closs_bundle_sources(closs_context *context, const closs_bundle_options *options,
                                            void (*visit)(void *user, const closs_offline_source *source), void *user,
                                            closs_error *error);

/** @} */

#ifdef __cplusplus
}
#endif

#endif
