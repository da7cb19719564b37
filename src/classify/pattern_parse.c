/*
 * The common part of PCRE syntax -> a small tree. The depth of the tree is at most MAX_DEPTH and
 * its expansion at most MAX_EXPANSION characters, so walking it is bounded.
 */
#include "classify/pattern_parse.h"

#include "base/span.h"

#include <ctype.h>

enum { MAX_DEPTH = 40, MAX_EXPANSION = 4000, MAX_REPEAT = 65535 };

typedef struct parser {
    const char *p, *end;
    arena *memory;
    bool multiline; /* "^" may match behind a line end */
    bool unknown;   /* met something that is not understood */
    bool nomem;
    unsigned depth;
} parser;

static pattern_node *parse_choice(parser *s);

static pattern_node *make_node(parser *s, pattern_kind kind)
{
    pattern_node *node = arena_alloc(s->memory, 1, sizeof *node);
    if (node == NULL) {
        s->nomem = true;
        return NULL;
    }
    node->kind = kind;
    node->choices = 1;
    node->expansion = kind == PATTERN_SET ? 1 : 0;
    return node;
}

static pattern_node *give_up(parser *s)
{
    s->unknown = true;
    return NULL;
}

static void set_add(uint64_t set[4], unsigned c)
{
    set[(c & 0xff) >> 6] |= UINT64_C(1) << (c & 63);
}

/* \d \w \s \h \v and their opposites; false when kind is none of them. */
static bool add_shorthand(uint64_t set[4], char kind)
{
    static const struct {
        char kind;
        uint64_t set[4];
    } known[] = {
        {'d', {UINT64_C(0x3ff000000000000), 0, 0, 0}},
        {'w', {UINT64_C(0x3ff000000000000), UINT64_C(0x7fffffe87fffffe), 0, 0}},
        {'s', {UINT64_C(0x100003e00), 0, 0, 0}},                     /* blank, 9 to 13 */
        {'h', {UINT64_C(0x100000200), 0, UINT64_C(0x100000000), 0}}, /* blank, 9, 0xa0 */
        {'v', {UINT64_C(0x3c00), 0, UINT64_C(0x20), 0}},             /* 10 to 13, 0x85 */
    };
    char lower = (char)tolower((unsigned char)kind);
    for (size_t k = 0; k < sizeof known / sizeof known[0]; k++)
        if (known[k].kind == lower) {
            for (size_t i = 0; i < 4; i++)
                set[i] |= lower == kind ? known[k].set[i] : ~known[k].set[i];
            return true;
        }
    return false;
}

/* After "\x": the value, or -1. */
static int read_hex(parser *s)
{
    bool braces = s->p < s->end && *s->p == '{';
    s->p += braces;
    int value = 0, digits = 0;
    while (s->p < s->end && isxdigit((unsigned char)*s->p) && digits < (braces ? 8 : 2)) {
        int c = tolower((unsigned char)*s->p++);
        value = value * 16 + (c <= '9' ? c - '0' : c - 'a' + 10);
        digits++;
        if (value > 0xff)
            return -1;
    }
    if (!braces)
        return value;
    return s->p < s->end && *s->p++ == '}' && digits > 0 ? value : -1;
}

/* The character an escape stands for (s->p is behind the letter), or -1. */
static int escaped_char(parser *s, char c)
{
    static const char letters[] = "tnrfea", values[] = "\t\n\r\f\x1b\a";
    const char *at = c != '\0' ? strchr(letters, c) : NULL;
    if (at != NULL)
        return (unsigned char)values[at - letters];
    if (c == 'x')
        return read_hex(s);
    if (c == '0' && (s->p == s->end || !isdigit((unsigned char)*s->p)))
        return 0;
    return isalnum((unsigned char)c) ? -1 : (unsigned char)c;
}

/* \1 to \9; more digits may mean an octal code. */
static pattern_node *parse_reference(parser *s)
{
    if (s->p < s->end && isdigit((unsigned char)*s->p))
        return give_up(s);
    return make_node(s, PATTERN_OPAQUE);
}

static pattern_node *parse_escape(parser *s)
{
    if (s->p == s->end)
        return give_up(s);
    char c = *s->p++;
    if (c == 'A')
        return make_node(s, PATTERN_START);
    if (strchr("bBzZK", c) != NULL && c != '\0')
        return make_node(s, PATTERN_EDGE);
    if (c >= '1' && c <= '9')
        return parse_reference(s);
    pattern_node *node = make_node(s, PATTERN_SET);
    if (node == NULL || add_shorthand(node->set, c))
        return node;
    int value = escaped_char(s, c);
    if (value < 0)
        return give_up(s);
    set_add(node->set, (unsigned)value);
    return node;
}

