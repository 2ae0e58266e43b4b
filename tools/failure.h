#pragma once
/* What an error of the service means, for people: what was refused,
 * by what rule, and where it is recorded. */

#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>

/**
 * failure_print() - Explains an error.
 * @what:       what was asked, as "search missing-children"
 * @error:      the error's whole name
 * @parameters: what came with it
 */
void failure_print(FILE *out, const char *what, const char *error, json_object *parameters);

/** failure_print_receipt() - Says where a request stands in the log, if @parameters have a receipt. */
void failure_print_receipt(FILE *out, json_object *parameters);

/**
 * failure_is_open() - Whether a change that failed so may have happened all the same: the worker went away or
 * took too long after it was given the job.
 */
bool failure_is_open(const char *error, json_object *parameters);
