#pragma once
/*
 * What stands in the way of requests, one thing at a time, and the objects that say so: for tools that show
 * and change it. All of it in one text is policy_standing().
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "policy/decide.h"
#include "policy/object.h"

/**
 * policy_moratorium_standing() - Appends in words since when and until when a moratorium stands, and on what
 * its end depends; or why it does not stand.
 * @now:        time, clock and mark; nothing else of it is looked at
 *
 * Return: whether it is in force; false, with nothing appended, also where there is none of that name.
 */
bool policy_moratorium_standing(const Policy *policy, const char *name, const Facts *now, Buffer *buffer);

/** policy_objects() - The objects of a type in byte order of their names; borrowed, @ret_n of them. */
const Object *policy_objects(const Policy *policy, ObjectType type, size_t *ret_n);

/** policy_object() - The object of that type and name, borrowed; NULL where there is none. */
const Object *policy_object(const Policy *policy, ObjectType type, const char *name);
