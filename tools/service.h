#pragma once
/*
 * The service as a command sees it: where its sockets are, one call after the other, and what is said when a
 * call does not come out as it was meant.
 */

#include <json-c/json.h>
#include <stdbool.h>

#include "tools/client.h"
#include "tools/options.h"

/* The three interfaces; a socket is named after the one that it serves. */
#define SERVICE_MATCH "org.matchguard.Match"
#define SERVICE_ADMIN "org.matchguard.Admin"
#define SERVICE_AUDIT "org.matchguard.Audit"

typedef struct Service {
        const char *socket;    /* --socket: the folder that holds the sockets */
        const char *dir;       /* --dir: the folder of `matchguard run` */
        bool json;             /* --json */
        unsigned timeout_msec; /* for a reply; 0: CLIENT_TIMEOUT_MSEC */
        /* private */
        const char *interface; /* that the client is connected to */
        Client *client;
} Service;

#define SERVICE_INIT ((Service){})

/** service_options() - Adds --socket, --dir and --json. */
void service_options(OptionSet *set, Service *service);

void service_deinit(Service *service);

typedef struct ServiceCall {
        const char *interface;
        const char *method;      /* the last part of its name */
        json_object *parameters; /* borrowed; NULL: none */
        const char *what;        /* for people: what is asked, "search missing-children" */
} ServiceCall;

/* What a call came to. */
typedef struct ServiceReply {
        int ending;              /* 0, or one of CLIENT_E_* or -errno: then there is nothing else */
        int connect_errno;       /* with CLIENT_E_UNREACHABLE */
        char *error;             /* the error's whole name; NULL: it was answered */
        json_object *parameters; /* an object unless ending says otherwise */
} ServiceReply;

#define SERVICE_REPLY_INIT ((ServiceReply){})

void service_reply_deinit(ServiceReply *reply);

/** service_try() - Makes a call, over the connection of the last one if it was to the same interface, says
 * nothing. */
void service_try(Service *service, const ServiceCall *call, ServiceReply *ret_reply);

/**
 * service_report() - Says what went wrong: for people on stderr, or with --json as one object on stdout.
 *
 * Return: the exit status that belongs to it; EXIT_DONE, with nothing said, when nothing went wrong.
 */
int service_report(const Service *service, const ServiceCall *call, const ServiceReply *reply);

/**
 * service_call() - service_try(), then service_report().
 * @ret_parameters: the reply's parameters, the caller's; untouched unless EXIT_DONE is returned. With --json
 *                  they have been printed.
 */
int service_call(Service *service, const ServiceCall *call, json_object **ret_parameters);
