/*
 * FAISS behind a few C functions. The only file in C++: Debian has no library of its C interface.
 */

#include "faiss.h"

#include <faiss/IndexFlat.h>
#include <omp.h>

#include <new>
#include <sys/mman.h>
#include <vector>

struct Flat {
        faiss::IndexFlatIP index;
        std::vector<float> scores;

        explicit Flat(size_t dimension) : index((faiss::Index::idx_t)dimension)
        {
        }
};

/* What search engines read from end to end stands in large pages, for all of them alike. */
static void advise(void *memory, size_t size)
{
        const uintptr_t page = 4096, begin = ((uintptr_t)memory + page - 1) / page * page;

        (void)madvise((void *)begin, (uintptr_t)memory + size - begin,
                      MADV_HUGEPAGE); /* Small ones do, too. */
}

Flat *flat_new(size_t n_rows, size_t dimension)
{
        try {
                Flat *flat = new Flat(dimension);
                size_t size = n_rows * dimension * sizeof(float);
                flat->index.codes.reserve(size);
                advise(flat->index.codes.data(), size);
                flat->index.codes.resize(size);
                flat->index.ntotal = (faiss::Index::idx_t)n_rows;
                return flat;
        } catch (const std::bad_alloc &) {
                return nullptr;
        }
}

Flat *flat_free(Flat *flat)
{
        delete flat;
        return nullptr;
}

float *flat_rows(Flat *flat)
{
        return flat->index.get_xb();
}

void flat_search(Flat *flat, const float *probes, size_t n, size_t k, int64_t *ret_rows)
{
        flat->scores.resize(n * k);
        flat->index.search((faiss::Index::idx_t)n, probes, (faiss::Index::idx_t)k, flat->scores.data(),
                           ret_rows);
}

void flat_set_threads(size_t n)
{
        omp_set_num_threads((int)n);
}
