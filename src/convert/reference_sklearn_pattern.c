/*
 * Python's re syntax -> PCRE2.
 *
 * Where the two differ: \w, \d, \s and \b (Python: str.isalnum and "_", category Nd, str.isspace,
 * also beyond ASCII), \Z, \v, \uXXXX, {,n}, a literal "[" inside a class, and verbs such as (*FAIL)
 * that Python does not have. Negated escapes inside a class are taken out of it: [^\W\d] becomes
 * (?:(?=[\w])[^\d]), so that no class of PCRE2 itself is relied on.
 */
#define PCRE2_CODE_UNIT_WIDTH 8

#include "convert/reference_sklearn_pattern.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/span.h"

#include <pcre2.h>

enum {
    MAX_PATTERN = 4096,
    MATCH_LIMIT = 10000000, /* steps of one match */
    HEAP_LIMIT = 65536,     /* KiB */
    PARENS_LIMIT = 60,
};

/* What stands inside [] for an escape, with Unicode and with (?a). */
typedef struct class_text {
    const char *unicode;
    const char *ascii;
} class_text;

static const class_text word_class = {"_\\p{L}\\p{N}", "_a-zA-Z0-9"};
static const class_text digit_class = {"\\p{Nd}", "0-9"};
static const class_text space_class = {
    "\\x09-\\x0d\\x1c-\\x20\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}"
    "\\x{202f}\\x{205f}\\x{3000}",
    "\\x09-\\x0d\\x20"};

typedef struct translator {
    const char *p, *begin, *end;
    bool ascii; /* (?a) */
    uint32_t *options;
    buf *out;
    alf_error *err;
} translator;

static alf_status unsupported(const translator *t, const char *what)
{
    return error_set(t->err, ALF_E_UNSUPPORTED,
                     "token_pattern, character %zu: %s; rewrite the pattern without it",
                     (size_t)(t->p - t->begin), what);
}

