/*
 * matchguard-worker: opens what it needs, confines itself, then serves the guard until it goes.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/fd.h"
#include "base/macro.h"
#include "base/manager.h"
#include "worker/benchmark.h"
#include "worker/confine.h"
#include "worker/device-list.h"
#include "worker/device.h"
#include "worker/duel.h"
#include "worker/handlers.h"
#include "worker/options.h"
#include "worker/worker.h"

/* Both are errors of who has set it up; the unit and gpu.conf know them. */
enum {
        EXIT_USAGE = 2,      /* an option, or a variable that says one */
        EXIT_NO_ENGINE = 10, /* the engine that it asks for by name is not there, or does not work */
};

static int fail(int r, const char *what)
{
        if (r < 0)
                diag(DIAG_ERROR, "%s: %s.", what, strerror(-r));
        else
                diag(DIAG_ERROR, "%s.", what);
        return EXIT_FAILURE;
}

static int read_vkey(const Options *options, NoteVerifier *ret_verifier)
{
        _cleanup_(buffer_deinit) Buffer path = BUFFER_INIT;
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;
        const char *credentials = getenv("CREDENTIALS_DIRECTORY");

        if (!options->vkey && !credentials)
                return -ENOENT;
        if (options->vkey)
                buffer_append_text(&path, options->vkey);
        else
                buffer_append_format(&path, "%s/log.vkey", credentials);
        if (path.failed)
                return -ENOMEM;
        int r = fd_read_file(AT_FDCWD, buffer_text(&path), NOTE_MAX, &text);
        return r < 0 ? r : note_verifier_parse(buffer_text(&text), ret_verifier);
}

static int connect_guard(const char *path)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};

        if (strlen(path) >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        strcpy(address.sun_path, path);
        _cleanup_(fd_closep) int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
                return -errno;
        return TAKE_FD(fd);
}

static int forget_log(const Galleries *galleries)
{
        int r = seen_forget(galleries->dir_fd);
        if (r < 0)
                return fail(r, "Cannot forget the log");
        diag(DIAG_NOTICE, "The log that was seen is forgotten; the next one shown is believed.");
        return EXIT_SUCCESS;
}

static void name_damaged(const Galleries *galleries)
{
        for (size_t i = 0; i < galleries->n; i++)
                if (gallery_is_damaged(galleries->items[i]))
                        diag(DIAG_ERROR,
                             "Gallery %1$s is damaged, and answers nothing: %1$s.gallery or %1$s.originals "
                             "is missing, or not as it was written. OPERATIONS.md says what to do.",
                             gallery_name(galleries->items[i]));
}

/* Everything that it opens before it is confined. Return: EXIT_SUCCESS, or it was said what went wrong. */
static int open_all(const Options *options, Galleries *galleries, WorkerContext *context)
{
        int r = manager_connect(&context->manager_fd);
        if (r < 0)
                return fail(r, "Cannot reach the service manager ($NOTIFY_SOCKET)");
        r = read_vkey(options, &context->verifier);
        if (r != 0)
                return fail(r,
                            r < 0 ? "Cannot read the log's public key, from --vkey or the credential log.vkey"
                                  : "What --vkey or the credential log.vkey holds is no public key");
        r = seen_load(galleries->dir_fd, &context->seen);
        if (r != 0)
                return fail(r, "What was seen of the log cannot be read; --forget-log begins anew");
        r = galleries_load(galleries);
        if (r < 0)
                return fail(r, "Cannot read the galleries");
        name_damaged(galleries);
        context->fd = connect_guard(options->connect);
        return context->fd < 0 ? fail(context->fd, "Cannot reach the guard (--connect)") : EXIT_SUCCESS;
}

static int fail_engine(int r, const DeviceWhy *why)
{
        switch (r) {
        case ENGINE_E_DEVICE:
                diag(DIAG_ERROR,
                     "There is no engine as --engine= or $MATCHGUARD_ENGINE asks for: %s. `matchguard-worker "
                     "--list-devices` says what there is and what is missing; the unit needs the drop-in "
                     "gpu.conf, see "
                     "OPERATIONS.md; MATCHGUARD_ENGINE=auto searches with the processor where there is no "
                     "GPU.",
                     why->text);
                return EXIT_NO_ENGINE;
        case ENGINE_E_UNKNOWN:
                diag(DIAG_ERROR, "This processor does not have what --isa= names.");
                return EXIT_USAGE;
        default:
                return fail(r, "Cannot start the engine");
        }
}

/* Folders first, while there is one thread; then the engine, whose driver opens files, compiles and starts threads; then the calls, which binds those as
 * well. Return: EXIT_SUCCESS, or it was said what went wrong. */
static int confine_around(const ConfineWish *wish, EngineOptions options, Engine **ret_engine)
{
        SandboxRemarks remarks;
        Handlers handlers;
        DeviceWhy why = {};

        int r = confine_folders(wish, &remarks);
        if (r < 0)
                return fail(r, "Cannot confine this process");
        handlers_keep(&handlers);
        options.ret_why = &why;
        r = engine_new(&options, ret_engine);
        if (r != 0)
                return fail_engine(r, &why);
        handlers_restore(&handlers);
        r = confine_calls(wish, &remarks);
        if (r < 0)
                return fail(r, "Cannot confine this process");
        sandbox_remarks_tell(&remarks);
        return EXIT_SUCCESS;
}

