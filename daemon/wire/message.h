#pragma once
/*
 * Every message between our processes: its type, fields, direction and limits. Nothing travels that is not
 * described here. A decoder accepts exactly what the encoder writes and fails on a byte left over.
 *
 * Strings in a decoded message are UTF-8, point into the packet's body and live as long as the packet.
 * Encoders append to a Buffer; a list or string over its limit fails it, which the sender sees
 * (packet_send()).
 *
 * guard -> frontend parent     SPAWN (with the child's end of a socket pair)
 * frontend parent -> guard     CHILD_GONE, STOPPING
 * guard -> child               CONNECT (with the client's socket), CREDIT, ANSWER, HANG_UP
 * child -> guard               CALL, REFUSED, CLOSED
 * worker -> guard              HELLO, GALLERY, ENGINE, RESULT, STOPPING
 * guard -> worker              CHECKPOINT, JOB, CANCEL
 * guard -> all of them         LOG_LEVEL
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/digest.h"

typedef enum MessageType {
        MESSAGE_SPAWN = 1,
        MESSAGE_CHILD_GONE = 2,

        MESSAGE_CONNECT = 16,
        MESSAGE_CREDIT = 17,
        MESSAGE_ANSWER = 18,
        MESSAGE_HANG_UP = 19,

        MESSAGE_CALL = 32,
        MESSAGE_REFUSED = 33,
        MESSAGE_CLOSED = 34,

        MESSAGE_HELLO = 48,
        MESSAGE_RESULT = 49,
        MESSAGE_GALLERY = 50,
        MESSAGE_ENGINE = 51,

        MESSAGE_CHECKPOINT = 64,
        MESSAGE_JOB = 65,
        MESSAGE_CANCEL = 66,

        MESSAGE_LOG_LEVEL = 80,

        MESSAGE_STOPPING = 96, /* no body: it was told to stop, and is to be given nothing new */
} MessageType;

enum {
        MESSAGE_PARTIES_MAX = 16,      /* entries of on_behalf_of, and of recipients */
        MESSAGE_TEXT_MAX = 512,        /* bytes of case, authorisation, operator */
        MESSAGE_CANDIDATES_MAX = 1000, /* also subjects of a `list` */
        MESSAGE_NAMES_MAX = 4096,      /* entries of classes, missing, galleries */
        MESSAGE_SESSION_SIZE = 16,
        MESSAGE_REQUEST_SIZE = 16,
        MESSAGE_PROOF_MAX = 128, /* hashes in an audit path or a consistency proof */
        MESSAGE_STATUS_MAX = 4096,
        MESSAGE_DETAILS_MAX = 2, /* of a decision and its outcome */
};

/* Which interface a connection, and so a child, speaks. */
typedef enum MessageInterface {
        INTERFACE_MATCH = 0,
        INTERFACE_ADMIN = 1,
        INTERFACE_AUDIT = 2,
        _INTERFACE_MAX,
} MessageInterface;

/** message_interface_name() - "org.matchguard.Match" and so on; also the names of the sockets. */
const char *message_interface_name(MessageInterface interface);

/* A list of strings in place, of at most `max` of whoever decodes it. */
typedef struct StringList {
        size_t n;
        const char **items; /* the list's own array, freed with the message */
} StringList;

/* ----------------------------------------------------------------- guard <-> frontend parent and children */

typedef struct SpawnMessage {
        uint64_t child;
        uint8_t interface; /* MessageInterface */
        uint32_t uid;      /* whom it will serve; for its process title only */
} SpawnMessage;

typedef struct ChildGoneMessage {
        uint64_t child;
        uint32_t status; /* as from waitpid(2) */
} ChildGoneMessage;

/* CONNECT, HANG_UP and CLOSED carry just the connection; ids are the guard's and never used twice. */
typedef struct ConnectionMessage {
        uint64_t connection;
} ConnectionMessage;

/* A child may have as many calls unanswered as it was given credits; each CALL spends one. */
typedef struct CreditMessage {
        uint32_t n;
} CreditMessage;

typedef enum RefusedWhy {
        REFUSED_MALFORMED = 0,
        REFUSED_ONEWAY = 1,
        REFUSED_TOO_LARGE = 2,
        REFUSED_CALLER_GONE = 3,
        REFUSED_FRONTEND = 4, /* said by the guard only */
        _REFUSED_MAX,
} RefusedWhy;

/** refused_why_name() - The word of matchguard-trail(7): "malformed" and so on. */
const char *refused_why_name(RefusedWhy why);

typedef struct RefusedMessage {
        uint64_t connection;
        uint8_t why; /* RefusedWhy */
} RefusedMessage;

