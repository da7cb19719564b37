/*
 * The joblib engine's XGBoost: a booster's bytes are read into plain arrays of nodes and walked as
 * the library walks them, in float32. Written apart from extract_xgboost.c on purpose, and kept
 * plain: only the readers of JSON and UBJSON are shared.
 *
 * Invariants after reference_boosted_new: children and features of every node that a walk can reach
 * are in range, groups too; a walk takes at most as many steps as its tree has nodes.
 */
#include "base/mem.h"
#include "codec/json.h"
#include "codec/ubjson.h"
#include "convert/reference.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

typedef struct tree {
    size_t count;
    int32_t *left; /* -1: a leaf */
    int32_t *right;
    uint32_t *feature;
    float *number; /* threshold or leaf weight */
    bool *default_left;
    uint32_t group;
    float drop;
} tree;

typedef enum objective { LOGISTIC, RAW, SOFTPROB, SOFTMAX } objective;

struct reference_boosted {
    arena memory;
    objective goal;
    size_t classes;
    size_t groups; /* margins */
    size_t features;
    int version; /* 100 * major + minor, 0 before 1.0 */
    bool is_classifier;
    bool is_dart;
    float *base; /* margins, per group */
    tree *trees;
    size_t tree_count; /* all */
    size_t used;       /* by predict() */
    size_t rounds;     /* entries of round_ends */
    size_t *round_ends;
    int64_t per_round; /* num_parallel_tree */
    int64_t best;      /* attribute best_iteration; -1: none */
    bool no_memory;    /* sticky: a parameter could not be parsed for want of memory */
};

/* What is read before it is interpreted. */
typedef struct raw_model {
    alf_span objective;
    int64_t classes;
    const value *base_list; /* several base scores, or NULL */
    double base_score;
} raw_model;

static alf_status damaged(alf_error *err, const char *what)
{
    return error_set(err, ALF_E_FORMAT,
                     "the XGBoost model is damaged or of a version not known: %s", what);
}

static alf_status new_tree(reference_boosted *r, tree *t, size_t count, alf_error *err)
{
    t->count = count;
    t->left = arena_alloc(&r->memory, count, sizeof *t->left);
    t->right = arena_alloc(&r->memory, count, sizeof *t->right);
    t->feature = arena_alloc(&r->memory, count, sizeof *t->feature);
    t->number = arena_alloc(&r->memory, count, sizeof *t->number);
    t->default_left = arena_alloc(&r->memory, count, sizeof *t->default_left);
    t->drop = 1.0f;
    bool good = t->left != NULL && t->right != NULL && t->feature != NULL && t->number != NULL &&
                t->default_left != NULL;
    return good ? ALF_OK : error_nomem(err, "the trees of an XGBoost model");
}

static alf_status new_trees(reference_boosted *r, size_t count, alf_error *err)
{
    r->tree_count = count;
    r->trees = arena_alloc(&r->memory, count, sizeof *r->trees);
    return r->trees != NULL ? ALF_OK : error_nomem(err, "the trees of an XGBoost model");
}

/* ---- JSON and UBJSON ---- */

/* Item i of a list or array of numbers. */
static bool item(const value *list, size_t i, double *out)
{
    if (list != NULL && list->kind == VALUE_ARRAY)
        return value_array_double(&list->as.array, i, out);
    return value_to_double(value_item(list, i), out);
}

/* An item that must be a whole number within bounds. */
static bool whole(const value *list, size_t i, double least, double most, double *out)
{
    return item(list, i, out) && *out >= least && *out <= most && floor(*out) >= *out;
}

static int64_t parse_number(reference_boosted *r, alf_span text, int64_t otherwise)
{
    value *parsed = NULL;
    int64_t number;
    alf_status status = json_parse(text, &r->memory, &parsed, NULL);
    if (status == ALF_E_NOMEM)
        r->no_memory = true;
    return status == ALF_OK && value_to_int64(parsed, &number) ? number : otherwise;
}

/* A parameter, a number written as text; absent or not a number: the default. */
static int64_t text_number(reference_boosted *r, const value *dict, const char *key, int64_t absent)
{
    const value *text = value_get(dict, key);
    if (text == NULL || text->kind != VALUE_STRING)
        return absent;
    return parse_number(r, text->as.text, absent);
}

