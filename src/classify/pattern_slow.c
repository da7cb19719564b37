/*
 * PCRE2. Work is bounded in two ways, because PCRE2 counts steps per starting point only:
 *  - a limit on steps and on heap for each starting point;
 *  - a long text is searched some starting points at a time, and between two portions the CPU time
 *    of this thread is compared with a budget that grows with the text.
 * A pattern that runs into either is reported, never taken for "not found".
 *
 * Most patterns never see a text that may match, and compiling to machine code takes three times as
 * long as checking the syntax. So that is done at the first search, by one thread under a lock; the
 * others wait for it. What is published is complete and never changes again.
 */
#include "classify/pattern_slow.h"

#include "base/mem.h"
#include "base/span.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

enum {
    SMALL_TEXT = 4096, /* searched in one go */
    MAX_NESTING = 64,
    STEP_LIMIT = 100000, /* and some more for each byte of the text */
    STEPS_PER_BYTE = 4,
    MOST = 1 << 28, /* bytes that count for that */
    HEAP_LIMIT_KIB = 4096,
    JIT_STACK_START = 32 << 10,
    JIT_STACK_MAX = 512 << 10,
    PORTION_BYTES = 16 << 20, /* starting points x text size of the first portions */
    PORTION_GROWTH = 64       /* how much larger a portion gets while all goes fast */
};

/* What searches need. */
typedef struct compiled {
    pcre2_code *code;
    bool anchored; /* only one starting point */
    bool direct;   /* machine code that may be entered without PCRE2's checks */
} compiled;

struct slow_pattern {
    compiled compiled; /* code NULL: not yet. Constant once ready */
    atomic_bool ready; /* set under the lock, after all else */
    bool caseless;
    bool utf; /* known once compiled */
    alf_span text;
    char *own; /* the text's copy; NULL: it is borrowed */
};

static pthread_mutex_t compiling = PTHREAD_MUTEX_INITIALIZER;

struct slow_scratch {
    pcre2_general_context *general;
    pcre2_match_context *context;
    pcre2_match_data *data;
    pcre2_jit_stack *stack;
};

static void *pcre2_get(PCRE2_SIZE size, void *unused)
{
    (void)unused;
    return mem_alloc(size);
}

static void pcre2_put(void *pointer, void *unused)
{
    (void)unused;
    mem_free(pointer);
}

/* Byte mode serves every pattern that is about ASCII; this finds the others. */
static bool needs_utf(alf_span pattern)
{
    for (size_t i = 0; i < pattern.size; i++) {
        if ((unsigned char)pattern.data[i] >= 0x80)
            return true;
        if (pattern.data[i] != '\\' || i + 1 == pattern.size)
            continue;
        char c = pattern.data[++i];
        if (c == 'p' || c == 'P' || c == 'X')
            return true;
        bool named = c == 'N' && i + 2 < pattern.size && pattern.data[i + 1] == '{';
        if (named && pattern.data[i + 2] == 'U')
            return true;
        if (c != 'x' || i + 1 == pattern.size || pattern.data[i + 1] != '{')
            continue;
        const char *digits = pattern.data + i + 2;
        const char *end = memchr(digits, '}', pattern.size - i - 2);
        while (end != NULL && digits < end && *digits == '0')
            digits++;
        if (end != NULL && end - digits > 2)
            return true;
    }
    return span_starts(pattern, SPAN_LITERAL("(*UTF"));
}

static alf_status compile_with(slow_pattern *p, pcre2_compile_context *context, pcre2_code **out,
                               alf_error *err)
{
    p->utf = needs_utf(p->text);
    uint32_t options = PCRE2_DOTALL | PCRE2_NEVER_BACKSLASH_C | PCRE2_USE_OFFSET_LIMIT;
    options |= p->caseless ? PCRE2_CASELESS : 0;
    options |= p->utf ? PCRE2_UTF | PCRE2_MATCH_INVALID_UTF : PCRE2_NEVER_UTF;
    int number;
    PCRE2_SIZE offset;
    *out =
        pcre2_compile((PCRE2_SPTR)p->text.data, p->text.size, options, &number, &offset, context);
    if (*out != NULL)
        return ALF_OK;
    if (number == PCRE2_ERROR_HEAP_FAILED || number == PCRE2_ERROR_NOMEMORY)
        return error_nomem(err, "a pattern");
    PCRE2_UCHAR reason[128] = "";
    pcre2_get_error_message(number, reason, sizeof reason);
    return error_set(err, ALF_E_CONFIG, "the pattern is wrong at its byte %zu: %s", (size_t)offset,
                     (const char *)reason);
}

