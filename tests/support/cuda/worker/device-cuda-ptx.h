#pragma once
/*
 * In place of daemon/worker/device-cuda-ptx.h where its kernels run on a processor: see README. What each function promises is said there.
 */

#include "lockstep.h"

static inline int32_t dot4(uint32_t codes, uint32_t digits, int32_t sum)
{
        for (int i = 0; i < 4; i++)
                sum += (int32_t)(uint8_t)(codes >> 8 * i) * (int8_t)(digits >> 8 * i);
        return sum;
}

static inline void multiply_add(int32_t (&sums)[4], const uint32_t (&codes)[4], const uint32_t (&digits)[2])
{
        lockstep_product(sums, codes, digits);
}

static inline void copy_begin(void *shared, const void *global, bool there)
{
        lockstep_copy(shared, global, there);
}

static inline void copy_group(void)
{
        lockstep_copy_group();
}

template <int LATER> static inline void copy_wait(void)
{
        lockstep_copy_wait(LATER);
}

static inline uint8_t *shared_memory(void)
{
        return lockstep_shared_memory();
}
