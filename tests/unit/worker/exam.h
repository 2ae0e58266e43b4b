#pragma once
/*
 * An awkward gallery, questions to it and the right answers: what engines are examined with.
 */

#include "awkward.h"
#include "examinee.h"
#include "stored.h"

/* A question with its answer, as the rules give it and as an engine is asked for it. */
typedef struct ExamQuestion {
        BruteQuestion plain;
        float *padded;
        double *squares;
        BruteHit *expected;
        size_t n_expected;
} ExamQuestion;

typedef struct Exam {
        const char *kind;
        Crowd *crowd;
        Stored *stored;
        ExamQuestion *questions;
        size_t n;
        size_t n_brute; /* of which the first were answered by brute force */
        size_t n_lists; /* answers that were looked at */
} Exam;

typedef struct ExamShape {
        const AwkwardKind *kind;
        size_t n_rows, dimension;
        unsigned dead; /* of 256 templates, as in awkward_new() */
        size_t n_questions;
        size_t n_later; /* rows of those that are there after exam_change() only */
        size_t n_brute; /* questions that are answered by brute force; 0: all */
} ExamShape;

/** exam_seed() - The day, or what MATCHGUARD_EXACT_SEED says; printed once, so that a failure can be had again. */
uint64_t exam_seed(void);

/** exam_effort() - How much there is to be done of @n: more by MATCHGUARD_EXACT (a factor), less under sanitizers. At least 1. */
size_t exam_effort(size_t n);

/** exam_new() - Makes the gallery and the questions, and finds the answers; holds them against cosines in more digits. */
Exam *exam_new(const ExamShape *shape, uint64_t *chance);
Exam *exam_free(Exam *exam);

/** exam_take() - Asks an engine everything, in batches of all sizes, and compares each answer bit for bit. Ends the test at a difference. */
void exam_take(Exam *exam, const Examinee *examinee, uint64_t *chance);

/** exam_believe() - Answers by an engine what was not answered by brute force, and what it says is right: for galleries where that would take too long. */
void exam_believe(Exam *exam, const Examinee *examinee);

/** exam_change() - Takes some templates away and brings others, as far as the gallery has room, and finds the answers anew. */
void exam_change(Exam *exam, uint64_t *chance);

/** exam_query() - A question for engine_search(), with room for its answer, which is the caller's to free (ret_hits). */
EngineQuery exam_query(const Exam *exam, const ExamQuestion *question);

/** exam_compare() - Holds an answer against the right one. Ends the test at a difference; @who is for the message. */
void exam_compare(const Exam *exam, const ExamQuestion *question, const EngineQuery *query, const char *who);
