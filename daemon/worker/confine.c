/*
 * Confinement of the worker, on one screen.
 */

#include "worker/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <systemd/sd-id128.h>

#include "base/macro.h"

#define CONFINE_NAMESPACES                                                                                   \
        (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |        \
         CLONE_NEWNET)
#define CONFINE_IOCTL_TYPE (0xffU << 8) /* of a request: whose it is */

/* It opens galleries, which Landlock knows, and speaks to the guard, to whom it is connected already. */
static const SandboxGroup confine_list[] = {
        {"galleries: found, opened, read, written",
         {SANDBOX_CALL(openat), SANDBOX_CALL(newfstatat), SANDBOX_CALL(pread64), SANDBOX_CALL(pwrite64),
          SANDBOX_CALL(ftruncate), SANDBOX_CALL(fallocate), SANDBOX_CALL(fchmod)}},
        {"made durable, and put in the place of older ones",
         {SANDBOX_CALL(fdatasync), SANDBOX_CALL(fsync), SANDBOX_CALL(renameat), SANDBOX_CALL(renameat2),
          SANDBOX_CALL(unlinkat)}},
        {"a page of a gallery that cannot be had: zeros are mapped over it, and its reader goes on",
         {SANDBOX_CALL(rt_sigreturn)}},
        {"the threads that search, and those that run jobs",
         {SANDBOX_CALL_BITS(clone, 0, CLONE_VM | CLONE_THREAD | CONFINE_NAMESPACES, CLONE_VM | CLONE_THREAD),
          SANDBOX_CALL(set_robust_list), SANDBOX_CALL(rseq), SANDBOX_CALL(sched_getaffinity),
          SANDBOX_CALL_IF(prctl, 0, PR_SET_NAME), SANDBOX_CALL(eventfd2)}},
        {},
};

/* What a driver does once its device is open and each kernel has run: these, and what is above. PoCL's, which computes on the processor, makes none of them; AMD's and
 * Intel's were not tried. Nor was NVIDIA's: its calls are from traces that others have published (cuda-checkpoint issue 10, libva issue 575) and from the part of it
 * that is open (nvidia-modprobe-utils.c). For memory that it maps it opens a node again each time. */
static const SandboxGroup confine_driver_list[] = {
        {"work for a device, and its memory: requests of NVIDIA (F, and 0 of its shared memory), of DRM (d) "
         "and of AMD (K); none of terminals (T)",
         {SANDBOX_CALL_BITS(ioctl, 1, CONFINE_IOCTL_TYPE, 'F' << 8),
          SANDBOX_CALL_BITS(ioctl, 1, CONFINE_IOCTL_TYPE, 0),
          SANDBOX_CALL_BITS(ioctl, 1, CONFINE_IOCTL_TYPE, 'd' << 8),
          SANDBOX_CALL_BITS(ioctl, 1, CONFINE_IOCTL_TYPE, 'K' << 8)}},
        {"nodes of NVIDIA's, looked at before they are opened, by the call of older C libraries, and kept "
         "from children",
         {SANDBOX_CALL(stat), SANDBOX_CALL_IF(fcntl, 1, F_SETFD)}},
        {"waiting for it without sleeping", {SANDBOX_CALL(sched_yield)}},
        {},
};

/* What a driver starts with. It may read them later as well: galleries are opened by the same call. */
static const SandboxFolder confine_driver_folders[] = {
        {"/usr", SANDBOX_READ}, /* libraries, headers, what compilers have with them */
        {"/lib", SANDBOX_READ},
        {"/lib64", SANDBOX_READ},
        {"/opt", SANDBOX_READ},                  /* where makers of GPUs install theirs */
        {"/etc/ld.so.cache", SANDBOX_READ_FILE}, /* where libraries are */
        {"/etc/OpenCL", SANDBOX_READ},           /* which drivers there are */
        {"/proc", SANDBOX_READ},                 /* the processor, memory, NVIDIA's /proc/driver */
        /* NVIDIA's library, from 570 on, names its threads by TID/comm, and without that there is no device (CUDA_ERROR_OPERATING_SYSTEM; NVIDIA/OpenShell
         * issue 1486, nolabs-ai/nono pull request 673). All else in there is root's, because this process is not to be looked into (sandbox_hide()), but
         * for attr/, by which a thread can give up more of its own. */
        {"/proc/self/task", SANDBOX_REWRITE},
        {"/sys", SANDBOX_READ}, /* processors, buses and the devices on them */
};

