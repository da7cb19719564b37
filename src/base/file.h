/* Files: bounded reads, and writes that leave either the old file or the whole new one. */
#ifndef ALF_BASE_FILE_H
#define ALF_BASE_FILE_H

#include "base/buf.h"

/* Appends the whole file to out. Fails with ALF_E_NOT_FOUND, ALF_E_IO, or ALF_E_LIMIT when it is
 * larger than limit bytes. The error names the file. */
alf_status file_read(const char *path, size_t limit, buf *out, alf_error *err);

/* Writes data to path through a temporary file beside it, synced and renamed. */
alf_status file_write(const char *path, alf_span data, alf_error *err);

bool file_exists(const char *path); /* a regular file, or a link to one */
bool file_is_directory(const char *path);
alf_status file_size(const char *path, uint64_t *size, alf_error *err);
alf_status file_make_directories(const char *path, alf_error *err); /* like mkdir -p */
void file_remove_tree(const char *path); /* best effort; links are not followed */

/* "a/b" joined with one slash into out (NUL-terminated). ALF_E_LIMIT when it does not fit. */
alf_status file_join(char *out, size_t capacity, const char *folder, const char *name,
                     alf_error *err);

#endif
