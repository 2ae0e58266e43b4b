/* worker/lock.h */

#include <criterion/criterion.h>
#include <sched.h>

#include "worker/lock.h"

static pthread_rwlock_t lock;

static void *write_once(void *userdata)
{
        bool *written = userdata;

        cr_assert_eq(pthread_rwlock_wrlock(&lock), 0);
        *written = true;
        cr_assert_eq(pthread_rwlock_unlock(&lock), 0);
        return NULL;
}

/* That it waits shows by what becomes of others, and by nothing else. */
Test(lock, a_writer_that_waits_comes_before_readers_that_come_later, .timeout = 600)
{
        pthread_t writer;
        bool written = false;

        lock_init(&lock);
        cr_assert_eq(pthread_rwlock_rdlock(&lock), 0);
        cr_assert_eq(pthread_rwlock_tryrdlock(&lock), 0, "readers share it while nobody waits");
        cr_assert_eq(pthread_rwlock_unlock(&lock), 0);
        cr_assert_eq(pthread_create(&writer, NULL, write_once, &written), 0);
        while (pthread_rwlock_tryrdlock(&lock) == 0) {
                cr_assert_eq(pthread_rwlock_unlock(&lock), 0);
                sched_yield();
        }
        cr_assert_eq(pthread_rwlock_unlock(&lock), 0);
        cr_assert_eq(pthread_rwlock_rdlock(&lock), 0);
        cr_expect(written);
        cr_assert_eq(pthread_rwlock_unlock(&lock), 0);
        cr_assert_eq(pthread_join(writer, NULL), 0);
        cr_assert_eq(pthread_rwlock_destroy(&lock), 0);
}
