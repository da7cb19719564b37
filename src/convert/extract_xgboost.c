/*
 * XGBoost boosters -> boosted_classifier: which trees predict() uses, the margins the sums start
 * from, and the trees renumbered so that children follow their parents.
 *
 * Which trees are used follows the library that wrote the model: XGBClassifier up to 1.3 keeps
 * best_ntree_limit itself, from 1.4 it uses best_iteration of its booster; a bare Booster always
 * uses all trees. Nodes that nothing leads to (pruning leaves them) are dropped.
 *
 * The order of the float32 additions follows that library too: up to 1.2 (dart: 1.3) the trees are
 * summed first and the base is added last, which becomes trees of one leaf at the end; later ones
 * start from the base. Measured bit by bit on every version from 0.90 to 3.1.
 *
 * A categorical split sends the members of its set right. What is no category (negative, or beyond
 * the set's words of 32 bits) goes left, but in 1.6 the default way; 1.5 cuts -0.5 to category 0,
 * later ones call it negative. Before 1.5 such models gave other answers on CPU than on GPU.
 */
#include "codec/json.h"
#include "convert/extract.h"
#include "convert/xgboost_model.h"

#include <inttypes.h>
#include <math.h>

/* What parsing one booster may take. */
static const size_t scratch_limit = (size_t)2 << 30;

/* What the classifier around the booster says; all NULL for a bare Booster. */
typedef struct wrapper {
    bool present;
    bool saved; /* a model file may say it */
    const value *best_ntree_limit;
    const value *best_iteration; /* of the booster's own state, 1.4 to 1.7 */
    const value *classes;
    const value *missing;
} wrapper;

typedef struct builder {
    const xgb_model *model;
    arena *a;
    arena *scratch;
    alf_error *err;
    uint32_t tree_count; /* trees used */
    uint32_t groups;
    float *base;        /* per group */
    bool base_last;     /* added after the trees */
    bool in_place;      /* dart: predicted as XGBClassifier does since 1.4 */
    uint8_t *tested_as; /* per feature: TESTED_*; NULL: no sets */
} builder;

enum { TESTED_NUMBER = 1, TESTED_CATEGORY = 2 };

static bool version_below(const xgb_model *m, int64_t major, int64_t minor)
{
    return m->version[0] < major || (m->version[0] == major && m->version[1] < minor);
}

/* After an allocation that failed: a limit was the cause, or there is no memory. Never ALF_OK. */
static alf_status no_memory(const builder *b, const arena *a, size_t count, size_t size)
{
    bool limit = arena_over_limit(a, count, size);
    if (limit)
        (void)error_set(b->err, ALF_E_LIMIT,
                        "the XGBoost model needs more than the %zu bytes of memory allowed",
                        a->limit);
    else
        (void)error_nomem(b->err, "the trees of an XGBoost model");
    return limit ? ALF_E_LIMIT : ALF_E_NOMEM;
}

/* ---- objective and base score ---- */

static alf_status set_objective(builder *b, boosted_classifier *out)
{
    static const struct {
        const char *name;
        boosted_link link;
        bool per_class;
    } objectives[] = {
        {"binary:logistic", BOOSTED_SIGMOID, false},     {"reg:logistic", BOOSTED_SIGMOID, false},
        {"binary:logitraw", BOOSTED_HARD_MARGIN, false}, {"multi:softprob", BOOSTED_SOFTMAX, true},
        {"multi:softmax", BOOSTED_HARD_MARGIN, true},
    };
    const xgb_model *m = b->model;
    for (size_t i = 0; i < sizeof objectives / sizeof *objectives; i++) {
        if (!span_is(m->objective, objectives[i].name))
            continue;
        if (objectives[i].per_class ? m->num_class < 2 : m->num_class > 1)
            return error_set(b->err, ALF_E_FORMAT,
                             "the XGBoost model of objective %s has %" PRIu32 " classes",
                             objectives[i].name, m->num_class);
        out->link = objectives[i].link;
        b->groups = objectives[i].per_class ? m->num_class : 1;
        out->class_count = objectives[i].per_class ? m->num_class : 2;
        return ALF_OK;
    }
    return error_set(b->err, ALF_E_UNSUPPORTED,
                     "the XGBoost objective '%.*s' is not supported; supported are "
                     "binary:logistic, binary:logitraw, reg:logistic, multi:softprob and "
                     "multi:softmax",
                     span_width(m->objective), m->objective.data);
}