typedef enum CallKind {
        CALL_MATCH = 0,          /* Match: an operation, always recorded */
        CALL_GET_RECEIPT = 1,    /* Match and Audit: `request` */
        CALL_WHO_AM_I = 2,       /* Match */
        CALL_GET_STATUS = 3,     /* Match: what is public; Admin: in full */
        CALL_RELOAD = 4,         /* Admin */
        CALL_GET_CHECKPOINT = 5, /* Audit */
        CALL_REBASE = 6,         /* Admin */
        CALL_OPEN_DETAILS = 7,   /* Audit: of DETAILS_OF_REQUEST or DETAILS_OF_LEAF; recorded */
        CALL_COUNT_DETAILS = 8,  /* Admin: what CALL_ERASE would erase */
        CALL_ERASE = 9,          /* Admin; recorded */
        CALL_LOG_LEVEL = 10,     /* Admin */
        _CALL_MAX,
} CallKind;

/* Which details are meant. */
typedef enum DetailsOf {
        DETAILS_OF_REQUEST = 0, /* of a request, by its id: of its decision and its outcome */
        DETAILS_OF_LEAF = 1,    /* by the index of a leaf; of a decision or an outcome those of both */
        DETAILS_OF_SUBJECT = 2, /* of every request that asked for a subject or found it */
        DETAILS_BY_AGE = 3,     /* of leaves older than so many days */
        _DETAILS_OF_MAX,
} DetailsOf;

/* What a client asks, taken apart but not judged. The guard checks every name and number again. */
typedef struct CallMessage {
        uint64_t connection;
        uint64_t serial; /* the child's, counted up from 1 a connection; comes back in the answer */
        uint8_t kind;    /* CallKind */

        /* CALL_MATCH */
        const char *operation;
        const char *gallery; /* NULL: none */
        const char *purpose;
        const char *sought;     /* NULL: not said */
        const char *probe_kind; /* NULL: not said, or no probe */
        StringList on_behalf_of;
        StringList recipients;
        const char *case_reference; /* these three: NULL when not given; at most MESSAGE_TEXT_MAX bytes */
        const char *authorisation;
        const char *operator;
        bool has_limit;
        uint64_t limit;
        bool has_floor;
        int32_t floor_millionths;
        const uint8_t *job; /* wire/job.h */
        size_t n_job;

        /* CALL_GET_RECEIPT, DETAILS_OF_REQUEST: 32 hex digits */
        const char *request;

        /* CALL_OPEN_DETAILS, CALL_COUNT_DETAILS, CALL_ERASE: and the one member that it names */
        uint8_t details_of; /* DetailsOf */
        uint64_t index;
        const char *subject;
        uint64_t days;
        const char *reason; /* CALL_OPEN_DETAILS; at most MESSAGE_TEXT_MAX bytes */

        uint8_t level; /* CALL_LOG_LEVEL: a DiagLevel, or 0: as matchguard.conf says */
} CallMessage;

typedef enum AnswerKind {
        /* replies */
        ANSWER_IDENTIFY = 0, /* also IdentifyStored */
        ANSWER_VERIFY = 1,
        ANSWER_COMPARE = 2,
        ANSWER_ENROL = 3,
        ANSWER_REMOVE = 4,
        ANSWER_LIST = 5,
        ANSWER_RECEIPT = 6,
        ANSWER_WHO_AM_I = 7,
        ANSWER_STATUS = 8, /* of GetStatus; a Reload or Rebase that worked answers with it too */
        ANSWER_CHECKPOINT = 9,
        ANSWER_DETAILS = 10,
        ANSWER_COUNT = 11, /* of CountDetails and Erase */
        /* errors of the interface */
        ANSWER_DENIED = 32,
        ANSWER_TRAIL_UNAVAILABLE = 33,
        ANSWER_WORKER_UNAVAILABLE = 34,
        ANSWER_OVERLOADED = 35,
        ANSWER_FAILED = 36,
        ANSWER_NO_SUCH_SUBJECT = 37,
        ANSWER_MODEL_MISMATCH = 38,
        ANSWER_BAD_TEMPLATE = 39,
        ANSWER_INVALID_PARAMETER = 40, /* org.varlink.service: `reason` is the parameter, in its spelling */
        ANSWER_PERMISSION_DENIED = 41, /* org.varlink.service */
        ANSWER_NO_SUCH_REQUEST = 42,   /* GetReceipt: none of that id, or not the caller's: one answer */
        ANSWER_POLICY_REJECTED = 43,   /* Reload: `reason` holds the faults, a line each */
        ANSWER_NOTHING_TO_REBASE = 44, /* Rebase */
        ANSWER_NO_DETAILS = 45,        /* OpenDetails: the leaf commits to none */
} AnswerKind;