/* The class an escape such as \w or \W stands for, or NULL. */
static const char *class_of(const translator *t, char letter)
{
    const class_text *c = letter == 'w' || letter == 'W'   ? &word_class
                          : letter == 'd' || letter == 'D' ? &digit_class
                          : letter == 's' || letter == 'S' ? &space_class
                                                           : NULL;
    return c == NULL ? NULL : t->ascii ? c->ascii : c->unicode;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* \xhh, \uhhhh, \Uhhhhhhhh: p stands on the letter. */
static alf_status translate_code(translator *t)
{
    int digits = *t->p == 'x' ? 2 : *t->p == 'u' ? 4 : 8;
    if (t->end - t->p <= digits)
        return unsupported(t, "an incomplete character code");
    for (int i = 1; i <= digits; i++)
        if (!is_hex(t->p[i]))
            return unsupported(t, "an incomplete character code");
    buf_printf(t->out, "\\x{%.*s}", digits, t->p + 1);
    t->p += digits + 1;
    return ALF_OK;
}

/* Escapes that mean the same inside and outside of a class; p stands after the backslash. */
static alf_status translate_plain_escape(translator *t)
{
    char c = *t->p;
    if (c == 'x' || c == 'u' || c == 'U')
        return translate_code(t);
    if (c == 'v') {
        buf_append_string(t->out, "\\x0b");
    } else if (c == 'a' || c == 'f' || c == 'n' || c == 'r' || c == 't') {
        buf_append_char(t->out, '\\');
        buf_append_char(t->out, c);
    } else if (is_letter(c)) {
        return unsupported(t, "an escape that Python does not have, or that is not supported");
    } else {
        if ((unsigned char)c < 0x80)
            buf_append_char(t->out, '\\');
        buf_append_char(t->out, c);
    }
    t->p++;
    return ALF_OK;
}

/* ------------------------------------------------------------------ classes */

/* One item of a class. Negated escapes are noted in negated and not written. */
static alf_status translate_class_item(translator *t, char negated[4])
{
    char c = *t->p;
    if (c != '\\') {
        if (c == '[' || c == ']')
            buf_append_char(t->out, '\\');
        buf_append_char(t->out, c);
        t->p++;
        return ALF_OK;
    }
    if (++t->p == t->end)
        return unsupported(t, "a backslash at the end");
    c = *t->p;
    const char *class_ = class_of(t, c);
    if (class_ == NULL && c == 'b') {
        buf_append_string(t->out, "\\x08");
        t->p++;
        return ALF_OK;
    }
    if (class_ == NULL && is_digit(c))
        return unsupported(t, "an octal escape in a class");
    if (class_ == NULL)
        return translate_plain_escape(t);
    t->p++;
    if (c >= 'a')
        buf_append_string(t->out, class_);
    else if (strchr(negated, c) == NULL)
        negated[strlen(negated)] = c;
    return ALF_OK;
}

/* Puts a class with negated escapes together; items: the rest of it, as written. */
static void write_split_class(translator *t, bool inverted, const char *negated, alf_span items)
{
    const char *between = inverted ? "" : "|";
    const char *separator = "";
    buf_append_string(t->out, "(?:");
    for (; *negated != '\0'; negated++) {
        buf_printf(t->out, inverted ? "%s(?=[%s])" : "%s[^%s]", separator, class_of(t, *negated));
        separator = between;
    }
    if (items.size > 0) {
        buf_printf(t->out, inverted ? "%s[^" : "%s[", separator);
        buf_append_span(t->out, items);
        buf_append_char(t->out, ']');
    } else if (inverted) {
        buf_append_string(t->out, "(?s:.)");
    }
    buf_append_char(t->out, ')');
}

/* p stands after "[". */
static alf_status translate_class(translator *t)
{
    char negated[4] = "";
    bool inverted = t->p < t->end && *t->p == '^';
    t->p += inverted;
    buf items;
    buf_init(&items);
    buf *out = t->out;
    alf_status status = ALF_OK;
    t->out = &items;
    for (bool first = true; status == ALF_OK && t->p < t->end && (first || *t->p != ']');
         first = false)
        status = translate_class_item(t, negated);
    t->out = out;
    if (status == ALF_OK && t->p == t->end)
        status = unsupported(t, "a class without its closing bracket");
    if (status == ALF_OK)
        status = buf_status(&items, t->err);
    if (status == ALF_OK) {
        t->p++;
        if (negated[0] != '\0') {
            write_split_class(t, inverted, negated, buf_span(&items));
        } else {
            buf_append_string(t->out, inverted ? "[^" : "[");
            buf_append_span(t->out, buf_span(&items));
            buf_append_char(t->out, ']');
        }
    }
    buf_fini(&items);
    return status;
}

/* ------------------------------------------------------------------ everything else */

/* p stands after the backslash. */
static alf_status translate_escape(translator *t)
{
    if (t->p == t->end)
        return unsupported(t, "a backslash at the end");
    char c = *t->p;
    const char *class_ = class_of(t, c);
    const char *word = class_of(t, 'w');
    if (class_ != NULL)
        buf_printf(t->out, c >= 'a' ? "[%s]" : "[^%s]", class_);
    else if (c == 'b')
        buf_printf(t->out, "(?:(?<=[%s])(?![%s])|(?<![%s])(?=[%s]))", word, word, word, word);
    else if (c == 'B') /* in Python never true of an empty text */
        buf_printf(t->out, "(?:(?!\\A\\z)(?:(?<=[%s])(?=[%s])|(?<![%s])(?![%s])))", word, word,
                   word, word);
    else if (c == 'A')
        buf_append_string(t->out, "\\A");
    else if (c == 'Z')
        buf_append_string(t->out, "\\z");
    else if (is_digit(c)) {
        buf_append_char(t->out, '\\');
        buf_append_char(t->out, c);
    } else
        return translate_plain_escape(t);
    t->p++;
    return ALF_OK;
}

/* "{m,n}" with either number left out is a quantifier, anything else a literal brace.
 * p stands on "{". */
static void translate_brace(translator *t)
{
    const char *low = t->p + 1;
    const char *q = low;
    while (q < t->end && is_digit(*q))
        q++;
    int low_size = (int)(q - low);
    bool comma = q < t->end && *q == ',';
    const char *high = q + comma;
    q = high;
    while (comma && q < t->end && is_digit(*q))
        q++;
    if (q == t->end || *q != '}' || (!comma && low_size == 0)) {
        buf_append_string(t->out, "\\{");
        t->p++;
        return;
    }
    buf_printf(t->out, "{%.*s%s%.*s}", low_size > 0 ? low_size : 1, low_size > 0 ? low : "0",
               comma ? "," : "", comma ? (int)(q - high) : 0, high);
    t->p = q + 1;
}

/* p stands on "(". */
static alf_status translate_group(translator *t)
{
    static const char *const same[] = {"(?:",  "(?=",  "(?!", "(?<=", "(?<!",
                                       "(?P<", "(?P=", "(?(", "(?>",  "(?#"};
    alf_span rest = span_of(t->p, (size_t)(t->end - t->p));
    if (rest.size > 1 && rest.data[1] == '*')
        return unsupported(t, "'(*'");
    if (rest.size < 2 || rest.data[1] != '?') {
        buf_append_char(t->out, '(');
        t->p++;
        return ALF_OK;
    }
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++)
        if (span_starts(rest, span_from_string(same[i]))) {
            buf_append_string(t->out, same[i]);
            t->p += strlen(same[i]);
            return ALF_OK;
        }
    size_t i = 2; /* (?i:...), (?s-i:...) */
    while (i < rest.size && rest.data[i] != '\0' && strchr("ims-", rest.data[i]) != NULL)
        i++;
    if (i == 2 || i >= rest.size || rest.data[i] != ':')
        return unsupported(t, "a group of this kind");
    buf_append(t->out, rest.data, i + 1);
    t->p += i + 1;
    return ALF_OK;
}

