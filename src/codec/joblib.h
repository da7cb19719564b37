/*
 * joblib files and plain pickles -> values. Data only: classes are named, nothing is called.
 * Compressed files (zlib, gzip, bz2, xz, lzma, lz4 frame, the old ZF container) are recognised by
 * their first bytes. Sources: FACTS section 2 (restated in docs/formats.md), Python's pickletools.
 */
#ifndef ALF_CODEC_JOBLIB_H
#define ALF_CODEC_JOBLIB_H

#include "base/buf.h"
#include "codec/value.h"

typedef struct joblib_limits {
    size_t max_bytes;  /* of the uncompressed stream */
    size_t max_memory; /* of everything built, arrays included (they are borrowed where possible) */
    size_t max_depth;  /* of nested containers, objects and object arrays */
    size_t max_values; /* values built */
} joblib_limits;

/* 1 GiB, 1 GiB, 200, 20 million: the most that is read of any file. */
joblib_limits joblib_default_limits(void);

/* The limits for a file of that many bytes on disk: comfortable for real models of the size, while
 * a small file that expands into a large one (compression, one-byte opcodes) ends early. */
joblib_limits joblib_limits_for(size_t file_size);

typedef struct joblib_file joblib_file;

/* A sibling file of an old joblib (<= 0.9) dump, such as "model.pkl_01.npy": appends its bytes.
 * NULL where siblings cannot be read: such files are then refused with a clear error. */
typedef alf_status joblib_sibling(void *context, alf_span name, buf *out, alf_error *err);

typedef struct joblib_options {
    joblib_limits limits;
    joblib_sibling *sibling;
    void *sibling_context;
} joblib_options;

/*
 * Parses data (borrowed: it must outlive the file, arrays may point into it). options NULL:
 * joblib_limits_for its size. On success *out is owned by the caller; on failure it is NULL and err
 * holds the byte offset in the uncompressed stream. A global that is not on the allow list is
 * ALF_E_REFUSED and named.
 */
alf_status joblib_parse(alf_span data, const joblib_options *options, joblib_file **out,
                        alf_error *err);

/* Reads path, with its siblings where there are any, and parses it. */
alf_status joblib_open(const char *path, const joblib_options *options, joblib_file **out,
                       alf_error *err);

const value *joblib_root(const joblib_file *file);
void joblib_free(joblib_file *file); /* NULL allowed */

#endif
