#pragma once
/*
 * The arithmetic of similarity: exact in its order, so that every instruction set gives the same bits.
 *
 * A product of two float32 is exact in double precision (24 + 24 <= 53 bits), so a fused and a separate
 * multiply-add round alike. What is left to fix is the order of the additions: element i goes to lane
 * i % KERNEL_LANES, and the lanes are added pairwise at the end. Every kernel does exactly that.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KERNEL_LANES = 16 };

/* What a vector of @n floats takes up when padded with zeros to whole lanes. */
#define KERNEL_PADDED(n) (((size_t)(n) + KERNEL_LANES - 1) / KERNEL_LANES * KERNEL_LANES)

/* The inner product of @n elements, a multiple of KERNEL_LANES; no alignment is asked for. */
typedef double (*KernelDot)(const double *query, const float *row, size_t n);

/* The same of several queries with one row: their additions do not wait for each other. */
enum { KERNEL_DOTS = 4 };
typedef void (*KernelDots)(const double *const queries[static KERNEL_DOTS], const float *row, size_t n,
                           double ret_dots[static KERNEL_DOTS]);

typedef struct Kernel {
        const char *name;
        KernelDot dot;
        KernelDots dots;
        bool (*works)(void); /* whether this processor has what it takes */
} Kernel;

/**
 * kernel_pick() - Chooses a kernel.
 * @isa:        "auto" for the fastest that works here, or one by name ("avx512-vnni", "avx2", "scalar")
 *
 * Return: the kernel; NULL when there is none of that name, or it does not work here.
 */
const Kernel *kernel_pick(const char *isa);

/**
 * kernel_cosine() - The cosine from an inner product and two squared norms, both above zero.
 *
 * dot / sqrt(a * b), clamped to [-1, 1]. Of the usual forms it is the one in which a vector has a similarity
 * of exactly 1 to itself: the square root of a rounded square is the number again.
 */
double kernel_cosine(double dot, double square_a, double square_b);

/**
 * kernel_read_vector() - Reads little-endian float32 and judges them.
 * @bytes:      @n floats, not aligned
 * @ret_vector: KERNEL_PADDED(@n) floats, the rest zero
 * @ret_square: the squared norm, in the kernels' order of additions
 *
 * Return: whether it is a template: every element finite, and the norm above zero and finite.
 */
bool kernel_read_vector(const uint8_t *bytes, size_t n, float *ret_vector, double *ret_square);
