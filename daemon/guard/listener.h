#pragma once
/*
 * Listeners: the sockets that the guard was started with, by name. Those for clients are opened only while a
 * frontend is there to read what comes.
 */

#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-event.h>

struct Guard;

enum { LISTENERS_MAX = 5 };

typedef struct Listener {
        struct Guard *guard;
        const struct ListenerKind *kind;
        int fd;
        sd_event_source *source;
        sd_event_source *pause; /* runs while descriptors or memory are short */
        bool wanted;
} Listener;

typedef struct Listeners {
        size_t n;
        Listener all[LISTENERS_MAX];
        bool has_audit; /* the kernel's audit multicast was among them, and is not taken yet */
        int audit_fd;
} Listeners;

/**
 * listeners_open() - Takes over the inherited sockets and puts them on the loop, shut.
 *
 * All five must be there, each once, of the right type and listening; the kernel's audit multicast
 * (`kernel-audit`) may. Return: 0 or -errno, with the reason
 * said.
 */
int listeners_open(struct Guard *guard);

/** listeners_take_audit_fd() - The kernel's audit multicast, now the caller's; -1 where there is none. */
int listeners_take_audit_fd(Listeners *listeners);

/** listeners_deinit() - Closes them; safe when all zero. */
void listeners_deinit(Listeners *listeners);

/* Whose doors are to stand open. */
typedef struct ListenersWanted {
        bool clients;
        bool frontend;
        bool worker;
} ListenersWanted;

/** listeners_set() - Opens or shuts the doors. Return: 0 or -errno. */
int listeners_set(Listeners *listeners, const ListenersWanted *wanted);
