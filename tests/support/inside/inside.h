#pragma once
/*
 * What the two halves of libtest-inside share: inside.c decides when something is tried and by whom,
 * attacks.c tries it.
 */

#include <stdint.h>

enum { INSIDE_WORD_MAX = 32, INSIDE_ARGUMENT_MAX = 128 };

/*
 * The board: one page that a test and every process that it started share, a file that is mapped before the
 * programs confine themselves. Neither needs a system call to write on it, which confinement could refuse,
 * and it outlives fork(2) and close_range(2). tests/support/inside.py writes the same layout.
 */
typedef struct InsideBoard {
        uint32_t order;       /* counts the orders; raised by the test once the words below stand there */
        uint32_t begun;       /* the order that somebody has taken on */
        uint32_t done;        /* the order whose `result` stands there */
        int32_t pid;          /* who took it on */
        int32_t ended_pid;    /* the child of the frontend that ended last, as its parent heard */
        int32_t ended_code;   /* its si_code */
        int32_t ended_status; /* its si_status */
        int32_t result;       /* -errno, or 0 and more: it succeeded */
        char place
                [INSIDE_WORD_MAX]; /* who is to try it: a program, "child", or a thread by its name; "PROGRAM's": one without a name */
        char attack[INSIDE_WORD_MAX]; /* what, by its name in attacks.c */
        char argument[INSIDE_ARGUMENT_MAX];
        char step[INSIDE_WORD_MAX]; /* the system call that is being tried, or was refused */
} InsideBoard;

/* The step at which an attack has succeeded, and is being undone. */
#define INSIDE_UNDO "undo"

/** inside_step() - Writes down which system call comes next, so that a process that dies of it has said so. */
void inside_step(const char *call);

/**
 * inside_attack() - Tries one thing that a taken-over process would.
 * @name:     one of the table in attacks.c
 * @argument: a path, a number, or nothing, as the attack wants it
 *
 * What succeeds is undone where it would outlast the process. Return: -errno with which the kernel refused, 0
 * or more when it succeeded, INT32_MIN when there is no such attack.
 */
int inside_attack(const char *name, const char *argument);
