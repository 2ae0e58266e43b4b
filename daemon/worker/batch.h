#pragma once
/*
 * A pass: searches of one gallery that are answered together, so that it is read once for all of them. The gallery is held meanwhile:
 * all see one epoch, which their results name.
 */

#include "worker/operation.h"

/* One search may have one of so many shares of a pass, so that one by a subject with many templates leaves room for others. What is left of its
 * probes comes in its next turns. */
enum { BATCH_SHARES = 4 };

/**
 * batch_run() - Runs searches, TASK_IDENTIFY and TASK_IDENTIFY_STORED.
 * @operations: of one gallery, ENGINE_BATCH_MAX at most. Where the probes of one do not fit, it is not begun, and none behind it is
 *
 * Return: as operation_run().
 */
int batch_run(const OperationTools *tools, Operation *operations, size_t n);
