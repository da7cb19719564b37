/*
 * Reads the common part of PCRE syntax into a small tree and walks it at random. Invariants: the
 * depth of the tree is at most MAX_DEPTH, its expansion at most MAX_EXPANSION characters, so both
 * recursions are bounded.
 */
#include "classify/pattern_sample.h"

#include "base/span.h"

#include <ctype.h>

enum { MAX_DEPTH = 40, MAX_EXPANSION = 4000, MAX_REPEAT = 65535 };

typedef enum sample_kind {
    KIND_EDGE,
    KIND_SET,
    KIND_SEQUENCE,
    KIND_CHOICE,
    KIND_REPEAT
} sample_kind;

struct sample_node {
    sample_kind kind;
    uint32_t low, high; /* repeats; high is low + 2 when there is no bound */
    uint32_t expansion; /* characters after writing out all repeats */
    uint32_t choices;   /* alternatives below */
    uint64_t set[4];
    struct sample_node *first, *next;
};

typedef struct parser {
    const char *p, *end;
    arena *memory;
    bool unknown; /* met something that is not understood */
    bool nomem;
    unsigned depth;
} parser;

static sample_node *parse_choice(parser *s);

static sample_node *make_node(parser *s, sample_kind kind)
{
    sample_node *node = arena_alloc(s->memory, 1, sizeof *node);
    if (node == NULL) {
        s->nomem = true;
        return NULL;
    }
    node->kind = kind;
    node->choices = 1;
    node->expansion = kind == KIND_SET ? 1 : 0;
    return node;
}

static sample_node *give_up(parser *s)
{
    s->unknown = true;
    return NULL;
}

static void set_add(uint64_t set[4], unsigned c)
{
    set[(c & 0xff) >> 6] |= UINT64_C(1) << (c & 63);
}

static bool set_has(const uint64_t set[4], unsigned c)
{
    return (set[c >> 6] >> (c & 63) & 1) != 0;
}

static bool in_shorthand(char kind, unsigned c)
{
    switch (kind) {
    case 'd':
        return c >= '0' && c <= '9';
    case 'w':
        return c < 0x80 && (isalnum((int)c) || c == '_');
    case 's':
        return c == ' ' || (c >= 9 && c <= 13);
    case 'h':
        return c == ' ' || c == 9 || c == 0xa0;
    default: /* 'v' */
        return (c >= 10 && c <= 13) || c == 0x85;
    }
}

