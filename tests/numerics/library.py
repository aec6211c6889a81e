"""libcloss by ctypes, as far as the comparison needs it: the reference, and a context on an OpenCL device."""

import ctypes
import os
import pathlib
import sys
from ctypes import byref, c_int, c_size_t, c_uint32, c_uint64, c_void_p

import numpy as np

sys.path.append(str(pathlib.Path(__file__).parents[2] / "examples"))
from closs import Arrays, Error, Options, Parameter, Tensor  # noqa: E402

LOSSES = {"l1": 1, "mse": 2, "smooth_l1": 3, "huber": 4}
REDUCTIONS = {"none": 0, "mean": 1, "sum": 2}
PARAMETERS = {"smooth_l1": b"beta", "huber": b"delta"}
ALL_OUTPUTS = 7
PLATFORM_NAME, DEVICE_NAME, DEVICE_DOUBLE_FP_CONFIG, DEVICE_TYPE_ALL = 0x0902, 0x102B, 0x1032, 0xFFFFFFFF


def optional(array):
    return None if array is None else ctypes.pointer(Tensor.of(array))


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
            loss=LOSSES[case.loss], reduction=REDUCTIONS[case.reduction],
            parameters=ctypes.pointer(parameter), parameter_count=int(case.loss in PARAMETERS), outputs=ALL_OUTPUTS,
            input=Tensor.of(case.x), target=Tensor.of(case.y), weight=optional(case.weight),
            mean_over=int(not case.over_weights), upstream=optional(upstream),
        )  # fmt: skip
        arrays = Arrays(
            input=address(case.x), target=address(case.y), weight=address(case.weight), upstream=address(upstream),
            upstream_value=1.0 if upstream is not None else float(case.g),
            **dict(zip(("loss", "input_gradient", "target_gradient"), map(address, results))),
        )  # fmt: skip
        error = Error()
        if on_device:
            status = self.closs.closs_compute(self.context, byref(options), byref(arrays), None, None, byref(error))
        else:
            status = self.closs.closs_reference(byref(options), byref(arrays), byref(error))
        if status:
            raise SystemExit(f"{case}: {error.text.decode()}")
        return results
