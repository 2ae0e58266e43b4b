/*
 * Job bytes. Pure. Frontend children write them, the guard checks their form, the worker reads them. Which
 * parts an operation's entries have is one table; that a float is finite is the worker's to say.
 */

#include "wire/job.h"

#include <string.h>

#include "base/macro.h"
#include "base/text.h"

enum { JOB_VERSION = 1, JOB_FLOAT_SIZE = 4 };

typedef enum JobPart {
        JOB_PART_NONE,
        JOB_PART_NEEDED,
        JOB_PART_OPTIONAL,
} JobPart;

/* What the entries of one operation hold: model and vector come together or not at all. */
typedef struct JobForm {
        const char *operation;
        uint32_t least, most;
        JobPart subject, template;
} JobForm;

static const JobForm job_forms[] = {
        {"identify", 1, 1, JOB_PART_NONE, JOB_PART_NEEDED},
        {"identify-stored", 1, 1, JOB_PART_NEEDED, JOB_PART_NONE},
        {"verify", 1, 1, JOB_PART_NEEDED, JOB_PART_NEEDED},
        {"compare", 2, 2, JOB_PART_NONE, JOB_PART_NEEDED},
        {"enrol", 1, JOB_ENTRIES_MAX, JOB_PART_NEEDED, JOB_PART_NEEDED},
        {"remove", 1, 1, JOB_PART_NEEDED, JOB_PART_NONE},
        {"list", 1, 1, JOB_PART_OPTIONAL, JOB_PART_NONE},
};

void job_begin(Buffer *buffer, uint32_t n_entries)
{
        put_u8(buffer, JOB_VERSION);
        put_u32(buffer, n_entries);
}

void job_put(Buffer *buffer, const JobEntry *entry)
{
        put_str(buffer, entry->subject);
        put_str(buffer, entry->model);
        put_blob(buffer, entry->vector, entry->n_vector);
}

static JobEntry job_entry(Cursor *cursor)
{
        JobEntry entry = {};

        entry.subject = cursor_str(cursor);
        entry.model = cursor_str(cursor);
        entry.vector = cursor_blob(cursor, &entry.n_vector);
        if (entry.n_vector == 0)
                entry.vector = NULL;
        return entry;
}

static const JobForm *job_form(const char *operation)
{
        for (size_t i = 0; i < ARRAY_SIZE(job_forms); i++)
                if (strcmp(job_forms[i].operation, operation) == 0)
                        return &job_forms[i];
        return NULL;
}

static bool job_subject_fits(JobPart part, const char *subject)
{
        if (*subject == 0)
                return part != JOB_PART_NEEDED;
        return part != JOB_PART_NONE && text_is_subject(subject, strlen(subject));
}

static bool job_template_fits(JobPart part, const JobEntry *entry)
{
        if (part == JOB_PART_NONE)
                return *entry->model == 0 && entry->n_vector == 0;
        return text_is_model(entry->model, strlen(entry->model)) && entry->n_vector > 0 &&
               entry->n_vector % JOB_FLOAT_SIZE == 0 && entry->n_vector / JOB_FLOAT_SIZE <= JOB_DIMENSION_MAX;
}

bool job_check(const char *operation, const void *data, size_t n)
{
        const JobForm *form = job_form(operation);
        if (!form)
                return false;

        Cursor cursor = cursor_init(data, n);
        if (cursor_u8(&cursor) != JOB_VERSION)
                return false;
        uint32_t n_entries = cursor_u32(&cursor);
        if (n_entries < form->least || n_entries > form->most)
                return false;
        for (uint32_t i = 0; i < n_entries; i++) {
                JobEntry entry = job_entry(&cursor);
                if (cursor.failed || !job_subject_fits(form->subject, entry.subject) ||
                    !job_template_fits(form->template, &entry))
                        return false;
        }
        return cursor_end(&cursor);
}

JobReader job_read(const void *data, size_t n)
{
        JobReader reader = {.cursor = cursor_init(data, n)};

        (void)cursor_u8(&reader.cursor); /* The version, which job_check() has seen. */
        reader.n_left = cursor_u32(&reader.cursor);
        return reader;
}

bool job_next(JobReader *reader, JobEntry *ret_entry)
{
        if (reader->n_left == 0)
                return false;
        JobEntry entry = job_entry(&reader->cursor);
        if (reader->cursor.failed)
                return false;
        reader->n_left--;
        *ret_entry = entry;
        return true;
}
