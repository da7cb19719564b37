/* Bearer tokens. */
#include "serve/auth.h"

#include "base/buf.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/span.h"
#include "codec/http.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_FILE = 1 << 16 };

/* b64token of RFC 6750, 2.1 */
static bool is_token_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c != '\0' && strchr("-._~+/=", c) != NULL);
}

static bool is_separator(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ',';
}

static alf_status add_token(auth_tokens *tokens, alf_span token, unsigned line, alf_error *err)
{
    for (size_t i = 0; i < token.size; i++)
        if (!is_token_char(token.data[i]))
            return error_set(err, ALF_E_CONFIG,
                             "line %u: the token holds a character other than letters, digits and "
                             "-._~+/=",
                             line);
    if (token.size < AUTH_LEAST_TOKEN || token.size > AUTH_LONGEST_TOKEN)
        return error_set(err, ALF_E_CONFIG,
                         "line %u: the token has %zu characters, expected %d to %d; for example "
                         "the output of: openssl rand -hex 32",
                         line, token.size, (int)AUTH_LEAST_TOKEN, (int)AUTH_LONGEST_TOKEN);
    if (tokens->count == AUTH_MAX_TOKENS)
        return error_set(err, ALF_E_CONFIG, "line %u: more than %d tokens", line,
                         (int)AUTH_MAX_TOKENS);
    TRY(crypto_sha256(token.data, token.size, tokens->digest[tokens->count], err));
    tokens->count++;
    return ALF_OK;
}

static alf_status add_all(auth_tokens *tokens, alf_span text, alf_error *err)
{
    unsigned line = 1;
    for (size_t i = 0; i < text.size;) {
        if (text.data[i] == '#') {
            while (i < text.size && text.data[i] != '\n')
                i++;
            continue;
        }
        if (is_separator(text.data[i])) {
            line += text.data[i++] == '\n';
            continue;
        }
        size_t start = i;
        while (i < text.size && !is_separator(text.data[i]))
            i++;
        TRY(add_token(tokens, span_of(text.data + start, i - start), line, err));
    }
    return ALF_OK;
}

alf_status auth_add(auth_tokens *tokens, alf_span text, const char *name, alf_error *err)
{
    size_t before = tokens->count;
    alf_status status = add_all(tokens, text, err);
    if (status == ALF_OK && tokens->count == before)
        status = error_set(err, ALF_E_CONFIG, "holds no token; remove the setting to ask for none");
    if (status != ALF_OK)
        error_file(err, name);
    return status;
}

alf_status auth_load(auth_tokens *tokens, const char *file, const char *variable, alf_error *err)
{
    *tokens = (auth_tokens){.count = 0};
    if (file[0] != '\0') {
        buf text;
        TRY(crypto_need(err));
        buf_init(&text);
        alf_status status = file_read(file, MAX_FILE, &text, err);
        if (status == ALF_OK)
            status = auth_add(tokens, buf_span(&text), file, err);
        if (text.data != NULL)
            OPENSSL_cleanse(text.data, text.capacity);
        buf_fini(&text);
        TRY(status);
    }
    const char *found = getenv(variable);
    if (found == NULL || found[0] == '\0')
        return ALF_OK;
    return auth_add(tokens, span_from_string(found), variable, err);
}

bool auth_accepts(const auth_tokens *tokens, alf_span header)
{
    const size_t prefix = sizeof "Bearer " - 1;
    if (header.size <= prefix || !http_same(span_of(header.data, prefix), "Bearer "))
        return false;
    alf_span token = span_of(header.data + prefix, header.size - prefix);
    if (token.size > AUTH_LONGEST_TOKEN)
        return false;
    unsigned char shown[AUTH_DIGEST];
    if (crypto_sha256(token.data, token.size, shown, NULL) != ALF_OK)
        return false;
    int found = 0;
    for (size_t i = 0; i < tokens->count; i++)
        found |= CRYPTO_memcmp(shown, tokens->digest[i], AUTH_DIGEST) == 0;
    return found != 0;
}
