#pragma once
/*
 * Callers that a policy can tell apart: for an organisation, what the kernel would have to say of somebody so
 * that the decision takes them for it.
 *
 * Whether a [Peer] matches only grows with the groups of a caller, and a unit or a label that no key asks for
 * makes nothing match that would not match without it. So an atom - one user, one group, one unit, the label,
 * each only where a [Peer] asks for it - matches that [Peer] and as few others as anything that matches it.
 */

#include "policy/example.h"

/** caller_free_uid() - A uid that no [Peer] of the policy names. */
uint32_t caller_free_uid(const Policy *policy);

/**
 * caller_each_atom() - Calls back for the atoms of one [Peer] until @each says true.
 * @free_uid:   stands in where the [Peer] asks for no user
 *
 * Return: whether one did.
 */
bool caller_each_atom(const PeerRule *rule, uint32_t free_uid,
                      bool (*each)(const Caller *caller, void *userdata), void *userdata);

/**
 * caller_find() - Somebody who is taken for an organisation at an instant.
 *
 * Return: whether there can be anybody.
 */
bool caller_find(const Policy *policy, size_t organisation, Instant at, Caller *ret_caller);
