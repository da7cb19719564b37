/*
 * The JSON tree of XGBoost models (JSON text or UBJSON), and the recognition of all formats.
 *
 * Lists of numbers come as arrays or as lists of numbers and booleans, by version and encoding;
 * column hides that. Parameters are numbers written as strings. Source: what the library
 * writes, 1.0 to 3.1 (docs/formats.md).
 */
#include "codec/json.h"
#include "codec/ubjson.h"
#include "convert/xgboost_model.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef struct reader {
    arena *a;
    alf_error *err;
} reader;

void *xgb_allocate(arena *a, size_t count, size_t size, alf_status *status, alf_error *err)
{
    void *memory = arena_alloc(a, count, size);
    *status = ALF_OK;
    if (memory == NULL && arena_over_limit(a, count, size))
        *status = error_set(err, ALF_E_LIMIT,
                            "the XGBoost model needs more than the %zu bytes of memory allowed",
                            a->limit);
    else if (memory == NULL)
        *status = error_nomem(err, "an XGBoost model");
    return memory;
}

static alf_status wrong(const reader *r, const char *key, const char *expected, const value *found)
{
    char word[160];
    return error_at(r->err, ALF_E_FORMAT, found != NULL ? found->offset : ALF_NO_OFFSET,
                    "the XGBoost model has %s for '%s', expected %s; it is damaged or of a version "
                    "not known",
                    value_describe(found, word, sizeof word), key, expected);
}

static alf_status get(const reader *r, const value *dict, const char *key, value_kind kind,
                      const value **out)
{
    *out = value_get(dict, key);
    if (*out == NULL || (*out)->kind != kind)
        return wrong(r, key, kind == VALUE_DICT ? "an object" : "a string", *out);
    return ALF_OK;
}

/* ---- parameters: numbers written as strings ---- */

static alf_status parse_parameter(const reader *r, const value *dict, const char *key, value **out)
{
    const value *text;
    TRY(get(r, dict, key, VALUE_STRING, &text));
    alf_status status = json_parse(text->as.text, r->a, out, r->err);
    if (status == ALF_E_FORMAT)
        return error_at(r->err, ALF_E_FORMAT, text->offset,
                        "the XGBoost model has '%.*s' for '%s', expected a number; it is damaged",
                        span_width(text->as.text), text->as.text.data, key);
    return status;
}

/* An integer 0..limit; absent: the default given. */
static alf_status parameter(const reader *r, const value *dict, const char *key, int64_t limit,
                            uint32_t *out)
{
    if (value_get(dict, key) == NULL)
        return ALF_OK;
    value *parsed;
    int64_t number;
    TRY(parse_parameter(r, dict, key, &parsed));
    if (!value_to_int64(parsed, &number))
        return wrong(r, key, "an integer", parsed);
    if (number < 0 || number > limit)
        return error_set(r->err, ALF_E_FORMAT,
                         "the XGBoost model gives %" PRId64 " for '%s', expected 0 to %" PRId64,
                         number, key, limit);
    *out = (uint32_t)number;
    return ALF_OK;
}

/* ---- columns of numbers ---- */

typedef struct column {
    const value *list;
    size_t count;
} column;

static alf_status get_column(const reader *r, const value *dict, const char *key, column *out)
{
    const value *list = value_get(dict, key);
    *out = (column){list, value_length(list)};
    bool numeric = list != NULL && list->kind == VALUE_ARRAY && list->as.array.rank == 1;
    if (!numeric && (list == NULL || list->kind != VALUE_LIST))
        return wrong(r, key, "a list of numbers", list);
    return ALF_OK;
}

static alf_status get_column_of(const reader *r, const value *dict, const char *key, size_t count,
                                column *out)
{
    TRY(get_column(r, dict, key, out));
    if (out->list == NULL || out->count != count)
        return error_at(r->err, ALF_E_FORMAT, out->list != NULL ? out->list->offset : ALF_NO_OFFSET,
                        "the XGBoost model has %zu items in '%s', expected %zu; it is damaged",
                        out->count, key, count);
    return ALF_OK;
}