/* The margin that a base score stands for: the inverse of the link, in float32. */
static float to_margin(const builder *b, float score)
{
    const xgb_model *m = b->model;
    bool raw = span_is(m->objective, "binary:logitraw") && !version_below(m, 1, 3);
    if (b->groups > 1 || m->base_is_margin || raw)
        return score;
    return -logf(1.0f / score - 1.0f);
}

static alf_status set_base(builder *b)
{
    const xgb_model *m = b->model;
    if (m->base_score_count != 1 && m->base_score_count != b->groups)
        return error_set(b->err, ALF_E_FORMAT,
                         "the XGBoost model has %" PRIu32 " base scores for %" PRIu32 " margins",
                         m->base_score_count, b->groups);
    b->base = arena_alloc(b->scratch, b->groups, sizeof *b->base);
    if (b->base == NULL)
        return no_memory(b, b->scratch, b->groups, sizeof *b->base);
    for (uint32_t i = 0; i < b->groups; i++) {
        float score = m->base_score[m->base_score_count == 1 ? 0 : i];
        b->base[i] = to_margin(b, score);
        if (!isfinite(b->base[i]))
            return error_set(b->err, ALF_E_FORMAT,
                             "the XGBoost model has base_score %g, which has no finite margin",
                             (double)score);
    }
    b->base_last = version_below(m, 1, m->weight_drop != NULL ? 4 : 3);
    return ALF_OK;
}

/* The base as what the sums start from. */
static alf_status put_base_first(const builder *b, forest *f)
{
    f->base = arena_alloc(b->a, b->groups, sizeof *f->base);
    if (f->base == NULL)
        return no_memory(b, b->a, b->groups, sizeof *f->base);
    for (uint32_t i = 0; i < b->groups; i++)
        f->base[i] = (double)b->base[i];
    return ALF_OK;
}

/* ---- which trees are used ---- */

static alf_status bad_best(const builder *b, const char *name, int64_t best)
{
    return error_set(b->err, ALF_E_FORMAT,
                     "%s is %" PRId64 ", but the XGBoost model has %" PRIu32
                     " trees; they do not belong together",
                     name, best, b->model->tree_count);
}

static alf_status trees_of_rounds(const builder *b, int64_t rounds, uint32_t *trees)
{
    const xgb_model *m = b->model;
    if (m->iteration_ends != NULL) {
        if (rounds < 1 || (uint64_t)rounds > m->iteration_count)
            return bad_best(b, "best_iteration", rounds - 1);
        *trees = (uint32_t)m->iteration_ends[rounds - 1];
        return ALF_OK;
    }
    uint64_t per_round = (uint64_t)b->groups * m->num_parallel_tree;
    if (rounds < 1 || per_round == 0 || (uint64_t)rounds > m->tree_count / per_round)
        return bad_best(b, "best_iteration", rounds - 1);
    *trees = (uint32_t)((uint64_t)rounds * per_round);
    return ALF_OK;
}

static alf_status set_tree_count(builder *b, const wrapper *w)
{
    const xgb_model *m = b->model;
    int64_t best = -1;
    b->tree_count = m->tree_count;
    if (!w->present)
        return ALF_OK;
    if (version_below(m, 1, 4)) {
        if (!value_to_int64(w->best_ntree_limit, &best) || best == 0)
            return ALF_OK;
        if (best < 0 || best > m->tree_count / b->groups)
            return bad_best(b, "best_ntree_limit", best);
        b->tree_count = (uint32_t)best * b->groups;
        return ALF_OK;
    }
    if (!value_to_int64(w->best_iteration, &best))
        best = m->best_iteration;
    return best < 0 ? ALF_OK : trees_of_rounds(b, best + 1, &b->tree_count);
}