static alf_status check_text(alf_span text, alf_error *err)
{
    if (text.size == 0)
        return error_set(err, ALF_E_CONFIG, "the pattern is empty: it would match every log");
    if (text.size > PATTERN_MAX_BYTES)
        return error_set(err, ALF_E_LIMIT, "the pattern has %zu bytes; at most 4096 are accepted",
                         text.size);
    if (memchr(text.data, '\0', text.size) != NULL)
        return error_set(err, ALF_E_CONFIG, "the pattern has a NUL byte; write \\x00");
    return ALF_OK;
}

slow_pattern *slow_list_new(size_t count)
{
    return mem_calloc(count > 0 ? count : 1, sizeof(slow_pattern));
}

slow_pattern *slow_at(slow_pattern *list, size_t i)
{
    return &list[i];
}

void slow_borrow(slow_pattern *p, const pattern_spec *spec)
{
    p->caseless = spec->caseless;
    p->text = spec->text;
    atomic_init(&p->ready, false);
}

alf_status slow_init(slow_pattern *p, const pattern_spec *spec, alf_error *err)
{
    TRY(check_text(spec->text, err));
    p->own = mem_alloc(spec->text.size);
    if (p->own == NULL)
        return error_nomem(err, "a pattern");
    memcpy(p->own, spec->text.data, spec->text.size);
    slow_borrow(p, spec);
    p->text.data = p->own;
    return ALF_OK;
}

void slow_list_free(slow_pattern *list, size_t count)
{
    for (size_t i = 0; list != NULL && i < count; i++) {
        pcre2_code_free(list[i].compiled.code);
        mem_free(list[i].own);
    }
    mem_free(list);
}

alf_status slow_check(slow_pattern *p, alf_error *err)
{
    pcre2_general_context *general = pcre2_general_context_create(pcre2_get, pcre2_put, NULL);
    pcre2_compile_context *context = general != NULL ? pcre2_compile_context_create(general) : NULL;
    alf_status status;
    if (context == NULL) {
        status = error_nomem(err, "a pattern");
    } else {
        (void)pcre2_set_parens_nest_limit(context, MAX_NESTING);
        status = compile_with(p, context, &p->compiled.code, err);
    }
    pcre2_compile_context_free(context);
    pcre2_general_context_free(general);
    return status;
}

bool slow_has_machine_code(void)
{
    int error;
    size_t offset;
    size_t size = 0;
    pcre2_code *code = pcre2_compile((PCRE2_SPTR) "a", 1, 0, &error, &offset, NULL);
    if (code != NULL && pcre2_jit_compile(code, PCRE2_JIT_COMPLETE) == 0)
        (void)pcre2_pattern_info(code, PCRE2_INFO_JITSIZE, &size);
    pcre2_code_free(code);
    return size > 0;
}

/* Under the lock: compiles what is not, and publishes it. */
static alf_status make_ready(slow_pattern *p, alf_error *err)
{
    if (p->compiled.code == NULL)
        TRY(slow_check(p, err));
    compiled *c = &p->compiled;
    uint32_t options = 0;
    size_t machine_code = 0;
    (void)pcre2_jit_compile(c->code, PCRE2_JIT_COMPLETE); /* without it the interpreter runs */
    (void)pcre2_pattern_info(c->code, PCRE2_INFO_ALLOPTIONS, &options);
    (void)pcre2_pattern_info(c->code, PCRE2_INFO_JITSIZE, &machine_code);
    c->anchored = (options & PCRE2_ANCHORED) != 0;
    c->direct = machine_code > 0 && !p->utf;
    atomic_store_explicit(&p->ready, true, memory_order_release);
    return ALF_OK;
}

static alf_status get_ready(slow_pattern *p, alf_error *err)
{
    if (atomic_load_explicit(&p->ready, memory_order_acquire))
        return ALF_OK;
    alf_status status = ALF_OK;
    (void)pthread_mutex_lock(&compiling);
    if (!atomic_load_explicit(&p->ready, memory_order_relaxed))
        status = make_ready(p, err);
    (void)pthread_mutex_unlock(&compiling);
    return status;
}

alf_span slow_text(const slow_pattern *p)
{
    return p->text;
}

bool slow_is_utf(const slow_pattern *p)
{
    return needs_utf(p->text);
}