/* At "[:": a POSIX class; false when it is not one that is known. */
static bool add_posix(parser *s, uint64_t set[4])
{
    static const struct {
        const char *name;
        int (*is)(int);
    } known[] = {{"alpha", isalpha}, {"digit", isdigit}, {"alnum", isalnum}, {"upper", isupper},
                 {"lower", islower}, {"space", isspace}, {"punct", ispunct}, {"xdigit", isxdigit}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        size_t n = strlen(known[i].name);
        if ((size_t)(s->end - s->p) < n + 4 || memcmp(s->p + 2, known[i].name, n) != 0 ||
            memcmp(s->p + 2 + n, ":]", 2) != 0)
            continue;
        for (unsigned c = 0; c < 128; c++)
            if (known[i].is((int)c))
                set_add(set, c);
        s->p += n + 4;
        return true;
    }
    return false;
}

/* One item of a class: a character (returned), a whole set (-1), or not understood (-2). */
static int class_item(parser *s, uint64_t set[4])
{
    char c = *s->p;
    if (c == '[' && s->p + 1 < s->end && s->p[1] == ':')
        return add_posix(s, set) ? -1 : -2;
    s->p++;
    if (c != '\\')
        return (unsigned char)c;
    if (s->p == s->end)
        return -2;
    c = *s->p++;
    if (c == 'b')
        return 8;
    if (add_shorthand(set, c))
        return -1;
    int value = escaped_char(s, c);
    return value < 0 ? -2 : value;
}

static pattern_node *parse_class(parser *s)
{
    pattern_node *node = make_node(s, PATTERN_SET);
    if (node == NULL)
        return NULL;
    bool negated = s->p < s->end && *s->p == '^';
    s->p += negated;
    for (bool first = true; s->p < s->end && (*s->p != ']' || first); first = false) {
        int low = class_item(s, node->set);
        int high = low;
        if (low >= 0 && s->end - s->p >= 2 && s->p[0] == '-' && s->p[1] != ']') {
            s->p++;
            high = class_item(s, node->set);
        }
        if (low == -2 || (low >= 0 && high < low))
            return give_up(s);
        for (int c = low; c >= 0 && c <= high; c++)
            set_add(node->set, (unsigned)c);
    }
    if (s->p == s->end)
        return give_up(s);
    s->p++;
    for (size_t i = 0; negated && i < 4; i++)
        node->set[i] = ~node->set[i];
    return node;
}

typedef enum group_kind { GROUP_PLAIN, GROUP_LOOK, GROUP_FLAGS, GROUP_UNKNOWN } group_kind;

/* Behind "(?<", "(?P<" or "(?'": a name and its closing sign. */
static group_kind skip_name(parser *s, char closing)
{
    while (s->p < s->end && *s->p != closing)
        s->p++;
    if (s->p == s->end)
        return GROUP_UNKNOWN;
    s->p++;
    return GROUP_PLAIN;
}

/* Behind "(?": flags such as "i)" or "i-s:". */
static group_kind skip_flags(parser *s)
{
    while (s->p < s->end && strchr("ism-", *s->p) != NULL && *s->p != '\0')
        s->p++;
    if (s->p == s->end || (*s->p != ':' && *s->p != ')'))
        return GROUP_UNKNOWN;
    return *s->p++ == ')' ? GROUP_FLAGS : GROUP_PLAIN;
}

/* Behind "(": reads what comes before the group's content. */
static group_kind group_head(parser *s)
{
    if (s->p < s->end && *s->p == '*')
        return GROUP_UNKNOWN;
    if (s->p == s->end || *s->p != '?')
        return GROUP_PLAIN;
    s->p++;
    char c = s->p < s->end ? *s->p : '\0';
    char after = s->end - s->p > 1 ? s->p[1] : '\0';
    bool look = c == '=' || c == '!' || (c == '<' && (after == '=' || after == '!'));
    if (look || c == '>') {
        s->p += c == '<' ? 2 : 1;
        return look ? GROUP_LOOK : GROUP_PLAIN;
    }
    if (c == '<' || c == '\'' || (c == 'P' && after == '<')) {
        s->p += c == 'P' ? 2 : 1;
        return skip_name(s, c == '\'' ? '\'' : '>');
    }
    return skip_flags(s);
}

static pattern_node *parse_group(parser *s)
{
    group_kind kind = group_head(s);
    if (kind == GROUP_UNKNOWN || s->depth >= MAX_DEPTH)
        return give_up(s);
    if (kind == GROUP_FLAGS)
        return make_node(s, PATTERN_EDGE);
    s->depth++;
    pattern_node *node = parse_choice(s);
    s->depth--;
    if (node == NULL || s->p == s->end)
        return give_up(s);
    s->p++; /* the closing parenthesis: parse_choice stops only there or at the end */
    return kind == GROUP_LOOK ? make_node(s, PATTERN_EDGE) : node;
}

static pattern_node *parse_atom(parser *s)
{
    char c = *s->p++;
    if (c == '(')
        return parse_group(s);
    if (c == '[')
        return parse_class(s);
    if (c == '\\')
        return parse_escape(s);
    if (c == '^' && !s->multiline)
        return make_node(s, PATTERN_START);
    if (c == '^' || c == '$')
        return make_node(s, PATTERN_EDGE);
    pattern_node *node = make_node(s, PATTERN_SET);
    if (node == NULL)
        return NULL;
    if (c == '.')
        memset(node->set, 0xff, sizeof node->set);
    else
        set_add(node->set, (unsigned char)c);
    return node;
}