/* Flags for the whole pattern at its beginning: (?u), (?ai). */
static alf_status read_flags(translator *t)
{
    while (t->end - t->p > 3 && t->p[0] == '(' && t->p[1] == '?') {
        const char *q = t->p + 2;
        while (q < t->end && is_letter(*q))
            q++;
        if (q == t->end || *q != ')' || q == t->p + 2)
            return ALF_OK;
        for (const char *flag = t->p + 2; flag < q; flag++)
            switch (*flag) {
            case 'u':
                break;
            case 'a':
                t->ascii = true;
                break;
            case 'i':
                *t->options |= PCRE2_CASELESS;
                break;
            case 'm':
                *t->options |= PCRE2_MULTILINE;
                break;
            case 's':
                *t->options |= PCRE2_DOTALL;
                break;
            default:
                return unsupported(t, "a flag other than a, i, m, s and u");
            }
        t->p = q + 1;
    }
    return ALF_OK;
}

/* Appends the PCRE2 form of a Python pattern; *options gets PCRE2 compile options. */
static alf_status translate(alf_span pattern, buf *out, uint32_t *options, alf_error *err)
{
    if (pattern.size == 0 || pattern.size > MAX_PATTERN)
        return error_set(err, ALF_E_UNSUPPORTED,
                         "token_pattern has %zu bytes; 1 to %d are supported", pattern.size,
                         MAX_PATTERN);
    translator t = {.p = pattern.data,
                    .begin = pattern.data,
                    .end = pattern.data + pattern.size,
                    .options = options,
                    .out = out,
                    .err = err};
    *options = PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C;
    TRY(read_flags(&t));
    while (t.p < t.end) {
        char c = *t.p;
        if (c == '\\') {
            t.p++;
            TRY(translate_escape(&t));
        } else if (c == '[') {
            t.p++;
            TRY(translate_class(&t));
        } else if (c == '(') {
            TRY(translate_group(&t));
        } else if (c == '{') {
            translate_brace(&t);
        } else {
            if (c == '}' || c == ']')
                buf_append_char(out, '\\');
            buf_append_char(out, c);
            t.p++;
        }
    }
    return buf_status(out, err);
}

/* ------------------------------------------------------------------ matching */

struct python_pattern {
    pcre2_general_context *memory;
    pcre2_match_context *limits;
    pcre2_code *code;
    uint32_t groups;
};

static void *allocate(size_t size, void *context)
{
    (void)context;
    return mem_alloc(size);
}

static void release(void *pointer, void *context)
{
    (void)context;
    mem_free(pointer);
}

