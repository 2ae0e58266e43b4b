#pragma once
/*
 * Names of users and groups as numbers, from the text of passwd(5) and group(5), or from the `.ids` of a
 * policy that was loaded elsewhere. Pure: asks no name service.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct AccountFile {
        const char *path; /* how faults name it */
        const char *bytes;
        size_t n;
        int error; /* negative: why it could not be read */
} AccountFile;

typedef struct Accounts {
        AccountFile users;  /* passwd(5) */
        AccountFile groups; /* group(5) */
        AccountFile ids;    /* where it has a path, nothing else is looked at */
} Accounts;

typedef enum AccountKind {
        ACCOUNT_USER,
        ACCOUNT_GROUP,
} AccountKind;

/* (uid_t)-1 and (gid_t)-1 mean "none" to the kernel. */
enum { ACCOUNT_ID_MAX = UINT32_MAX - 1 };

enum {
        ACCOUNTS_E_UNKNOWN = 1,    /* no such name, or a number that is none */
        ACCOUNTS_E_UNREADABLE = 2, /* the file that would say so was not read */
};

/** account_kind_name() - "user" or "group", as `.ids` writes it. */
const char *account_kind_name(AccountKind kind);

/** accounts_file() - The file that names of this kind are looked up in. */
const AccountFile *accounts_file(const Accounts *accounts, AccountKind kind);

/** account_is_number() - Whether an entry is a number, which needs no look-up. */
bool account_is_number(const char *text, uint32_t *ret_id);

/**
 * accounts_find() - Looks a name up; the first entry of that name counts.
 *
 * Return: 0, ACCOUNTS_E_UNKNOWN or ACCOUNTS_E_UNREADABLE.
 */
int accounts_find(const Accounts *accounts, AccountKind kind, const char *name, uint32_t *ret_id);