static bool column_real(const column *c, size_t i, float *out)
{
    double number;
    bool good = c->list->kind == VALUE_ARRAY ? value_array_double(&c->list->as.array, i, &number)
                                             : value_to_double(value_item(c->list, i), &number);
    if (good)
        *out = (float)number;
    return good;
}

static bool column_integer(const column *c, size_t i, int64_t least, int64_t most, int64_t *out)
{
    bool good = c->list->kind == VALUE_ARRAY ? value_array_int64(&c->list->as.array, i, out)
                                             : value_to_int64(value_item(c->list, i), out);
    return good && *out >= least && *out <= most;
}

/* ---- trees ---- */

typedef struct tree_columns {
    column left, right, feature, value, default_left;
} tree_columns;

static bool read_node(const tree_columns *c, size_t i, xgb_node *out)
{
    int64_t left, right, feature, default_left;
    /* Deleted nodes have 2^31 - 1 or 2^32 - 1 as feature; nothing leads to them. */
    if (!column_integer(&c->left, i, -1, INT32_MAX, &left) ||
        !column_integer(&c->right, i, -1, INT32_MAX, &right) ||
        !column_integer(&c->feature, i, 0, UINT32_MAX, &feature) ||
        !column_integer(&c->default_left, i, 0, 1, &default_left) ||
        !column_real(&c->value, i, &out->value))
        return false;
    out->left = (int32_t)left;
    out->right = (int32_t)right;
    out->feature = (uint32_t)feature;
    out->default_left = default_left == 1;
    return true;
}

/* Only single leaf values can be represented. */
static alf_status check_leaves(const reader *r, const value *tree)
{
    uint32_t vector = 0;
    TRY(parameter(r, value_get(tree, "tree_param"), "size_leaf_vector", INT32_MAX, &vector));
    if (vector > 1)
        return error_at(r->err, ALF_E_UNSUPPORTED, tree->offset,
                        "trees whose leaves hold vectors (multi_strategy='multi_output_tree') are "
                        "not supported; train with one tree per class");
    return ALF_OK;
}

/* ---- categorical splits ---- */

typedef struct category_columns {
    column nodes, begins, sizes, all;
} category_columns;

