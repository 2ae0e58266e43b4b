/*
 * A hand inside a real program, to be preloaded into it: once the program serves, it tries what somebody would
 * who had taken it over, from the process and the thread that a test names, and goes on serving if it lives.
 *
 * The test writes an order on the board (inside.h), whose file MATCHGUARD_INSIDE names. Loops and threads look at
 * it where they wait: epoll_wait(3), epoll_pwait2(2) and pthread_cond_wait(3) are wrapped, and wait in slices. A
 * slice ends as a wait may end at any time, with nothing to do. They look at nothing but the mapped page, and make
 * the calls that the program would make, so that nothing here needs more of a filter than the program does.
 */

#include "inside.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SLICE_MSEC = 5 };

#define NSEC_PER_MSEC INT64_C(1000000)
#define NSEC_PER_SEC  INT64_C(1000000000)

static InsideBoard *board;
static pid_t self; /* known before the program confines itself */

/* Who this thread is; one that has given itself no name, as those of a driver, is one of the program's without. */
static __thread char place[INSIDE_WORD_MAX];
static char unnamed[INSIDE_WORD_MAX + 2];

/* The real functions, looked up before the program confines itself. */
static int (*real_epoll_wait)(int, struct epoll_event *, int, int);
static int (*real_epoll_pwait2)(int, struct epoll_event *, int, const struct timespec *, const sigset_t *);
static int (*real_cond_wait)(pthread_cond_t *, pthread_mutex_t *);
static int (*real_cond_clockwait)(pthread_cond_t *, pthread_mutex_t *, clockid_t, const struct timespec *);
static int (*real_setname)(pthread_t, const char *);
static int (*real_waitid)(idtype_t, id_t, siginfo_t *, int);

static void in_child(void)
{
        strcpy(place, "child");
        strcpy(unnamed, "child's");
        self = getpid();
}

static void *board_map(const char *path)
{
        int fd = open(path, O_RDWR | O_CLOEXEC);
        if (fd < 0)
                return NULL;
        void *mapped = mmap(NULL, sizeof(InsideBoard), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        close(fd);
        return mapped == MAP_FAILED ? NULL : mapped;
}

__attribute__((constructor)) static void inside_init(void)
{
        const char *path = getenv("MATCHGUARD_INSIDE");

        real_epoll_wait = dlsym(RTLD_NEXT, "epoll_wait");
        real_epoll_pwait2 = dlsym(RTLD_NEXT, "epoll_pwait2");
        real_cond_wait = dlsym(RTLD_NEXT, "pthread_cond_wait");
        real_cond_clockwait = dlsym(RTLD_NEXT, "pthread_cond_clockwait");
        real_setname = dlsym(RTLD_NEXT, "pthread_setname_np");
        real_waitid = dlsym(RTLD_NEXT, "waitid");
        strncpy(place, program_invocation_short_name, sizeof(place) - 1);
        (void)snprintf(unnamed, sizeof(unnamed), "%s's", place); /* There is room. */
        self = getpid();
        (void)pthread_atfork(NULL, NULL, in_child);
        board = path ? board_map(path) : NULL;
}

void inside_step(const char *call)
{
        strncpy(board->step, call, sizeof(board->step) - 1);
}

/* Tries what is ordered, if this is who shall. */
static void inside_look(void)
{
        if (!board)
                return;
        uint32_t order = __atomic_load_n(&board->order, __ATOMIC_ACQUIRE);
        uint32_t begun = __atomic_load_n(&board->begun, __ATOMIC_RELAXED);
        if (order == begun || strcmp(board->place, place[0] ? place : unnamed) != 0 ||
            !__atomic_compare_exchange_n(&board->begun, &begun, order, false, __ATOMIC_ACQ_REL,
                                         __ATOMIC_RELAXED))
                return;
        board->pid = self;
        board->result = inside_attack(board->attack, board->argument);
        __atomic_store_n(&board->done, order, __ATOMIC_RELEASE);
}

/* ------------------------------------------------------------------------------------ where programs wait */

int epoll_wait(int fd, struct epoll_event *ret_events, int n_events, int timeout)
{
        int n = 0;

        do {
                int slice = timeout < 0 || timeout > SLICE_MSEC ? SLICE_MSEC : timeout;
                inside_look();
                n = real_epoll_wait(fd, ret_events, n_events, slice);
                if (timeout > 0)
                        timeout -= slice;
        } while (n == 0 && timeout != 0);
        return n;
}

/* A slice of what is left, taken off it; NULL has no end. */
static struct timespec slice_take(struct timespec *left, bool endless)
{
        int64_t nsec = endless ? INT64_MAX : left->tv_sec * NSEC_PER_SEC + left->tv_nsec;
        int64_t slice = nsec < SLICE_MSEC * NSEC_PER_MSEC ? nsec : SLICE_MSEC * NSEC_PER_MSEC;

        if (!endless)
                *left = (struct timespec){(nsec - slice) / NSEC_PER_SEC, (nsec - slice) % NSEC_PER_SEC};
        return (struct timespec){.tv_nsec = slice};
}

int epoll_pwait2(int fd, struct epoll_event *ret_events, int n_events, const struct timespec *timeout,
                 const sigset_t *signals)
{
        struct timespec left = timeout ? *timeout : (struct timespec){};
        int n = 0;

        do {
                struct timespec slice = slice_take(&left, !timeout);
                inside_look();
                n = real_epoll_pwait2(fd, ret_events, n_events, &slice, signals);
        } while (n == 0 && (!timeout || left.tv_sec > 0 || left.tv_nsec > 0));
        return n;
}

/* Whoever waits for a condition is ready to be woken without one. */
int pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *lock)
{
        struct timespec until;

        if (!board)
                return real_cond_wait(condition, lock);
        inside_look();
        (void)clock_gettime(CLOCK_MONOTONIC, &until); /* It cannot fail. */
        until.tv_nsec += SLICE_MSEC * NSEC_PER_MSEC;
        until.tv_sec += until.tv_nsec / NSEC_PER_SEC;
        until.tv_nsec %= NSEC_PER_SEC;
        int r = real_cond_clockwait(condition, lock, CLOCK_MONOTONIC, &until);
        return r == ETIMEDOUT ? 0 : r;
}

/* --------------------------------------------------------------------------------------- what is overheard */

int pthread_setname_np(pthread_t thread, const char *name)
{
        if (pthread_equal(thread, pthread_self()))
                strncpy(place, name, sizeof(place) - 1);
        return real_setname(thread, name);
}

int waitid(idtype_t type, id_t id, siginfo_t *ret_info, int options)
{
        int r = real_waitid(type, id, ret_info, options);

        if (r == 0 && board && ret_info && ret_info->si_pid != 0) {
                board->ended_code = ret_info->si_code;
                board->ended_status = ret_info->si_status;
                __atomic_store_n(&board->ended_pid, ret_info->si_pid, __ATOMIC_RELEASE);
        }
        return r;
}