static uint32_t read_number(const char **p, const char *end, uint32_t otherwise)
{
    if (*p == end || !isdigit((unsigned char)**p))
        return otherwise;
    uint32_t value = 0;
    for (; *p < end && isdigit((unsigned char)**p); (*p)++)
        value = value < MAX_REPEAT ? value * 10 + (uint32_t)(**p - '0') : MAX_REPEAT;
    return value;
}

/* At "{": {n}, {n,} or {n,m}. false: an ordinary brace. */
static bool read_bounds(parser *s, uint32_t *low, uint32_t *high, bool *endless)
{
    const char *p = s->p + 1;
    if (p == s->end || !isdigit((unsigned char)*p))
        return false;
    *low = *high = read_number(&p, s->end, 0);
    if (p < s->end && *p == ',') {
        p++;
        *endless = p < s->end && *p == '}';
        *high = read_number(&p, s->end, *low + 2);
    }
    if (p == s->end || *p != '}')
        return false;
    s->p = p + 1;
    return true;
}

/* Forms that are a quantifier in some versions of PCRE2 and text in others are not understood. */
static bool brace_is_plain(const parser *s)
{
    return s->end - s->p < 2 || strchr(", \t0123456789", s->p[1]) == NULL;
}

/* One quantifier behind an atom; the atom itself when there is none. */
static pattern_node *parse_repeat(parser *s, pattern_node *atom)
{
    uint32_t low, high;
    bool endless = false;
    if (s->p == s->end)
        return atom;
    if (*s->p == '{') {
        if (!read_bounds(s, &low, &high, &endless))
            return brace_is_plain(s) ? atom : give_up(s);
    } else if (strchr("*+?", *s->p) != NULL && *s->p != '\0') {
        low = *s->p == '+' ? 1 : 0;
        high = *s->p == '?' ? 1 : low + 3;
        endless = *s->p != '?';
        s->p++;
    } else {
        return atom;
    }
    s->p += s->p < s->end && (*s->p == '?' || *s->p == '+'); /* lazy, possessive */
    uint64_t expansion = (uint64_t)atom->expansion * (high > 0 ? high : 1);
    if (high < low || high >= MAX_REPEAT || expansion > MAX_EXPANSION || s->depth >= MAX_DEPTH)
        return give_up(s);
    pattern_node *node = make_node(s, PATTERN_REPEAT);
    if (node == NULL)
        return NULL;
    node->low = low;
    node->high = high;
    node->endless = endless;
    node->first = atom;
    node->expansion = (uint32_t)expansion;
    node->choices = atom->choices;
    return node;
}

static pattern_node *parse_sequence(parser *s)
{
    pattern_node *node = make_node(s, PATTERN_SEQUENCE);
    pattern_node **tail = node != NULL ? &node->first : NULL;
    while (node != NULL && s->p < s->end && *s->p != '|' && *s->p != ')') {
        pattern_node *child = parse_atom(s);
        for (pattern_node *inner = NULL; child != NULL && child != inner;) {
            inner = child; /* a{2}{3} has two */
            child = parse_repeat(s, child);
        }
        if (child == NULL)
            return NULL;
        node->expansion += child->expansion;
        node->choices += child->choices - 1;
        if (node->expansion > MAX_EXPANSION)
            return give_up(s);
        *tail = child;
        tail = &child->next;
    }
    return node;
}

static pattern_node *parse_choice(parser *s)
{
    pattern_node *node = make_node(s, PATTERN_CHOICE);
    pattern_node **tail = node != NULL ? &node->first : NULL;
    while (node != NULL) {
        pattern_node *child = parse_sequence(s);
        if (child == NULL)
            return NULL;
        node->choices += child->choices;
        node->expansion += child->expansion;
        if (node->expansion > MAX_EXPANSION)
            return give_up(s);
        *tail = child;
        tail = &child->next;
        if (s->p == s->end || *s->p == ')')
            break;
        s->p++;
    }
    return node;
}

/* Whether flags such as (?m) or (?i-sm: may be among what is written. */
static bool may_be_multiline(alf_span pattern)
{
    for (size_t i = 0; i + 2 < pattern.size; i++) {
        if (pattern.data[i] != '(' || pattern.data[i + 1] != '?')
            continue;
        for (size_t k = i + 2; k < pattern.size; k++) {
            char c = pattern.data[k];
            if (c == 'm')
                return true;
            if (c != '-' && c != '^' && !isalpha((unsigned char)c))
                break;
        }
    }
    return false;
}

alf_status pattern_parse(alf_span pattern, arena *memory, const pattern_node **out, alf_error *err)
{
    parser s = {.p = pattern.data,
                .end = pattern.data + pattern.size,
                .memory = memory,
                .multiline = may_be_multiline(pattern)};
    *out = parse_choice(&s);
    if (s.nomem)
        return error_nomem(err, "checking a pattern");
    if (s.unknown || s.p != s.end)
        *out = NULL;
    return ALF_OK;
}
