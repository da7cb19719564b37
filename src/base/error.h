/*
 * Errors: every fallible function returns alf_status and fills an optional alf_error.
 * A message says what was found, what was expected and what to do.
 */
#ifndef ALF_BASE_ERROR_H
#define ALF_BASE_ERROR_H

#include "ai_log_filter.h"

/*
 * Fill *err (NULL allowed) and give the status. offset: ALF_NO_OFFSET when there is none. Macros,
 * so that a compiler sees that the constant it is given is not ALF_OK and follows the values behind
 * TRY.
 */
#define error_set(err, status, ...)                                                                \
    (error_fill(err, status, ALF_NO_OFFSET, __VA_ARGS__), error_same(status))
#define error_at(err, status, offset, ...)                                                         \
    (error_fill(err, status, offset, __VA_ARGS__), error_same(status))

static inline alf_status error_same(alf_status status)
{
    return status;
}

void error_fill(alf_error *err, alf_status status, uint64_t offset, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Names the file / node of an error already set; keeps a name already there. NULL err allowed. */
void error_file(alf_error *err, const char *file);
void error_node(alf_error *err, alf_span node);

/* "out of memory", naming what was wanted. */
#define error_nomem(err, what) error_set(err, ALF_E_NOMEM, "out of memory for %s", (what))

/* One line for people: "FILE: byte OFFSET: node NODE: MESSAGE". Returns buffer. */
const char *error_text(const alf_error *err, char *buffer, size_t size);

/* Evaluates an alf_status expression and returns it from this function when it is not ALF_OK. */
#define TRY(expr)                                                                                  \
    do {                                                                                           \
        alf_status try_status_ = (expr);                                                           \
        if (try_status_ != ALF_OK)                                                                 \
            return try_status_;                                                                    \
    } while (0)

/* The same for functions that must clean up: sets `status` and jumps to `out`. */
#define TRY_OUT(expr)                                                                              \
    do {                                                                                           \
        status = (expr);                                                                           \
        if (status != ALF_OK)                                                                      \
            goto out;                                                                              \
    } while (0)

#endif
