#pragma once
/*
 * FAISS's exact index for inner products (IndexFlatIP), as Debian builds it, for C.
 */

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct Flat Flat;

/** flat_new() - An index of @n_rows rows, all zero as yet. Return: NULL where there is no memory. */
Flat *flat_new(size_t n_rows, size_t dimension);
Flat *flat_free(Flat *flat);

/** flat_rows() - The rows, one after the other, to be filled in and shared with whoever else reads them. */
float *flat_rows(Flat *flat);

/** flat_search() - The @k rows of the largest inner products with each of @n probes, best first. */
void flat_search(Flat *flat, const float *probes, size_t n, size_t k, int64_t *ret_rows);

/** flat_set_threads() - How many threads it uses from now on. */
void flat_set_threads(size_t n);

#ifdef __cplusplus
}
#endif
