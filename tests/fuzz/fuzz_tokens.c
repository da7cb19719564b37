/* fuzz: serve: token files, and Authorization headers against them. */
#include "base/span.h"
#include "serve/auth.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char known[] = "0123456789abcdef0123456789abcdef";
    auth_tokens tokens = {.count = 0};
    alf_error err;
    alf_span text = {(const char *)data, size};
    if (auth_add(&tokens, text, "tokens", &err) == ALF_OK && tokens.count == 0)
        abort();
    (void)auth_accepts(&tokens, text);
    tokens.count = 0;
    if (auth_add(&tokens, SPAN_LITERAL("0123456789abcdef0123456789abcdef"), "t", &err) != ALF_OK)
        abort();
    /* Only the token itself opens. */
    bool right = size == 7 + sizeof known - 1 && memcmp(data + 7, known, sizeof known - 1) == 0;
    if (auth_accepts(&tokens, text) && !right)
        abort();
    return 0;
}
