#pragma once
/*
 * The value of one key, checked and typed by its row in the table.
 */

#include "policy/faults.h"
#include "policy/object.h"

/**
 * value_parse() - Fills what belongs to the value's kind, from its text or its words.
 *
 * Return: whether it was well-formed; each fault has been added.
 */
bool value_parse(Value *value, Faults *faults);
