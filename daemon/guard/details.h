#pragma once
/*
 * Details: what a child says of which details are meant, checked once more and put as the trail wants it. Pure.
 */

#include <stdbool.h>

#include "trail/trail.h"
#include "wire/message.h"

/**
 * details_selection() - Reads which details a call means.
 * @message:        a call of OpenDetails, CountDetails or Erase; borrowed by the selection
 * @size:           of the log: what comes later is not looked at
 * @ret_selection:  all but `before_usec`
 *
 * Return: NULL, or the parameter that is not what it must be, as Varlink spells it.
 */
const char *details_selection(const CallMessage *message, uint64_t size, TrailSelection *ret_selection);

/** details_reason_fits() - Whether somebody gave a reason: 1 to MESSAGE_TEXT_MAX bytes of plain text. */
bool details_reason_fits(const char *reason);
