/*
 * Changing one file of a policy directory.
 *
 * Invariants
 *   1. under the file's own name stands at every instant what was there before, or what is to be there
 *   2. everything else that stands in the directory meanwhile has a name that begins with a dot, which nobody
 *      reads as policy: a crash leaves at most that
 *   3. what stood there before is kept under such a name until policy_edit_keep()
 *   4. a change is durable when the call that makes it returns
 */

#include "tools/policy-edit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"
#include "base/random.h"
#include "base/text.h"

#define MASK_TARGET "/dev/null"

enum { FILE_MODE = 0644, FOLDER_MODE = 0755, SUFFIX_BYTES = 8 };

void policy_edit_deinit(PolicyEdit *edit)
{
        free(edit->name);
        buffer_deinit(&edit->text);
        free(edit->kept);
        *edit = POLICY_EDIT_INIT;
}

/* ------------------------------------------------------------------------------------- within one folder */

/* A name beside the file's that no reader of policy looks at. NULL: no memory. */
static char *hidden_name(const PolicyEdit *edit, const char *what)
{
        uint8_t bytes[SUFFIX_BYTES];
        char suffix[2 * SUFFIX_BYTES + 1], *name = NULL;

        random_bytes(bytes, sizeof(bytes));
        text_hex(bytes, sizeof(bytes), suffix);
        return asprintf(&name, ".%s.%s.%s", edit->name, suffix, what) < 0 ? NULL : name;
}

static int write_text(int dir_fd, const char *name, const Buffer *text)
{
        _cleanup_(fd_closep) int fd =
                openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
        if (fd < 0)
                return -errno;
        int r = fd_write_all(fd, text->data, text->n);
        if (r < 0)
                return r;
        /* Whatever the umask: the service's account has to read it. */
        return fchmod(fd, FILE_MODE) < 0 || fsync(fd) < 0 ? -errno : 0;
}

/* The file's new state, under some name. */
static int write_new(const PolicyEdit *edit, int dir_fd, const char *name)
{
        if (edit->text.failed)
                return -ENOMEM;
        if (edit->text.n > 0)
                return write_text(dir_fd, name, &edit->text);
        return symlinkat(MASK_TARGET, dir_fd, name) < 0 ? -errno : 0;
}

static bool is_mask(int dir_fd, const char *name)
{
        char target[sizeof(MASK_TARGET)];
        ssize_t n = readlinkat(dir_fd, name, target, sizeof(target));

        return n == sizeof(MASK_TARGET) - 1 && memcmp(target, MASK_TARGET, (size_t)n) == 0;
}

static int sync_folder(int dir_fd)
{
        return fsync(dir_fd) < 0 ? -errno : 0;
}

/* Where nothing stands: a link fails if something has come to stand there, as no rename does. */
static int put_where_nothing_is(const PolicyEdit *edit, int dir_fd, const char *new)
{
        if (linkat(dir_fd, new, dir_fd, edit->name, 0) < 0)
                return -errno;
        (void)unlinkat(dir_fd, new, 0); /* A second name that begins with a dot does no harm. */
        return sync_folder(dir_fd);
}

/* Over what has been kept: a mask gives way to a text, and either to a mask. */
static int put_over(const PolicyEdit *edit, int dir_fd, const char *new)
{
        if (edit->text.n > 0 && !is_mask(dir_fd, edit->name))
                return -EEXIST;
        if (renameat(dir_fd, new, dir_fd, edit->name) < 0)
                return -errno;
        return sync_folder(dir_fd);
}

/* Gives what stands there a second name, `kept`. Where nothing does there is none. */
static int keep_old(PolicyEdit *edit, int dir_fd)
{
        char *kept = hidden_name(edit, "old");
        if (!kept)
                return -ENOMEM;
        if (linkat(dir_fd, edit->name, dir_fd, kept, 0) == 0) {
                edit->kept = kept;
                return 0;
        }
        free(kept);
        return errno == ENOENT ? 0 : -errno;
}

