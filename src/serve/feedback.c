/* The feedback file. */
#include "serve/feedback.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static alf_status failed(const char *what, alf_error *err)
{
    return error_set(err, ALF_E_IO, "cannot %s the feedback file: %s", what, strerror(errno));
}

static alf_status end_last_line(feedback *f, alf_error *err)
{
    char last;
    if (f->size == 0 || pread(f->fd, &last, 1, (off_t)(f->size - 1)) != 1 || last == '\n')
        return ALF_OK;
    if (write(f->fd, "\n", 1) != 1)
        return failed("write", err);
    f->size++;
    return ALF_OK;
}

alf_status feedback_open(feedback *f, const char *path, alf_error *err)
{
    struct stat info;
    f->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0600);
    alf_status status = ALF_OK;
    if (f->fd < 0 || fstat(f->fd, &info) != 0)
        status = failed("open", err);
    else if (!S_ISREG(info.st_mode))
        status = error_set(err, ALF_E_CONFIG, "the feedback file is not a regular file");
    else {
        f->size = (uint64_t)info.st_size;
        status = end_last_line(f, err);
    }
    if (status != ALF_OK) {
        error_file(err, path);
        feedback_close(f);
    }
    return status;
}

void feedback_close(feedback *f)
{
    if (f->fd >= 0)
        (void)close(f->fd);
    f->fd = -1;
}

alf_status feedback_append(feedback *f, alf_span line, uint64_t most, alf_error *err)
{
    if (f->size + line.size > most)
        return error_set(err, ALF_E_LIMIT,
                         "the feedback file is full (server.feedback_max_mb); move it away");
    size_t done = 0;
    while (done < line.size) {
        ssize_t n = write(f->fd, line.data + done, line.size - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            alf_status status = failed("write", err);
            if (done > 0 && ftruncate(f->fd, (off_t)f->size) != 0)
                f->size += done; /* half a line stays; the next open ends it */
            return status;
        }
        done += (size_t)n;
    }
    f->size += line.size;
    return ALF_OK;
}

alf_status feedback_sync(feedback *f, alf_error *err)
{
    return fdatasync(f->fd) == 0 ? ALF_OK : failed("sync", err);
}
