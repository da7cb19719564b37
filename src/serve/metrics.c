/* Counting. */
#include "serve/metrics.h"

#include "base/span.h"

#include <string.h>

#define US UINT64_C(1000)
#define MS UINT64_C(1000000)

#define SHORT_TIMES                                                                                \
    {                                                                                              \
        5 * US, 10 * US, 25 * US, 50 * US, 100 * US, 250 * US, 500 * US, 1 * MS, 2500 * US,        \
            5 * MS, 10 * MS, 25 * MS, 50 * MS, 100 * MS, 1000 * MS                                 \
    }

const metrics_bounds metrics_milliseconds = {SHORT_TIMES, 15, 1e6};
const metrics_bounds metrics_milliseconds_base = {SHORT_TIMES, 15, 1e9};
const metrics_bounds metrics_seconds = {{100 * US, 250 * US, 500 * US, 1 * MS, 2500 * US, 5 * MS,
                                         10 * MS, 25 * MS, 50 * MS, 100 * MS, 250 * MS, 500 * MS,
                                         1000 * MS, 2500 * MS, 5000 * MS, 10000 * MS},
                                        16,
                                        1e9};
const metrics_bounds metrics_logs = {{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096}, 12, 1};

const char *const metrics_model_names[METRICS_MODELS] = {"ensemble", "rule_based",
                                                         "compliance_bypass", "fail_open", "other"};

void metrics_observe(metrics_histogram *h, const metrics_bounds *bounds, uint64_t value,
                     uint64_t times)
{
    size_t i = 0;
    while (i < bounds->count && value > bounds->bound[i])
        i++;
    metrics_add(&h->bucket[i < bounds->count ? i : METRICS_BUCKETS], times);
    metrics_add(&h->sum, value * times);
}

uint64_t metrics_observations(const metrics_histogram *h)
{
    uint64_t sum = 0;
    for (size_t i = 0; i <= METRICS_BUCKETS; i++)
        sum += metrics_get(&h->bucket[i]);
    return sum;
}

/* Copies what fits, whole characters of ASCII labels; others were checked where they came from. */
static void copy_label(char to[METRICS_LABEL], alf_span from)
{
    size_t size = from.size < METRICS_LABEL - 1 ? from.size : METRICS_LABEL - 1;
    if (size > 0)
        memcpy(to, from.data, size);
    to[size] = '\0';
}

static bool is_label(const char *have, alf_span want)
{
    size_t size = want.size < METRICS_LABEL - 1 ? want.size : METRICS_LABEL - 1;
    return strlen(have) == size && (size == 0 || memcmp(have, want.data, size) == 0);
}

void metrics_add_labelled(metrics_labelled *l, alf_span first, alf_span second, uint64_t n)
{
    unsigned count = atomic_load_explicit(&l->count, memory_order_relaxed);
    for (unsigned i = 0; i < count; i++)
        if (is_label(l->entry[i].first, first) && is_label(l->entry[i].second, second)) {
            metrics_add(&l->entry[i].counter, n);
            return;
        }
    if (count == METRICS_LABELS) {
        metrics_add(&l->entry[METRICS_LABELS - 1].counter, n);
        return;
    }
    bool last = count == METRICS_LABELS - 1;
    copy_label(l->entry[count].first, last ? SPAN_LITERAL("other") : first);
    copy_label(l->entry[count].second, last ? SPAN_LITERAL("other") : second);
    metrics_add(&l->entry[count].counter, n);
    /* Readers that see the new count see the labels. */
    atomic_store_explicit(&l->count, count + 1, memory_order_release);
}

void metrics_count(metrics *m, const verdict *v)
{
    size_t model = 0;
    while (model + 1 < METRICS_MODELS && strcmp(metrics_model_names[model], v->model) != 0)
        model++;
    metrics_add(&m->logs[v->category][model], 1);
    if (v->fail_open_used)
        metrics_add_labelled(&m->fail_open,
                             span_from_string(v->fail_reason != NULL ? v->fail_reason : "unknown"),
                             SPAN_LITERAL(""), 1);
    if (v->compliance_bypassed)
        metrics_add_labelled(&m->bypass, v->compliance_framework, v->compliance_rule, 1);
}
