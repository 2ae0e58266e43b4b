#pragma once
/*
 * Splitting a stream of bytes into Varlink messages: each is some bytes and the NUL that ends them. Knows
 * nothing of JSON and of sockets; used by the children of the frontend and by the tool's client.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

/* Bytes that one message may have, its NUL not counted. */
#define FRAME_MAX ((size_t)1024 * 1024)

typedef struct FrameReader {
        Buffer bytes;
        size_t start;   /* where the message begins that comes next */
        size_t scanned; /* no NUL stands between `start` and here */
} FrameReader;

#define FRAME_READER_INIT ((FrameReader){})

/** frame_reader_deinit() - Frees what has come; safe on FRAME_READER_INIT and twice. */
void frame_reader_deinit(FrameReader *reader);

/**
 * frame_reader_add() - Takes bytes as they came.
 *
 * The reader keeps all it is given: who reads from a socket bounds it by adding only while
 * frame_reader_next() says FRAME_E_AGAIN. Return: 0 or -ENOMEM.
 */
int frame_reader_add(FrameReader *reader, const void *data, size_t n);

enum {
        FRAME_E_AGAIN = 1, /* no whole message yet */
        FRAME_E_TOO_LARGE =
                2, /* the message exceeds FRAME_MAX; nothing after it can be told apart any more */
};

/**
 * frame_reader_next() - Takes the next whole message, which may be empty.
 * @ret_message:        its bytes, in place, with the NUL after them; good until the next call of any function
 *                      here
 * @ret_n:      their count without the NUL
 *
 * All calls together take time linear in the bytes that came. Return: 0, FRAME_E_AGAIN, FRAME_E_TOO_LARGE.
 */
int frame_reader_next(FrameReader *reader, const char **ret_message, size_t *ret_n);

/** frame_reader_is_empty() - Whether no byte waits, not even of a message begun. */
bool frame_reader_is_empty(const FrameReader *reader);

/** frame_reader_shrink() - Gives memory back if nothing waits and a large message made it grow. */
void frame_reader_shrink(FrameReader *reader);
