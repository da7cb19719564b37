/*
 * Feedback on disk: one JSON object a line, only ever appended. A line is written whole or not at
 * all, and what was acknowledged has reached the disk (fdatasync), one sync for all lines that came
 * together. Used by the control thread.
 */
#ifndef ALF_SERVE_FEEDBACK_H
#define ALF_SERVE_FEEDBACK_H

#include "base/error.h"

typedef struct feedback {
    int fd; /* -1: closed */
    uint64_t size;
} feedback;

/* Opens or makes the file (mode 0600); a torn last line, from a crash, is ended. */
alf_status feedback_open(feedback *f, const char *path, alf_error *err);
void feedback_close(feedback *f);

/* Appends a line, which ends in a newline. ALF_E_LIMIT: the file would be larger than most. */
alf_status feedback_append(feedback *f, alf_span line, uint64_t most, alf_error *err);
/* After this what was appended survives a crash of the machine. */
alf_status feedback_sync(feedback *f, alf_error *err);

#endif