slow_scratch *slow_scratch_new(void)
{
    slow_scratch *s = mem_calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->general = pcre2_general_context_create(pcre2_get, pcre2_put, NULL);
    if (s->general != NULL) {
        s->context = pcre2_match_context_create(s->general);
        s->data = pcre2_match_data_create(1, s->general);
    }
    if (s->context == NULL || s->data == NULL) {
        slow_scratch_free(s);
        return NULL;
    }
    /* Without JIT there is no stack, and none is needed. */
    s->stack = pcre2_jit_stack_create(JIT_STACK_START, JIT_STACK_MAX, s->general);
    if (s->stack != NULL)
        pcre2_jit_stack_assign(s->context, NULL, s->stack);
    (void)pcre2_set_heap_limit(s->context, HEAP_LIMIT_KIB);
    return s;
}

void slow_scratch_free(slow_scratch *s)
{
    if (s == NULL)
        return;
    pcre2_jit_stack_free(s->stack);
    pcre2_match_data_free(s->data);
    pcre2_match_context_free(s->context);
    pcre2_general_context_free(s->general);
    mem_free(s);
}

static uint64_t cpu_now(void)
{
    struct timespec t;
    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) != 0)
        return 0;
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* A search under way. */
typedef struct search {
    compiled compiled;
    bool utf;
    slow_scratch *s;
    alf_span text;
} search;

/* One call of PCRE2; last: the last starting point tried. */
static alf_status search_portion(const search *q, size_t first, size_t last, bool *found,
                                 alf_error *err)
{
    PCRE2_SPTR text = (PCRE2_SPTR)q->text.data;
    pcre2_match_context *context = q->s->context;
    (void)pcre2_set_offset_limit(context, last);
    int rc =
        q->compiled.direct
            ? pcre2_jit_match(q->compiled.code, text, q->text.size, first, 0, q->s->data, context)
            : pcre2_match(q->compiled.code, text, q->text.size, first, 0, q->s->data, context);
    *found = rc >= 0;
    if (rc >= 0 || rc == PCRE2_ERROR_NOMATCH)
        return ALF_OK;
    if (rc == PCRE2_ERROR_NOMEMORY)
        return error_nomem(err, "matching a pattern");
    PCRE2_UCHAR reason[128] = "";
    pcre2_get_error_message(rc, reason, sizeof reason);
    return error_set(err, ALF_E_LIMIT,
                     "a pattern took too much work on a text of %zu bytes (%s); simplify it",
                     q->text.size, (const char *)reason);
}

/* In UTF mode a search starts at the start of a character: trying some bytes twice does no harm. */
static size_t character_start(const search *q, size_t at)
{
    for (int i = 0; q->utf && i < 3 && at < q->text.size && (q->text.data[at] & 0xC0) == 0x80; i++)
        at--;
    return at;
}

/* Portion by portion, under a budget of 20 ms and 64 ns a byte. */
static alf_status search_long(const search *q, size_t first, bool *found, alf_error *err)
{
    size_t smallest = PORTION_BYTES / q->text.size + 4;
    size_t step = smallest;
    uint64_t start = cpu_now(), before = start;
    uint64_t budget = 20000000u + 64u * (uint64_t)q->text.size;
    while (first <= q->text.size) {
        TRY(search_portion(q, first, first + step - 1, found, err));
        if (*found)
            return ALF_OK;
        uint64_t now = cpu_now();
        if (now - start > budget)
            return error_set(err, ALF_E_LIMIT,
                             "a pattern took too long on a text of %zu bytes; simplify it",
                             q->text.size);
        first = character_start(q, first + step);
        if (now - before < 500000 && step < smallest * PORTION_GROWTH)
            step *= 2;
        else if (now - before > 2000000 && step > smallest)
            step /= 2;
        before = now;
    }
    return ALF_OK;
}

static alf_status run_search(search *q, size_t from, bool *found, alf_error *err)
{
    size_t size = q->text.size;
    if (size == 0)
        q->text = SPAN_LITERAL("");
    uint32_t steps = STEP_LIMIT + STEPS_PER_BYTE * (uint32_t)(size < MOST ? size : MOST);
    (void)pcre2_set_match_limit(q->s->context, steps);
    (void)pcre2_set_depth_limit(q->s->context, steps);
    if (size <= SMALL_TEXT || q->compiled.anchored)
        return search_portion(q, from, PCRE2_UNSET, found, err);
    return search_long(q, from, found, err);
}

alf_status slow_search(slow_pattern *p, slow_scratch *s, alf_span text, size_t from, bool *found,
                       alf_error *err)
{
    TRY(get_ready(p, err));
    search q = {p->compiled, p->utf, s, text};
    return run_search(&q, from, found, err);
}

alf_status slow_try(slow_pattern *p, slow_scratch *s, alf_span text, size_t from, bool *found,
                    alf_error *err)
{
    search q = {{.code = p->compiled.code}, p->utf, s, text};
    return run_search(&q, from, found, err);
}
