/*
 * What a taken-over process would try, one small function each, in a table at the end. Calls are made by number,
 * past whatever the C library would do first. Whatever succeeds here must do no harm to the machine that
 * the tests run on: values are set to what they are, modules are no modules, and what was made is unmade.
 */

#include "inside.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/io_uring.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <linux/reboot.h>
#include <linux/userfaultfd.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096L

static long answer(long r)
{
        return r < 0 ? -errno : r;
}

/* One system call by its number, noted first; arguments are as wide as registers. Return: what it gave, or -errno. */
#define CALL(name, ...) (inside_step(#name), answer(syscall(SYS_##name, ##__VA_ARGS__)))

/* What follows undoes what succeeded: whoever is killed by that was not refused. */
static void undo_begin(void)
{
        inside_step(INSIDE_UNDO);
}

static int end(long fd)
{
        if (fd < 0)
                return (int)fd;
        undo_begin();
        close((int)fd);
        return 0;
}

/* An address, or an error. */
static int mapped(long r)
{
        return r < 0 ? (int)r : 0;
}

/* ------------------------------------------------------------------------------------------------- files */

/* By whatever call the filter has left. */
static long open_file(const char *path, int flags)
{
        long fd = CALL(openat, AT_FDCWD, path, flags | O_CLOEXEC, 0600L);
#ifdef SYS_open
        if (fd == -ENOSYS)
                fd = CALL(open, path, flags | O_CLOEXEC, 0600L);
#endif
        return fd;
}

static int attack_read(const char *path)
{
        return end(open_file(path, O_RDONLY));
}

static int attack_list(const char *path)
{
        char entries[512];
        long fd = open_file(path, O_RDONLY | O_DIRECTORY);
        if (fd < 0)
                return (int)fd;
        long n = CALL(getdents64, fd, entries, sizeof(entries));
        close((int)fd);
        return (int)n;
}

static int attack_write(const char *path)
{
        return end(open_file(path, O_WRONLY));
}

static int attack_create(const char *path)
{
        long fd = open_file(path, O_WRONLY | O_CREAT | O_EXCL);
        int r = end(fd);
        if (r >= 0)
                (void)unlink(path); /* Left behind, it would be in the next one's way. */
        return r;
}

static int attack_truncate(const char *path)
{
        return (int)CALL(truncate, path, 0L);
}

static int attack_mode(const char *path)
{
        return (int)CALL(chmod, path, 0666L);
}

static int attack_rename(const char *path)
{
        char other[INSIDE_ARGUMENT_MAX + 8];
        strcat(strcpy(other, path), ".taken");
        return (int)CALL(rename, path, other);
}

/* ----------------------------------------------------------------------------------------------- network */

static int attack_on_loopback(long type, const char *port, bool listening)
{
        struct sockaddr_in to = {.sin_family = AF_INET,
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                 .sin_port = htons((uint16_t)atoi(port))};
        long fd = CALL(socket, (long)AF_INET, type | SOCK_CLOEXEC, 0L);
        if (fd < 0)
                return (int)fd;
        long r = listening ? CALL(bind, fd, &to, sizeof(to)) : CALL(connect, fd, &to, sizeof(to));
        if (r >= 0)
                r = listening ? CALL(listen, fd, 1L) : CALL(sendto, fd, "x", 1L, 0L, NULL, 0L);
        close((int)fd);
        return (int)r;
}

static int attack_connect_tcp(const char *port)
{
        return attack_on_loopback(SOCK_STREAM, port, false);
}

static int attack_send_udp(const char *port)
{
        return attack_on_loopback(SOCK_DGRAM, port, false);
}

static int attack_listen_tcp(const char *argument)
{
        return attack_on_loopback(SOCK_STREAM, "0", true);
}

/* A name that begins with @ is an abstract one. */
static socklen_t unix_address(const char *name, struct sockaddr_un *ret_address)
{
        *ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
        strncpy(ret_address->sun_path, name, sizeof(ret_address->sun_path) - 1);
        if (name[0] == '@')
                ret_address->sun_path[0] = '\0';
        return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
}

