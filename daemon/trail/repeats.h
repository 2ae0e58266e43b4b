#pragma once
/*
 * Repeats: which denials of unknown peers a mirror passes on at once, and which it folds into one. The first
 * of a uid goes out; those that follow within REPEATS_WINDOW_USEC are kept back, and go out together as the last
 * of them, with their number. So nobody fills the kernel's audit log from a socket that anyone may open. The
 * trail has each of them. Pure.
 *
 * Uids have REPEATS_ROWS_MAX - 1 places; all that find none share the last one.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REPEATS_WINDOW_USEC (UINT64_C(60) * 1000 * 1000)

enum { REPEATS_ROWS_MAX = 64 };

typedef struct RepeatsRow {
        bool used;
        uint32_t uid;
        uint64_t until_usec; /* end of the window */
        uint64_t n;          /* kept back */
        void *bytes;         /* the last of them, from malloc(); NULL when none */
        size_t n_bytes;
} RepeatsRow;

typedef struct Repeats {
        RepeatsRow rows[REPEATS_ROWS_MAX];
} Repeats;

/** repeats_deinit() - Forgets what is kept back; safe when all zero. */
void repeats_deinit(Repeats *repeats);

/**
 * repeats_keep() - A denial came.
 * @now_usec:   monotonic clock
 * @bytes:      it, with @n bytes; copied where it is kept
 *
 * Return: whether it is kept back; else it is to be passed on. Without memory nothing is kept.
 */
bool repeats_keep(Repeats *repeats, uint32_t uid, uint64_t now_usec, const void *bytes, size_t n);

/**
 * repeats_due() - What is to be passed on now.
 * @all:        whatever the time
 * @ret_row:    a row of which something was kept back; its bytes are the caller's to free
 *
 * Return: whether there is one; to be called until there is none.
 */
bool repeats_due(Repeats *repeats, uint64_t now_usec, bool all, RepeatsRow *ret_row);

/** repeats_next_usec() - When something will be due; UINT64_MAX when nothing is kept back. */
uint64_t repeats_next_usec(const Repeats *repeats);