static alf_status json_tree(reference_boosted *r, const value *v, tree *t, alf_error *err)
{
    const value *left = value_get(v, "left_children");
    const value *right = value_get(v, "right_children");
    const value *feature = value_get(v, "split_indices");
    const value *number = value_get(v, "split_conditions");
    const value *flag = value_get(v, "default_left");
    const value *kind = value_get(v, "split_type");
    TRY(new_tree(r, t, value_length(left), err));
    if (text_number(r, value_get(v, "tree_param"), "size_leaf_vector", 0) > 1)
        return error_set(err, ALF_E_UNSUPPORTED, "leaves with vectors are not supported");
    for (size_t i = 0; i < t->count; i++) {
        double l, g, f, n, d;
        double k = 0;
        if (!whole(left, i, -1, INT32_MAX, &l) || !whole(right, i, -1, INT32_MAX, &g) ||
            !whole(feature, i, 0, UINT32_MAX, &f) || !item(number, i, &n) || !item(flag, i, &d) ||
            (kind != NULL && !item(kind, i, &k)))
            return damaged(err, "a node of a tree is incomplete");
        if (k > 0)
            return error_set(err, ALF_E_UNSUPPORTED, "categorical splits are not supported");
        t->left[i] = (int32_t)l;
        t->right[i] = (int32_t)g;
        t->feature[i] = (uint32_t)f;
        t->number[i] = (float)n;
        t->default_left[i] = d > 0;
    }
    return ALF_OK;
}

static alf_status json_rounds(reference_boosted *r, const value *model, alf_error *err)
{
    const value *ends = value_get(model, "iteration_indptr");
    if (ends == NULL || value_length(ends) == 0)
        return ALF_OK;
    r->rounds = value_length(ends) - 1;
    r->round_ends = arena_alloc(&r->memory, r->rounds, sizeof *r->round_ends);
    if (r->round_ends == NULL)
        return error_nomem(err, "the rounds of an XGBoost model");
    for (size_t i = 0; i < r->rounds; i++) {
        double end;
        if (!whole(ends, i + 1, 0, (double)r->tree_count, &end))
            return damaged(err, "iteration_indptr points past the trees");
        r->round_ends[i] = (size_t)end;
    }
    return ALF_OK;
}

static alf_status json_booster(reference_boosted *r, const value *booster, alf_error *err)
{
    const value *name = value_get(booster, "name");
    const value *drops = value_get(booster, "weight_drop");
    if (name == NULL || name->kind != VALUE_STRING)
        return damaged(err, "the booster has no name");
    r->is_dart = span_is(name->as.text, "dart");
    if (!r->is_dart && !span_is(name->as.text, "gbtree"))
        return error_set(err, ALF_E_UNSUPPORTED, "the booster '%.*s' is not supported",
                         span_width(name->as.text), name->as.text.data);
    const value *model = value_get(r->is_dart ? value_get(booster, "gbtree") : booster, "model");
    const value *trees = value_get(model, "trees");
    r->per_round =
        text_number(r, value_get(model, "gbtree_model_param"), "num_parallel_tree", r->per_round);
    if (trees == NULL || trees->kind != VALUE_LIST)
        return damaged(err, "there are no trees");
    TRY(new_trees(r, value_length(trees), err));
    for (size_t i = 0; i < r->tree_count; i++) {
        double group;
        double drop = 1.0;
        TRY(json_tree(r, value_item(trees, i), &r->trees[i], err));
        if (!whole(value_get(model, "tree_info"), i, 0, UINT32_MAX, &group) ||
            (r->is_dart && !item(drops, i, &drop)))
            return damaged(err, "a tree has no class or no weight");
        r->trees[i].group = (uint32_t)group;
        r->trees[i].drop = (float)drop;
    }
    return json_rounds(r, model, err);
}

static alf_status json_base(reference_boosted *r, const value *parameters, raw_model *m,
                            alf_error *err)
{
    const value *text = value_get(parameters, "base_score");
    value *parsed;
    if (text == NULL || text->kind != VALUE_STRING)
        return damaged(err, "there is no base_score");
    TRY(json_parse(text->as.text, &r->memory, &parsed, err));
    if (value_length(parsed) > 1)
        m->base_list = parsed;
    else if (!item(parsed, 0, &m->base_score) && !value_to_double(parsed, &m->base_score))
        return damaged(err, "base_score is not a number");
    return ALF_OK;
}

