#pragma once
/*
 * The guard's answers as Varlink replies. What goes into an answer is decided elsewhere; here it only gets
 * its form.
 */

#include "base/buffer.h"
#include "wire/message.h"

enum {
        ANSWER_E_UNKNOWN =
                1, /* a kind that this interface has no reply for: the guard and we are of two minds */
};

/**
 * answer_write() - Appends the reply or error, with its NUL.
 * @interface:  the one that the connection speaks; its errors are named after it
 *
 * What may be absent is left out when it is; lists are always there. Return: 0, ANSWER_E_UNKNOWN, -ENOMEM.
 */
int answer_write(MessageInterface interface, const AnswerMessage *answer, Buffer *buffer);
