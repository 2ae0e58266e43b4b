#pragma once
/* Request check: whether a call is a request at all. The frontend has looked, too, and is not believed. */

#include "policy/decide.h"
#include "wire/message.h"

/** request_check() - What is wrong with a call by itself: the name of a parameter; NULL where it is a request. */
const char *request_check(const Facts *facts, const CallMessage *message);
