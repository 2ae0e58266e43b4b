/*
 * A VFS for SQLite over the default one: does everything that that one does, and has it recorded.
 *
 * What the default one does to the folder is told by its documented habits: the first sync of a write-ahead
 * log or journal that it made syncs the folder too; a removal does where SQLite asks for it; that of a
 * database that it made does not.
 */

#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "must.h"
#include "watch.h"

typedef struct DiskFile {
        sqlite3_file base;
        char path[PATH_MAX];
        bool syncs_folder; /* with its next sync */
        sqlite3_file inner[];
} DiskFile;

static sqlite3_vfs disk_vfs;
static sqlite3_vfs *disk_inner;

static DiskFile *disk_file(sqlite3_file *file)
{
        return (DiskFile *)file;
}

static Spot disk_spot(const DiskFile *file)
{
        return (Spot){AT_FDCWD, file->path};
}

static void disk_sync_folder(const char *path)
{
        char folder[PATH_MAX];

        (void)snprintf(folder, sizeof(folder), "%s", path);
        char *slash = strrchr(folder, '/');
        MUST(slash && slash != folder);
        *slash = 0;
        watch_synced((Spot){AT_FDCWD, folder});
}

static int disk_close(sqlite3_file *file)
{
        sqlite3_file *inner = disk_file(file)->inner;
        return inner->pMethods->xClose(inner);
}

static int disk_read(sqlite3_file *file, void *data, int n, sqlite3_int64 offset)
{
        sqlite3_file *inner = disk_file(file)->inner;
        return inner->pMethods->xRead(inner, data, n, offset);
}

static int disk_write(sqlite3_file *file, const void *data, int n, sqlite3_int64 offset)
{
        sqlite3_file *inner = disk_file(file)->inner;
        watch_lock();
        int rc = inner->pMethods->xWrite(inner, data, n, offset);
        if (rc == SQLITE_OK)
                watch_wrote(disk_spot(disk_file(file)), (uint64_t)offset, data, (size_t)n);
        watch_unlock();
        return rc;
}

static int disk_truncate(sqlite3_file *file, sqlite3_int64 size)
{
        sqlite3_file *inner = disk_file(file)->inner;
        watch_lock();
        int rc = inner->pMethods->xTruncate(inner, size);
        if (rc == SQLITE_OK)
                watch_resized(disk_spot(disk_file(file)), (uint64_t)size);
        watch_unlock();
        return rc;
}

static int disk_sync(sqlite3_file *file, int flags)
{
        DiskFile *disk = disk_file(file);
        watch_lock();
        int rc = disk->inner->pMethods->xSync(disk->inner, flags);
        if (rc == SQLITE_OK)
                watch_synced(disk_spot(disk));
        if (rc == SQLITE_OK && disk->syncs_folder) {
                disk_sync_folder(disk->path);
                disk->syncs_folder = false;
        }
        watch_unlock();
        return rc;
}

static int disk_size(sqlite3_file *file, sqlite3_int64 *ret_size)
{
        sqlite3_file *inner = disk_file(file)->inner;
        return inner->pMethods->xFileSize(inner, ret_size);
}

static int disk_lock(sqlite3_file *file, int level)
{
        sqlite3_file *inner = disk_file(file)->inner;
        return inner->pMethods->xLock(inner, level);
}

static int disk_unlock(sqlite3_file *file, int level)
{
        sqlite3_file *inner = disk_file(file)->inner;
        return inner->pMethods->xUnlock(inner, level);
}

static int disk_reserved(sqlite3_file *file, int *ret_reserved)
{
        sqlite3_file *inner = disk_file(file)->inner;
        return inner->pMethods->xCheckReservedLock(inner, ret_reserved);
}

static int disk_control(sqlite3_file *file, int what, void *argument)
{
        sqlite3_file *inner = disk_file(file)->inner;
        return inner->pMethods->xFileControl(inner, what, argument);
}

static int disk_sector(sqlite3_file *file)
{
        sqlite3_file *inner = disk_file(file)->inner;
        return inner->pMethods->xSectorSize(inner);
}

static int disk_traits(sqlite3_file *file)
{
        sqlite3_file *inner = disk_file(file)->inner;
        return inner->pMethods->xDeviceCharacteristics(inner);
}

/* Version 1: without shared memory, which one connection with exclusive locking never asks for. */
static const sqlite3_io_methods disk_methods = {
        .iVersion = 1,
        .xClose = disk_close,
        .xRead = disk_read,
        .xWrite = disk_write,
        .xTruncate = disk_truncate,
        .xSync = disk_sync,
        .xFileSize = disk_size,
        .xLock = disk_lock,
        .xUnlock = disk_unlock,
        .xCheckReservedLock = disk_reserved,
        .xFileControl = disk_control,
        .xSectorSize = disk_sector,
        .xDeviceCharacteristics = disk_traits,
};

static int disk_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *ret_flags)
{
        DiskFile *disk = disk_file(file);
        bool journal = flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL);

        *disk = (DiskFile){};
        (void)snprintf(disk->path, sizeof(disk->path), "%s", name ? name : "/");
        watch_lock();
        bool known = watch_knows(disk_spot(disk));
        int rc = disk_inner->xOpen(disk_inner, name, disk->inner, flags, ret_flags);
        if (rc == SQLITE_OK && (flags & SQLITE_OPEN_CREATE) && !known)
                watch_made(disk_spot(disk), false);
        disk->syncs_folder = journal && !known;
        watch_unlock();
        /* SQLite closes what has methods, also where opening failed. */
        disk->base.pMethods = disk->inner->pMethods ? &disk_methods : NULL;
        return rc;
}

static int disk_delete(sqlite3_vfs *vfs, const char *name, int sync_folder)
{
        watch_lock();
        int rc = disk_inner->xDelete(disk_inner, name, sync_folder);
        if (rc == SQLITE_OK)
                watch_removed((Spot){AT_FDCWD, name});
        if (rc == SQLITE_OK && sync_folder)
                disk_sync_folder(name);
        watch_unlock();
        return rc;
}

void disk_vfs_register(void)
{
        disk_inner = sqlite3_vfs_find(NULL);
        MUST(disk_inner);
        disk_vfs = *disk_inner;
        disk_vfs.szOsFile = (int)sizeof(DiskFile) + disk_inner->szOsFile;
        disk_vfs.zName = "disk";
        disk_vfs.xOpen = disk_open;
        disk_vfs.xDelete = disk_delete;
        MUST(sqlite3_vfs_register(&disk_vfs, 1) == SQLITE_OK);
}
