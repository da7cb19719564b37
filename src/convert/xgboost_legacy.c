/*
 * The binary format of XGBoost: its structs as they lay in memory, little-endian. The only format
 * before 1.0, still written for model files up to 3.0. Source: what the library writes, 0.90 to 3.0
 * (docs/formats.md).
 *
 * Layout: [ "binf" ] learner parameters (136 bytes), objective and booster names, the booster, then
 * attributes and metrics. A text is a 64-bit length and its bytes.
 */
#include "convert/xgboost_model.h"

#include <inttypes.h>
#include <string.h>

enum {
    LEARNER_SIZE = 136,
    BOOSTER_SIZE = 160,
    TREE_SIZE = 148,
    NODE_SIZE = 20,
    STATISTICS_SIZE = 16
};

typedef struct reader {
    const uint8_t *start;
    const uint8_t *p;
    const uint8_t *end;
    arena *a;
    alf_error *err;
} reader;

static size_t left(const reader *r)
{
    return (size_t)(r->end - r->p);
}

/* size bytes, taken. */
static alf_status take(reader *r, uint64_t size, const char *what, const uint8_t **out)
{
    *out = r->p;
    if (size > left(r))
        return error_at(r->err, ALF_E_FORMAT, (uint64_t)(r->p - r->start),
                        "the XGBoost model ends within %s: %" PRIu64 " bytes expected, %zu left; "
                        "it is truncated or not an XGBoost model",
                        what, size, left(r));
    r->p += size;
    return ALF_OK;
}

static uint32_t get_u32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static int32_t get_i32(const uint8_t *p)
{
    return (int32_t)get_u32(p);
}

static float get_f32(const uint8_t *p)
{
    uint32_t bits = get_u32(p);
    float number;
    memcpy(&number, &bits, sizeof number);
    return number;
}

static alf_status bad(const reader *r, const uint8_t *at, const char *what, int64_t found,
                      const char *expected)
{
    return error_at(r->err, ALF_E_FORMAT, (uint64_t)(at - r->start),
                    "the XGBoost model gives %" PRId64 " for %s, expected %s; it is damaged", found,
                    what, expected);
}

/* A 64-bit count of items of the given size, and the bytes of them all. */
static alf_status take_items(reader *r, size_t size, const char *what, uint64_t *count,
                             const uint8_t **out)
{
    const uint8_t *p = r->p;
    *count = 0;
    *out = p;
    TRY(take(r, 8, what, &p));
    *count = (uint64_t)get_u32(p) | (uint64_t)get_u32(p + 4) << 32;
    if (*count > left(r) / size)
        return error_at(r->err, ALF_E_FORMAT, (uint64_t)(p - r->start),
                        "the XGBoost model gives %" PRIu64 " as the length of %s, but only %zu "
                        "bytes are left; it is truncated or not an XGBoost model",
                        *count, what, left(r));
    return take(r, *count * size, what, out);
}

static alf_status take_text(reader *r, const char *what, alf_span *out)
{
    uint64_t size;
    const uint8_t *p;
    TRY(take_items(r, 1, what, &size, &p));
    *out = span_of((const char *)p, (size_t)size);
    return ALF_OK;
}

/* Learner parameters. */
typedef struct learner {
    bool has_attributes;
    bool has_metrics;
} learner;

static alf_status read_learner(reader *r, xgb_model *m, learner *l)
{
    const uint8_t *p;
    alf_status status;
    TRY(take(r, LEARNER_SIZE, "the learner's parameters", &p));
    m->base_score = xgb_allocate(r->a, 1, sizeof(float), &status, r->err);
    TRY(status);
    m->base_score[0] = get_f32(p);
    m->base_score_count = 1;
    m->num_feature = get_u32(p + 4);
    int32_t classes = get_i32(p + 8);
    if (classes < 0 || classes > XGB_CLASS_LIMIT)
        return bad(r, p + 8, "the number of classes", classes, "0 to 65535");
    m->num_class = (uint32_t)classes;
    l->has_attributes = get_i32(p + 12) != 0;
    l->has_metrics = get_i32(p + 16) != 0;
    m->version[0] = get_i32(p + 20);
    m->version[1] = get_i32(p + 24);
    m->base_is_margin = m->version[0] < 1;
    return ALF_OK;
}

static alf_status read_node(const reader *r, const uint8_t *p, xgb_node *out)
{
    uint32_t split = get_u32(p + 12);
    *out = (xgb_node){
        .left = get_i32(p + 4),
        .right = get_i32(p + 8),
        .feature = split & 0x7fffffffu,
        .value = get_f32(p + 16),
        .default_left = split >> 31 != 0,
    };
    if (out->left < -1)
        return bad(r, p + 4, "a child", out->left, "-1 or more");
    return ALF_OK;
}