/* ---- trees ---- */

/* A node to number, and where its number goes. */
typedef struct pending {
    uint32_t node;
    uint32_t *number;
} pending;

typedef struct walk {
    const xgb_tree *tree;
    uint32_t index; /* of the tree */
    uint8_t *seen;
    pending *stack; /* two at most per split, so twice the nodes is room enough */
    size_t depth;
    float drop; /* dart: what leaf weights are scaled by */
} walk;

static alf_status bad_node(const builder *b, const walk *w, uint32_t node, const char *what)
{
    return error_set(b->err, ALF_E_FORMAT,
                     "tree %" PRIu32 ", node %" PRIu32 " of the XGBoost model: %s; it is damaged",
                     w->index, node, what);
}

static void put_leaf(forest *f, float weight, uint32_t group)
{
    f->nodes[f->node_count++] = (forest_node){.feature = -1, .yes = f->leaf_value_count, .no = 1};
    f->leaf_values[f->leaf_value_count++] =
        (forest_leaf_value){.weight = (double)weight, .target = group};
}

/* What a leaf adds, in float32 as the library computes it. In-place prediction of dart has the base
 * in each tree's result and takes it off again, which rounds. */
static float leaf_weight(const builder *b, const walk *w, float leaf, uint32_t group)
{
    if (b->model->weight_drop == NULL)
        return leaf;
    if (b->in_place) {
        float with_base = b->base[group] + leaf;
        leaf = with_base - b->base[group];
    }
    return leaf * w->drop;
}

static alf_status check_feature(const builder *b, const forest *f, const walk *w, uint32_t node)
{
    const xgb_node *from = &w->tree->nodes[node];
    if (from->feature >= f->feature_count)
        return bad_node(b, w, node, "it tests a feature that does not exist");
    if (b->tested_as == NULL)
        return ALF_OK;
    b->tested_as[from->feature] |= from->categorical ? TESTED_CATEGORY : TESTED_NUMBER;
    if (b->tested_as[from->feature] == (TESTED_NUMBER | TESTED_CATEGORY))
        return error_set(b->err, ALF_E_UNSUPPORTED,
                         "feature %" PRIu32 " of the XGBoost model is tested both as a number and "
                         "as a category; train with one type per feature",
                         from->feature);
    return ALF_OK;
}

/* In 1.6 what is no category goes the default way. Where that is right, the test is turned round:
 * the categories that go left are a set, and all else goes right. */
static bool turned_round(const builder *b, const xgb_node *n)
{
    return version_below(b->model, 1, 7) && !version_below(b->model, 1, 6) && !n->default_left;
}

/* One past the last category that the words of the set have a bit for. */
static uint32_t set_end(const xgb_tree *t, const xgb_node *n)
{
    uint32_t last = n->set_count > 0 ? t->categories[n->set_begin + n->set_count - 1] : 0;
    return (last / 32 + 1) * 32;
}

static uint32_t set_room(const builder *b, const xgb_tree *t, const xgb_node *n)
{
    return turned_round(b, n) ? set_end(t, n) - n->set_count : n->set_count;
}

static void put_set(const builder *b, forest *f, const xgb_tree *t, const xgb_node *from,
                    forest_node *to)
{
    const uint32_t *set = t->categories + from->set_begin;
    to->mode = FOREST_MEMBER;
    to->set_begin = f->set_value_count;
    if (!turned_round(b, from)) {
        to->missing_yes = !from->default_left;
        for (uint32_t i = 0; i < from->set_count; i++)
            f->set_values[f->set_value_count++] = (double)set[i];
    } else {
        uint32_t end = set_end(t, from);
        for (uint32_t category = 0, i = 0; category < end; category++)
            if (i < from->set_count && set[i] == category)
                i++;
            else
                f->set_values[f->set_value_count++] = (double)category;
    }
    to->set_count = f->set_value_count - to->set_begin;
}

