/* A candidate: loading it, counting and sampling where it differs, judging it. */
#include "serve/shadow.h"

#include "base/crypto.h"
#include "base/file.h"
#include "base/mem.h"

#include <limits.h>
#include <string.h>

enum { MOST_FILE = 1 << 30 };

const char *const shadow_skip_names[SHADOW_SKIPS] = {
    "share", "busy", "too_large", "memory", "live_failed", "candidate_failed", "circuit_open"};

/* ---- life ---- */

alf_status shadow_new(classifier *candidate, size_t samples, shadow **out, alf_error *err)
{
    *out = NULL;
    shadow *s = mem_calloc(1, sizeof *s);
    shadow_sample *room = mem_calloc(samples + 1, sizeof *room);
    if (s == NULL || room == NULL || pthread_mutex_init(&s->lock, NULL) != 0) {
        classifier_free(candidate);
        mem_free(s);
        mem_free(room);
        return error_nomem(err, "a candidate");
    }
    atomic_init(&s->references, 1);
    breaker_init(&s->breaker, NULL);
    s->classifier = candidate;
    s->samples = room;
    s->sample_room = samples;
    *out = s;
    return ALF_OK;
}

void shadow_hold(shadow *s)
{
    atomic_fetch_add(&s->references, 1);
}

void shadow_release(shadow *s)
{
    if (s == NULL || atomic_fetch_sub(&s->references, 1) > 1)
        return;
    classifier_free(s->classifier);
    breaker_fini(&s->breaker);
    (void)pthread_mutex_destroy(&s->lock);
    mem_free(s->samples);
    plan_release(s->plan);
    mem_free(s);
}

/* ---- loading ---- */

/* What the files hold now, so that a report can tell which model it is about. */
static alf_status hash_files(const char *folder, const models *m, shadow_files *out, alf_error *err)
{
    char path[PATH_MAX];
    for (int i = 0; i < MODELS_FILE_COUNT; i++) {
        if (m->layout.path[i][0] == '\0' || i == MODELS_BENCHMARK)
            continue;
        buf data;
        buf_init(&data);
        alf_status status = models_path(folder, &m->layout, (models_file)i, path, err);
        if (status == ALF_OK)
            status = file_read(path, MOST_FILE, &data, err);
        if (status == ALF_OK) {
            shadow_file *file = &out->of[out->count++];
            file->file = (models_file)i;
            status = crypto_sha256_hex(buf_span(&data), file->sha256, err);
        }
        buf_fini(&data);
        if (status != ALF_OK)
            return status;
    }
    return ALF_OK;
}

static alf_status load_candidate(shadow *s, classifier *live, alf_error *err)
{
    const serve_plan *plan = &s->plan->plan;
    s->slow = (uint64_t)(plan->settings.shadow_slow_ms * 1e6);
    TRY(classifier_open(&plan->shadow, &s->classifier, err));
    TRY(generation_prove(s->classifier, &plan->shadow, &s->cost, &s->proof, err));
    TRY(hash_files(plan->classifier.bundle, &live->models, &s->live_files, err));
    return hash_files(plan->shadow.bundle, &s->classifier->models, &s->files, err);
}

alf_status shadow_load(plan_box *plan, classifier *live, shadow **out, alf_error *err)
{
    shadow *s;
    *out = NULL;
    if (plan->plan.shadow.bundle == NULL)
        return ALF_OK;
    TRY(shadow_new(NULL, (size_t)plan->plan.settings.shadow_samples, &s, err));
    plan_hold(plan);
    s->plan = plan;
    alf_status status = load_candidate(s, live, err);
    if (status == ALF_OK) {
        *out = s;
        return ALF_OK;
    }
    char text[1024];
    (void)error_text(err, text, sizeof text);
    shadow_release(s);
    return error_set(err, status, "the candidate (shadow.path): %s", text);
}

/* ---- counting ---- */

static void add(metrics_counter *mine, metrics_counter *total, uint64_t n)
{
    if (n == 0)
        return;
    atomic_fetch_add_explicit(mine, n, memory_order_relaxed);
    atomic_fetch_add_explicit(total, n, memory_order_relaxed);
}

void shadow_skip_logs(shadow *s, shadow_counts *total, shadow_skip why, uint64_t n)
{
    add(&s->counts.skipped[why], &total->skipped[why], n);
}

static bool is_forwarded(size_t category)
{
    return category == ALF_CRITICAL || category == ALF_SUSPICIOUS;
}

