#pragma once
/*
 * Call: what a child asks on behalf of a client, until it is answered. Embedded in whatever the call leads
 * to. Every call that began ends once, and gives back the credit that it spent.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/buffer.h"
#include "guard/answer.h"

struct Child;
struct Client;

typedef struct Call Call;
struct Call {
        struct Child *child;   /* NULL once it is gone */
        struct Client *client; /* NULL once the caller is gone */
        AnswerTo to;
        bool recorded;            /* it took its token: a leaf holds it */
        void (*lost)(Call *call); /* the caller went; NULL: nobody cares */
        TAILQ_ENTRY(Call) link;
};

/** call_begin() - Begins a call of a client; spends a credit of its child. */
void call_begin(Call *call, struct Client *client, uint64_t serial);

/** call_has_caller() - Whether there is still somebody to answer; asks the kernel. */
bool call_has_caller(Call *call);

/** call_lose_caller() - The caller has gone. */
void call_lose_caller(Call *call);

/** call_lose_child() - The child has gone, and the caller with it. */
void call_lose_child(Call *call);

enum {
        CALL_E_GONE = 1, /* there was nobody to answer, and nothing was sent */
};

/**
 * call_end() - Answers, and ends the call.
 * @answer:     an ANSWER's body, used up; NULL: there is nothing to say
 *
 * The caller's process is looked at once more before anything is sent. Return: 0, CALL_E_GONE, or -errno.
 */
int call_end(Call *call, Buffer *answer);
