"""libcloss's structures and functions by ctypes: as much as the Python examples and tests use."""

import ctypes
from ctypes import POINTER, byref, c_bool, c_char, c_char_p, c_double, c_int, c_int32, c_int64, c_size_t
from ctypes import c_uint32, c_uint64, c_void_p

L1, MSE, SMOOTH_L1, HUBER = 1, 2, 3, 4
NONE, MEAN, SUM = 0, 1, 2
LOSS, INPUT_GRADIENT, TARGET_GRADIENT = 1, 2, 4
DTYPES = {
    "bool": 1, "int8": 2, "uint8": 3, "int16": 4, "uint16": 5, "int32": 6, "uint32": 7, "int64": 8, "uint64": 9,
    "float16": 10, "float32": 12, "float64": 13, "complex64": 14, "complex128": 15,
}  # fmt: skip


class Tensor(ctypes.Structure):
    _fields_ = [("dtype", c_int), ("rank", c_uint32), ("shape", c_uint64 * 8), ("strides", c_int64 * 8)]

    @classmethod
    def of(cls, array):
        """The layout of an array with NumPy's attributes, in whatever order it lies."""
        pad = [0] * (8 - len(array.shape))
        strides = [step // array.dtype.itemsize for step in array.strides]
        shape = (c_uint64 * 8)(*array.shape, *pad)
        return cls(DTYPES[array.dtype.name], len(array.shape), shape, (c_int64 * 8)(*strides, *pad))


class Parameter(ctypes.Structure):
    _fields_ = [("name", c_char_p), ("value", c_double)]


class Options(ctypes.Structure):
    """closs_plan_options, with the defaults of CLOSS_PLAN_OPTIONS_INIT."""

    _fields_ = [
        ("size", c_size_t), ("loss", c_int), ("reduction", c_int), ("parameters", POINTER(Parameter)),
        ("parameter_count", c_size_t), ("outputs", c_uint32), ("input", Tensor), ("target", Tensor),
        ("weight", POINTER(Tensor)), ("mean_over", c_int), ("upstream", POINTER(Tensor)),
        ("loss_layout", POINTER(Tensor)), ("input_gradient", POINTER(Tensor)), ("target_gradient", POINTER(Tensor)),
        ("input_gradient_mode", c_uint32), ("target_gradient_mode", c_uint32), ("total_terms", c_uint64),
        ("schedule", c_int), ("work_group", c_uint32), ("vector_width", c_uint32),
    ]  # fmt: skip

    def __init__(self, **members):
        super().__init__(**{"size": ctypes.sizeof(Options), "reduction": MEAN, "outputs": LOSS, **members})


class Arrays(ctypes.Structure):
    """closs_arrays, with the defaults of CLOSS_ARRAYS_INIT."""

    _fields_ = [
        ("size", c_size_t), ("input", c_void_p), ("target", c_void_p), ("weight", c_void_p), ("upstream", c_void_p),
        ("upstream_value", c_double), ("loss", c_void_p), ("input_gradient", c_void_p), ("target_gradient", c_void_p),
    ]  # fmt: skip

    def __init__(self, **members):
        super().__init__(**{"size": ctypes.sizeof(Arrays), "upstream_value": 1.0, **members})


class Buffer(ctypes.Structure):
    _fields_ = [("memory", c_void_p), ("offset", c_uint64)]


class Buffers(ctypes.Structure):
    """closs_buffers, with the defaults of CLOSS_BUFFERS_INIT."""

    _fields_ = [
        ("size", c_size_t), ("input", Buffer), ("target", Buffer), ("weight", Buffer), ("upstream", Buffer),
        ("upstream_value", c_double), ("loss", Buffer), ("input_gradient", Buffer), ("target_gradient", Buffer),
        ("workspace", Buffer), ("state", Buffer), ("first_term", c_uint64), ("weight_reciprocal", c_double * 2),
        ("pointers", c_void_p),
    ]  # fmt: skip

    def __init__(self, **members):
        super().__init__(**{"size": ctypes.sizeof(Buffers), "upstream_value": 1.0, **members})


class DlpackArray(ctypes.Structure):
    _fields_ = [("tensor", Tensor), ("buffer", Buffer), ("host", c_void_p), ("read_only", c_bool)]


class Error(ctypes.Structure):
    _fields_ = [("status", c_int), ("opencl", c_int32), ("text", c_char * 512)]


class Library:
    """A function of libcloss as library("closs_plan_create", ...): the closs_error, its last argument, is added, and a
    failure raises it as an exception. Handles and addresses are given as c_void_p: ctypes cuts plain integers to 32 bits.
    """

    def __init__(self, path):
        self.closs = ctypes.CDLL(path)
        self.closs.closs_plan_workspace.restype = c_uint64
        self.closs.closs_plan_destroy.restype = self.closs.closs_context_destroy.restype = None

    def __call__(self, function, *arguments):
        error = Error()
        if getattr(self.closs, function)(*arguments, byref(error)):
            raise RuntimeError(f"{function}: {error.text.decode()}")
