#pragma once
/*
 * Long options as tables over getopt_long(3): each row says where the value goes, so that a command reads as
 * the list of its options. Several tables make up a command: its own and the shared ones.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/command.h"

typedef enum OptionKind {
        OPTION_FLAG,       /* bool */
        OPTION_TEXT,       /* const char *; given twice, the last counts */
        OPTION_LIST,       /* OptionList; each time adds one */
        OPTION_NUMBER,     /* OptionNumber: a shortest decimal from 1 to 2^53-1 */
        OPTION_SIMILARITY, /* OptionSimilarity: a decimal from -1 to 1 with at most six places */
} OptionKind;

enum { OPTION_LIST_MAX = 64 };

typedef struct OptionList {
        size_t n;
        const char *items[OPTION_LIST_MAX]; /* borrowed from argv */
} OptionList;

typedef struct OptionNumber {
        bool given;
        uint64_t value;
} OptionNumber;

typedef struct OptionSimilarity {
        bool given;
        int32_t millionths;
        const char *text; /* as given; a JSON number too */
} OptionSimilarity;

typedef struct Option {
        const char *name; /* without the dashes */
        OptionKind kind;
        void *value;          /* where it goes, of the type that the kind says */
        const char *argument; /* what --help calls its value; NULL for a flag */
        const char *summary;
} Option;

enum { OPTION_ROWS_MAX = 32 };

/* All the options of a command. */
typedef struct OptionSet {
        size_t n;
        Option rows[OPTION_ROWS_MAX];
} OptionSet;

#define OPTION_SET_INIT ((OptionSet){})

/** options_add() - Adds @n rows, copied; what their values point to is borrowed. */
void options_add(OptionSet *set, const Option *rows, size_t n);

enum {
        OPTIONS_E_HELP = 1,  /* --help was asked for and has been printed */
        OPTIONS_E_USAGE = 2, /* a fault in the call, which has been said on stderr */
};

/** options_exit() - The exit status that belongs to one of these endings. */
int options_exit(int ending);

/* A command line; after options_parse() the arguments that are no options, in their order. */
typedef struct OptionLine {
        int argc;
        char **argv;
} OptionLine;

/**
 * options_parse() - Takes the options out of a command line.
 * @set:        what may be given; --help is always there
 * @command:    for the messages
 * @line:       the command's line, with its name in argv[0]; what is left are its arguments
 *
 * Return: 0, OPTIONS_E_HELP, OPTIONS_E_USAGE, or -ENOMEM.
 */
int options_parse(const OptionSet *set, const Command *command, OptionLine *line);