static alf_status read_json(reference_boosted *r, alf_span bytes, raw_model *m, alf_error *err)
{
    value *root;
    bool is_text = bytes.size > 1 && (bytes.data[1] == '"' || bytes.data[1] == '\n' ||
                                      bytes.data[1] == ' ' || bytes.data[1] == '\r');
    if (is_text)
        TRY(json_parse(bytes, &r->memory, &root, err));
    else
        TRY(ubjson_parse(bytes, &r->memory, &root, err));
    const value *model = value_get(root, "Model") != NULL ? value_get(root, "Model") : root;
    const value *learner = value_get(model, "learner");
    const value *parameters = value_get(learner, "learner_model_param");
    const value *name = value_get(value_get(learner, "objective"), "name");
    const value *setup = value_get(value_get(root, "Config"), "learner");
    double major;
    double minor;
    setup = value_get(setup, "gradient_booster");
    if (value_get(setup, "gbtree") != NULL)
        setup = value_get(setup, "gbtree");
    if (!whole(value_get(model, "version"), 0, 0, 1000, &major) ||
        !whole(value_get(model, "version"), 1, 0, 99, &minor))
        return damaged(err, "there is no version");
    if (name == NULL || name->kind != VALUE_STRING)
        return damaged(err, "there is no objective");
    if (text_number(r, parameters, "num_target", 1) > 1)
        return error_set(err, ALF_E_UNSUPPORTED, "several targets are not supported");
    m->objective = name->as.text;
    m->classes = text_number(r, parameters, "num_class", 0);
    r->version = (int)major * 100 + (int)minor;
    int64_t features = text_number(r, parameters, "num_feature", -1);
    if (features < 0 || features > UINT32_MAX)
        return damaged(err, "num_feature is missing or out of range");
    r->features = (size_t)features;
    r->best = text_number(r, value_get(learner, "attributes"), "best_iteration", -1);
    r->per_round = text_number(r, value_get(setup, "gbtree_train_param"), "num_parallel_tree", 1);
    TRY(json_base(r, parameters, m, err));
    return json_booster(r, value_get(learner, "gradient_booster"), err);
}

/* ---- the binary format ---- */

typedef struct bytes {
    const unsigned char *p;
    size_t left;
    bool failed; /* sticky: asked for more than there was */
} bytes;

static const unsigned char *next(bytes *b, size_t size)
{
    if (b->failed || size > b->left) {
        b->failed = true;
        return NULL;
    }
    const unsigned char *p = b->p;
    b->p += size;
    b->left -= size;
    return p;
}

static uint32_t next_u32(bytes *b)
{
    const unsigned char *p = next(b, 4);
    if (p == NULL)
        return 0;
    return (uint32_t)p[0] + ((uint32_t)p[1] << 8) + ((uint32_t)p[2] << 16) + ((uint32_t)p[3] << 24);
}

static int32_t next_i32(bytes *b)
{
    return (int32_t)next_u32(b);
}

static float next_f32(bytes *b)
{
    uint32_t bits = next_u32(b);
    float number;
    memcpy(&number, &bits, sizeof number);
    return number;
}

static alf_span next_text(bytes *b)
{
    uint64_t size = next_u32(b);
    size += (uint64_t)next_u32(b) << 32;
    if (size > b->left)
        b->failed = true;
    const unsigned char *p = next(b, b->failed ? 0 : (size_t)size);
    return p != NULL ? span_of((const char *)p, (size_t)size) : SPAN_LITERAL("");
}

static alf_status binary_tree(reference_boosted *r, bytes *b, tree *t, alf_error *err)
{
    int32_t roots = next_i32(b);
    int32_t count = next_i32(b);
    (void)next(b, 35 * 4); /* deleted nodes, depth, features, leaf size, 31 reserved */
    if (b->failed || roots != 1 || count < 1 || (size_t)count > b->left / 36)
        return damaged(err, "a tree is cut short");
    TRY(new_tree(r, t, (size_t)count, err));
    for (size_t i = 0; i < t->count; i++) {
        (void)next_i32(b); /* parent */
        t->left[i] = next_i32(b);
        t->right[i] = next_i32(b);
        uint32_t split = next_u32(b);
        t->feature[i] = split & 0x7fffffff;
        t->default_left[i] = split > 0x7fffffff;
        t->number[i] = next_f32(b);
    }
    (void)next(b, t->count * 16); /* statistics */
    return ALF_OK;
}