static int attack_connect_unix(const char *name)
{
        struct sockaddr_un to;
        socklen_t n = unix_address(name, &to);
        long fd = CALL(socket, (long)AF_UNIX, (long)(SOCK_STREAM | SOCK_CLOEXEC), 0L);
        if (fd < 0)
                return (int)fd;
        long r = CALL(connect, fd, &to, (long)n);
        close((int)fd);
        return (int)r;
}

static int attack_listen_unix(const char *name)
{
        struct sockaddr_un at;
        socklen_t n = unix_address(name, &at);
        long fd = CALL(socket, (long)AF_UNIX, (long)(SOCK_STREAM | SOCK_CLOEXEC), 0L);
        if (fd < 0)
                return (int)fd;
        long r = CALL(bind, fd, &at, (long)n);
        if (r >= 0)
                r = CALL(listen, fd, 1L);
        if (r >= 0) {
                undo_begin();
                (void)unlink(name); /* As above. */
        }
        close((int)fd);
        return (int)r;
}

static int attack_netlink(const char *argument)
{
        return end(CALL(socket, (long)AF_NETLINK, (long)(SOCK_RAW | SOCK_CLOEXEC), 0L));
}

static int attack_packets(const char *argument)
{
        return end(CALL(socket, (long)AF_PACKET, (long)(SOCK_RAW | SOCK_CLOEXEC), 0L));
}

/* --------------------------------------------------------------------------------------------- processes */

static char *const no_strings[] = {NULL};

static int attack_execute(const char *path)
{
        char *const arguments[] = {(char *)path, NULL};
        return (int)CALL(execve, path, arguments, no_strings);
}

/* A program that lies in no folder, so that no rule about folders holds it. */
static int attack_execute_memory(const char *argument)
{
        static const char program[] = "#!/bin/true\n";
        char *const arguments[] = {(char *)"true", NULL};

        long fd = CALL(memfd_create, "x", 0L);
        if (fd >= 0)
                (void)!write((int)fd, program, sizeof(program) - 1); /* An empty one does not run either. */
        return fd < 0 ? (int)fd : (int)CALL(execveat, fd, "", arguments, no_strings, (long)AT_EMPTY_PATH);
}

/* Without a signal at its end, which would be news to the program. */
static int attack_clone(unsigned long flags)
{
        long pid = CALL(clone, flags, 0L, 0L, 0L, 0L);
        if (pid == 0)
                (void)syscall(SYS_exit_group, 0);
        return pid < 0 ? (int)pid : 0;
}

static int attack_fork(const char *argument)
{
        return attack_clone(0);
}

static int attack_new_users(const char *argument)
{
        return attack_clone(CLONE_NEWUSER);
}

static int attack_trace(const char *pid)
{
        long r = CALL(ptrace, (long)PTRACE_SEIZE, (long)atoi(pid), 0L, 0L);
        if (r >= 0) {
                undo_begin();
                (void)syscall(SYS_ptrace, PTRACE_DETACH, atoi(pid), 0L, 0L); /* The sibling is to live on. */
        }
        return (int)r;
}

static int attack_read_memory(const char *pid)
{
        char byte;
        struct iovec here = {&byte, 1}, there = {(void *)no_strings, 1};
        long r = CALL(process_vm_readv, (long)atoi(pid), &here, 1L, &there, 1L, 0L);
        return r == -EFAULT ? 0 : (int)r; /* It may look; there is nothing at this address. */
}

/* One that does nothing by default. */
static int attack_signal(const char *pid)
{
        return (int)CALL(kill, (long)atoi(pid), (long)SIGURG);
}

static int attack_signal_thread(const char *pid)
{
        return (int)CALL(tgkill, (long)atoi(pid), (long)atoi(pid), (long)SIGURG);
}

static int attack_signal_pidfd(const char *pid)
{
        long pidfd = CALL(pidfd_open, (long)atoi(pid), 0L);
        if (pidfd < 0)
                return (int)pidfd;
        long r = CALL(pidfd_send_signal, pidfd, (long)SIGURG, NULL, 0L);
        close((int)pidfd);
        return (int)r;
}

