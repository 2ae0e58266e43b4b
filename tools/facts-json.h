#pragma once
/*
 * Facts as one JSON object (matchguard.policy(5)): what `policy decide` reads, a line each.
 */

#include <stddef.h>

#include "base/buffer.h"
#include "policy/decide.h"

/* Facts that were read, with what they point into. Good where it stands and where it is moved to. */
typedef struct FactsJson {
        Facts facts;
        struct json_object *object;
        gid_t *groups;
        const char **on_behalf_of;
        const char **recipients;
} FactsJson;

#define FACTS_JSON_INIT ((FactsJson){})

/** facts_json_deinit() - Frees what the facts point into; safe on FACTS_JSON_INIT and twice. */
void facts_json_deinit(FactsJson *json);

enum {
        FACTS_E_MALFORMED = 1, /* not one JSON object, or a member stands twice */
        FACTS_E_INVALID = 2,   /* an object, but no request: the fault names the fact */
};

/* Why a line is no request. */
typedef struct FactsFault {
        char *parameter;      /* for free(); NULL with FACTS_E_MALFORMED */
        const char *expected; /* in words, static; NULL where there is no such fact */
} FactsFault;

/** facts_fault_write() - Appends it in words: "operation: expected identify, ...". */
void facts_fault_write(const FactsFault *fault, Buffer *text);

/** facts_fault_deinit() - Safe on a fault all zero, and twice. */
void facts_fault_deinit(FactsFault *fault);

/**
 * facts_json_read() - Reads facts from an object, which stays the caller's and must not change while they are
 * used.
 *
 * As facts_json_parse(), but never FACTS_E_MALFORMED.
 */
int facts_json_read(struct json_object *object, FactsJson *ret_json, FactsFault *ret_fault);

/**
 * facts_json_parse() - Reads one object of facts, and checks that it is a request at all.
 * @text:       @n bytes of UTF-8
 * @ret_json:   to be given to facts_json_deinit()
 * @ret_fault:  set on a positive ending, to be given to facts_fault_deinit()
 *
 * Every key that is not a fact is a fault. `uid`, `operation`, `purpose`, `on_behalf_of`, `recipients` and
 * `time` must be given. A unit or label that no record could hold counts as none, as it does in the service.
 * Return: 0, FACTS_E_*, -ENOMEM.
 */
int facts_json_parse(const char *text, size_t n, FactsJson *ret_json, FactsFault *ret_fault);
