/*
 * Locks whose writers are not overtaken.
 */

#include "worker/lock.h"

void lock_init(pthread_rwlock_t *lock)
{
        pthread_rwlockattr_t attributes;

        /* These fail for arguments that make no sense only. */
        (void)pthread_rwlockattr_init(&attributes);
        (void)pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
        (void)pthread_rwlock_init(lock, &attributes);
        (void)pthread_rwlockattr_destroy(&attributes);
}