static int attack_take_descriptor(const char *pid)
{
        long pidfd = CALL(pidfd_open, (long)atoi(pid), 0L);
        if (pidfd < 0)
                return (int)pidfd;
        long fd = CALL(pidfd_getfd, pidfd, 0L, 0L);
        close((int)pidfd);
        return end(fd);
}

static int attack_limit(const char *pid)
{
        struct rlimit limit;
        return (int)CALL(prlimit64, (long)atoi(pid), (long)RLIMIT_NOFILE, NULL, &limit);
}

static int attack_dumpable(const char *argument)
{
        return (int)CALL(prctl, (long)PR_SET_DUMPABLE, 1L, 0L, 0L, 0L);
}

/* ------------------------------------------------------------------------------------------------ memory */

static int attack_map_code(const char *argument)
{
        return mapped(CALL(mmap, NULL, PAGE, (long)(PROT_READ | PROT_WRITE | PROT_EXEC),
                           (long)(MAP_PRIVATE | MAP_ANONYMOUS), -1L, 0L));
}

static int attack_make_code(const char *argument)
{
        void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (page == MAP_FAILED)
                return -errno;
        int r = (int)CALL(mprotect, page, PAGE, (long)(PROT_READ | PROT_EXEC));
        (void)munmap(page, PAGE); /* A leak is no matter here. */
        return r;
}

/* Code that was written elsewhere: into a file in memory. */
static int attack_map_file(const char *argument)
{
        long fd = CALL(memfd_create, "x", 0L);
        if (fd < 0)
                return (int)fd;
        long r = CALL(mmap, NULL, PAGE, (long)(PROT_READ | PROT_EXEC), (long)MAP_PRIVATE, fd, 0L);
        close((int)fd);
        return mapped(r);
}

/* -------------------------------------------------------------------------------------------- the kernel */

static int attack_bpf(const char *argument)
{
        union bpf_attr map = {
                .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};
        return end(CALL(bpf, (long)BPF_MAP_CREATE, &map, sizeof(map)));
}

static int attack_perf(const char *argument)
{
        struct perf_event_attr event = {
                .type = PERF_TYPE_SOFTWARE, .size = sizeof(event), .config = PERF_COUNT_SW_CPU_CLOCK};
        return end(CALL(perf_event_open, &event, 0L, -1L, -1L, 0L));
}

static int attack_faults(const char *argument)
{
        return end(CALL(userfaultfd, (long)(O_CLOEXEC | UFFD_USER_MODE_ONLY)));
}

static int attack_ring(const char *argument)
{
        struct io_uring_params parameters = {};
        return end(CALL(io_uring_setup, 1L, &parameters));
}

static int attack_keyring(const char *argument)
{
        return (int)CALL(keyctl, (long)KEYCTL_GET_KEYRING_ID, (long)KEY_SPEC_PROCESS_KEYRING, 1L);
}

static int attack_mount(const char *path)
{
        long r = CALL(mount, "none", path, "tmpfs", 0L, NULL);
        if (r >= 0) {
                undo_begin();
                (void)umount2(path, MNT_DETACH); /* As above. */
        }
        return (int)r;
}

static int attack_enter_namespace(const char *path)
{
        long fd = open_file(path, O_RDONLY);
        if (fd < 0)
                return (int)fd;
        long r = CALL(setns, fd, 0L);
        close((int)fd);
        return (int)r;
}

static int attack_leave_network(const char *argument)
{
        return (int)CALL(unshare, (long)CLONE_NEWNET);
}

static int attack_root(const char *argument)
{
        return (int)CALL(chroot, "/");
}

static int attack_user(const char *uid)
{
        return (int)CALL(setresuid, (long)atoi(uid), (long)atoi(uid), (long)atoi(uid));
}

static int attack_capabilities(const char *argument)
{
        struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
        struct __user_cap_data_struct admin[2] = {{1U << CAP_SYS_ADMIN, 1U << CAP_SYS_ADMIN, 0}};
        return (int)CALL(capset, &header, admin);
}

static int attack_module(const char *argument)
{
        return (int)CALL(init_module, "none", 4L, "");
}

