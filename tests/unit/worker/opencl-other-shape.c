/*
 * In the place of worker/opencl-shape.c: the kernels of a GPU on a processor and those of a processor on a GPU, so that both are examined wherever there is a device.
 */

#include "worker/opencl-shape.h"

const OpenclShape *opencl_shape(bool is_gpu)
{
        return is_gpu ? &opencl_shape_vectors : &opencl_shape_rows;
}
