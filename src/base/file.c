/* Files: bounded reads and atomic writes. */
#define _GNU_SOURCE
#include "base/file.h"

#include "base/error.h"
#include "base/span.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static alf_status io_error(alf_error *err, const char *what, const char *path)
{
    int number = errno;
    alf_status status = number == ENOENT ? ALF_E_NOT_FOUND : ALF_E_IO;
    error_set(err, status, "%s: %s", what, strerror(number));
    error_file(err, path);
    return status;
}

static alf_status too_large(const char *path, size_t limit, alf_error *err)
{
    error_set(err, ALF_E_LIMIT, "the file is larger than the limit of %zu bytes", limit);
    error_file(err, path);
    return ALF_E_LIMIT;
}

static alf_status read_all(int fd, const char *path, size_t limit, buf *out, alf_error *err)
{
    size_t start = out->size;
    for (;;) {
        enum { CHUNK = 1 << 16 };
        if (out->size == out->capacity && buf_reserve(out, CHUNK) == NULL)
            return error_nomem(err, path);
        ssize_t n = read(fd, out->data + out->size, out->capacity - out->size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return io_error(err, "cannot read", path);
        if (n == 0)
            return ALF_OK;
        out->size += (size_t)n;
        if (out->size - start > limit)
            return too_large(path, limit, err);
    }
}

alf_status file_read(const char *path, size_t limit, buf *out, alf_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return io_error(err, "cannot open", path);
    struct stat info;
    alf_status status = ALF_OK;
    if (fstat(fd, &info) != 0)
        status = io_error(err, "cannot stat", path);
    else if (S_ISDIR(info.st_mode)) {
        errno = EISDIR;
        status = io_error(err, "cannot read", path);
    } else if (S_ISREG(info.st_mode) && (uint64_t)info.st_size > limit)
        status = too_large(path, limit, err);
    else if (S_ISREG(info.st_mode) && buf_reserve(out, (size_t)info.st_size + 1) == NULL)
        status = error_nomem(err, path);
    else
        status = read_all(fd, path, limit, out, err);
    close(fd);
    return status;
}

static alf_status write_all(int fd, const char *path, alf_span data, alf_error *err)
{
    while (data.size > 0) {
        ssize_t n = write(fd, data.data, data.size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return io_error(err, "cannot write", path);
        data.data += n;
        data.size -= (size_t)n;
    }
    if (fsync(fd) != 0 && errno != EINVAL && errno != EROFS)
        return io_error(err, "cannot sync", path);
    return ALF_OK;
}

alf_status file_write(const char *path, alf_span data, alf_error *err)
{
    char temporary[PATH_MAX];
    int n = snprintf(temporary, sizeof temporary, "%s.tmp.%ld", path, (long)getpid());
    if (n < 0 || (size_t)n >= sizeof temporary)
        return error_set(err, ALF_E_LIMIT, "the path is too long: %.100s", path);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return io_error(err, "cannot create", temporary);
    alf_status status = write_all(fd, path, data, err);
    if (close(fd) != 0 && status == ALF_OK)
        status = io_error(err, "cannot close", path);
    if (status == ALF_OK && rename(temporary, path) != 0)
        status = io_error(err, "cannot rename into place", path);
    if (status != ALF_OK)
        (void)unlink(temporary);
    return status;
}

bool file_exists(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

bool file_is_directory(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

alf_status file_size(const char *path, uint64_t *size, alf_error *err)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return io_error(err, "cannot stat", path);
    *size = (uint64_t)info.st_size;
    return ALF_OK;
}

alf_status file_make_directories(const char *path, alf_error *err)
{
    char copy[PATH_MAX];
    size_t size = strlen(path);
    if (size == 0 || size >= sizeof copy)
        return error_set(err, ALF_E_LIMIT, "the path is empty or too long: %.100s", path);
    memcpy(copy, path, size + 1);
    for (char *p = copy + 1;; p++) {
        char end = *p;
        if (end != '/' && end != '\0')
            continue;
        *p = '\0';
        if (mkdir(copy, 0755) != 0 && errno != EEXIST)
            return io_error(err, "cannot create the folder", copy);
        if (end == '\0')
            break;
        *p = '/';
    }
    if (!file_is_directory(path)) {
        errno = ENOTDIR;
        return io_error(err, "cannot create the folder", path);
    }
    return ALF_OK;
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *ftw)
{
    (void)info;
    (void)type;
    (void)ftw;
    (void)remove(path);
    return 0;
}

void file_remove_tree(const char *path)
{
    (void)nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

alf_status file_join(char *out, size_t capacity, const char *folder, const char *name,
                     alf_error *err)
{
    size_t size = strlen(folder);
    const char *slash = size > 0 && folder[size - 1] == '/' ? "" : "/";
    int n = snprintf(out, capacity, "%s%s%s", folder, slash, name);
    if (n < 0 || (size_t)n >= capacity)
        return error_set(err, ALF_E_LIMIT, "the path is too long: %.100s/%.100s", folder, name);
    return ALF_OK;
}
