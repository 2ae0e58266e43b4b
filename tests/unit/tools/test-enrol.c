/* matchguard enrol as a whole against a small server: batches below the limit, and where it stands when one
 * fails. */

#include <criterion/criterion.h>
#include <ftw.h>
#include <json-c/json.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/fd.h"
#include "base/macro.h"
#include "tools/commands.h"

static char folder[64];
static pthread_t thread;
static int listen_fd;

/* What the server saw, and when it begins to refuse. */
static struct {
        unsigned n_calls;
        unsigned n_entries;
        size_t largest;
        unsigned refuse_at;  /* the number of the call that is refused; 0: none */
        const char *refusal; /* NULL: the connection ends instead */
} seen;

static const char *below(const char *name)
{
        static char paths[4][128];
        static unsigned next;
        char *path = paths[next++ % 4];
        snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
        return path;
}

static bool read_call(int fd, Buffer *call)
{
        char chunk[65536];
        buffer_clear(call);
        while (call->n == 0 || call->data[call->n - 1] != '\0') {
                ssize_t n = read(fd, chunk, sizeof(chunk));
                if (n <= 0)
                        return false;
                buffer_append(call, chunk, (size_t)n);
        }
        return true;
}

static void answer(int fd, const Buffer *call)
{
        json_object *object = json_tokener_parse((const char *)call->data), *parameters, *entries;
        cr_assert(json_object_object_get_ex(object, "parameters", &parameters));
        cr_assert(json_object_object_get_ex(parameters, "entries", &entries));
        unsigned n = (unsigned)json_object_array_length(entries);
        char reply[256];
        snprintf(reply, sizeof(reply), "{\"parameters\":{\"stored\":%u,\"galleryEpoch\":%u,\"allow\":\"a\"}}",
                 n, seen.n_calls);
        seen.n_entries += n;
        cr_assert_eq(send(fd, reply, strlen(reply) + 1, MSG_NOSIGNAL), (ssize_t)strlen(reply) + 1);
        json_object_put(object);
}

static void *serve(void *userdata)
{
        _cleanup_(buffer_deinit) Buffer call = BUFFER_INIT;
        int fd = accept(listen_fd, NULL, NULL);
        while (read_call(fd, &call)) {
                seen.n_calls++;
                seen.largest = MAX_OF(seen.largest, call.n);
                if (seen.n_calls != seen.refuse_at) {
                        answer(fd, &call);
                        continue;
                }
                if (!seen.refusal)
                        break;
                cr_assert_gt(send(fd, seen.refusal, strlen(seen.refusal) + 1, MSG_NOSIGNAL), 0);
        }
        close(fd);
        return NULL;
}

static void make_folder(void)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        strcpy(folder, "/tmp/test-enrol-XXXXXX");
        cr_assert_not_null(mkdtemp(folder));
        strcpy(address.sun_path, below("org.matchguard.Match"));
        listen_fd = socket(AF_UNIX, SOCK_STREAM, 0);
        cr_assert_eq(bind(listen_fd, (struct sockaddr *)&address, sizeof(address)), 0);
        cr_assert_eq(listen(listen_fd, 4), 0);
        cr_assert_eq(pthread_create(&thread, NULL, serve, NULL), 0);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
        return remove(path);
}

static void remove_folder(void)
{
        nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

TestSuite(enrol, .init = make_folder, .fini = remove_folder);

/* @n raw templates of 512 values, and a subject for each. */
static void write_files(unsigned n)
{
        _cleanup_(buffer_deinit) Buffer templates = BUFFER_INIT, subjects = BUFFER_INIT;
        cr_assert_not_null(buffer_extend(&templates, (size_t)n * 2048));
        memset(templates.data, 0x3f, templates.n);
        for (unsigned i = 0; i < n; i++)
                buffer_append_format(&subjects, "child-%u\n", i);
        cr_assert_eq(fd_write_file(-100, below("t"), 0600, &templates), 0);
        cr_assert_eq(fd_write_file(-100, below("s"), 0600, &subjects), 0);
}

/* Runs the command with what it says on stderr in @said. */
static int enrol(const char *more, const char *value, char said[static 2048])
{
        static const Command command = {NULL, "enrol", "", "", run_enrol};
        char *argv[] = {"enrol",
                        "--gallery",
                        "g",
                        "--model",
                        "m",
                        "--purpose",
                        "p",
                        "--dimension",
                        "512",
                        "--socket",
                        folder,
                        "--json",
                        (char *)below("t"),
                        (char *)below("s"),
                        (char *)more,
                        (char *)value,
                        NULL};
        FILE *old_out = stdout, *old_err = stderr;
        memset(said, 0, 2048);
        stdout = fopen("/dev/null", "w");
        stderr = fmemopen(said, 2047, "w");
        int status = run_enrol(&command, more ? 16 : 14, argv);
        fclose(stdout);
        fclose(stderr);
        stdout = old_out;
        stderr = old_err;
        pthread_join(thread, NULL);
        return status;
}

Test(enrol, ten_thousand_go_in_batches_below_the_limit)
{
        char said[2048];
        write_files(10000);
        cr_assert_eq(enrol(NULL, NULL, said), EXIT_DONE, "%s", said);
        cr_expect_eq(seen.n_entries, 10000);
        cr_expect_leq(seen.largest, 1024 * 1024);
        cr_expect_lt(seen.n_calls, 40);
}

Test(enrol, a_refused_batch_says_how_to_go_on)
{
        char said[2048];
        seen.refuse_at = 2;
        seen.refusal =
                "{\"error\":\"org.matchguard.Match.Failed\",\"parameters\":{\"result\":\"gallery-full\"}}";
        write_files(1000);
        cr_assert_eq(enrol(NULL, NULL, said), EXIT_REFUSED);
        char wanted[128];
        snprintf(wanted, sizeof(wanted), "Nothing from row %u on has been stored; to go on, add --from %u.",
                 seen.n_entries + 1, seen.n_entries + 1);
        cr_expect(strstr(said, wanted), "%s", said);
}

Test(enrol, a_batch_without_an_answer_is_called_uncertain)
{
        char said[2048];
        seen.refuse_at = 2;
        write_files(1000);
        cr_assert_eq(enrol(NULL, NULL, said), EXIT_UNREACHABLE);
        cr_expect(strstr(said, "may have been stored all the same"), "%s", said);
}

Test(enrol, from_begins_in_the_middle)
{
        char said[2048];
        write_files(1000);
        cr_assert_eq(enrol("--from", "901", said), EXIT_DONE, "%s", said);
        cr_expect_eq(seen.n_entries, 100);
}
