/*
 * Which shape a device has its kernels in.
 */

#include "worker/opencl-shape.h"

const OpenclShape *opencl_shape(bool is_gpu)
{
        return is_gpu ? &opencl_shape_rows : &opencl_shape_vectors;
}