static alf_status compile(python_pattern *p, alf_span translated, uint32_t options, alf_error *err)
{
    pcre2_compile_context *context = pcre2_compile_context_create(p->memory);
    if (context == NULL)
        return error_nomem(err, "a token_pattern");
    pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    pcre2_set_parens_nest_limit(context, PARENS_LIMIT);
    int code;
    PCRE2_SIZE at;
    p->code =
        pcre2_compile((PCRE2_SPTR)translated.data, translated.size, options, &code, &at, context);
    pcre2_compile_context_free(context);
    if (p->code != NULL) {
        pcre2_pattern_info(p->code, PCRE2_INFO_CAPTURECOUNT, &p->groups);
        return ALF_OK;
    }
    if (code == PCRE2_ERROR_NOMEMORY || code == 121 /* failed to allocate heap memory */)
        return error_nomem(err, "a token_pattern");
    PCRE2_UCHAR message[120];
    pcre2_get_error_message(code, message, sizeof message);
    return error_set(err, ALF_E_UNSUPPORTED, "token_pattern does not compile: %s",
                     (const char *)message);
}

static alf_status prepare(python_pattern *p, alf_span pattern, alf_error *err)
{
    p->memory = pcre2_general_context_create(allocate, release, NULL);
    if (p->memory == NULL)
        return error_nomem(err, "a token_pattern");
    p->limits = pcre2_match_context_create(p->memory);
    if (p->limits == NULL)
        return error_nomem(err, "a token_pattern");
    pcre2_set_match_limit(p->limits, MATCH_LIMIT);
    pcre2_set_heap_limit(p->limits, HEAP_LIMIT);
    buf translated;
    buf_init(&translated);
    uint32_t options;
    alf_status status = translate(pattern, &translated, &options, err);
    if (status == ALF_OK)
        status = compile(p, buf_span(&translated), options, err);
    buf_fini(&translated);
    if (status == ALF_OK && p->groups > 1)
        status = error_set(err, ALF_E_UNSUPPORTED,
                           "token_pattern has %u capture groups; scikit-learn accepts one at most",
                           p->groups);
    return status;
}

alf_status python_pattern_new(alf_span pattern, python_pattern **out, alf_error *err)
{
    *out = NULL;
    python_pattern *p = mem_calloc(1, sizeof *p);
    if (p == NULL)
        return error_nomem(err, "a token_pattern");
    alf_status status = prepare(p, pattern, err);
    if (status == ALF_OK)
        *out = p;
    else
        python_pattern_free(p);
    return status;
}

void python_pattern_free(python_pattern *p)
{
    if (p == NULL)
        return;
    pcre2_code_free(p->code);
    pcre2_match_context_free(p->limits);
    pcre2_general_context_free(p->memory);
    mem_free(p);
}

static alf_status find_all(const python_pattern *p, pcre2_match_data *match, alf_span text,
                           python_pattern_found *found, void *context, alf_error *err)
{
    size_t start = 0;
    uint32_t options = PCRE2_NO_UTF_CHECK;
    for (;;) {
        int code = pcre2_match(p->code, (PCRE2_SPTR)(text.size > 0 ? text.data : ""), text.size,
                               start, options, match, p->limits);
        if (code == PCRE2_ERROR_NOMATCH)
            return ALF_OK;
        if (code == PCRE2_ERROR_NOMEMORY)
            return error_nomem(err, "matching a token_pattern");
        if (code < 0)
            return error_set(err, ALF_E_LIMIT,
                             "token_pattern needs too many steps on a text of %zu bytes "
                             "(PCRE2 error %d); simplify it",
                             text.size, code);
        const PCRE2_SIZE *at = pcre2_get_ovector_pointer(match);
        if (at[1] < at[0])
            return error_set(err, ALF_E_UNSUPPORTED, "token_pattern moves backwards");
        size_t group = p->groups; /* 0 or 1 */
        bool set = (int)group < code && at[2 * group] != PCRE2_UNSET;
        alf_span item = set ? span_of(text.data + at[2 * group], at[2 * group + 1] - at[2 * group])
                            : span_of("", 0);
        TRY(found(context, item, err));
        /* As Python 3.7: after an empty match the next one may start here but not be empty. */
        start = at[1];
        options = PCRE2_NO_UTF_CHECK | (at[1] == at[0] ? PCRE2_NOTEMPTY_ATSTART : 0);
    }
}

alf_status python_pattern_findall(const python_pattern *p, alf_span text,
                                  python_pattern_found *found, void *context, alf_error *err)
{
    pcre2_match_data *match = pcre2_match_data_create_from_pattern(p->code, p->memory);
    if (match == NULL)
        return error_nomem(err, "matching a token_pattern");
    alf_status status = find_all(p, match, text, found, context, err);
    pcre2_match_data_free(match);
    return status;
}