static alf_status read_tree(reader *r, xgb_tree *tree)
{
    const uint8_t *p;
    const uint8_t *nodes;
    const uint8_t *ignored;
    alf_status status;
    TRY(take(r, TREE_SIZE, "the parameters of a tree", &p));
    int32_t roots = get_i32(p);
    int32_t count = get_i32(p + 4);
    int32_t vector = get_i32(p + 20);
    if (roots != 1)
        return bad(r, p, "the number of roots of a tree", roots, "1");
    if (count < 1 || count > XGB_NODE_LIMIT)
        return bad(r, p + 4, "the number of nodes of a tree", count, "1 to 2^28");
    if (vector != 0 && vector != 1)
        return error_at(r->err, ALF_E_UNSUPPORTED, (uint64_t)(p + 20 - r->start),
                        "trees whose leaves hold vectors (of %" PRId32 ") are not supported",
                        vector);
    TRY(take(r, (uint64_t)count * NODE_SIZE, "the nodes of a tree", &nodes));
    TRY(take(r, (uint64_t)count * STATISTICS_SIZE, "the statistics of a tree", &ignored));
    tree->node_count = (uint32_t)count;
    tree->nodes = xgb_allocate(r->a, (size_t)count, sizeof *tree->nodes, &status, r->err);
    TRY(status);
    for (size_t i = 0; i < (size_t)count; i++)
        TRY(read_node(r, nodes + i * NODE_SIZE, &tree->nodes[i]));
    return ALF_OK;
}

static alf_status read_groups(reader *r, xgb_model *m)
{
    const uint8_t *p;
    alf_status status;
    TRY(take(r, (uint64_t)m->tree_count * 4, "the groups of the trees", &p));
    m->groups = xgb_allocate(r->a, m->tree_count, sizeof *m->groups, &status, r->err);
    TRY(status);
    for (size_t i = 0; i < m->tree_count; i++)
        m->groups[i] = get_u32(p + i * 4);
    return ALF_OK;
}

static alf_status read_weight_drop(reader *r, xgb_model *m)
{
    const uint8_t *p;
    uint64_t count;
    alf_status status;
    TRY(take_items(r, 4, "weight_drop", &count, &p));
    if (count != m->tree_count)
        return bad(r, p, "the length of weight_drop", (int64_t)count, "one per tree");
    m->weight_drop = xgb_allocate(r->a, m->tree_count, sizeof *m->weight_drop, &status, r->err);
    TRY(status);
    for (size_t i = 0; i < m->tree_count; i++)
        m->weight_drop[i] = get_f32(p + i * 4);
    return ALF_OK;
}

static alf_status read_booster(reader *r, bool dart, xgb_model *m)
{
    const uint8_t *p;
    alf_status status;
    TRY(take(r, BOOSTER_SIZE, "the booster's parameters", &p));
    int32_t count = get_i32(p);
    int32_t vector = get_i32(p + 28);
    if (count < 0 || (size_t)count > left(r) / (TREE_SIZE + NODE_SIZE + STATISTICS_SIZE))
        return bad(r, p, "the number of trees", count, "no more than the model has room for");
    if (vector != 0 && vector != 1)
        return error_at(r->err, ALF_E_UNSUPPORTED, (uint64_t)(p + 28 - r->start),
                        "trees whose leaves hold vectors (of %" PRId32 ") are not supported",
                        vector);
    m->tree_count = (uint32_t)count;
    m->trees = xgb_allocate(r->a, m->tree_count, sizeof *m->trees, &status, r->err);
    TRY(status);
    for (size_t i = 0; i < m->tree_count; i++)
        TRY(read_tree(r, &m->trees[i]));
    if (m->tree_count == 0)
        return ALF_OK;
    TRY(read_groups(r, m));
    return dart ? read_weight_drop(r, m) : ALF_OK;
}

/* A decimal integer, as the attribute best_iteration is; -1 when it is not one. */
static int64_t decimal(alf_span text)
{
    int64_t number = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || number > INT32_MAX)
            return -1;
        number = number * 10 + (text.data[i] - '0');
    }
    return text.size > 0 ? number : -1;
}

static alf_status read_attributes(reader *r, xgb_model *m)
{
    uint64_t count;
    const uint8_t *p;
    TRY(take(r, 8, "the number of attributes", &p));
    count = (uint64_t)get_u32(p) | (uint64_t)get_u32(p + 4) << 32;
    for (uint64_t i = 0; i < count; i++) {
        alf_span name;
        alf_span text;
        TRY(take_text(r, "the name of an attribute", &name));
        TRY(take_text(r, "an attribute", &text));
        if (span_is(name, "best_iteration"))
            m->best_iteration = decimal(text);
        if (span_is(name, "scikit_learn"))
            m->wrapper = text;
    }
    return ALF_OK;
}

alf_status xgb_read_legacy(alf_span bytes, arena *a, xgb_model *out, alf_error *err)
{
    reader r = {.a = a, .err = err};
    r.start = r.p = (const uint8_t *)(bytes.size > 0 ? bytes.data : "");
    r.end = r.start + bytes.size;
    if (span_starts(bytes, SPAN_LITERAL("binf")))
        r.p += 4;
    learner l = {0};
    alf_span booster;
    *out = (xgb_model){.best_iteration = -1, .num_parallel_tree = 1};
    TRY(read_learner(&r, out, &l));
    TRY(take_text(&r, "the name of the objective", &out->objective));
    TRY(take_text(&r, "the name of the booster", &booster));
    bool dart = span_is(booster, "dart");
    if (!dart && !span_is(booster, "gbtree"))
        return error_set(err, ALF_E_UNSUPPORTED,
                         "the XGBoost booster is '%.*s'; supported are gbtree and dart",
                         span_width(booster), booster.data);
    TRY(read_booster(&r, dart, out));
    return l.has_attributes ? read_attributes(&r, out) : ALF_OK;
}
