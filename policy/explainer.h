#pragma once
/*
 * What the files of policy/explain.h share: one question being explained, and rows that are made for it.
 */

#include "base/buffer.h"
#include "policy/explain.h"
#include "policy/question.h"

typedef struct Explainer {
        const Question *question;
        Arena *arena; /* what is made for the explanation lives there */
        bool failed;  /* memory ran out: what was made is worthless */
} Explainer;

/** explainer_new() - Zeroed room for @n things of @size bytes; NULL: no memory, which sticks. */
void *explainer_new(Explainer *explainer, size_t n, size_t size);

/** explainer_keep() - The text of a buffer, which is emptied; "" where memory ran out, which sticks. */
const char *explainer_keep(Explainer *explainer, Buffer *text);

/** explain_caller() - What a caller is to one key of a [Peer]. */
void explain_caller(const Peer *peer, PeerUnmet key, Buffer *text);

/** explain_peer() - One [Peer] of step 2. Return: whether any of its keys holds. */
bool explain_peer(Explainer *explainer, const PeerRule *peer, const Section *section,
                  ExplainedRule *ret_rule);

/** explain_validity() - Whether the organisation at place @i is valid. */
void explain_validity(Explainer *explainer, size_t i, ExplainedRule *ret_rule);

/** explain_stand_down(), explain_moratorium(), explain_fit() - The rule at place @i: steps 4 to 6. */
void explain_stand_down(Explainer *explainer, size_t i, ExplainedRule *ret_rule);
void explain_moratorium(Explainer *explainer, size_t i, ExplainedRule *ret_rule);
void explain_fit(Explainer *explainer, size_t i, ExplainedRule *ret_rule);

/** explain_loosening() - The loosening time, and why it is not the time of the request where it is not. */
void explain_loosening(const Question *question, Buffer *text);

/** explain_limits() - What bounds a permit, and the rate that may have been used up. */
void explain_limits(Explainer *explainer, Explanation *explanation);

/** explain_summary() - The verdict and why, from all that was explained. */
const char *explain_summary(Explainer *explainer, const Explanation *explanation);
