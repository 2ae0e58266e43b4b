#pragma once
/*
 * Instructions of PTX that CUDA's C++ has no name for, and where shared memory is. Nothing else of device-cuda.cu is more than C++ with CUDA's builtins;
 * tests have this file played on a processor, see tests/support/cuda.
 */

#include <stdint.h>

/** dot4() - @sum and the products of four unsigned codes and four signed digits. dp4a of CUDA C has both signed, or neither. */
__device__ static inline int32_t dot4(uint32_t codes, uint32_t digits, int32_t sum)
{
        int32_t result;

        asm("dp4a.u32.s32 %0, %1, %2, %3;" : "=r"(result) : "r"(codes), "r"(digits), "r"(sum));
        return result;
}

/**
 * multiply_add() - Adds to @sums the product of 16 rows of codes and 8 columns of digits, in 32 dimensions; by a warp together.
 *
 * PTX ISA, mma.m16n8k32 with 8-bit integers. With g = lane / 4 and t = lane % 4, and words of four dimensions:
 *
 *      codes   (row g, word t), (g + 8, t), (g, t + 4), (g + 8, t + 4)
 *      digits  (word t, column g), (t + 4, g)
 *      sums    (row g, column 2t), (g, 2t + 1), (g + 8, 2t), (g + 8, 2t + 1)
 */
__device__ static inline void multiply_add(int32_t (&sums)[4], const uint32_t (&codes)[4],
                                           const uint32_t (&digits)[2])
{
        /* Volatile, as CUTLASS has it: no compiler may move it to where some lanes of the warp do not come. */
        asm volatile("mma.sync.aligned.m16n8k32.row.col.s32.u8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
                     "{%8, %9}, {%0, %1, %2, %3};"
                     : "+r"(sums[0]), "+r"(sums[1]), "+r"(sums[2]), "+r"(sums[3])
                     : "r"(codes[0]), "r"(codes[1]), "r"(codes[2]), "r"(codes[3]), "r"(digits[0]),
                       "r"(digits[1]));
}

/** copy_begin() - Begins to copy 16 bytes to shared memory; zeros where not @there, and then nothing is read. Both aligned to 16. */
__device__ static inline void copy_begin(void *shared, const void *global, bool there)
{
        asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(
                             (uint32_t)__cvta_generic_to_shared(shared)),
                     "l"(global), "r"(there ? 16 : 0)
                     : "memory");
}

/** copy_group() - What this thread has begun since the last time is a group; it may be empty. */
__device__ static inline void copy_group(void)
{
        asm volatile("cp.async.commit_group;" ::: "memory");
}

/** copy_wait() - Waits until only the last @LATER of this thread's groups may not have been copied yet. */
template <int LATER> __device__ static inline void copy_wait(void)
{
        asm volatile("cp.async.wait_group %0;" ::"n"(LATER) : "memory");
}

/** shared_memory() - That of the block of threads, as much as it was launched with; aligned to 16. */
__device__ static inline uint8_t *shared_memory(void)
{
        extern __shared__ uint4 memory[];

        return (uint8_t *)memory;
}