static int put_new(PolicyEdit *edit, int dir_fd)
{
        _cleanup_(freep) char *new = hidden_name(edit, "new");
        if (!new)
                return -ENOMEM;
        int r = write_new(edit, dir_fd, new);
        if (r == 0)
                r = edit->kept ? put_over(edit, dir_fd, new) : put_where_nothing_is(edit, dir_fd, new);
        if (r < 0)
                (void)unlinkat(dir_fd, new, 0); /* What failed before is what is told. */
        return r;
}

static int take_away(const PolicyEdit *edit, int dir_fd)
{
        if (!edit->kept)
                return -ENOENT;
        return unlinkat(dir_fd, edit->name, 0) < 0 ? -errno : sync_folder(dir_fd);
}

/* ------------------------------------------------------------------------------------------ over the layers */

static bool layer_has(const char *dir, const char *name, const char *suffix)
{
        _cleanup_(buffer_deinit) Buffer path = BUFFER_INIT;
        struct stat st;

        buffer_append_format(&path, "%s/%s%s", dir, name, suffix);
        return lstat(buffer_text(&path), &st) == 0;
}

/* Whether taking the file away would let another one through, or leave drop-ins without their file. */
static bool must_mask(const PolicyEdit *edit, const PolicySource *source)
{
        for (size_t i = 0; i < source->n_dirs; i++)
                if ((i > 0 && layer_has(source->dirs[i], edit->name, "")) ||
                    layer_has(source->dirs[i], edit->name, ".d"))
                        return true;
        return false;
}

static int make_folder(const char *path)
{
        if (mkdir(path, FOLDER_MODE) < 0)
                return errno == EEXIST ? 0 : -errno;
        if (chmod(path, FOLDER_MODE) < 0) /* whatever the umask */
                return -errno;
        return fd_sync_dir(AT_FDCWD, path);
}

/* With all that is missing above it. */
static int make_folders(const char *path)
{
        _cleanup_(freep) char *folder = strdup(path);
        if (!folder)
                return -ENOMEM;
        for (char *slash = strchr(folder + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = '\0';
                int r = make_folder(folder);
                if (r < 0)
                        return r;
                *slash = '/';
        }
        return make_folder(folder);
}

static int open_strongest(const PolicySource *source, bool make, int *ret_fd)
{
        int r = make ? make_folders(source->dirs[0]) : 0;
        if (r < 0)
                return r;
        int fd = open(source->dirs[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        *ret_fd = fd;
        return 0;
}

int policy_edit_try(const PolicyEdit *edit, int dir_fd)
{
        return write_new(edit, dir_fd, edit->name);
}

int policy_edit_make(PolicyEdit *edit, const PolicySource *source)
{
        _cleanup_(fd_closep) int fd = -1;
        int r = open_strongest(source, true, &fd);

        if (r == 0)
                r = keep_old(edit, fd);
        edit->masks = edit->text.n == 0 && must_mask(edit, source);
        if (r == 0)
                r = edit->text.n > 0 || edit->masks ? put_new(edit, fd) : take_away(edit, fd);
        edit->made = r == 0;
        if (r < 0 && edit->kept) {
                (void)unlinkat(fd, edit->kept, 0); /* What failed before is what is told. */
                free(edit->kept);
                edit->kept = NULL;
        }
        return r;
}

int policy_edit_undo(PolicyEdit *edit, const PolicySource *source)
{
        _cleanup_(fd_closep) int fd = -1;
        if (!edit->made)
                return 0;
        int r = open_strongest(source, false, &fd);
        if (r < 0)
                return r;
        if (edit->kept ? renameat(fd, edit->kept, fd, edit->name) < 0 : unlinkat(fd, edit->name, 0) < 0)
                return -errno;
        edit->made = false;
        return sync_folder(fd);
}

void policy_edit_keep(PolicyEdit *edit, const PolicySource *source)
{
        _cleanup_(fd_closep) int fd = -1;
        if (edit->made && edit->kept && open_strongest(source, false, &fd) == 0)
                (void)unlinkat(fd, edit->kept, 0); /* One that stays is read by nobody. */
}

const char *policy_edit_word(const PolicyEdit *edit)
{
        if (edit->text.n > 0)
                return "written";
        return edit->masks ? "masked" : "removed";
}
