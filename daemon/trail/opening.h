#pragma once
/*
 * Opening: what happens before anything is served. Finds or begins the log, compares it with what was
 * exported, verifies its end, and brings the export up to it.
 */

#include "log/note.h"
#include "trail/committer.h"
#include "trail/export.h"
#include "trail/folder.h"
#include "trail/trail.h"

/* An opened log. All of it is the holder's. */
typedef struct Opening {
        Folders folders;
        Committer *committer;
        Export *export;
        char *origin;
        char *trail_path; /* of the folder that the database is in */
        char *export_path;
        NoteVerifier verifier;
        TreeHead head;
        TrailState state;
        Buffer note;
} Opening;

#define OPENING_INIT ((Opening){.folders = FOLDERS_INIT})

/**
 * opening_run() - Opens or begins a log; contract as trail_open().
 * @ret_opening: for opening_deinit(), whatever the ending
 */
int opening_run(Opening *ret_opening, const TrailConfig *config, TrailFound *ret_found, char **ret_why);

/**
 * opening_deinit() - Publishes what is left to be, closes everything, lets go of the lock last; safe twice.
 */
void opening_deinit(Opening *opening);