static alf_status put_split(const builder *b, forest *f, walk *w, uint32_t node)
{
    const xgb_node *from = &w->tree->nodes[node];
    if (from->left < 0 || (uint32_t)from->left >= w->tree->node_count || from->right < 0 ||
        (uint32_t)from->right >= w->tree->node_count)
        return bad_node(b, w, node, "a child is not a node of the tree");
    TRY(check_feature(b, f, w, node));
    if (!from->categorical && isnan(from->value))
        return bad_node(b, w, node, "its threshold is not a number");
    forest_node *to = &f->nodes[f->node_count++];
    *to = (forest_node){.feature = (int32_t)from->feature, .mode = FOREST_LT};
    bool left_is_yes = !from->categorical || turned_round(b, from);
    if (from->categorical) {
        put_set(b, f, w->tree, from, to);
    } else {
        to->threshold = (double)from->value;
        to->missing_yes = from->default_left;
    }
    w->stack[w->depth++] = (pending){(uint32_t)from->right, left_is_yes ? &to->no : &to->yes};
    w->stack[w->depth++] = (pending){(uint32_t)from->left, left_is_yes ? &to->yes : &to->no};
    return ALF_OK;
}

/* Copies what is reached from the root, parents first. */
static alf_status put_tree(const builder *b, forest *f, walk *w, uint32_t group)
{
    f->roots[w->index] = f->node_count;
    w->depth = 0;
    w->stack[w->depth++] = (pending){0, &f->roots[w->index]};
    while (w->depth > 0) {
        pending next = w->stack[--w->depth];
        if (w->seen[next.node])
            return bad_node(b, w, next.node, "two splits lead to it");
        w->seen[next.node] = 1;
        *next.number = f->node_count;
        const xgb_node *from = &w->tree->nodes[next.node];
        if (from->left == -1)
            put_leaf(f, leaf_weight(b, w, from->value, group), group);
        else
            TRY(put_split(b, f, w, next.node));
    }
    return ALF_OK;
}

/* Tables for all nodes of the trees used (an upper bound of those reached) and for the base. */
static alf_status reserve(const builder *b, forest *f, walk *w)
{
    uint64_t total = b->groups;
    uint64_t trees = (uint64_t)b->tree_count + b->groups;
    uint32_t largest = 0;
    for (uint32_t t = 0; t < b->tree_count; t++) {
        uint32_t count = b->model->trees[t].node_count;
        total += count;
        largest = count > largest ? count : largest;
    }
    if (total > XGB_NODE_LIMIT)
        return error_set(b->err, ALF_E_LIMIT,
                         "the XGBoost model has %" PRIu64 " nodes, at most %d are supported", total,
                         (int)XGB_NODE_LIMIT);
    f->roots = arena_alloc(b->a, trees, sizeof *f->roots);
    f->nodes = arena_alloc(b->a, total, sizeof *f->nodes);
    f->leaf_values = arena_alloc(b->a, total / 2 + trees, sizeof *f->leaf_values);
    size_t room = (size_t)largest + 1;
    w->seen = arena_alloc(b->scratch, room, 1);
    w->stack = arena_alloc(b->scratch, room * 2, sizeof *w->stack);
    bool built = f->roots != NULL && f->nodes != NULL && f->leaf_values != NULL;
    if (built && w->seen != NULL && w->stack != NULL)
        return ALF_OK;
    alf_status status = built ? no_memory(b, b->scratch, room * 2, sizeof *w->stack)
                              : no_memory(b, b->a, total, sizeof *f->nodes);
    return status == ALF_E_LIMIT ? ALF_E_LIMIT : ALF_E_NOMEM;
}