/* Ctrl-Alt-Del is init's, as it is under systemd anyway. */
static int attack_reboot(const char *argument)
{
        return (int)CALL(reboot, (long)LINUX_REBOOT_MAGIC1, (long)LINUX_REBOOT_MAGIC2,
                         (long)LINUX_REBOOT_CMD_CAD_OFF, NULL);
}

static int attack_host_name(const char *name)
{
        return (int)CALL(sethostname, name, (long)strlen(name));
}

static int attack_set_clock(const char *argument)
{
        struct timespec now;
        (void)clock_gettime(CLOCK_REALTIME, &now); /* It cannot fail. */
        return (int)CALL(clock_settime, (long)CLOCK_REALTIME, &now);
}

/* The length of a tick, as it is by default. */
static int attack_tick(const char *argument)
{
        struct timex timex = {.modes = ADJ_TICK, .tick = 10000};
        return (int)CALL(adjtimex, &timex);
}

/* Types on the terminal that the logs go to. */
static int attack_type(const char *argument)
{
        return (int)CALL(ioctl, (long)STDERR_FILENO, (long)TIOCSTI, "x");
}

/* --------------------------------------------------------------------------------- calls by other numbers */

/* getpid(2) of the 32-bit interface, past a filter that knows only the numbers of this one. */
static int attack_i386(const char *argument)
{
#ifdef __x86_64__
        long r = 20;
        inside_step("int 0x80");
        __asm__ volatile("int $0x80" : "+a"(r) : : "memory", "r8", "r9", "r10", "r11");
        return (int)r;
#else
        return -ENOSYS;
#endif
}

static int attack_x32(const char *argument)
{
        inside_step("x32 getpid");
        return (int)answer(syscall(0x40000000L | SYS_getpid));
}

/* A call that a newer C library would try first, on a kernel that does not have it yet. */
static int attack_newer(const char *argument)
{
        inside_step("600");
        return (int)answer(syscall(600L));
}

static const struct {
        const char *name;
        int (*attack)(const char *argument);
} attacks[] = {
        {"read", attack_read},
        {"list", attack_list},
        {"write", attack_write},
        {"create", attack_create},
        {"truncate", attack_truncate},
        {"mode", attack_mode},
        {"rename", attack_rename},
        {"connect-tcp", attack_connect_tcp},
        {"send-udp", attack_send_udp},
        {"listen-tcp", attack_listen_tcp},
        {"connect-unix", attack_connect_unix},
        {"listen-unix", attack_listen_unix},
        {"netlink", attack_netlink},
        {"packets", attack_packets},
        {"execute", attack_execute},
        {"execute-memory", attack_execute_memory},
        {"fork", attack_fork},
        {"new-users", attack_new_users},
        {"trace", attack_trace},
        {"read-memory", attack_read_memory},
        {"signal", attack_signal},
        {"signal-thread", attack_signal_thread},
        {"signal-pidfd", attack_signal_pidfd},
        {"take-descriptor", attack_take_descriptor},
        {"limit", attack_limit},
        {"dumpable", attack_dumpable},
        {"map-code", attack_map_code},
        {"make-code", attack_make_code},
        {"map-file", attack_map_file},
        {"bpf", attack_bpf},
        {"perf", attack_perf},
        {"faults", attack_faults},
        {"ring", attack_ring},
        {"keyring", attack_keyring},
        {"mount", attack_mount},
        {"enter-namespace", attack_enter_namespace},
        {"leave-network", attack_leave_network},
        {"root", attack_root},
        {"user", attack_user},
        {"capabilities", attack_capabilities},
        {"module", attack_module},
        {"reboot", attack_reboot},
        {"host-name", attack_host_name},
        {"set-clock", attack_set_clock},
        {"tick", attack_tick},
        {"type", attack_type},
        {"i386", attack_i386},
        {"x32", attack_x32},
        {"newer", attack_newer},
};

int inside_attack(const char *name, const char *argument)
{
        for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++)
                if (strcmp(attacks[i].name, name) == 0)
                        return attacks[i].attack(argument);
        return INT32_MIN;
}
