/*
 * The joblib engine's XGBoost: reading boosters, as plainly as their formats allow. Written apart
 * from xgboost_json.c and xgboost_legacy.c on purpose; only the readers of JSON and UBJSON are
 * shared.
 *
 * Sizes are checked here, meaning is not: reference_boosted.c does that.
 */
#include "codec/json.h"
#include "codec/ubjson.h"
#include "convert/reference_boosted.h"

#include <math.h>
#include <string.h>

alf_status reference_boosted_damaged(alf_error *err, const char *what)
{
    return error_set(err, ALF_E_FORMAT,
                     "the XGBoost model is damaged or of a version not known: %s", what);
}

static alf_status new_tree(reference_boosted *r, reference_tree *t, size_t count, alf_error *err)
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
bool reference_boosted_item(const value *list, size_t i, double *out)
{
    if (list != NULL && list->kind == VALUE_ARRAY)
        return value_array_double(&list->as.array, i, out);
    return value_to_double(value_item(list, i), out);
}

/* An item that must be a whole number within bounds. */
static bool whole(const value *list, size_t i, double least, double most, double *out)
{
    return reference_boosted_item(list, i, out) && *out >= least && *out <= most &&
           floor(*out) >= *out;
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

/* One node's bits, as the library builds them: as many words as the largest category needs. */
static alf_status json_set(reference_boosted *r, const value *v, size_t i, reference_tree *t,
                           alf_error *err)
{
    const value *all = value_get(v, "categories");
    double node, begin, size, category;
    double most = 0;
    if (!whole(value_get(v, "categories_nodes"), i, 0, (double)t->count - 1, &node) ||
        !whole(value_get(v, "categories_segments"), i, 0, INT32_MAX, &begin) ||
        !whole(value_get(v, "categories_sizes"), i, 0, (double)value_length(all), &size) ||
        t->sets[(size_t)node] != NULL)
        return reference_boosted_damaged(err, "a set of categories is not of one node");
    for (size_t k = 0; k < (size_t)size; k++) {
        if (!whole(all, (size_t)begin + k, 0, 16777215, &category))
            return reference_boosted_damaged(err, "a category is out of range");
        most = fmax(most, category);
    }
    size_t words = (size_t)most / 32 + 1;
    uint32_t *set = arena_alloc(&r->memory, words, sizeof *set);
    if (set == NULL)
        return error_nomem(err, "the categories of an XGBoost model");
    for (size_t k = 0; k < (size_t)size; k++) {
        (void)reference_boosted_item(all, (size_t)begin + k, &category);
        set[(size_t)category / 32] |= UINT32_C(1) << (size_t)category % 32;
    }
    t->sets[(size_t)node] = set;
    t->set_words[(size_t)node] = words;
    return ALF_OK;
}

/* A node of kind 1 tests a set; one that no set is listed for tests an empty one. */
static alf_status json_sets(reference_boosted *r, const value *v, reference_tree *t, alf_error *err)
{
    const value *kind = value_get(v, "split_type");
    size_t count = value_length(value_get(v, "categories_nodes"));
    t->sets = arena_alloc(&r->memory, t->count, sizeof *t->sets);
    t->set_words = arena_alloc(&r->memory, t->count, sizeof *t->set_words);
    uint32_t *none = arena_alloc(&r->memory, 1, sizeof *none);
    if (t->sets == NULL || t->set_words == NULL || none == NULL)
        return error_nomem(err, "the categories of an XGBoost model");
    for (size_t i = 0; i < count; i++)
        TRY(json_set(r, v, i, t, err));
    for (size_t i = 0; i < t->count; i++) {
        double k = 0;
        (void)reference_boosted_item(kind, i, &k);
        if (k > 0 && t->sets[i] == NULL) {
            t->sets[i] = none;
            t->set_words[i] = 1;
        }
        if (!(k > 0) && t->sets[i] != NULL)
            return reference_boosted_damaged(err, "a split by number has categories");
    }
    return ALF_OK;
}

static alf_status json_tree(reference_boosted *r, const value *v, reference_tree *t, alf_error *err)
{
    const value *left = value_get(v, "left_children");
    const value *right = value_get(v, "right_children");
    const value *feature = value_get(v, "split_indices");
    const value *number = value_get(v, "split_conditions");
    const value *flag = value_get(v, "default_left");
    const value *kind = value_get(v, "split_type");
    bool any = false;
    TRY(new_tree(r, t, value_length(left), err));
    if (text_number(r, value_get(v, "tree_param"), "size_leaf_vector", 0) > 1)
        return error_set(err, ALF_E_UNSUPPORTED, "leaves with vectors are not supported");
    for (size_t i = 0; i < t->count; i++) {
        double l, g, f, n, d;
        double k = 0;
        if (!whole(left, i, -1, INT32_MAX, &l) || !whole(right, i, -1, INT32_MAX, &g) ||
            !whole(feature, i, 0, UINT32_MAX, &f) || !reference_boosted_item(number, i, &n) ||
            !reference_boosted_item(flag, i, &d) ||
            (kind != NULL && !reference_boosted_item(kind, i, &k)))
            return reference_boosted_damaged(err, "a node of a tree is incomplete");
        any = any || k > 0;
        t->left[i] = (int32_t)l;
        t->right[i] = (int32_t)g;
        t->feature[i] = (uint32_t)f;
        t->number[i] = (float)n;
        t->default_left[i] = d > 0;
    }
    return any ? json_sets(r, v, t, err) : ALF_OK;
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
            return reference_boosted_damaged(err, "iteration_indptr points past the trees");
        r->round_ends[i] = (size_t)end;
    }
    return ALF_OK;
}

