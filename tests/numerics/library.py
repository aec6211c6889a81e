"""libcloss by ctypes, as far as the comparison needs it: the reference, and a context on an OpenCL device."""

import ctypes
import os
from ctypes import POINTER, byref, c_char, c_char_p, c_double, c_int, c_int32, c_int64, c_size_t
from ctypes import c_uint32, c_uint64, c_void_p

import numpy as np

LOSSES = {"l1": 1, "mse": 2, "smooth_l1": 3, "huber": 4}
REDUCTIONS = {"none": 0, "mean": 1, "sum": 2}
DTYPES = {"float32": 12, "float64": 13}
PARAMETERS = {"smooth_l1": b"beta", "huber": b"delta"}
ALL_OUTPUTS = 7
PLATFORM_NAME, DEVICE_NAME, DEVICE_DOUBLE_FP_CONFIG, DEVICE_TYPE_ALL = 0x0902, 0x102B, 0x1032, 0xFFFFFFFF


class Tensor(ctypes.Structure):
    _fields_ = [("dtype", c_int), ("rank", c_uint32), ("shape", c_uint64 * 8), ("strides", c_int64 * 8)]


class Parameter(ctypes.Structure):
    _fields_ = [("name", c_char_p), ("value", c_double)]


class Options(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t), ("loss", c_int), ("reduction", c_int), ("parameters", POINTER(Parameter)),
        ("parameter_count", c_size_t), ("outputs", c_uint32), ("input", Tensor), ("target", Tensor),
        ("weight", POINTER(Tensor)), ("mean_over", c_int), ("upstream", POINTER(Tensor)),
        ("loss_layout", POINTER(Tensor)), ("input_gradient", POINTER(Tensor)), ("target_gradient", POINTER(Tensor)),
        ("input_gradient_mode", c_uint32), ("target_gradient_mode", c_uint32), ("total_terms", c_uint64),
        ("schedule", c_int), ("work_group", c_uint32), ("vector_width", c_uint32),
    ]  # fmt: skip


class Arrays(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t), ("input", c_void_p), ("target", c_void_p), ("weight", c_void_p), ("upstream", c_void_p),
        ("upstream_value", c_double), ("loss", c_void_p), ("input_gradient", c_void_p), ("target_gradient", c_void_p),
    ]  # fmt: skip


class Error(ctypes.Structure):
    _fields_ = [("status", c_int), ("opencl", c_int32), ("text", c_char * 512)]


def tensor_of(array):
    """Of a NumPy array, in whatever order it lies."""
    strides = [step // array.itemsize for step in array.strides]
    pad = [0] * (8 - array.ndim)
    shape = (c_uint64 * 8)(*array.shape, *pad)
    return Tensor(DTYPES[array.dtype.name], array.ndim, shape, (c_int64 * 8)(*strides, *pad))


def optional(array):
    return None if array is None else ctypes.pointer(tensor_of(array))


def address(array):
    return None if array is None else array.ctypes.data


class Library:
    def __init__(self, path, opencl_path):
        self.closs = ctypes.CDLL(path)
        self.opencl = ctypes.CDLL(opencl_path)
        self.context = None
        self.fp64 = False

    def open_device(self):
        """The device of $CLOSS_TEST_DEVICE, POCL's where that is unset, as in tests/support/device.c."""
        wanted = os.environ.get("CLOSS_TEST_DEVICE") or "Portable Computing Language"
        for platform in self._list("clGetPlatformIDs"):
            for device in self._list("clGetDeviceIDs", c_void_p(platform), c_uint64(DEVICE_TYPE_ALL)):
                name = self._text("clGetPlatformInfo", platform, PLATFORM_NAME)
                name += ": " + self._text("clGetDeviceInfo", device, DEVICE_NAME)
                if wanted.lower() in name.lower():
                    self._make_context(device)
                    return name
        raise SystemExit(f"no OpenCL device has '{wanted}' in its platform's or its own name")

    def _list(self, function, *arguments):
        count, ids = c_uint32(0), (c_void_p * 16)()
        getattr(self.opencl, function)(*arguments, 16, ids, byref(count))
        return ids[: count.value]

    def _text(self, function, of, what):
        text = ctypes.create_string_buffer(256)
        getattr(self.opencl, function)(c_void_p(of), what, c_size_t(256), text, None)
        return text.value.decode()

    def _make_context(self, device):
        code, error, doubles = c_int(0), Error(), c_uint64(0)
        self.opencl.clGetDeviceInfo(c_void_p(device), DEVICE_DOUBLE_FP_CONFIG, c_size_t(8), byref(doubles), None)
        self.fp64 = doubles.value != 0
        self.opencl.clCreateContext.restype = c_void_p
        context = self.opencl.clCreateContext(None, 1, byref(c_void_p(device)), None, None, byref(code))
        made = c_void_p()
        if self.closs.closs_context_create(c_void_p(context), c_void_p(device), None, byref(made), byref(error)):
            raise SystemExit(f"closs_context_create: {error.text.decode()}")
        self.context = made

    def compute(self, case, on_device):
        """The loss and both gradients of a case of compare.py."""
        T = case.x.dtype
        shape = np.broadcast_shapes(case.x.shape, case.y.shape) if case.reduction == "none" else ()
        results = (np.empty(shape, T), np.empty(case.x.shape, T), np.empty(case.y.shape, T))
        parameter = Parameter(PARAMETERS.get(case.loss), case.p)
        upstream = case.g if case.g.ndim else None
        options = Options(
            size=ctypes.sizeof(Options), loss=LOSSES[case.loss], reduction=REDUCTIONS[case.reduction],
            parameters=ctypes.pointer(parameter), parameter_count=int(case.loss in PARAMETERS), outputs=ALL_OUTPUTS,
            input=tensor_of(case.x), target=tensor_of(case.y), weight=optional(case.weight),
            mean_over=int(not case.over_weights), upstream=optional(upstream),
        )  # fmt: skip
        arrays = Arrays(
            ctypes.sizeof(Arrays), address(case.x), address(case.y), address(case.weight), address(upstream),
            1.0 if upstream is not None else float(case.g), *map(address, results),
        )  # fmt: skip
        error = Error()
        if on_device:
            status = self.closs.closs_compute(self.context, byref(options), byref(arrays), None, None, byref(error))
        else:
            status = self.closs.closs_reference(byref(options), byref(arrays), byref(error))
        if status:
            raise SystemExit(f"{case}: {error.text.decode()}")
        return results