static alf_status binary_booster(reference_boosted *r, bytes *b, alf_error *err)
{
    int32_t count = next_i32(b);
    (void)next(b, 24); /* roots, features, padding, buffer, groups */
    int32_t leaf_size = next_i32(b);
    (void)next(b, 32 * 4);
    if (b->failed || count < 0 || (size_t)count > b->left / 184)
        return damaged(err, "the number of trees is out of range");
    if (leaf_size > 1)
        return error_set(err, ALF_E_UNSUPPORTED, "leaves with vectors are not supported");
    TRY(new_trees(r, (size_t)count, err));
    for (size_t i = 0; i < r->tree_count; i++)
        TRY(binary_tree(r, b, &r->trees[i], err));
    for (size_t i = 0; i < r->tree_count; i++)
        r->trees[i].group = next_u32(b);
    if (r->is_dart && r->tree_count > 0)
        (void)next(b, 8); /* as many weights as trees */
    for (size_t i = 0; r->is_dart && i < r->tree_count; i++)
        r->trees[i].drop = next_f32(b);
    return b->failed ? damaged(err, "it ends early") : ALF_OK;
}

static void binary_attributes(reference_boosted *r, bytes *b)
{
    uint64_t count = next_u32(b);
    (void)next_u32(b);
    for (uint64_t i = 0; i < count && !b->failed; i++) {
        alf_span name = next_text(b);
        alf_span text = next_text(b);
        if (span_is(name, "best_iteration"))
            r->best = parse_number(r, text, -1);
    }
}

static alf_status read_binary(reference_boosted *r, alf_span data, raw_model *m, alf_error *err)
{
    if (span_starts(data, SPAN_LITERAL("binf")))
        data = span_of(data.data + 4, data.size - 4);
    bytes b = {(const unsigned char *)data.data, data.size, false};
    m->base_score = (double)next_f32(&b);
    r->features = next_u32(&b);
    m->classes = next_i32(&b);
    bool attributes = next_i32(&b) != 0;
    (void)next_i32(&b); /* metrics */
    uint32_t major = next_u32(&b);
    uint32_t minor = next_u32(&b);
    (void)next(&b, 27 * 4);
    m->objective = next_text(&b);
    alf_span booster = next_text(&b);
    r->is_dart = span_is(booster, "dart");
    if (b.failed || major > 1000 || minor > 99)
        return damaged(err, "its head is cut short");
    if (!r->is_dart && !span_is(booster, "gbtree"))
        return error_set(err, ALF_E_UNSUPPORTED, "the booster '%.*s' is not supported",
                         span_width(booster), booster.data);
    r->version = (int)major * 100 + (int)minor;
    TRY(binary_booster(r, &b, err));
    if (attributes)
        binary_attributes(r, &b);
    return b.failed ? damaged(err, "it ends early") : ALF_OK;
}

/* ---- interpretation ---- */

static alf_status read_model(reference_boosted *r, alf_span data, raw_model *m, alf_error *err)
{
    alf_span mark = SPAN_LITERAL("CONFIG-offset:");
    r->best = -1;
    r->per_round = 1;
    if (span_starts(data, SPAN_LITERAL("{")))
        return read_json(r, data, m, err);
    if (span_starts(data, mark) && data.size >= mark.size + 8) /* the configuration comes behind */
        data = span_of(data.data + mark.size + 8, data.size - mark.size - 8);
    return read_binary(r, data, m, err);
}

static alf_status set_objective(reference_boosted *r, const raw_model *m, alf_error *err)
{
    bool multi = false;
    if (span_is(m->objective, "binary:logistic") || span_is(m->objective, "reg:logistic"))
        r->goal = LOGISTIC;
    else if (span_is(m->objective, "binary:logitraw"))
        r->goal = RAW;
    else
        multi = true;
    if (multi && span_is(m->objective, "multi:softprob"))
        r->goal = SOFTPROB;
    else if (multi && span_is(m->objective, "multi:softmax"))
        r->goal = SOFTMAX;
    else if (multi)
        return error_set(err, ALF_E_UNSUPPORTED, "the objective '%.*s' is not supported",
                         span_width(m->objective), m->objective.data);
    if (multi ? m->classes < 2 || m->classes > 65535 : m->classes < 0 || m->classes > 1)
        return damaged(err, "the number of classes does not suit the objective");
    r->classes = multi ? (size_t)m->classes : 2;
    r->groups = multi ? (size_t)m->classes : 1;
    return ALF_OK;
}