/* The worse a disagreement, the longer its sample is kept. */
static int weight_of(size_t live, size_t candidate)
{
    if (live == ALF_CRITICAL && candidate != ALF_CRITICAL)
        return 2;
    return is_forwarded(live) && !is_forwarded(candidate);
}

/* Where the next sample goes: the oldest of the least weight, unless all weigh more. */
static shadow_sample *sample_place(shadow *s, int weight)
{
    if (s->sample_count < s->sample_room)
        return &s->samples[s->sample_count++];
    shadow_sample *place = NULL;
    int least = weight + 1;
    for (size_t i = 0; i < s->sample_count; i++) {
        shadow_sample *one = &s->samples[i];
        int its = weight_of(one->live, one->candidate);
        if (its < least || (its == least && place != NULL && one->at < place->at)) {
            least = its;
            place = one;
        }
    }
    return place;
}

/* Whole characters of UTF-8, as far as it is UTF-8. */
static size_t cut(alf_span text)
{
    if (text.size <= SHADOW_MESSAGE)
        return text.size;
    size_t size = SHADOW_MESSAGE;
    while (size > SHADOW_MESSAGE - 4 && ((unsigned char)text.data[size] & 0xc0u) == 0x80)
        size--;
    return size;
}

static void sample(shadow *s, const shadow_log *live, const verdict *candidate)
{
    (void)pthread_mutex_lock(&s->lock);
    shadow_sample *to = sample_place(s, weight_of(live->category, candidate->category));
    if (to != NULL) {
        *to = (shadow_sample){.at = live->at,
                              .live = live->category,
                              .candidate = candidate->category,
                              .live_confidence = live->confidence,
                              .candidate_confidence = candidate->confidence,
                              .size = live->message.size,
                              .kept = cut(live->message)};
        if (to->kept > 0)
            memcpy(to->text, live->message.data, to->kept);
    }
    (void)pthread_mutex_unlock(&s->lock);
}

void shadow_compare(shadow *s, shadow_counts *total, const shadow_log *live,
                    const verdict *candidate, size_t n)
{
    uint64_t counts[ALF_CATEGORIES][ALF_CATEGORIES] = {{0}};
    uint64_t failed = 0;
    for (size_t i = 0; i < n; i++) {
        if (candidate[i].fail_open_used) {
            failed++;
            continue;
        }
        counts[live[i].category][candidate[i].category]++;
        if (live[i].category != candidate[i].category)
            sample(s, &live[i], &candidate[i]);
    }
    shadow_skip_logs(s, total, SHADOW_SKIP_FAILED, failed);
    for (size_t a = 0; a < ALF_CATEGORIES; a++)
        for (size_t b = 0; b < ALF_CATEGORIES; b++)
            add(&s->counts.logs[a][b], &total->logs[a][b], counts[a][b]);
}

void shadow_read(const shadow_counts *counts, shadow_totals *out)
{
    *out = (shadow_totals){.compared = 0};
    for (size_t i = 0; i < SHADOW_SKIPS; i++)
        out->skipped[i] = metrics_get(&counts->skipped[i]);
    for (size_t a = 0; a < ALF_CATEGORIES; a++)
        for (size_t b = 0; b < ALF_CATEGORIES; b++) {
            uint64_t n = metrics_get(&counts->logs[a][b]);
            out->logs[a][b] = n;
            out->compared += n;
            out->disagreements += a != b ? n : 0;
            out->criticals += a == ALF_CRITICAL ? n : 0;
            out->criticals_lowered += a == ALF_CRITICAL && a != b ? n : 0;
            out->forwarded_lowered += is_forwarded(a) && !is_forwarded(b) ? n : 0;
        }
}

shadow_judgement shadow_judge(const shadow_totals *totals, const shadow_terms *terms)
{
    if (terms->lacks_model)
        return SHADOW_LACKS_MODEL;
    if (totals->criticals_lowered > 0)
        return SHADOW_LOWERS_CRITICALS;
    if (terms->force)
        return SHADOW_FITS;
    if (totals->compared < terms->least_logs)
        return SHADOW_TOO_FEW;
    if (totals->criticals < terms->least_criticals)
        return SHADOW_TOO_FEW_CRITICALS;
    if (totals->skipped[SHADOW_SKIP_FAILED] > 0)
        return SHADOW_FAILS;
    return terms->resting ? SHADOW_RESTS : SHADOW_FITS;
}
