#!/usr/bin/env python3
"""Arrays of another library by DLPack, without a copy: NumPy here, and PyTorch or JAX in the same way.

usage: dlpack.py LIBCLOSS
"""

import ctypes
import sys
from ctypes import byref, c_char_p, c_uint32, c_void_p, py_object

import numpy as np

import closs


def view(library, array, written=False):
    """closs's view of any object with __dlpack__(), and the capsule. It owns the tensor: while it lives the memory does,
    and when it goes it calls the tensor's deleter, unless somebody renamed it."""
    try:
        capsule = array.__dlpack__(max_version=(1, 0))
    except TypeError:  # a producer from before DLPack 1.0
        capsule = array.__dlpack__()
    api = ctypes.pythonapi
    api.PyCapsule_IsValid.argtypes = api.PyCapsule_GetPointer.argtypes = [py_object, c_char_p]
    api.PyCapsule_GetPointer.restype = c_void_p
    seen = closs.DlpackArray()
    versioned = api.PyCapsule_IsValid(capsule, b"dltensor_versioned")
    function = "closs_dlpack_view_versioned" if versioned else "closs_dlpack_view"
    tensor = api.PyCapsule_GetPointer(capsule, b"dltensor_versioned" if versioned else b"dltensor")
    library(function, c_void_p(tensor), ctypes.c_bool(written), byref(seen))
    return seen, capsule


def open_device(library, opencl):
    """A closs context on the first platform's first device."""
    platform, device, handle = c_void_p(), c_void_p(), c_void_p()
    opencl.clGetPlatformIDs(1, byref(platform), None)
    opencl.clGetDeviceIDs(platform, ctypes.c_uint64(0xFFFFFFFF), 1, byref(device), None)
    opencl.clCreateContext.restype = c_void_p
    context = c_void_p(opencl.clCreateContext(None, c_uint32(1), byref(device), None, None, None))
    library("closs_context_create", context, device, None, byref(handle))
    return handle


library = closs.Library(sys.argv[1])
handle = open_device(library, ctypes.CDLL("libOpenCL.so.1"))
x, y = np.arange(12, dtype=np.float32).reshape(4, 3), np.full((4, 3), 5, np.float32)
gradient = np.empty_like(x)
(input, _a), (target, _b), (written, _c) = view(library, x), view(library, y), view(library, gradient, True)
loss = np.zeros((), np.float32)

options = closs.Options(
    loss=closs.L1, outputs=closs.LOSS | closs.INPUT_GRADIENT, input=input.tensor, target=target.tensor,
    input_gradient=ctypes.pointer(written.tensor),
)  # fmt: skip
arrays = closs.Arrays(input=input.host, target=target.host, loss=loss.ctypes.data, input_gradient=written.host)
library("closs_compute", handle, byref(options), byref(arrays), None, None)
np.testing.assert_allclose(loss, np.mean(abs(x - y)), rtol=1e-6)
np.testing.assert_allclose(gradient, np.sign(x - y) / x.size, rtol=1e-6)
library.closs.closs_context_destroy(handle)
print(f"loss {loss:g} as NumPy has it")
