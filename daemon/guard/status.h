#pragma once
/*
 * Status: how the service stands, as items for GetStatus. What anybody may see depends on neither policy nor
 * subjects nor other callers.
 */

#include "base/buffer.h"
#include "guard/answer.h"
#include "wire/message.h"

struct Guard;

typedef struct Status {
        StatusItem *items;
        size_t n;
        size_t capacity;
        char **strings; /* the status's own */
        size_t n_strings;
        bool failed; /* memory ran out: what stands here is not all */
} Status;

#define STATUS_INIT ((Status){})

void status_deinit(Status *status);

/** status_for_anybody() - `version`, `serving`, and `engine` while a worker is there. */
void status_for_anybody(struct Guard *guard, Status *status);

/** status_in_full() - Everything there is to know, for the administrator. */
void status_in_full(struct Guard *guard, Status *status);

/** status_answer() - Appends an answer that holds all of it: to a call that has changed something. */
void status_answer(struct Guard *guard, AnswerTo to, Buffer *answer);
