#pragma once
/*
 * Small language helpers: cleanup attributes, visible hand-over, array size. Used by every process.
 */

#include <stddef.h>

#define _cleanup_(f) __attribute__((cleanup(f)))

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define MIN_OF(a, b) ((a) < (b) ? (a) : (b))
#define MAX_OF(a, b) ((a) > (b) ? (a) : (b))

/* Hands a pointer over: the local forgets it, so that its cleanup frees nothing. */
#define TAKE_PTR(p)                                                                                          \
        ({                                                                                                   \
                __typeof__(p) take_ptr_ = (p);                                                               \
                (p) = NULL;                                                                                  \
                take_ptr_;                                                                                   \
        })

/* The same for a descriptor. */
#define TAKE_FD(fd)                                                                                          \
        ({                                                                                                   \
                int take_fd_ = (fd);                                                                         \
                (fd) = -1;                                                                                   \
                take_fd_;                                                                                    \
        })

/* Makes `function_freep`, for _cleanup_(), from a destructor that takes NULL. */
#define DEFINE_CLEANUP(type, function)                                                                       \
        static inline void function##p(type *p)                                                              \
        {                                                                                                    \
                if (*p)                                                                                      \
                        function(*p);                                                                        \
        }                                                                                                    \
        struct function##_cleanup_wants_a_semicolon

#define CONTAINER_OF(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

/* For _cleanup_() on memory from malloc(). */
void freep(void *p);
