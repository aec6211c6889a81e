#!/usr/bin/env python3
"""closs on PyOpenCL's arrays, where they lie: loss and gradient of device arrays, checked against NumPy.

usage: pyopencl_arrays.py LIBCLOSS
"""

import sys
from ctypes import byref, c_void_p

import numpy as np
import pyopencl as cl
import pyopencl.array

import closs


def place(array):
    """A pyopencl.array.Array as closs sees it: its buffer, and its offset in elements."""
    return closs.Buffer(array.base_data.int_ptr, array.offset // array.dtype.itemsize)


library = closs.Library(sys.argv[1])
device = cl.get_platforms()[0].get_devices()[0]
context = cl.Context([device])
queue = cl.CommandQueue(context)

random = np.random.default_rng(1)
x, y = random.standard_normal((2, 300, 40), np.float32)
input = cl.array.to_device(queue, x)
target = cl.array.to_device(queue, y)[100:]  # a view, no copy: closs gets the offset, and strides where there are any
input = input[100:]
gradient = cl.array.empty(queue, input.shape, np.float32)
loss = cl.array.empty(queue, (), np.float32)

handle, plan, event = c_void_p(), c_void_p(), c_void_p()
library("closs_context_create", c_void_p(context.int_ptr), c_void_p(device.int_ptr), None, byref(handle))
options = closs.Options(
    loss=closs.L1, outputs=closs.LOSS | closs.INPUT_GRADIENT,
    input=closs.Tensor.of(input), target=closs.Tensor.of(target),
)  # fmt: skip
library("closs_plan_create", handle, byref(options), byref(plan))
library("closs_plan_prepare", plan)
workspace = cl.Buffer(context, cl.mem_flags.READ_WRITE, max(1, library.closs.closs_plan_workspace(plan)))
buffers = closs.Buffers(
    input=place(input), target=place(target), loss=place(loss), input_gradient=place(gradient),
    workspace=closs.Buffer(workspace.int_ptr, 0),
)  # fmt: skip
library("closs_enqueue", plan, c_void_p(queue.int_ptr), byref(buffers), 0, None, byref(event))
cl.Event.from_int_ptr(event.value, retain=False).wait()

d = x[100:] - y[100:]
np.testing.assert_allclose(loss.get(), np.mean(abs(d), dtype=np.float64), rtol=1e-6)
np.testing.assert_allclose(gradient.get(), np.sign(d) / d.size, rtol=1e-6)
print(f"loss {loss.get():.6g} as NumPy has it, on {device.name}")
library.closs.closs_plan_destroy(plan)
library.closs.closs_context_destroy(handle)
