/*
 * make-export: grows a log step by step, for those who compare it with another implementation.
 *
 * Usage: make-export STATE_DIR        sizes on standard input, one a line, none smaller than the one before
 *
 * For each size: appends leaves up to it and prints the signed checkpoint. A size with an `x` behind it also
 * closes and opens the log, so that STATE_DIR/export holds exactly that checkpoint when its note is printed;
 * an `a` first archives a small policy. Leaf i is {"index":i,"kind":"beat","text":"<i times x, at most
 * 40>","v":1}.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-event.h>

#include "base/diag.h"
#include "trail/trail.h"

typedef struct Maker {
        TrailConfig config;
        Trail *trail;
        sd_event *event;
        uint64_t next;
        uint64_t committed;
} Maker;

static int maker_committed(const TrailCommit *commit, TrailEntry *first, void *userdata)
{
        Maker *maker = userdata;
        maker->committed = commit->head.size;
        return 0;
}

static int maker_failed(TrailEntry *first, uint64_t size, const TrailState *state, const TrailFault *fault,
                        void *userdata)
{
        diag(DIAG_ERROR, "%s", fault->advice);
        exit(1);
}

static void maker_open(Maker *maker)
{
        static const TrailHandlers handlers = {maker_committed, maker_failed};
        TrailFound found = {};
        char *why = NULL;

        int r = trail_open(&maker->trail, &maker->config, &found, &why);
        if (r == 0)
                r = trail_start(maker->trail, maker->event, &handlers, maker);
        if (r != 0) {
                diag(DIAG_ERROR, "cannot open: %s", why ? why : strerror(-r));
                exit(1);
        }
        maker->next = maker->committed = found.head.size;
        trail_found_deinit(&found);
}

static void maker_append(Maker *maker)
{
        char leaf[160];
        int width = maker->next < 40 ? (int)maker->next : 40;
        TrailEntry *entry = trail_entry_new();

        if (!entry)
                exit(1);
        int n = snprintf(leaf, sizeof(leaf),
                         "{\"index\":%" PRIu64 ",\"kind\":\"beat\",\"text\":\"%.*s\",\"v\":1}", maker->next,
                         width, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
        entry->index = maker->next++;
        entry->leaf = (uint8_t *)strdup(leaf);
        entry->n_leaf = (size_t)n;
        if (!entry->leaf || trail_append(maker->trail, entry) < 0)
                exit(1);
}

static void maker_grow(Maker *maker, uint64_t size)
{
        while (maker->committed < size) {
                while (maker->next < size && maker->next - maker->committed < TRAIL_PENDING_MAX)
                        maker_append(maker);
                if (sd_event_run(maker->event, UINT64_MAX) < 0)
                        exit(1);
        }
}

static void maker_archive(Maker *maker)
{
        static const TrailPolicyText texts[] = {
                {"10-all.class", (const uint8_t *)"[Class]\n", 8},
                {"10-all.class.d/20-more.conf", (const uint8_t *)"Description=x\n", 14},
                {".ids", (const uint8_t *)"user root 0\n", 12},
        };
        DigestStream *stream = digest_stream_new();
        Digest digest;

        for (size_t i = 0; i < 3; i++) {
                char length[24];
                int n = snprintf(length, sizeof(length), "%zu", texts[i].n);
                digest_stream_add(stream, texts[i].path, strlen(texts[i].path) + 1);
                digest_stream_add(stream, length, (size_t)n + 1);
                digest_stream_add(stream, texts[i].bytes, texts[i].n);
        }
        digest_stream_finish(stream, &digest);
        digest_stream_free(stream);
        if (trail_archive_policy(maker->trail, &digest, texts, 3) < 0)
                exit(1);
}

int main(int argc, char **argv)
{
        char line[64];

        if (argc != 2)
                return 2;
        Maker maker = {.config = {.state_dir = argv[1], .origin = "example.org/made"}};
        if (sd_event_new(&maker.event) < 0)
                return 1;
        maker_open(&maker);
        while (fgets(line, sizeof(line), stdin)) {
                maker_grow(&maker, strtoull(line, NULL, 10));
                if (strchr(line, 'a'))
                        maker_archive(&maker);
                if (strchr(line, 'x')) {
                        maker.trail = trail_free(maker.trail);
                        maker_open(&maker);
                }
                (void)printf("%s\n", trail_note(maker.trail));
                (void)fflush(stdout);
        }
        trail_free(maker.trail);
        sd_event_unref(maker.event);
        return 0;
}
