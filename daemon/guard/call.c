/*
 * Calls between their beginning and their answer. Owns nothing. Run by the guard's loop.
 */

#include "guard/call.h"

#include "guard/child.h"
#include "guard/client.h"

void call_begin(Call *call, Client *client, uint64_t serial)
{
        call->child = client->child;
        call->client = client;
        call->to = (AnswerTo){.connection = client->id, .serial = serial};
        TAILQ_INSERT_TAIL(&call->child->calls, call, link);
        child_spend(call->child);
}

bool call_has_caller(Call *call)
{
        return call->client && client_alive(call->client);
}

void call_lose_caller(Call *call)
{
        call->client = NULL;
        if (call->lost)
                call->lost(call);
}

void call_lose_child(Call *call)
{
        TAILQ_REMOVE(&call->child->calls, call, link);
        call->child = NULL;
        if (call->client)
                call_lose_caller(call);
}

int call_end(Call *call, Buffer *answer)
{
        bool there = answer && call_has_caller(call);
        int r = 0;

        /* Asking may have lost both. What is lost now need not be told. */
        call->lost = NULL;
        if (there)
                r = child_answer(call->child, answer);
        if (call->child) {
                Child *child = call->child;
                TAILQ_REMOVE(&child->calls, call, link);
                call->child = NULL;
                call->client = NULL;
                int q = child_regain(child, call->recorded);
                if (r >= 0)
                        r = q;
        }
        if (r < 0)
                return r;
        return there || !answer ? 0 : CALL_E_GONE;
}
