/* fuzz: classify - the literal filter must not change an answer. Input: patterns, one a line, an
 * empty line, then the text. */
#include "classify/patterns.h"

#include "base/span.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_LINES = 4, MAX_LINE = 200 };

typedef struct lines {
    char text[MAX_LINES][MAX_LINE + 1];
    pattern_spec specs[MAX_LINES];
    size_t count;
} lines;

/* Reads the patterns; returns what follows the empty line. */
static alf_span read_lines(const char *data, size_t size, lines *out)
{
    size_t at = 0;
    out->count = 0;
    while (at < size) {
        size_t end = at;
        while (end < size && data[end] != '\n')
            end++;
        size_t n = end - at;
        if (n == 0 || out->count == MAX_LINES)
            return span_of(data + (end < size ? end + 1 : end),
                           size - (end < size ? end + 1 : end));
        if (n > MAX_LINE)
            n = MAX_LINE;
        memcpy(out->text[out->count], data + at, n);
        out->text[out->count][n] = '\0';
        out->specs[out->count] =
            (pattern_spec){span_of(out->text[out->count], n), n % 2 == 0, false};
        out->count++;
        at = end < size ? end + 1 : end;
    }
    return SPAN_LITERAL("");
}

/* The answer of one set; ALF_E_LIMIT is one too. */
static alf_status ask(lines *l, bool filtered, bool vetted, alf_span text, size_t *first)
{
    pattern_set *set = NULL;
    size_t bad;
    alf_error err;
    for (size_t i = 0; i < l->count; i++)
        l->specs[i].vetted = vetted;
    alf_status status = pattern_set_new(l->specs, l->count, filtered, &set, &bad, &err);
    if (status != ALF_OK)
        return status;
    pattern_scratch *scratch = pattern_scratch_new(set);
    status = ALF_E_NOMEM;
    if (scratch != NULL) {
        pattern_set_scan(set, scratch, text);
        status = pattern_set_first(set, scratch, 0, l->count, first, &err);
    }
    pattern_scratch_free(scratch);
    pattern_set_free(set);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lines l;
    size_t plain = 0, filtered = 0;
    if (size > 2000)
        return 0;
    alf_span text = read_lines((const char *)data, size, &l);
    if (l.count == 0)
        return 0;
    alf_status a = ask(&l, false, false, text, &plain);
    /* Where the plain set runs into a limit, the filter may have spared that pattern. The filter of
     * vetted patterns was not tried on samples, so its own rightness is what is tested. */
    for (int vetted = 0; vetted < 2 && (a == ALF_OK || a == ALF_E_LIMIT || vetted == 0); vetted++) {
        alf_status b = ask(&l, true, vetted != 0, text, &filtered);
        if (a != b && a != ALF_E_LIMIT)
            abort();
        if (a == ALF_OK && plain != filtered)
            abort();
    }
    return 0;
}