static alf_status set_base(reference_boosted *r, const raw_model *m, alf_error *err)
{
    r->base = arena_alloc(&r->memory, r->groups, sizeof *r->base);
    if (r->base == NULL)
        return error_nomem(err, "the base of an XGBoost model");
    if (m->base_list != NULL && value_length(m->base_list) != r->groups)
        return damaged(err, "there are not as many base scores as classes");
    for (size_t i = 0; i < r->groups; i++) {
        double score = m->base_score;
        if (m->base_list != NULL && !item(m->base_list, i, &score))
            return damaged(err, "a base score is not a number");
        float b = (float)score;
        bool logit = (r->goal == LOGISTIC || (r->goal == RAW && r->version < 103)) &&
                     r->version >= 100; /* before 1.0 it was stored as a margin */
        r->base[i] = logit ? -logf(1.0f / b - 1.0f) : b;
        if (!isfinite(r->base[i]))
            return damaged(err, "base_score has no finite margin");
    }
    return ALF_OK;
}

/* Up to 1.3 the classifier remembers best_ntree_limit; later the booster best_iteration. */
static alf_status set_used(reference_boosted *r, const value *classifier, alf_error *err)
{
    int64_t n;
    const value *booster = value_attribute(classifier, "_Booster");
    r->used = r->tree_count;
    if (booster == NULL)
        return ALF_OK;
    if (r->version < 104) {
        if (!value_to_int64(value_attribute(classifier, "best_ntree_limit"), &n) || n == 0)
            return ALF_OK;
        if (n < 0 || (uint64_t)n > r->tree_count / r->groups)
            return damaged(err, "best_ntree_limit is more than there are trees");
        r->used = (size_t)n * r->groups;
        return ALF_OK;
    }
    if (!value_to_int64(value_attribute(booster, "best_iteration"), &n))
        n = r->best;
    if (n < 0)
        return ALF_OK;
    if (r->round_ends != NULL) {
        if ((uint64_t)n >= r->rounds)
            return damaged(err, "best_iteration is more than there are rounds");
        r->used = r->round_ends[n];
        return ALF_OK;
    }
    if (r->per_round < 1 || r->per_round > INT32_MAX || n >= INT32_MAX ||
        ((uint64_t)n + 1) > r->tree_count / ((uint64_t)r->per_round * r->groups))
        return damaged(err, "best_iteration is more than there are rounds");
    r->used = ((size_t)n + 1) * (size_t)r->per_round * r->groups;
    return ALF_OK;
}

static alf_status check_trees(const reference_boosted *r, alf_error *err)
{
    for (size_t t = 0; t < r->used; t++) {
        const tree *tr = &r->trees[t];
        if (tr->count == 0 || tr->group >= r->groups)
            return damaged(err, "a tree is empty or of no class");
        for (size_t i = 0; i < tr->count; i++) {
            if (tr->left[i] == -1 || tr->feature[i] >= INT32_MAX)
                continue; /* a leaf, or a deleted node; walks stop at the latter */
            if (tr->left[i] < 0 || (size_t)tr->left[i] >= tr->count || tr->right[i] < 0 ||
                (size_t)tr->right[i] >= tr->count || tr->feature[i] >= r->features)
                return damaged(err, "a child or feature of a tree is out of range");
        }
    }
    return ALF_OK;
}

static alf_status find_handle(const value *classifier, alf_span *out, alf_error *err)
{
    char word[160];
    const value *booster = value_attribute(classifier, "_Booster");
    if (booster == NULL)
        booster = classifier;
    const value *handle = value_attribute(booster, "handle");
    if (handle == NULL || handle->kind != VALUE_BYTES)
        return error_set(
            err, ALF_E_FORMAT,
            "%s holds no XGBoost booster; expected a fitted XGBClassifier or a Booster",
            value_describe(classifier, word, sizeof word));
    *out = handle->as.text;
    return ALF_OK;
}

static alf_status load(reference_boosted *r, const value *classifier, alf_error *err)
{
    alf_span data = {0};
    raw_model m = {0};
    TRY(find_handle(classifier, &data, err));
    TRY(read_model(r, data, &m, err));
    if (r->no_memory)
        return error_nomem(err, "an XGBoost model");
    r->is_classifier = value_attribute(classifier, "_Booster") != NULL;
    TRY(set_objective(r, &m, err));
    TRY(set_base(r, &m, err));
    TRY(set_used(r, classifier, err));
    return check_trees(r, err);
}