/* Room for the sets of the trees used, if any; what reserve does for nodes. */
static alf_status reserve_sets(builder *b, forest *f)
{
    uint64_t total = 0;
    bool any = false;
    for (uint32_t t = 0; t < b->tree_count; t++) {
        const xgb_tree *tree = &b->model->trees[t];
        for (uint32_t i = 0; tree->categories != NULL && i < tree->node_count; i++)
            if (tree->nodes[i].categorical && tree->nodes[i].left != -1) {
                total += set_room(b, tree, &tree->nodes[i]);
                any = true;
            }
    }
    if (!any)
        return ALF_OK;
    if (version_below(b->model, 1, 5))
        return error_set(b->err, ALF_E_UNSUPPORTED,
                         "categorical splits of XGBoost %d.%d are not supported: it ignored them "
                         "on CPU; train with 1.5 or later",
                         (int)b->model->version[0], (int)b->model->version[1]);
    if (total > XGB_SET_LIMIT)
        return error_set(b->err, ALF_E_LIMIT,
                         "the sets of the XGBoost model have %" PRIu64 " members, at most %d are "
                         "supported",
                         total, (int)XGB_SET_LIMIT);
    f->set_values = arena_alloc(b->a, total, sizeof *f->set_values);
    f->rounding = arena_alloc(b->a, f->feature_count, sizeof *f->rounding);
    b->tested_as = arena_alloc(b->scratch, f->feature_count, sizeof *b->tested_as);
    if (f->set_values == NULL)
        return no_memory(b, b->a, total, sizeof *f->set_values);
    if (f->rounding == NULL)
        return no_memory(b, b->a, f->feature_count, sizeof *f->rounding);
    return b->tested_as != NULL ? ALF_OK
                                : no_memory(b, b->scratch, f->feature_count, sizeof *b->tested_as);
}

static void put_rounding(const builder *b, forest *f)
{
    bool cut = version_below(b->model, 1, 6);
    for (uint32_t i = 0; f->rounding != NULL && i < f->feature_count; i++)
        f->rounding[i] = (b->tested_as[i] & TESTED_CATEGORY) == 0 ? FOREST_AS_IS
                         : cut                                    ? FOREST_TRUNC
                                                                  : FOREST_FLOOR;
}

static alf_status put_trees(builder *b, forest *f)
{
    const xgb_model *m = b->model;
    walk w = {0};
    TRY(reserve(b, f, &w));
    TRY(reserve_sets(b, f));
    for (uint32_t t = 0; t < b->tree_count; t++) {
        if (m->groups[t] >= b->groups)
            return error_set(b->err, ALF_E_FORMAT,
                             "tree %" PRIu32 " of the XGBoost model is for class %" PRIu32
                             " of %" PRIu32 "; it is damaged",
                             t, m->groups[t], b->groups);
        w.tree = &m->trees[t];
        w.index = t;
        w.drop = m->weight_drop != NULL ? m->weight_drop[t] : 1.0f;
        for (uint32_t i = 0; i < w.tree->node_count; i++)
            w.seen[i] = 0;
        TRY(put_tree(b, f, &w, m->groups[t]));
    }
    f->tree_count = b->tree_count;
    put_rounding(b, f);
    if (!b->base_last)
        return put_base_first(b, f);
    for (uint32_t i = 0; i < b->groups; i++) {
        if (!(b->base[i] < 0.0f) && !(b->base[i] > 0.0f))
            continue;
        f->roots[f->tree_count++] = f->node_count;
        put_leaf(f, b->base[i], i);
    }
    return ALF_OK;
}

/* ---- the whole ---- */

static alf_status check_wrapper(const builder *b, const wrapper *w, uint32_t class_count)
{
    int64_t classes;
    double missing;
    if (value_to_int64(w->classes, &classes) && classes != (int64_t)class_count)
        return error_set(b->err, ALF_E_FORMAT,
                         "the classifier has n_classes_ %" PRId64 ", but its booster has %" PRIu32
                         " classes; they do not belong together",
                         classes, class_count);
    /* Absent features are missing for us; 0 as the mark of missing ones says the same. */
    if (value_to_double(w->missing, &missing) && !isnan(missing) && (missing < 0 || missing > 0))
        return error_set(b->err, ALF_E_UNSUPPORTED,
                         "the classifier marks missing features by %g; supported are NaN and 0",
                         missing);
    return ALF_OK;
}