/* PoCL has ld(1) make its kernels into libraries, before the calls are given up: afterwards nothing is executed. */
static const SandboxFolder confine_linker_folders[] = {
        {"/usr", SANDBOX_EXECUTE}, {"/lib", SANDBOX_EXECUTE}, {"/lib64", SANDBOX_EXECUTE}};

enum { /* beside the nodes: galleries, modules and the folder to write as well */
       CONFINE_FOLDERS = ARRAY_SIZE(confine_driver_folders) + ARRAY_SIZE(confine_linker_folders) + 3,
};

/* What the loop's library spreads its timers by; it keeps what it found. */
static void confine_warm_up(void)
{
        sd_id128_t id;

        if (sd_id128_get_boot(&id) < 0)
                (void)sd_id128_get_machine(&id); /* Without either timers are less spread out. */
}

int confine_early(void)
{
        umask(0077);
        /* Both come back as errors of the call, which are handled where they arise. */
        if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || signal(SIGXFSZ, SIG_IGN) == SIG_ERR)
                return -errno;
        return sandbox_shed(0);
}

typedef struct ConfineRoom {
        SandboxFolder *folders;
        size_t n;
} ConfineRoom;

static void confine_allow(ConfineRoom *room, const char *path, SandboxAccess access)
{
        if (path)
                room->folders[room->n++] = (SandboxFolder){path, access};
}

/* The folders of a driver: those above, its module, one to write, and the nodes of GPUs. */
static void confine_allow_driver(ConfineRoom *room, const ConfineWish *wish)
{
        const Premises *premises = wish->premises;

        for (size_t i = 0; i < ARRAY_SIZE(confine_driver_folders); i++)
                confine_allow(room, confine_driver_folders[i].path, confine_driver_folders[i].access);
        for (size_t i = 0; wish->executes && i < ARRAY_SIZE(confine_linker_folders); i++)
                confine_allow(room, confine_linker_folders[i].path, confine_linker_folders[i].access);
        confine_allow(room, premises->modules, SANDBOX_READ);
        confine_allow(room, premises->cache, SANDBOX_WRITE);
        for (size_t i = 0; i < premises->nodes.gl_pathc; i++)
                confine_allow(room, premises->nodes.gl_pathv[i], SANDBOX_DEVICE);
}

int confine_folders(const ConfineWish *wish, SandboxRemarks *ret_remarks)
{
        size_t n_nodes = wish->premises ? wish->premises->nodes.gl_pathc : 0;
        _cleanup_(freep) SandboxFolder *folders = calloc(CONFINE_FOLDERS + n_nodes, sizeof(SandboxFolder));
        ConfineRoom room = {.folders = folders};

        if (!folders)
                return -ENOMEM;
        confine_warm_up();
        confine_allow(&room, wish->galleries, SANDBOX_WRITE);
        if (wish->premises)
                confine_allow_driver(&room, wish);
        return sandbox_enter_folders(&(Sandbox){.folders = folders, .n_folders = room.n}, ret_remarks);
}

int confine_calls(const ConfineWish *wish, SandboxRemarks *remarks)
{
        const Sandbox sandbox = {.lists = {confine_list, wish->premises ? confine_driver_list : NULL},
                                 .log = wish->log};

        return sandbox_enter_calls(&sandbox, remarks);
}