static alf_status json_booster(reference_boosted *r, const value *booster, alf_error *err)
{
    const value *name = value_get(booster, "name");
    const value *drops = value_get(booster, "weight_drop");
    if (name == NULL || name->kind != VALUE_STRING)
        return reference_boosted_damaged(err, "the booster has no name");
    r->is_dart = span_is(name->as.text, "dart");
    if (!r->is_dart && !span_is(name->as.text, "gbtree"))
        return error_set(err, ALF_E_UNSUPPORTED, "the booster '%.*s' is not supported",
                         span_width(name->as.text), name->as.text.data);
    const value *model = value_get(r->is_dart ? value_get(booster, "gbtree") : booster, "model");
    const value *trees = value_get(model, "trees");
    r->per_round =
        text_number(r, value_get(model, "gbtree_model_param"), "num_parallel_tree", r->per_round);
    if (trees == NULL || trees->kind != VALUE_LIST)
        return reference_boosted_damaged(err, "there are no trees");
    TRY(new_trees(r, value_length(trees), err));
    for (size_t i = 0; i < r->tree_count; i++) {
        double group;
        double drop = 1.0;
        TRY(json_tree(r, value_item(trees, i), &r->trees[i], err));
        if (!whole(value_get(model, "tree_info"), i, 0, UINT32_MAX, &group) ||
            (r->is_dart && !reference_boosted_item(drops, i, &drop)))
            return reference_boosted_damaged(err, "a tree has no class or no weight");
        r->trees[i].group = (uint32_t)group;
        r->trees[i].drop = (float)drop;
    }
    return json_rounds(r, model, err);
}

static alf_status json_base(reference_boosted *r, const value *parameters, reference_model *m,
                            alf_error *err)
{
    const value *text = value_get(parameters, "base_score");
    value *parsed;
    if (text == NULL || text->kind != VALUE_STRING)
        return reference_boosted_damaged(err, "there is no base_score");
    TRY(json_parse(text->as.text, &r->memory, &parsed, err));
    if (value_length(parsed) > 1)
        m->base_list = parsed;
    else if (!reference_boosted_item(parsed, 0, &m->base_score) &&
             !value_to_double(parsed, &m->base_score))
        return reference_boosted_damaged(err, "base_score is not a number");
    return ALF_OK;
}

static alf_status read_json(reference_boosted *r, alf_span bytes, reference_model *m,
                            alf_error *err)
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
        return reference_boosted_damaged(err, "there is no version");
    if (name == NULL || name->kind != VALUE_STRING)
        return reference_boosted_damaged(err, "there is no objective");
    if (text_number(r, parameters, "num_target", 1) > 1)
        return error_set(err, ALF_E_UNSUPPORTED, "several targets are not supported");
    m->objective = name->as.text;
    m->classes = text_number(r, parameters, "num_class", 0);
    r->version = (int)major * 100 + (int)minor;
    int64_t features = text_number(r, parameters, "num_feature", -1);
    if (features < 0 || features > UINT32_MAX)
        return reference_boosted_damaged(err, "num_feature is missing or out of range");
    r->features = (size_t)features;
    const value *saved = value_get(value_get(learner, "attributes"), "scikit_learn");
    if (saved != NULL && saved->kind == VALUE_STRING)
        r->saved = saved->as.text;
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

static alf_status binary_tree(reference_boosted *r, bytes *b, reference_tree *t, alf_error *err)
{
    int32_t roots = next_i32(b);
    int32_t count = next_i32(b);
    (void)next(b,
               35 * sizeof(int32_t)); /* deleted nodes, depth, features, leaf size, 31 reserved */
    if (b->failed || roots != 1 || count < 1 || (size_t)count > b->left / 36)
        return reference_boosted_damaged(err, "a tree is cut short");
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
    (void)next(b, 32 * sizeof(int32_t));
    if (b->failed || count < 0 || (size_t)count > b->left / 184)
        return reference_boosted_damaged(err, "the number of trees is out of range");
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
    return b->failed ? reference_boosted_damaged(err, "it ends early") : ALF_OK;
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
        if (span_is(name, "scikit_learn"))
            r->saved = text;
    }
}

static alf_status read_binary(reference_boosted *r, alf_span data, reference_model *m,
                              alf_error *err)
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
    (void)next(&b, 27 * sizeof(int32_t));
    m->objective = next_text(&b);
    alf_span booster = next_text(&b);
    r->is_dart = span_is(booster, "dart");
    if (b.failed || major > 1000 || minor > 99)
        return reference_boosted_damaged(err, "its head is cut short");
    if (!r->is_dart && !span_is(booster, "gbtree"))
        return error_set(err, ALF_E_UNSUPPORTED, "the booster '%.*s' is not supported",
                         span_width(booster), booster.data);
    r->version = (int)major * 100 + (int)minor;
    TRY(binary_booster(r, &b, err));
    if (attributes)
        binary_attributes(r, &b);
    return b.failed ? reference_boosted_damaged(err, "it ends early") : ALF_OK;
}

/* ---- recognition ---- */

alf_status reference_boosted_read(reference_boosted *r, alf_span data, reference_model *m,
                                  alf_error *err)
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