static alf_status build(builder *b, const wrapper *w, boosted_classifier *out)
{
    *out = (boosted_classifier){0};
    forest *f = &out->trees;
    TRY(set_objective(b, out));
    TRY(check_wrapper(b, w, out->class_count));
    TRY(set_tree_count(b, w));
    if (b->model->num_feature > INT32_MAX)
        return error_set(b->err, ALF_E_FORMAT, "the XGBoost model has %" PRIu32 " features",
                         b->model->num_feature);
    f->number = FOREST_F32;
    f->feature_count = b->model->num_feature;
    f->target_count = b->groups;
    TRY(set_base(b));
    b->in_place = w->present && !version_below(b->model, 1, 4);
    TRY(put_trees(b, f));
    return forest_check(f, b->err);
}

/* What XGBClassifier.save_model puts beside the booster: the same names as attributes. In a pickle
 * it says nothing: a bare Booster predicts as one wherever it was loaded from. */
static alf_status read_saved_wrapper(const xgb_model *m, arena *scratch, wrapper *w, alf_error *err)
{
    value *saved;
    if (!w->saved || m->wrapper.size == 0)
        return ALF_OK;
    TRY(json_parse(m->wrapper, scratch, &saved, err));
    *w = (wrapper){.present = true,
                   .best_ntree_limit = value_get(saved, "best_ntree_limit"),
                   .classes = value_get(saved, "n_classes_")};
    return ALF_OK;
}

static alf_status extract(alf_span bytes, wrapper *w, arena *a, boosted_classifier *out,
                          alf_error *err)
{
    arena scratch;
    arena_init(&scratch, scratch_limit);
    xgb_model model;
    builder b = {.model = &model, .a = a, .scratch = &scratch, .err = err};
    alf_status status = xgb_read(bytes, &scratch, &model, err);
    if (status == ALF_OK)
        status = read_saved_wrapper(&model, &scratch, w, err);
    if (status == ALF_OK)
        status = build(&b, w, out);
    arena_fini(&scratch);
    return status;
}

alf_status extract_boosted(const value *object, arena *a, boosted_classifier *out, alf_error *err)
{
    char word[160];
    const value *booster = object;
    wrapper w = {0};
    if (value_is_a(object, "xgboost", "XGBClassifier") ||
        value_is_a(object, "xgboost", "XGBRFClassifier")) {
        booster = value_attribute(object, "_Booster");
        w = (wrapper){.present = true,
                      .best_ntree_limit = value_attribute(object, "best_ntree_limit"),
                      .best_iteration = value_attribute(booster, "best_iteration"),
                      .classes = value_attribute(object, "n_classes_"),
                      .missing = value_attribute(object, "missing")};
        if (booster == NULL || booster->kind == VALUE_NONE)
            return error_set(err, ALF_E_FORMAT,
                             "the XGBClassifier has no booster; it was saved before it was fitted");
    }
    if (!value_is_a(booster, "xgboost", "Booster"))
        return error_set(err, ALF_E_UNSUPPORTED,
                         "%s is not supported as a classifier; supported are xgboost's "
                         "XGBClassifier, XGBRFClassifier and Booster",
                         value_describe(booster, word, sizeof word));
    const value *handle = value_attribute(booster, "handle");
    if (handle == NULL || handle->kind != VALUE_BYTES)
        return error_set(err, ALF_E_FORMAT,
                         "the Booster has %s for 'handle', expected bytes; it is empty or damaged",
                         value_describe(handle, word, sizeof word));
    w.saved = !w.present && value_attribute(booster, "model_file") != NULL;
    return extract(handle->as.text, &w, a, out, err);
}
