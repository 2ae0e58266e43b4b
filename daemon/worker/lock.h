#pragma once
/*
 * A lock of many readers or one writer, whose writers are not overtaken: of a gallery that is searched all the time a removal has to come to its turn.
 */

#include <pthread.h>

/** lock_init() - Once a writer waits, it comes before readers that come later; so nobody may take it for reading who has it for reading already. */
void lock_init(pthread_rwlock_t *lock);
