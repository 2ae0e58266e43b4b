#pragma once
/*
 * The methods of our interfaces as tables: name, what they take, and what the guard is to be told. The
 * interfaces' texts (daemon/varlink) say the same for people; the two are kept together by a test.
 */

#include "varlink/schema.h"
#include "wire/message.h"

typedef struct TemplateArgument {
        const char *model;
        const char *kind; /* NULL: not said */
        const char *data; /* base64, not looked at yet */
} TemplateArgument;

typedef struct StatementArgument {
        const char *purpose;
        const char *sought;
        SchemaTexts on_behalf_of;
        SchemaTexts recipients;
        const char *case_reference;
        const char *authorisation;
        const char *operator;
} StatementArgument;

/* What the parameters of any method hold; what a method does not
 * take stays zero. All borrowed from the call. */
typedef struct Arguments {
        const char *gallery;
        const char *subject; /* for List: the subject to begin after */
        TemplateArgument probe;
        TemplateArgument reference;
        StatementArgument statement;
        SchemaCount limit;
        SchemaSimilarity floor;
        struct json_object *entries; /* each is read by `method_entry` */
        const char *request;
        SchemaCount index;
        SchemaCount days;
        const char *reason;
        const char *level;
        const char *interface;
} Arguments;

/* One entry of Enrol. */
typedef struct EntryArgument {
        const char *subject;
        TemplateArgument template;
} EntryArgument;

extern const Schema method_entry;

typedef struct Method {
        const char *name;
        CallKind kind;
        const char *operation; /* of CALL_MATCH, as matchguard.policy(5) names it */
        Schema parameters;     /* read into Arguments */
} Method;

/** method_find() - The method of this name, without its interface; NULL when there is none. */
const Method *method_find(MessageInterface interface, const char *name);

/**
 * method_list() - All methods of one interface. Return: the first of @ret_n; the table's own, good for ever.
 */
const Method *method_list(MessageInterface interface, size_t *ret_n);
