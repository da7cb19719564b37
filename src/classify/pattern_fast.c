/* Hyperscan in block mode, on bytes. Each pattern is reported once; where it matched is not asked
 * for. Without ALF_HAVE_HYPERSCAN this file accepts nothing. */
#include "classify/pattern_fast.h"

#include "base/mem.h"

#include <limits.h>
#include <stdlib.h>

#ifdef ALF_HAVE_HYPERSCAN

#include <hs.h>
#include <pthread.h>

struct fast_set {
    hs_database_t *database;
};

struct fast_scratch {
    hs_scratch_t *scratch;
};

static void set_allocators(void)
{
    (void)hs_set_allocator(mem_alloc, mem_free);
}

bool fast_available(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, set_allocators);
    return hs_valid_platform() == HS_SUCCESS;
}

static unsigned flags_of(const pattern_spec *spec)
{
    return HS_FLAG_DOTALL | HS_FLAG_SINGLEMATCH | (spec->caseless ? HS_FLAG_CASELESS : 0u);
}

bool fast_accepts(const pattern_spec *spec)
{
    hs_expr_info_t *info = NULL;
    hs_compile_error_t *reason = NULL;
    hs_error_t rc = hs_expression_info(spec->text.data, flags_of(spec), &info, &reason);
    if (info != NULL)
        mem_free(info);
    if (reason != NULL)
        (void)hs_free_compile_error(reason);
    return rc == HS_SUCCESS;
}

static alf_status compile_all(const char **texts, const unsigned *flags, const uint32_t *ids,
                              size_t count, fast_set *set, size_t *refused, alf_error *err)
{
    hs_compile_error_t *reason = NULL;
    hs_error_t rc = hs_compile_multi(texts, flags, ids, (unsigned)count, HS_MODE_BLOCK, NULL,
                                     &set->database, &reason);
    if (rc == HS_SUCCESS)
        return ALF_OK;
    alf_status status;
    if (rc == HS_COMPILER_ERROR && reason != NULL && reason->expression >= 0 &&
        (size_t)reason->expression < count) {
        *refused = (size_t)reason->expression;
        status = error_set(err, ALF_E_UNSUPPORTED, "Hyperscan: %s", reason->message);
    } else {
        status = rc == HS_NOMEM ? error_nomem(err, "compiling patterns")
                                : error_set(err, ALF_E_UNSUPPORTED, "Hyperscan: %s",
                                            reason != NULL ? reason->message : "failed");
    }
    if (reason != NULL)
        (void)hs_free_compile_error(reason);
    return status;
}

alf_status fast_new(const pattern_spec *specs, const uint32_t *ids, size_t count, fast_set **out,
                    size_t *refused, alf_error *err)
{
    *refused = count;
    const char **texts = mem_calloc(count, sizeof *texts);
    unsigned *flags = mem_calloc(count, sizeof *flags);
    fast_set *set = mem_calloc(1, sizeof *set);
    alf_status status = error_nomem(err, "compiling patterns");
    if (texts != NULL && flags != NULL && set != NULL) {
        for (size_t i = 0; i < count; i++) {
            texts[i] = specs[ids[i]].text.data;
            flags[i] = flags_of(&specs[ids[i]]);
        }
        status = compile_all(texts, flags, ids, count, set, refused, err);
    }
    mem_free(texts);
    mem_free(flags);
    if (status == ALF_OK)
        *out = set;
    else
        mem_free(set);
    return status;
}

void fast_free(fast_set *set)
{
    if (set == NULL)
        return;
    (void)hs_free_database(set->database);
    mem_free(set);
}

fast_scratch *fast_scratch_new(const fast_set *set)
{
    fast_scratch *s = mem_calloc(1, sizeof *s);
    if (s != NULL && hs_alloc_scratch(set->database, &s->scratch) != HS_SUCCESS) {
        mem_free(s);
        return NULL;
    }
    return s;
}

void fast_scratch_free(fast_scratch *s)
{
    if (s == NULL)
        return;
    (void)hs_free_scratch(s->scratch);
    mem_free(s);
}

typedef struct report {
    bool (*found)(void *context, uint32_t id);
    void *context;
} report;

static int on_match(unsigned id, unsigned long long from, unsigned long long to, unsigned flags,
                    void *context)
{
    (void)from;
    (void)to;
    (void)flags;
    const report *r = context;
    return r->found(r->context, id) ? 1 : 0;
}

alf_status fast_search(const fast_set *set, fast_scratch *s, alf_span text,
                       bool (*found)(void *context, uint32_t id), void *context, alf_error *err)
{
    if (text.size > UINT_MAX)
        return error_set(err, ALF_E_LIMIT, "a text of %zu bytes; at most 4 GiB can be searched",
                         text.size);
    report r = {found, context};
    hs_error_t rc = hs_scan(set->database, text.size > 0 ? text.data : "", (unsigned)text.size, 0,
                            s->scratch, on_match, &r);
    if (rc != HS_SUCCESS && rc != HS_SCAN_TERMINATED)
        return error_set(err, ALF_E_INTERNAL, "Hyperscan failed with %d", rc);
    return ALF_OK;
}

#else

bool fast_available(void)
{
    return false;
}

bool fast_accepts(const pattern_spec *spec)
{
    (void)spec;
    return false;
}

alf_status fast_new(const pattern_spec *specs, const uint32_t *ids, size_t count, fast_set **out,
                    size_t *refused, alf_error *err)
{
    (void)specs;
    (void)ids;
    (void)out;
    *refused = count;
    return error_set(err, ALF_E_UNSUPPORTED, "built without Hyperscan");
}

void fast_free(fast_set *set)
{
    (void)set;
}

fast_scratch *fast_scratch_new(const fast_set *set)
{
    (void)set;
    return NULL;
}

void fast_scratch_free(fast_scratch *s)
{
    (void)s;
}

alf_status fast_search(const fast_set *set, fast_scratch *s, alf_span text,
                       bool (*found)(void *context, uint32_t id), void *context, alf_error *err)
{
    (void)set;
    (void)s;
    (void)text;
    (void)found;
    (void)context;
    return error_set(err, ALF_E_INTERNAL, "built without Hyperscan");
}

#endif
