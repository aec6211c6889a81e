/*
 * Stands for a vendor's offline compiler: OFFLINE DEVICE OUTPUT FILE.cl ...
 *
 * Builds the texts as one program, without options, by plain OpenCL, and writes the image.
 */
#include <CL/cl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fail(const char *what, int code) {
  fprintf(stderr, "%s: %d\n", what, code);
  return 1;
}

static cl_device_id find(const char *part) {
  cl_platform_id platforms[16];
  cl_uint count = 0;
  clGetPlatformIDs(16, platforms, &count);
  for (cl_uint i = 0; i < count && i < 16; i++) {
    char name[256] = "";
    cl_device_id device = NULL;
    clGetPlatformInfo(platforms[i], CL_PLATFORM_NAME, sizeof name, name, NULL);
    if (strstr(name, part) != NULL && clGetDeviceIDs(platforms[i], CL_DEVICE_TYPE_ALL, 1, &device, NULL) == CL_SUCCESS)
      return device;
  }
  return NULL;
}

static char *slurp(const char *path) {
  char *text = calloc(1 << 20, 1);
  FILE *file = fopen(path, "rb");
  if (file == NULL || text == NULL) exit(fail(path, 0));
  (void)!fread(text, 1, (1 << 20) - 1, file);
  fclose(file);
  return text;
}

int main(int argc, char **argv) {
  cl_int code = CL_SUCCESS;
  cl_program objects[64];
  cl_uint count = 0;
  cl_device_id device = argc > 3 ? find(argv[1]) : NULL;
  if (device == NULL || argc > 64) return fail("no such device", argc);
  cl_context context = clCreateContext(NULL, 1, &device, NULL, NULL, &code);
  for (int i = 3; i < argc && code == CL_SUCCESS; i++) {
    char *text = slurp(argv[i]);
    const char *source = text;
    objects[count] = clCreateProgramWithSource(context, 1, &source, NULL, &code);
    free(text);
    if (code == CL_SUCCESS) code = clCompileProgram(objects[count], 1, &device, "", 0, NULL, NULL, NULL, NULL);
    if (code != CL_SUCCESS) return fail(argv[i], code);
    count++;
  }
  cl_program program = clLinkProgram(context, 1, &device, "", count, objects, NULL, NULL, &code);
  if (code != CL_SUCCESS) return fail("clLinkProgram", code);
  size_t size = 0;
  clGetProgramInfo(program, CL_PROGRAM_BINARY_SIZES, sizeof size, &size, NULL);
  unsigned char *image = malloc(size + 1);
  if (image == NULL) return fail("no memory for the image", 0);
  clGetProgramInfo(program, CL_PROGRAM_BINARIES, sizeof image, &image, NULL);
  FILE *file = fopen(argv[2], "wb");
  bool good = size > 0 && file != NULL && fwrite(image, 1, size, file) == size;
  if (file != NULL) good = fclose(file) == 0 && good;
  free(image);
  return good ? 0 : fail(argv[2], 0);
}
