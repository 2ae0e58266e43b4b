/*
 * What the worker tells of its engine. Run by the guard's loop.
 */

#include "guard/worker-engine.h"

#include <string.h>

#include "wire/leaf.h"

static bool is_printable(const char *text, size_t max)
{
        if (strlen(text) > max)
                return false;
        for (; *text; text++)
                if (*text < 0x20 || *text > 0x7e)
                        return false;
        return true;
}

bool worker_engine_is_plain(const char *text)
{
        return *text && is_printable(text, WORKER_NAME_MAX) && !strpbrk(text, "\"\\");
}

void worker_engine_hello(WorkerEngine *engine, const HelloMessage *message)
{
        *engine = (WorkerEngine){};
        strncpy(engine->name, message->engine, WORKER_NAME_MAX);
        strncpy(engine->fallback, message->fallback, WORKER_NAME_MAX);
        strncpy(engine->answers, message->engine, WORKER_NAME_MAX);
}

const char *worker_engine_check(const WorkerEngine *engine, const EngineMessage *message)
{
        if (strcmp(message->engine, engine->name) != 0 && strcmp(message->engine, engine->fallback) != 0)
                return "an engine that its hello does not name";
        if (!is_printable(message->device, WORKER_DEVICE_MAX) ||
            !is_printable(message->failure, WORKER_FAILURE_MAX))
                return "a device, or a failure of it, that cannot be told";
        if (message->device_memory > LEAF_NUMBER_MAX || message->device_used > LEAF_NUMBER_MAX)
                return "more memory than a device has";
        return NULL;
}

bool worker_engine_take(WorkerEngine *engine, const EngineMessage *message)
{
        bool is_first = *message->failure && !engine->failed;

        strncpy(engine->answers, message->engine, WORKER_NAME_MAX);
        strncpy(engine->device, message->device, WORKER_DEVICE_MAX);
        strncpy(engine->failure, message->failure, WORKER_FAILURE_MAX);
        engine->device_memory = message->device_memory;
        engine->device_used = message->device_used;
        engine->failed |= is_first;
        return is_first;
}