/* \d \w \s \h \v and their opposites; false when kind is none of them. */
static bool add_shorthand(uint64_t set[4], char kind)
{
    char lower = (char)tolower((unsigned char)kind);
    if (strchr("dwshv", lower) == NULL || kind == '\0')
        return false;
    for (unsigned c = 0; c < 256; c++)
        if (in_shorthand(lower, c) == (lower == kind))
            set_add(set, c);
    return true;
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

static sample_node *parse_escape(parser *s)
{
    if (s->p == s->end)
        return give_up(s);
    char c = *s->p++;
    if (strchr("bBAzZ", c) != NULL && c != '\0')
        return make_node(s, KIND_EDGE);
    sample_node *node = make_node(s, KIND_SET);
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

static sample_node *parse_class(parser *s)
{
    sample_node *node = make_node(s, KIND_SET);
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

/* Behind "(": what comes before the group's content. false: not understood. *flags: an inline
 * setting such as (?i), which is no group. */
static bool group_head(parser *s, bool *flags)
{
    *flags = false;
    if (s->p < s->end && *s->p == '*')
        return false;
    if (s->p == s->end || *s->p != '?')
        return true;
    s->p++;
    if (s->p < s->end && *s->p == 'P')
        s->p++;
    if (s->p < s->end && *s->p == '<' && s->p + 1 < s->end && s->p[1] != '=' && s->p[1] != '!') {
        while (s->p < s->end && *s->p != '>')
            s->p++;
        s->p += s->p < s->end;
        return true;
    }
    while (s->p < s->end && strchr("ism-", *s->p) != NULL && *s->p != '\0')
        s->p++;
    if (s->p == s->end || (*s->p != ':' && *s->p != ')'))
        return false;
    *flags = *s->p++ == ')';
    return true;
}

static sample_node *parse_group(parser *s)
{
    bool flags;
    if (!group_head(s, &flags) || s->depth >= MAX_DEPTH)
        return give_up(s);
    if (flags)
        return make_node(s, KIND_EDGE);
    s->depth++;
    sample_node *node = parse_choice(s);
    s->depth--;
    if (node == NULL || s->p == s->end)
        return give_up(s);
    s->p++; /* the closing parenthesis: parse_choice stops only there or at the end */
    return node;
}

static sample_node *parse_atom(parser *s)
{
    char c = *s->p++;
    if (c == '(')
        return parse_group(s);
    if (c == '[')
        return parse_class(s);
    if (c == '\\')
        return parse_escape(s);
    if (c == '^' || c == '$')
        return make_node(s, KIND_EDGE);
    sample_node *node = make_node(s, KIND_SET);
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
static bool read_bounds(parser *s, uint32_t *low, uint32_t *high)
{
    const char *p = s->p + 1;
    if (p == s->end || !isdigit((unsigned char)*p))
        return false;
    *low = *high = read_number(&p, s->end, 0);
    if (p < s->end && *p == ',') {
        p++;
        *high = read_number(&p, s->end, *low + 2);
    }
    if (p == s->end || *p != '}')
        return false;
    s->p = p + 1;
    return true;
}

/* The quantifiers behind an atom. */
static sample_node *parse_repeat(parser *s, sample_node *atom)
{
    uint32_t low, high;
    if (s->p == s->end)
        return atom;
    if (*s->p == '{') {
        if (!read_bounds(s, &low, &high))
            return atom;
    } else if (strchr("*+?", *s->p) != NULL && *s->p != '\0') {
        low = *s->p == '+' ? 1 : 0;
        high = *s->p == '?' ? 1 : low + 3;
        s->p++;
    } else {
        return atom;
    }
    if (s->p < s->end && *s->p == '+') /* possessive */
        return give_up(s);
    s->p += s->p < s->end && *s->p == '?';
    uint64_t expansion = (uint64_t)atom->expansion * (high > 0 ? high : 1);
    if (high < low || high >= MAX_REPEAT || expansion > MAX_EXPANSION || s->depth >= MAX_DEPTH)
        return give_up(s);
    sample_node *node = make_node(s, KIND_REPEAT);
    if (node == NULL)
        return NULL;
    node->low = low;
    node->high = high;
    node->first = atom;
    node->expansion = (uint32_t)expansion;
    node->choices = atom->choices;
    return node;
}

static sample_node *parse_sequence(parser *s)
{
    sample_node *node = make_node(s, KIND_SEQUENCE);
    sample_node **tail = node != NULL ? &node->first : NULL;
    while (node != NULL && s->p < s->end && *s->p != '|' && *s->p != ')') {
        sample_node *child = parse_atom(s);
        if (child != NULL)
            child = parse_repeat(s, child);
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

static sample_node *parse_choice(parser *s)
{
    sample_node *node = make_node(s, KIND_CHOICE);
    sample_node **tail = node != NULL ? &node->first : NULL;
    while (node != NULL) {
        sample_node *child = parse_sequence(s);
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

alf_status sample_parse(alf_span pattern, arena *memory, const sample_node **out, alf_error *err)
{
    parser s = {.p = pattern.data, .end = pattern.data + pattern.size, .memory = memory};
    *out = parse_choice(&s);
    if (s.nomem)
        return error_nomem(err, "checking a pattern");
    if (s.unknown || s.p != s.end)
        *out = NULL;
    return ALF_OK;
}

size_t sample_count(const sample_node *node)
{
    size_t n = 12 + 4 * (size_t)node->choices;
    return n < 200 ? n : 200;
}

typedef struct writer {
    char *out;
    size_t size;
    uint64_t state;
} writer;

static uint32_t draw(writer *w, uint32_t below)
{
    /* splitmix64 */
    uint64_t z = (w->state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)((z ^ (z >> 31)) >> 33) % below;
}

static void put(writer *w, unsigned c)
{
    if (w->size < SAMPLE_MAX)
        w->out[w->size++] = (char)(unsigned char)c;
}

/* A member of the set, mostly one that logs have. */
static void put_member(writer *w, const uint64_t set[4])
{
    static const char usual[] = "aeionrst xyz019AEZ_-./:=\"'\n\t";
    for (int i = 0; i < 6; i++) {
        unsigned c = (unsigned char)usual[draw(w, sizeof usual - 1)];
        if (set_has(set, c)) {
            put(w, c);
            return;
        }
    }
    unsigned start = draw(w, 256);
    for (unsigned i = 0; i < 256; i++) {
        unsigned c = (start + i) & 0xff;
        if (set_has(set, c)) {
            put(w, c);
            return;
        }
    }
}

static void walk(writer *w, const sample_node *node)
{
    uint32_t times;
    switch (node->kind) {
    case KIND_EDGE:
        return;
    case KIND_SET:
        put_member(w, node->set);
        return;
    case KIND_SEQUENCE:
        for (const sample_node *n = node->first; n != NULL; n = n->next)
            walk(w, n);
        return;
    case KIND_CHOICE:
        times = 0;
        for (const sample_node *n = node->first; n != NULL; n = n->next)
            times++;
        times = draw(w, times > 0 ? times : 1);
        for (const sample_node *n = node->first; n != NULL; n = n->next)
            if (times-- == 0) {
                walk(w, n);
                return;
            }
        return;
    case KIND_REPEAT:
        times = node->low + draw(w, node->high - node->low + 1);
        for (uint32_t i = 0; i < times && w->size < SAMPLE_MAX; i++)
            walk(w, node->first);
        return;
    }
}

static void put_around(writer *w)
{
    static const char *const around[] = {"",  " ",        "\n", "x",  "_",
                                         "-", "\xc3\xa9", "\v", "7 ", "\r\n"};
    const char *text = around[draw(w, sizeof around / sizeof around[0])];
    for (; *text != '\0'; text++)
        put(w, (unsigned char)*text);
}

/* Makes a matching text into one that nearly matches. */
static void disturb(writer *w, size_t start)
{
    size_t n = w->size - start;
    if (n == 0)
        return;
    char *at = w->out + start + draw(w, (uint32_t)n);
    switch (draw(w, 5)) {
    case 0: /* drop a byte */
        memmove(at, at + 1, (size_t)(w->out + w->size - at - 1));
        w->size--;
        return;
    case 1:
        *at = (char)(unsigned char)draw(w, 256);
        return;
    case 2:
        *at = isalpha((unsigned char)*at) ? (char)(*at ^ 0x20) : '\n';
        return;
    case 3: /* cut the end off */
        w->size = (size_t)(at - w->out);
        return;
    default: /* cut the start off */
        n = (size_t)(w->out + w->size - at);
        memmove(w->out + start, at, n);
        w->size = start + n;
        return;
    }
}

size_t sample_make(const sample_node *node, uint64_t seed, size_t n, char out[SAMPLE_MAX])
{
    writer w = {.out = out, .state = seed * 1000003u + n};
    put_around(&w);
    size_t start = w.size;
    walk(&w, node);
    if (n % 3 != 0)
        disturb(&w, start);
    put_around(&w);
    return w.size;
}

#define TEXT(literal)                                                                              \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }

const alf_span sample_fixed[] = {
    TEXT(""),
    TEXT("\n"),
    TEXT("\n\n"),
    TEXT(" "),
    TEXT("\0"),
    TEXT("a\0b"),
    TEXT("\xff\xfe"),
    TEXT("\xc3\xa9\xe2\x82\xac"),
    TEXT("\v\f\r\t"),
    TEXT("_"),
    TEXT("error\nfatal\r\nwarning"),
    TEXT("FAILED password for root from 10.0.0.1 port 22 ssh2\n"),
    TEXT("failed_password-denied.error:critical/attack\\shell\"exec'"),
    TEXT("GET /../../etc/passwd?id=1' OR '1'='1 HTTP/1.1\" 404 0"),
    TEXT("kernel: Out of memory: Killed process 1 (x)"),
    TEXT("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
    TEXT("\xc5\xbf\xe2\x84\xaa \xc4\xb0"), /* long s, Kelvin, dotted I: only ASCII folds here */
};
const size_t sample_fixed_count = sizeof sample_fixed / sizeof sample_fixed[0];
