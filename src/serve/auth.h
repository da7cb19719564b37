/*
 * Bearer tokens (RFC 6750). Only their digests are kept, and a token that is shown is compared with
 * all of them in constant time. Several tokens are valid at once, so that they can be changed
 * without a gap. Immutable once loaded.
 */
#ifndef ALF_SERVE_AUTH_H
#define ALF_SERVE_AUTH_H

#include "base/error.h"

enum { AUTH_MAX_TOKENS = 64, AUTH_DIGEST = 32, AUTH_LEAST_TOKEN = 16, AUTH_LONGEST_TOKEN = 512 };

typedef struct auth_tokens {
    size_t count; /* 0: none is asked for */
    unsigned char digest[AUTH_MAX_TOKENS][AUTH_DIGEST];
} auth_tokens;

/* Adds the tokens of text: separated by line ends, commas or blanks; '#' starts a comment up to the
 * end of the line. name: for messages, which never hold a token. */
alf_status auth_add(auth_tokens *tokens, alf_span text, const char *name, alf_error *err);

/* The tokens of a file ("" = none) and of an environment variable. A file that names none is an
 * error: it would open what it was meant to close. */
alf_status auth_load(auth_tokens *tokens, const char *file, const char *variable, alf_error *err);

/* Whether the value of an Authorization header is "Bearer TOKEN" with one of the tokens. */
bool auth_accepts(const auth_tokens *tokens, alf_span header);

#endif
