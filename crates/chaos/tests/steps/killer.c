/*
 * Kills the process before the nth system call that it makes on the files of a folder. It is loaded
 * with LD_PRELOAD, so it works with any program that uses the C library.
 *
 *   KILLER_FOLDER  the folder's canonical path
 *   KILLER_AT      n; 0 or unset kills nothing
 *   KILLER_LOG     a file to append one line per call to: the call's name and the path
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static const char *folder;
static long kill_at;
static int log_fd = -1;
static atomic_long count;

__attribute__((constructor)) static void begin(void)
{
    const char *at = getenv("KILLER_AT");
    const char *log = getenv("KILLER_LOG");
    if (log)
        log_fd = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    kill_at = at ? atol(at) : 0;
    folder = getenv("KILLER_FOLDER");
}

static int is_inside(const char *path)
{
    size_t length = strlen(folder);
    return strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == 0);
}

static void step(const char *call, const char *path)
{
    char line[PATH_MAX + 64];
    int length = snprintf(line, sizeof line, "%s %s\n", call, path);
    long now = atomic_fetch_add(&count, 1) + 1;
    if (log_fd >= 0)
        syscall(SYS_write, log_fd, line, (size_t)length);
    if (now == kill_at) {
        kill(getpid(), SIGKILL);
        for (;;)
            pause();
    }
}

/* Reports whether a descriptor's file is inside the folder, and stores its path. */
static int leads_inside(int fd, char *path)
{
    char link[64];
    ssize_t length;
    if (!folder || fd < 0)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    length = readlink(link, path, PATH_MAX - 1);
    if (length < 0)
        return 0;
    path[length] = 0;
    return is_inside(path);
}

static void at_fd(const char *call, int fd)
{
    char path[PATH_MAX];
    if (leads_inside(fd, path))
        step(call, path);
}

static void at_path(const char *call, int dirfd, const char *name)
{
    char path[2 * PATH_MAX];
    if (!folder || !name)
        return;
    if (name[0] == '/') {
        if (is_inside(name))
            step(call, name);
    } else if (leads_inside(dirfd, path)) {
        size_t length = strlen(path);
        snprintf(path + length, sizeof path - length, "/%s", name);
        step(call, path);
    }
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define ON_FD(name, type, parameters, arguments)            \
    type name parameters                                    \
    {                                                       \
        static __typeof__(&name) next;                      \
        if (!next)                                          \
            next = NEXT(name);                              \
        at_fd(#name, fd);                                   \
        return next arguments;                              \
    }

#define ON_PATH(name, type, parameters, arguments, dirfd, path) \
    type name parameters                                    \
    {                                                       \
        static __typeof__(&name) next;                      \
        if (!next)                                          \
            next = NEXT(name);                              \
        at_path(#name, dirfd, path);                        \
        return next arguments;                              \
    }

#define OPEN_MODE                                           \
    mode_t mode = 0;                                        \
    if (flags & (O_CREAT | O_TMPFILE)) {                    \
        va_list rest;                                       \
        va_start(rest, flags);                              \
        mode = va_arg(rest, mode_t);                        \
        va_end(rest);                                       \
    }

#define OPENING(name)                                       \
    int name(const char *path, int flags, ...)              \
    {                                                       \
        static __typeof__(&name) next;                      \
        OPEN_MODE                                           \
        if (!next)                                          \
            next = NEXT(name);                              \
        at_path(#name, AT_FDCWD, path);                     \
        return next(path, flags, mode);                     \
    }

#define OPENING_AT(name)                                    \
    int name(int fd, const char *path, int flags, ...)      \
    {                                                       \
        static __typeof__(&name) next;                      \
        OPEN_MODE                                           \
        if (!next)                                          \
            next = NEXT(name);                              \
        at_path(#name, fd, path);                           \
        return next(fd, path, flags, mode);                 \
    }

#define CONTROL(name)                                       \
    int name(int fd, int command, ...)                      \
    {                                                       \
        static __typeof__(&name) next;                      \
        va_list rest;                                       \
        void *argument;                                     \
        va_start(rest, command);                            \
        argument = va_arg(rest, void *);                    \
        va_end(rest);                                       \
        if (!next)                                          \
            next = NEXT(name);                              \
        at_fd("fcntl", fd);                                 \
        return next(fd, command, argument);                 \
    }

OPENING(open)
OPENING(open64)
OPENING_AT(openat)
OPENING_AT(openat64)
CONTROL(fcntl)
CONTROL(fcntl64)
ON_FD(close, int, (int fd), (fd))
ON_FD(write, ssize_t, (int fd, const void *data, size_t size), (fd, data, size))
ON_FD(writev, ssize_t, (int fd, const struct iovec *parts, int many), (fd, parts, many))
ON_FD(pwrite, ssize_t, (int fd, const void *data, size_t size, off_t at), (fd, data, size, at))
ON_FD(pwrite64, ssize_t, (int fd, const void *data, size_t size, off64_t at), (fd, data, size, at))
ON_FD(fsync, int, (int fd), (fd))
ON_FD(fdatasync, int, (int fd), (fd))
ON_FD(ftruncate, int, (int fd, off_t size), (fd, size))
ON_FD(ftruncate64, int, (int fd, off64_t size), (fd, size))
ON_FD(fchmod, int, (int fd, mode_t mode), (fd, mode))
ON_FD(flock, int, (int fd, int operation), (fd, operation))
ON_PATH(rename, int, (const char *from, const char *to), (from, to), AT_FDCWD, from)
ON_PATH(renameat, int, (int dir, const char *from, int to_dir, const char *to),
        (dir, from, to_dir, to), dir, from)
ON_PATH(renameat2, int, (int dir, const char *from, int to_dir, const char *to, unsigned flags),
        (dir, from, to_dir, to, flags), dir, from)
ON_PATH(link, int, (const char *from, const char *to), (from, to), AT_FDCWD, from)
ON_PATH(linkat, int, (int dir, const char *from, int to_dir, const char *to, int flags),
        (dir, from, to_dir, to, flags), dir, from)
ON_PATH(unlink, int, (const char *path), (path), AT_FDCWD, path)
ON_PATH(unlinkat, int, (int dir, const char *path, int flags), (dir, path, flags), dir, path)
ON_PATH(mkdir, int, (const char *path, mode_t mode), (path, mode), AT_FDCWD, path)
ON_PATH(mkdirat, int, (int dir, const char *path, mode_t mode), (dir, path, mode), dir, path)
