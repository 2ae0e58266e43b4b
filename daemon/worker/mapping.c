/*
 * Mapped files, and the pages of them that cannot be had.
 *
 * The handler may run in any thread, at any access to a mapping. So it takes no lock: it walks a list of ranges that only ever grows, and whose numbers
 * are atomic. A range that is changed is empty meanwhile; nobody reads its mapping then (worker/mapping.h).
 */

#include "worker/mapping.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/macro.h"

enum { MAPPING_SIZE_MIN = 16 << 20 /* of address space, not of memory */ };

typedef struct MappedRange {
        struct MappedRange *next; /* fixed once it is in the list */
        bool used;                /* under the lock */
        atomic_uintptr_t begin;
        atomic_uintptr_t end; /* 0: empty */
        atomic_bool lost;     /* a page of it is zeros that should not be */
} MappedRange;

static pthread_mutex_t ranges_lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic(MappedRange *) ranges;
static uintptr_t page_size;

static MappedRange *range_take(void)
{
        MappedRange *range;

        pthread_mutex_lock(&ranges_lock);
        for (range = atomic_load(&ranges); range && range->used;)
                range = range->next;
        if (!range && (range = calloc(1, sizeof(MappedRange)))) {
                range->next = atomic_load(&ranges);
                atomic_store(&ranges, range);
        }
        if (range) {
                range->used = true;
                atomic_store(&range->lost, false);
        }
        pthread_mutex_unlock(&ranges_lock);
        return range;
}

static void range_set(MappedRange *range, const uint8_t *data, size_t n)
{
        atomic_store(&range->end, 0);
        atomic_store(&range->begin, (uintptr_t)data);
        atomic_store(&range->end, (uintptr_t)data + n);
}

static void range_give_back(MappedRange *range)
{
        atomic_store(&range->end, 0);
        pthread_mutex_lock(&ranges_lock);
        range->used = false;
        pthread_mutex_unlock(&ranges_lock);
}

static MappedRange *range_at(uintptr_t address)
{
        for (MappedRange *range = atomic_load(&ranges); range; range = range->next)
                if (address >= atomic_load(&range->begin) && address < atomic_load(&range->end))
                        return range;
        return NULL;
}

/* Said before there are zeros to be read. */
static bool lose(MappedRange *range, uintptr_t page)
{
        atomic_store(&range->lost, true);
        return mmap((void *)page, page_size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) !=
               MAP_FAILED;
}

/* Zeros over the page; where that is not to be, the access is made again without a handler, and kills. */
static void on_fault(int number, siginfo_t *info, void *context)
{
        uintptr_t page = (uintptr_t)info->si_addr & ~(page_size - 1);
        int kept = errno;

        /* Of the codes of SIGBUS only those above 0 are the kernel's word for an access. */
        MappedRange *range = info->si_code > 0 ? range_at(page) : NULL;
        if (!range || !lose(range, page)) {
                (void)signal(number, SIG_DFL); /* Fails for numbers that are no signal only. */
                if (info->si_code <= 0)
                        (void)raise(number); /* No access that would be made again; as above. */
        }
        errno = kept;
}

int mapping_catch_faults(void)
{
        struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};

        page_size = (uintptr_t)sysconf(_SC_PAGESIZE);
        sigemptyset(&action.sa_mask);
        return sigaction(SIGBUS, &action, NULL) < 0 ? -errno : 0;
}

bool mapping_has_lost(const Mapping *mapping)
{
        return mapping->range && atomic_load(&mapping->range->lost);
}

void mapping_deinit(Mapping *mapping)
{
        if (mapping->range)
                range_give_back(mapping->range);
        if (mapping->data)
                (void)munmap((void *)mapping->data, mapping->n); /* Fails for what is not mapped only. */
        *mapping = MAPPING_INIT;
}

int mapping_reserve(Mapping *mapping, int fd, size_t n)
{
        if (n <= mapping->n)
                return 0;
        MappedRange *range = mapping->range ? mapping->range : range_take();
        if (!range)
                return -ENOMEM;
        n = MAX_OF(n + n / 2, (size_t)MAPPING_SIZE_MIN);
        void *data = mmap(NULL, n, PROT_READ, MAP_SHARED, fd, 0);
        if (data == MAP_FAILED) {
                int r = -errno;
                if (!mapping->range)
                        range_give_back(range);
                return r;
        }
        /* A search reads few rows, far apart: what lies around them is not worth a read from the disk. */
        (void)madvise(data, n, MADV_RANDOM);
        range_set(range, data, n);
        if (mapping->data)
                (void)munmap((void *)mapping->data, mapping->n); /* As above. */
        *mapping = (Mapping){.data = data, .n = n, .range = range};
        return 0;
}
