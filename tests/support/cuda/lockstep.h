#pragma once
/*
 * Blocks of CUDA's threads on a processor, and as much of CUDA's C++ as device-cuda.cu speaks. See README.
 */

#include <cmath>
#include <cstdint>

#define __device__
#define __global__
#define __grid_constant__
#define __launch_bounds__(...)

struct LockstepIndex {
        uint32_t x;
};

/* Of the thread that runs. */
extern LockstepIndex threadIdx, blockIdx, blockDim;

struct alignas(16) uint4 {
        uint32_t x, y, z, w;
};

static inline uint4 make_uint4(uint32_t x, uint32_t y, uint32_t z, uint32_t w)
{
        return uint4{x, y, z, w};
}

/** lockstep_fail() - Says what a kernel did that no kernel may, and ends the process. */
[[noreturn]] void lockstep_fail(const char *what);

template <typename Type> static inline Type __ldg(const Type *at)
{
        if ((uintptr_t)at % sizeof(Type) != 0)
                lockstep_fail("an address that is not aligned is read");
        return *at;
}

/* Blocks run one after the other, and their threads in turns. */
static inline uint32_t atomicAdd(uint32_t *at, uint32_t n)
{
        uint32_t before = *at;

        *at += n;
        return before;
}

/* Compiled without contraction, these round as they are called. */
static inline float __int2float_rn(int32_t i)
{
        return (float)i;
}

static inline float __fadd_rn(float a, float b)
{
        return a + b;
}

static inline float __fmul_rn(float a, float b)
{
        return a * b;
}

static inline float __fmaf_rn(float a, float b, float c)
{
        return fmaf(a, b, c);
}

/* By all threads of a block. */
void __syncthreads(void);

/* By all lanes of a warp: a kernel that comes here with some of them is at fault. */
int32_t __shfl_xor_sync(uint32_t lanes, int32_t value, uint32_t distance);
void lockstep_product(int32_t *sums, const uint32_t *codes, const uint32_t *digits);

/* cp.async, of one thread. */
void lockstep_copy(void *shared, const void *global, bool there);
void lockstep_copy_group(void);
void lockstep_copy_wait(uint32_t later);

uint8_t *lockstep_shared_memory(void);

/* What is launched. */
struct LockstepLaunch {
        void (*kernel)(const void *parameter);
        const void *parameter;
        uint32_t n_blocks, n_threads; /* of a block */
        uint32_t shared;              /* bytes */
};

/** lockstep_run() - Runs all blocks. */
void lockstep_run(const LockstepLaunch &launch);
