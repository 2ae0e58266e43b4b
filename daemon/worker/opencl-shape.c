/*
 * Which shape a device has its kernels in.
 */

#include "worker/opencl-shape.h"

const OpenclShape *opencl_shape(bool is_gpu, unsigned vector)
{
        if (is_gpu)
                return &opencl_shape_rows;
        return vector >= 16 ? &opencl_shape_16_lanes : &opencl_shape_8_lanes;
}