alf_status reference_boosted_new(const value *classifier, reference_boosted **out, alf_error *err)
{
    *out = NULL;
    reference_boosted *r = mem_calloc(1, sizeof *r);
    if (r == NULL)
        return error_nomem(err, "an XGBoost model");
    arena_init(&r->memory, (size_t)2 << 30);
    alf_status status = load(r, classifier, err);
    if (status == ALF_OK)
        *out = r;
    else
        reference_boosted_free(r);
    return status;
}

void reference_boosted_free(reference_boosted *r)
{
    if (r == NULL)
        return;
    arena_fini(&r->memory);
    mem_free(r);
}

size_t reference_boosted_classes(const reference_boosted *r)
{
    return r->classes;
}

void reference_row_fini(reference_row *row)
{
    mem_free(row->columns);
    mem_free(row->values);
    *row = (reference_row){0};
}

/* ---- prediction ---- */

/* The value of a column as float32; false: missing. */
static bool find_column(const reference_row *row, uint32_t column, float *out)
{
    size_t low = 0;
    size_t high = row->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (row->columns[middle] < column)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == row->count || row->columns[low] != column)
        return false;
    *out = (float)row->values[low];
    return !isnan(*out);
}

/* The weight of the leaf that row reaches; false where the tree runs in a circle. */
static bool walk(const tree *t, const reference_row *row, float *out)
{
    size_t node = 0;
    for (size_t steps = 0; steps < t->count; steps++) {
        if (t->left[node] == -1) {
            *out = t->number[node];
            return true;
        }
        if (t->feature[node] >= INT32_MAX)
            return false;
        float x;
        bool left = t->default_left[node];
        if (find_column(row, t->feature[node], &x))
            left = x < t->number[node];
        node = (size_t)(left ? t->left[node] : t->right[node]);
    }
    return false;
}

static alf_status sum_trees(const reference_boosted *r, const reference_row *row, float *margins,
                            alf_error *err)
{
    /* Up to 1.2 (dart: 1.3) the base is added after the trees. */
    bool base_last = r->version < (r->is_dart ? 104 : 103);
    for (size_t g = 0; g < r->groups; g++)
        margins[g] = base_last ? 0.0f : r->base[g];
    for (size_t t = 0; t < r->used; t++) {
        size_t g = r->trees[t].group;
        float leaf;
        if (!walk(&r->trees[t], row, &leaf))
            return damaged(err, "a tree runs in a circle");
        if (r->is_dart && r->is_classifier && !base_last) {
            float with_base = r->base[g] + leaf;
            leaf = with_base - r->base[g];
        }
        if (r->is_dart)
            leaf *= r->trees[t].drop;
        margins[g] += leaf;
    }
    for (size_t g = 0; base_last && g < r->groups; g++)
        margins[g] += r->base[g];
    return ALF_OK;
}

static void to_softmax(float *v, size_t n)
{
    float most = v[0];
    double sum = 0.0;
    for (size_t i = 1; i < n; i++)
        most = fmaxf(v[i], most);
    for (size_t i = 0; i < n; i++) {
        v[i] = expf(v[i] - most);
        sum += (double)v[i];
    }
    for (size_t i = 0; i < n; i++)
        v[i] /= (float)sum;
}

static uint32_t first_largest(const float *v, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (v[i] > v[best])
            best = i;
    return (uint32_t)best;
}

alf_status reference_boosted_run(const reference_boosted *r, const reference_row *row,
                                 float *probabilities, uint32_t *label, alf_error *err)
{
    if (row->count > 0 && row->columns[row->count - 1] >= r->features)
        return error_set(err, ALF_E_ARGUMENT,
                         "the row has column %" PRIu32 ", but the classifier was trained with %zu",
                         row->columns[row->count - 1], r->features);
    TRY(sum_trees(r, row, probabilities, err));
    if (r->groups == 1) {
        float p = probabilities[0];
        if (r->goal == LOGISTIC)
            p = 1.0f / (expf(fminf(-p, 88.7f)) + 1.0f);
        probabilities[0] = 1.0f - p;
        probabilities[1] = p;
        *label = p > 0.5f;
        return ALF_OK;
    }
    /* multi:softmax takes its label from the margins, before rounding can make two equal. */
    if (r->goal == SOFTMAX)
        *label = first_largest(probabilities, r->classes);
    to_softmax(probabilities, r->classes);
    if (r->goal == SOFTPROB)
        *label = first_largest(probabilities, r->classes);
    return ALF_OK;
}