typedef struct Candidate {
        const char *subject;
        bool has_similarity;
        double similarity;
} Candidate;

/* Where the request stands in the log. */
typedef struct ReceiptField {
        bool present;
        const char *request; /* 32 hex digits */
        const char *origin;
        uint64_t decision_index;
        bool has_outcome;
        uint64_t outcome_index;
} ReceiptField;

/* The detail that a leaf commits to, if it still is there. */
typedef struct DetailField {
        uint64_t index;   /* of the leaf */
        const char *leaf; /* its bytes */
        const char *proof;
        const uint8_t *salt; /* COMMITMENT_SALT_SIZE bytes; NULL: erased */
        const uint8_t *bytes;
        size_t n_bytes;
} DetailField;

typedef enum StatusType {
        STATUS_TEXT = 0,
        STATUS_NUMBER = 1,
        STATUS_BOOL = 2, /* in number */
        STATUS_LIST = 3, /* one more string under this key; the key repeats for each */
} StatusType;

/*
 * One line of a status; keys are camelCase; "a.b" nests b in a. An empty list is a STATUS_LIST with text
 * NULL. A STATUS_TEXT has a text; what has none is left out.
 */
typedef struct StatusItem {
        const char *key;
        uint8_t type;
        const char *text;
        uint64_t number;
} StatusItem;

typedef struct AnswerMessage {
        uint64_t connection;
        uint64_t serial;
        uint8_t kind; /* AnswerKind */
        ReceiptField receipt;

        /* results */
        const char *allow;
        bool matched;
        bool has_similarity;
        double similarity;
        uint64_t searched;
        uint64_t gallery_epoch;
        uint64_t count; /* stored, removed, erased */
        size_t n_candidates;
        Candidate *candidates; /* the message's own array */
        StringList subjects;

        /* errors */
        const char *reason; /* of the error: its reason; of Failed: result; of ModelMismatch: expected */
        const char *rule;
        const char *notice;
        StringList missing;

        /* GetReceipt: decision, its proof, outcome, its proof; GetCheckpoint: the note in texts[0] */
        const char *texts[4];

        /* OpenDetails; Erase: the leaf that records it, the last of them */
        bool has_record;
        uint64_t record;
        size_t n_details;
        DetailField *details; /* the message's own array */

        /* WhoAmI */
        const char *organisation;
        StringList classes;
        uint32_t uid;
        const char *unit;
        const char *identity;

        /* status */
        size_t n_status;
        StatusItem *status; /* the message's own array */
} AnswerMessage;

/* --------------------------------------------------------------------------------------- guard <-> worker */

/* First from the worker: who it is, and what it last accepted of the log. */
typedef struct HelloMessage {
        uint8_t session[MESSAGE_SESSION_SIZE];
        const char *version;
        const char *engine;   /* for the record and status, for example "cpu/avx2" or "opencl/gpu" */
        const char *fallback; /* what answers where that one has failed, or no gallery is searched; the same
                                 where it is the processor */
        const char *origin;   /* "": it never saw a log */
        uint64_t size;
        Digest root;
        StringList galleries; /* names of the galleries on its disk, in order, each once */
} HelloMessage;

/* How a gallery is: of each behind HELLO, and before the RESULT of a job that may have changed one. For the status;
 * nothing is decided by it. */
typedef struct GalleryMessage {
        const char *name;
        bool damaged; /* it answers nothing; the counts are 0 */
        uint64_t epoch;
        uint64_t n_templates;
} GalleryMessage;

/* What the worker computes on: behind HELLO, and whenever it changes; of a failure before the RESULT of the search that
 * met it. For the status; nothing is decided by it. */
typedef struct EngineMessage {
        const char *engine;     /* that answers now: HELLO's engine or fallback */
        const char *device;     /* its name, printable ASCII; "": there is none */
        uint64_t device_memory; /* bytes that templates may take on it */
        uint64_t device_used;
        const char *failure; /* what it failed with; "": it works */
} EngineMessage;

/* Precedes the jobs under it. */
typedef struct CheckpointMessage {
        const char *note;  /* the signed note, text */
        uint64_t old_size; /* what the consistency proof starts from: the size the worker last accepted */
        size_t n_proof;
        Digest proof[MESSAGE_PROOF_MAX];
} CheckpointMessage;