static int compare_categories(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* The set of one node: a segment of the list of all categories. */
static alf_status read_set(const reader *r, const category_columns *c, size_t i, xgb_tree *out,
                           uint32_t *used)
{
    int64_t node, begin, size, category;
    if (!column_integer(&c->nodes, i, 0, (int64_t)out->node_count - 1, &node) ||
        !column_integer(&c->begins, i, 0, (int64_t)c->all.count, &begin) ||
        !column_integer(&c->sizes, i, 0, (int64_t)c->all.count - begin, &size) ||
        (uint64_t)size > c->all.count - *used)
        return wrong(r, "categories_segments", "segments of 'categories' that do not overlap",
                     c->begins.list);
    xgb_node *n = &out->nodes[node];
    int64_t before = -1;
    if (!n->categorical ||
        (i > 0 && (!column_integer(&c->nodes, i - 1, 0, INT32_MAX, &before) || before >= node)))
        return wrong(r, "categories_nodes", "nodes with a categorical split, ascending",
                     c->nodes.list);
    uint32_t *set = out->categories + *used;
    for (size_t k = 0; k < (size_t)size; k++) {
        if (!column_integer(&c->all, (size_t)begin + k, 0, XGB_CATEGORY_LIMIT - 1, &category))
            return wrong(r, "categories", "whole numbers from 0 to 16777215", c->all.list);
        set[k] = (uint32_t)category;
    }
    if (size > 1)
        qsort(set, (size_t)size, sizeof *set, compare_categories);
    n->set_begin = *used;
    for (size_t k = 0; k < (size_t)size; k++)
        if (k == 0 || set[k] != set[n->set_count - 1])
            set[n->set_count++] = set[k];
    *used += (uint32_t)size;
    return ALF_OK;
}

static alf_status read_categories(const reader *r, const value *tree, xgb_tree *out)
{
    category_columns c;
    alf_status status;
    TRY(get_column(r, tree, "categories", &c.all));
    TRY(get_column(r, tree, "categories_nodes", &c.nodes));
    TRY(get_column_of(r, tree, "categories_segments", c.nodes.count, &c.begins));
    TRY(get_column_of(r, tree, "categories_sizes", c.nodes.count, &c.sizes));
    if (c.all.count > INT32_MAX)
        return wrong(r, "categories", "fewer than 2^31 items", c.all.list);
    out->categories = xgb_allocate(r->a, c.all.count, sizeof *out->categories, &status, r->err);
    TRY(status);
    uint32_t used = 0;
    for (size_t i = 0; i < c.nodes.count; i++)
        TRY(read_set(r, &c, i, out, &used));
    return ALF_OK;
}

/* Which nodes test sets, and their sets. */
static alf_status read_kinds(const reader *r, const value *tree, xgb_tree *out)
{
    column types;
    bool any = false;
    if (value_get(tree, "split_type") == NULL)
        return ALF_OK; /* before 1.3 */
    TRY(get_column_of(r, tree, "split_type", out->node_count, &types));
    for (uint32_t i = 0; i < out->node_count; i++) {
        int64_t type;
        if (!column_integer(&types, i, 0, 1, &type))
            return wrong(r, "split_type", "items 0 or 1", types.list);
        out->nodes[i].categorical = type == 1;
        any = any || type == 1;
    }
    return any ? read_categories(r, tree, out) : ALF_OK;
}

static alf_status read_tree(const reader *r, const value *tree, xgb_tree *out)
{
    tree_columns c;
    alf_status status;
    TRY(get_column(r, tree, "left_children", &c.left));
    size_t count = c.left.count;
    if (count < 1 || count > XGB_NODE_LIMIT)
        return wrong(r, "left_children", "1 to 2^28 items", c.left.list);
    TRY(check_leaves(r, tree));
    TRY(get_column_of(r, tree, "right_children", count, &c.right));
    TRY(get_column_of(r, tree, "split_indices", count, &c.feature));
    TRY(get_column_of(r, tree, "split_conditions", count, &c.value));
    TRY(get_column_of(r, tree, "default_left", count, &c.default_left));
    out->node_count = (uint32_t)count;
    out->nodes = xgb_allocate(r->a, count, sizeof *out->nodes, &status, r->err);
    TRY(status);
    for (size_t i = 0; i < count; i++)
        if (!read_node(&c, i, &out->nodes[i]))
            return error_at(r->err, ALF_E_FORMAT, tree->offset,
                            "node %zu of a tree of the XGBoost model has a child, feature or value "
                            "out of range; it is damaged",
                            i);
    return read_kinds(r, tree, out);
}

static alf_status read_trees(const reader *r, const value *model, xgb_model *m)
{
    column groups;
    alf_status status;
    const value *trees = value_get(model, "trees");
    if (trees == NULL || trees->kind != VALUE_LIST)
        return wrong(r, "trees", "a list", trees);
    size_t count = value_length(trees);
    if (count > INT32_MAX)
        return wrong(r, "trees", "fewer than 2^31", trees);
    m->tree_count = (uint32_t)count;
    m->trees = xgb_allocate(r->a, count, sizeof *m->trees, &status, r->err);
    TRY(status);
    m->groups = xgb_allocate(r->a, count, sizeof *m->groups, &status, r->err);
    TRY(status);
    TRY(get_column_of(r, model, "tree_info", count, &groups));
    for (size_t i = 0; i < count; i++) {
        int64_t group;
        if (!column_integer(&groups, i, 0, XGB_CLASS_LIMIT, &group))
            return wrong(r, "tree_info", "the class of each tree", groups.list);
        m->groups[i] = (uint32_t)group;
        TRY(read_tree(r, value_item(trees, i), &m->trees[i]));
    }
    return ALF_OK;
}

static alf_status read_rounds(const reader *r, const value *model, xgb_model *m)
{
    column ends;
    alf_status status;
    if (value_get(model, "iteration_indptr") == NULL)
        return ALF_OK;
    TRY(get_column(r, model, "iteration_indptr", &ends));
    if (ends.count == 0)
        return wrong(r, "iteration_indptr", "at least one item", ends.list);
    m->iteration_count = ends.count - 1;
    m->iteration_ends = xgb_allocate(r->a, ends.count, sizeof *m->iteration_ends, &status, r->err);
    TRY(status);
    int64_t before = 0;
    for (size_t i = 0; i < ends.count; i++) {
        int64_t end;
        if (!column_integer(&ends, i, before, m->tree_count, &end) || (i == 0 && end != 0))
            return wrong(r, "iteration_indptr", "ascending tree numbers from 0", ends.list);
        if (i > 0)
            m->iteration_ends[i - 1] = (uint64_t)end;
        before = end;
    }
    return ALF_OK;
}

static alf_status read_weight_drop(const reader *r, const value *dart, xgb_model *m)
{
    column weights;
    alf_status status;
    TRY(get_column_of(r, dart, "weight_drop", m->tree_count, &weights));
    m->weight_drop = xgb_allocate(r->a, weights.count, sizeof *m->weight_drop, &status, r->err);
    TRY(status);
    for (size_t i = 0; i < weights.count; i++)
        if (!column_real(&weights, i, &m->weight_drop[i]))
            return wrong(r, "weight_drop", "a number per tree", weights.list);
    return ALF_OK;
}

static alf_status read_booster(const reader *r, const value *learner, xgb_model *m)
{
    const value *booster;
    const value *name;
    const value *trees;
    const value *model;
    TRY(get(r, learner, "gradient_booster", VALUE_DICT, &booster));
    TRY(get(r, booster, "name", VALUE_STRING, &name));
    bool dart = span_is(name->as.text, "dart");
    if (!dart && !span_is(name->as.text, "gbtree"))
        return error_at(r->err, ALF_E_UNSUPPORTED, name->offset,
                        "the XGBoost booster is '%.*s'; supported are gbtree and dart",
                        span_width(name->as.text), name->as.text.data);
    trees = booster;
    if (dart)
        TRY(get(r, booster, "gbtree", VALUE_DICT, &trees));
    TRY(get(r, trees, "model", VALUE_DICT, &model));
    TRY(parameter(r, value_get(model, "gbtree_model_param"), "num_parallel_tree", INT32_MAX,
                  &m->num_parallel_tree));
    TRY(read_trees(r, model, m));
    TRY(read_rounds(r, model, m));
    return dart ? read_weight_drop(r, booster, m) : ALF_OK;
}

/* ---- the learner ---- */

static alf_status read_base_score(const reader *r, const value *parameters, xgb_model *m)
{
    value *parsed;
    double number;
    alf_status status;
    TRY(parse_parameter(r, parameters, "base_score", &parsed));
    column c = {parsed, value_length(parsed)};
    bool list = c.count > 0 && c.count <= XGB_CLASS_LIMIT; /* from 3.1 */
    if (!list && !value_to_double(parsed, &number))
        return wrong(r, "base_score", "a number or a list of numbers", parsed);
    m->base_score_count = list ? (uint32_t)c.count : 1;
    m->base_score = xgb_allocate(r->a, m->base_score_count, sizeof *m->base_score, &status, r->err);
    TRY(status);
    for (uint32_t i = 0; list && i < m->base_score_count; i++)
        if (!column_real(&c, i, &m->base_score[i]))
            return wrong(r, "base_score", "a number or a list of numbers", parsed);
    if (!list)
        m->base_score[0] = (float)number;
    return ALF_OK;
}

static alf_status read_parameters(const reader *r, const value *learner, xgb_model *m)
{
    const value *parameters;
    const value *objective;
    const value *name;
    uint32_t targets = 1;
    TRY(get(r, learner, "learner_model_param", VALUE_DICT, &parameters));
    TRY(parameter(r, parameters, "num_class", XGB_CLASS_LIMIT, &m->num_class));
    TRY(parameter(r, parameters, "num_feature", UINT32_MAX, &m->num_feature));
    TRY(parameter(r, parameters, "num_target", INT32_MAX, &targets));
    if (targets > 1)
        return error_at(r->err, ALF_E_UNSUPPORTED, parameters->offset,
                        "models of %" PRIu32 " targets are not supported; train one per target",
                        targets);
    TRY(read_base_score(r, parameters, m));
    TRY(get(r, learner, "objective", VALUE_DICT, &objective));
    TRY(get(r, objective, "name", VALUE_STRING, &name));
    m->objective = name->as.text;
    return ALF_OK;
}

static alf_status read_attributes(const reader *r, const value *learner, xgb_model *m)
{
    const value *attributes = value_get(learner, "attributes");
    const value *wrapper = value_get(attributes, "scikit_learn");
    if (wrapper != NULL && wrapper->kind == VALUE_STRING)
        m->wrapper = wrapper->as.text;
    if (value_get(attributes, "best_iteration") == NULL)
        return ALF_OK;
    uint32_t best = 0;
    TRY(parameter(r, attributes, "best_iteration", INT32_MAX, &best));
    m->best_iteration = best;
    return ALF_OK;
}

/* Before 1.6 num_parallel_tree is not in the model, but in the configuration that pickles add. */
static alf_status read_configuration(const reader *r, const value *root, xgb_model *m)
{
    const value *learner = value_get(value_get(root, "Config"), "learner");
    const value *booster = value_get(learner, "gradient_booster");
    if (value_get(booster, "gbtree") != NULL)
        booster = value_get(booster, "gbtree"); /* dart */
    return parameter(r, value_get(booster, "gbtree_train_param"), "num_parallel_tree", INT32_MAX,
                     &m->num_parallel_tree);
}

static alf_status read_document(const value *root, arena *a, xgb_model *out, alf_error *err)
{
    reader r = {a, err};
    column version;
    const value *learner;
    *out = (xgb_model){.best_iteration = -1, .num_parallel_tree = 1};
    const value *model = value_get(root, "Model"); /* pickles: {"Config", "Model"} */
    if (model == NULL)
        model = root;
    TRY(get(&r, model, "learner", VALUE_DICT, &learner));
    TRY(get_column(&r, model, "version", &version));
    for (size_t i = 0; i < 2; i++)
        if (!column_integer(&version, i, 0, INT32_MAX, &out->version[i]))
            return wrong(&r, "version", "the version as a list of numbers", version.list);
    TRY(read_configuration(&r, root, out));
    TRY(read_parameters(&r, learner, out));
    TRY(read_booster(&r, learner, out));
    return read_attributes(&r, learner, out);
}

/* ---- recognition ---- */

/* 1.0 to 1.2: "CONFIG-offset:", the 64-bit size of the binary model, that model, JSON. */
static alf_status read_with_configuration(alf_span bytes, arena *a, xgb_model *out, alf_error *err)
{
    size_t header = sizeof "CONFIG-offset:" - 1 + 8;
    uint64_t size = 0;
    if (bytes.size >= header)
        for (size_t i = 1; i <= 8; i++)
            size = size << 8 | (uint8_t)bytes.data[header - i];
    if (bytes.size < header || size > bytes.size - header)
        return error_set(err, ALF_E_FORMAT,
                         "the XGBoost model of %zu bytes says that %" PRIu64 " bytes follow its "
                         "header; it is truncated",
                         bytes.size, size);
    return xgb_read_legacy(span_of(bytes.data + header, (size_t)size), a, out, err);
}

/* JSON begins with '{' and a quote or white space, UBJSON with '{' and a length. */
static bool is_json(alf_span bytes)
{
    return bytes.size >= 2 && bytes.data[0] == '{' && strchr("\" \t\r\n}", bytes.data[1]) != NULL &&
           bytes.data[1] != '\0';
}

alf_status xgb_read(alf_span bytes, arena *a, xgb_model *out, alf_error *err)
{
    if (span_starts(bytes, SPAN_LITERAL("CONFIG-offset:")))
        return read_with_configuration(bytes, a, out, err);
    if (!span_starts(bytes, SPAN_LITERAL("{")))
        return xgb_read_legacy(bytes, a, out, err);
    value *root;
    if (is_json(bytes))
        TRY(json_parse(bytes, a, &root, err));
    else
        TRY(ubjson_parse(bytes, a, &root, err));
    return read_document(root, a, out, err);
}