/* Under the same folders as a worker: what it finds here a worker finds. */
static int list_devices(const Options *options, const Premises *premises)
{
        SandboxRemarks remarks;

        premises_make_cache(premises);
        int r = confine_folders(&(ConfineWish){.premises = premises}, &remarks);
        if (r < 0)
                return fail(r, "Cannot confine this process");
        r = device_list_print(premises->modules, options->json);
        return r < 0 ? fail(r, "Cannot print the devices") : EXIT_SUCCESS;
}

/* Whoever says something of a device, of which nothing comes. */
static void warn_of_device(const EngineOptions *engine, const Premises *premises)
{
        if (strcmp(engine->engine, "cpu") == 0 && (engine->device || engine->device_memory > 0))
                diag(DIAG_WARNING,
                     "Searching with the processor, as --engine=cpu or $MATCHGUARD_ENGINE asks for: what "
                     "--device= and --device-memory=, or $MATCHGUARD_DEVICE and "
                     "$MATCHGUARD_DEVICE_MEMORY, say of a device is not used.");
        if (strcmp(engine->engine, "auto") == 0 && engine->device)
                diag(DIAG_WARNING,
                     "Searching with the processor, not with the GPU '%s': /dev has no GPU, or %s no driver. "
                     "In the unit, the drop-in gpu.conf opens devices.",
                     engine->device, premises->modules);
}

/* Whether a driver is to be loaded, and what it then needs; where "auto" can hope for none, it is the processor. */
static void choose_engine(Options *options, const Premises *premises, ConfineWish *ret_wish)
{
        EngineOptions *engine = &options->engine;

        *ret_wish = (ConfineWish){.log = options->log_seccomp};
        engine->modules = premises->modules;
        if (premises_want_driver(premises, engine->engine)) {
                premises_make_cache(premises);
                ret_wish->premises = premises;
                ret_wish->executes = strcmp(engine->engine, "opencl") == 0;
                return;
        }
        warn_of_device(engine, premises);
        engine->engine = "cpu";
}

/* Before any thread is made, which inherits the mask: the loop alone takes these. */
static void block_signals(void)
{
        sigset_t set;

        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGINT);
        (void)sigprocmask(SIG_BLOCK, &set, NULL); /* Fails for arguments that make no sense only. */
}

static int serve(const Options *options, ConfineWish wish, Galleries *galleries)
{
        WorkerContext context = {.fd = -1, .galleries = galleries};

        block_signals();
        int r = open_all(options, galleries, &context);
        if (r != EXIT_SUCCESS)
                return r;
        wish.galleries = options->galleries;
        r = confine_around(&wish, options->engine, &context.engine);
        if (r != EXIT_SUCCESS) {
                fd_close(context.fd);
                return r;
        }
        r = worker_serve(&context);
        engine_free(context.engine);
        return r < 0 ? fail(r, "Ending") : EXIT_SUCCESS;
}

static int fail_benchmark(int r)
{
        switch (r) {
        case ENGINE_E_UNKNOWN:
                return fail(r, "This processor does not have what --isa= names");
        case BENCHMARK_E_ENGINE:
                return fail(r, "A gallery that was made just now is damaged: test this machine's memory");
        case DUEL_E_FELL_BACK:
                return fail(r, "The device has failed, so that its speed is not known");
        case DUEL_E_DIFFER:
                return fail(r, "The device gave other answers than the processor: do not use it");
        default:
                return fail(r, "The benchmark ended early");
        }
}

/* As confined as what serves, and with no folder of galleries. */
static int benchmark(const Options *options, const ConfineWish *wish)
{
        Engine *engine = NULL;
        Machine machine;

        machine_read(&machine);
        int r = confine_around(wish, options->engine, &engine);
        if (r != EXIT_SUCCESS)
                return r;
        r = benchmark_run(&options->benchmark_options, &options->engine, &machine, engine);
        engine_free(engine);
        return r == 0 ? EXIT_SUCCESS : fail_benchmark(r);
}

int main(int argc, char **argv)
{
        _cleanup_(galleries_deinit) Galleries galleries = GALLERIES_INIT;
        _cleanup_(premises_deinit) Premises premises = PREMISES_INIT;
        ConfineWish wish;
        Options options;

        diag_init("matchguard-worker", DIAG_INFO);
        int r = options_parse(argc, argv, &options);
        if (r != 0)
                return r == OPTIONS_E_DONE ? EXIT_SUCCESS : EXIT_USAGE;
        r = confine_early();
        if (r < 0 || sodium_init() < 0)
                return fail(r, "Cannot confine this process");
        r = premises_init("/dev", &premises);
        if (r < 0)
                return fail(r, "Cannot see what there is for engines");
        if (options.list_devices)
                return list_devices(&options, &premises);
        choose_engine(&options, &premises, &wish);
        if (options.benchmark)
                return benchmark(&options, &wish);
        r = galleries_claim(&galleries, options.galleries);
        if (r != 0)
                return fail(r, r < 0 ? "Cannot open the folder of galleries"
                                     : "Another worker has the galleries");
        return options.forget_log ? forget_log(&galleries) : serve(&options, wish, &galleries);
}
