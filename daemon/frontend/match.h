#pragma once
/*
 * From the parameters of a method to the message that the guard decides on, and the job bytes that the worker
 * gets.
 */

#include "base/buffer.h"
#include "frontend/method.h"
#include "wire/job.h"
#include "wire/message.h"

/* Bytes of one template. */
enum { MATCH_VECTOR_MAX = JOB_DIMENSION_MAX * 4 };

enum {
        MATCH_E_INVALID = 1,
};

/* A call on its way from one form to the other. */
typedef struct MatchCall {
        const Method *method;
        Arguments arguments;   /* read along the table of `method` */
        Buffer job;            /* the job bytes */
        CallMessage message;   /* points into the two above */
        const char *parameter; /* on MATCH_E_INVALID: the one at fault, as Varlink spells it */
} MatchCall;

#define MATCH_CALL_INIT ((MatchCall){})

/** match_call_deinit() - Frees it; safe on MATCH_CALL_INIT and twice. */
void match_call_deinit(MatchCall *call);

/**
 * match_call_read() - Reads the parameters of a method and fills in the message, all but connection and
 * serial.
 * @call:       all zero but for `method`; must stay where it is while `message` is in use
 * @parameters: borrowed, and to outlive @call; NULL is an object without members
 *
 * Beyond what the tables say it is checked that templates are canonical base64 of 1 to JOB_DIMENSION_MAX
 * whole floats, that there are 1 to JOB_ENTRIES_MAX entries, and that all probes are of one kind (one not
 * said counts as "unknown").
 *
 * Return: 0, MATCH_E_INVALID, -ENOMEM.
 */
int match_call_read(MatchCall *call, struct json_object *parameters);
