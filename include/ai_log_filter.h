/*
 * ai-log-filter: classify security logs as critical, suspicious, routine or noise.
 *
 * This is the library's only public header. Everything public starts with alf_ or ALF_.
 * All text is bytes: nothing has to be valid UTF-8 or NUL-terminated unless it says so.
 */
#ifndef AI_LOG_FILTER_H
#define AI_LOG_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this header; alf_version() tells the version of the library. */
#define ALF_VERSION "0.1.0"

/* What became of a call. Values are pinned: they never change meaning. */
typedef enum alf_status {
    ALF_OK = 0,
    ALF_E_NOMEM = 1,       /* memory could not be had */
    ALF_E_ARGUMENT = 2,    /* the caller passed something unusable */
    ALF_E_CONFIG = 3,      /* a configuration or rules file is wrong */
    ALF_E_IO = 4,          /* the system refused to read or write */
    ALF_E_NOT_FOUND = 5,   /* a file or part that is required is missing */
    ALF_E_FORMAT = 6,      /* malformed input: truncated, contradictory, out of range */
    ALF_E_LIMIT = 7,       /* well formed, but over a limit on size, count or depth */
    ALF_E_UNSUPPORTED = 8, /* well formed, but not something this program handles */
    ALF_E_REFUSED = 9,     /* forbidden on purpose, such as a pickle that wants to call code */
    ALF_E_MISMATCH = 10,   /* a proof failed: two engines disagree, a hash differs */
    ALF_E_INTERNAL = 11    /* a defect in this program */
} alf_status;

/* "no offset" in alf_error.offset */
#define ALF_NO_OFFSET UINT64_MAX

/* Details of a failure. Filled only when a call fails; unused strings are empty. */
typedef struct alf_error {
    alf_status status;
    uint64_t offset;   /* byte offset in the file, or ALF_NO_OFFSET */
    char message[512]; /* what was found, what was expected, what to do; no newline */
    char file[256];    /* the file concerned, or empty */
    char node[128];    /* the ONNX node, rule or configuration key concerned, or empty */
} alf_error;

/* Borrowed bytes. data may be NULL only when size is 0. */
typedef struct alf_span {
    const char *data;
    size_t size;
} alf_span;

/* The four categories, most urgent first. */
typedef enum alf_category {
    ALF_CRITICAL = 0,
    ALF_SUSPICIOUS = 1,
    ALF_ROUTINE = 2,
    ALF_NOISE = 3
} alf_category;

#define ALF_CATEGORIES 4

/* The name of a status ("ALF_E_FORMAT"), never NULL. Thread-safe. Since 0.1.0. */
const char *alf_status_name(alf_status status);

/* The name of a category ("critical"), never NULL. Thread-safe. Since 0.1.0. */
const char *alf_category_name(alf_category category);

#ifdef __cplusplus
}
#endif

#endif