typedef struct JobMessage {
        uint64_t index;     /* of the leaf */
        uint64_t tree_size; /* of the checkpoint that the path leads to: the last CHECKPOINT's */
        size_t n_path;
        Digest path[MESSAGE_PROOF_MAX];
        uint64_t deadline_usec; /* how long from now its answer is of use to anybody */
        const uint8_t *salt;    /* COMMITMENT_SALT_SIZE bytes */
        const uint8_t *leaf;    /* 1 to LEAF_MAX bytes */
        size_t n_leaf;
        const uint8_t *job;
        size_t n_job;
} JobMessage;

typedef struct CancelMessage {
        uint64_t index;
} CancelMessage;

/* What `why` says of bad-template: one of these, as it reaches the caller. */
#define RESULT_WHY_NOT_FINITE     "not finite, or all zero"
#define RESULT_WHY_DIMENSIONS_FMT "%zu dimensions instead of %u"

/* One for each JOB, also for one that was refused or cancelled ("caller-gone"). */
typedef struct ResultMessage {
        uint64_t index;
        const char *result; /* a word of matchguard-trail(7)'s outcome.result */
        const char *why;    /* for the operator, or ""; of model-mismatch, for the caller: expected */
        bool matched;
        bool has_similarity; /* only where the leaf's release is "scores" */
        double similarity;
        uint64_t searched;
        uint64_t gallery_epoch;
        uint64_t count; /* templates stored or removed */
        uint64_t microseconds;
        const char *engine; /* that searched a gallery and found this; for anything else HELLO's fallback */
        size_t n_candidates;
        Candidate *candidates; /* best first; similarity for "scores" only; none for "decision" */
        StringList subjects;   /* of `list` */
} ResultMessage;

/* ---------------------------------------------------------------------------------------------- to all of them */

/* From now on: which of its diagnostics a process writes. Each begins with DIAG_INFO. */
typedef struct LogLevelMessage {
        uint8_t level; /* DiagLevel */
} LogLevelMessage;

/* ---------------------------------------------------------------------------------------------- the codec */

void spawn_encode(const SpawnMessage *message, Buffer *buffer);
void child_gone_encode(const ChildGoneMessage *message, Buffer *buffer);
void connection_encode(const ConnectionMessage *message, Buffer *buffer);
void credit_encode(const CreditMessage *message, Buffer *buffer);
void refused_encode(const RefusedMessage *message, Buffer *buffer);
void call_encode(const CallMessage *message, Buffer *buffer);
void answer_encode(const AnswerMessage *message, Buffer *buffer);
void hello_encode(const HelloMessage *message, Buffer *buffer);
void gallery_encode(const GalleryMessage *message, Buffer *buffer);
void engine_message_encode(const EngineMessage *message, Buffer *buffer);
void checkpoint_encode(const CheckpointMessage *message, Buffer *buffer);
void job_message_encode(const JobMessage *message, Buffer *buffer);
void cancel_encode(const CancelMessage *message, Buffer *buffer);
void result_encode(const ResultMessage *message, Buffer *buffer);
void log_level_encode(const LogLevelMessage *message, Buffer *buffer);

/*
 * Decoders: whether the body was exactly such a message within its limits. On false the message is untouched.
 * Those that give arrays (CALL, ANSWER, HELLO, RESULT) are to be followed by their _deinit, which takes the
 * message all zero too.
 */
bool spawn_decode(const void *body, size_t n, SpawnMessage *ret_message);
bool child_gone_decode(const void *body, size_t n, ChildGoneMessage *ret_message);
bool connection_decode(const void *body, size_t n, ConnectionMessage *ret_message);
bool credit_decode(const void *body, size_t n, CreditMessage *ret_message);
bool refused_decode(const void *body, size_t n, RefusedMessage *ret_message);
bool call_decode(const void *body, size_t n, CallMessage *ret_message);
bool answer_decode(const void *body, size_t n, AnswerMessage *ret_message);
bool hello_decode(const void *body, size_t n, HelloMessage *ret_message);
bool gallery_decode(const void *body, size_t n, GalleryMessage *ret_message);
bool engine_message_decode(const void *body, size_t n, EngineMessage *ret_message);
bool checkpoint_decode(const void *body, size_t n, CheckpointMessage *ret_message);
bool job_message_decode(const void *body, size_t n, JobMessage *ret_message);
bool cancel_decode(const void *body, size_t n, CancelMessage *ret_message);
bool result_decode(const void *body, size_t n, ResultMessage *ret_message);
bool log_level_decode(const void *body, size_t n, LogLevelMessage *ret_message);

void call_deinit(CallMessage *message);
void answer_deinit(AnswerMessage *message);
void hello_deinit(HelloMessage *message);
void result_deinit(ResultMessage *message);
