/*
 * LightGBM -> forest and link function, as predict() and predict_proba() of the library compute
 * them: `x <= threshold` in float64, leaves summed in float64 round by round.
 *
 * Missing values. Each split says what is missing to it. None: NaN counts as 0, which decides the
 * side of missing values. NaN: missing values go to the default side. Zero (trained with
 * zero_as_missing): NaN and everything within 1e-35 of 0 goes to the default side; the ONNX graph
 * makes such values NaN before the trees see them. That holds for a column as a whole, so a column
 * whose splits do not agree is refused, unless zero and NaN go the same way in all the others.
 *
 * Categories. A value is cut to a whole number and looked up in a set of bits: in it, it goes left.
 */
#include "convert/extract_lightgbm.h"
#include "convert/lightgbm_model.h"

#include "base/span.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

/* Of what is parsed: several times the text, which is bounded by the limits of joblib files. */
static const size_t scratch_limit = (size_t)1 << 30;

typedef struct builder {
    const lgb_model *model;
    arena *a, *scratch;
    uint8_t *kinds;    /* per feature: of the splits it has */
    uint8_t all_kinds; /* that there are */
    alf_error *err;
} builder;

enum { KIND_NUMBER = 1, KIND_ZERO_MISSING = 2, KIND_SET = 4 };

/* WORD_LIMIT: of 32 categories; many splits may share one set of a file. */
enum { MEMBER_LIMIT = 1 << 26, WORD_LIMIT = 1 << 26 };

/* A node to number, and where its number goes. */
typedef struct pending {
    int64_t node; /* a split, or ~leaf */
    uint32_t *number;
} pending;

typedef struct walk {
    const lgb_tree *tree;
    uint32_t index, target;
    uint8_t *seen;  /* per split, then per leaf */
    pending *stack; /* two at most per split */
    size_t depth;
} walk;

static alf_status no_memory(const builder *b, const arena *a, size_t count, size_t size)
{
    if (arena_over_limit(a, count, size))
        return error_set(b->err, ALF_E_LIMIT, "the LightGBM model needs more memory than allowed");
    return error_nomem(b->err, "a LightGBM model");
}

static alf_status bad_tree(const builder *b, uint32_t tree, const char *what)
{
    return error_set(b->err, ALF_E_FORMAT, "tree %" PRIu32 " of the LightGBM model: %s", tree,
                     what);
}

/* ---- categories ---- */

static bool is_categorical(int64_t decision)
{
    return (decision & LGB_CATEGORICAL) != 0;
}

/* The words of the set that a categorical split asks for; false when there is no such set. */
static bool find_set(const lgb_tree *t, int64_t split, const int64_t **words, size_t *count)
{
    double number = t->threshold[split];
    if (!(number >= 0) || !(number < t->set_count) || floor(number) < number)
        return false;
    uint32_t i = (uint32_t)number;
    *words = t->set_words + t->set_begin[i];
    *count = (size_t)(t->set_begin[i + 1] - t->set_begin[i]);
    return true;
}

/* What the sets of all splits have. */
typedef struct set_sizes {
    uint64_t members, words;
} set_sizes;

static alf_status count_members(const builder *b, uint32_t tree, set_sizes *total)
{
    const lgb_tree *t = &b->model->trees[tree];
    for (uint32_t i = 0; i + 1 < t->leaf_count; i++) {
        const int64_t *words;
        size_t count;
        if (!is_categorical(t->decision[i]))
            continue;
        if (!find_set(t, i, &words, &count))
            return bad_tree(b, tree, "a categorical split has no set; it is damaged");
        total->words += count;
        for (size_t k = 0; k < count && total->words <= WORD_LIMIT; k++)
            total->members += (uint64_t)__builtin_popcountll((unsigned long long)words[k]);
        if (total->members > MEMBER_LIMIT || total->words > WORD_LIMIT)
            return error_set(b->err, ALF_E_LIMIT,
                             "the categorical splits of the LightGBM model have more than %d "
                             "categories, or sets of more than %d words",
                             (int)MEMBER_LIMIT, (int)WORD_LIMIT);
    }
    return ALF_OK;
}

/* Category k is bit k % 32 of word k / 32: in the set, it goes left. Whatever is not a category,
 * NaN among it, goes right; fractions are cut off. */
static void put_set(forest *f, const lgb_tree *t, int64_t split, forest_node *to)
{
    const int64_t *words = NULL;
    size_t count = 0;
    (void)find_set(t, split, &words, &count);
    to->mode = FOREST_MEMBER;
    to->threshold = 0;
    to->missing_yes = false;
    to->set_begin = f->set_value_count;
    for (size_t i = 0; i < count; i++)
        for (uint64_t left = (uint64_t)words[i]; left != 0; left &= left - 1)
            f->set_values[f->set_value_count++] = (double)(32 * i + (size_t)__builtin_ctzll(left));
    to->set_count = f->set_value_count - to->set_begin;
}

/* ---- what is missing ---- */

static int missing_type(int64_t decision)
{
    return (int)(decision >> LGB_MISSING_SHIFT);
}

/* Notes which kinds of splits each feature has. */
static void note_kinds(builder *b, uint32_t tree_count)
{
    const lgb_model *m = b->model;
    for (uint32_t t = 0; t < tree_count; t++)
        for (uint32_t i = 0; i + 1 < m->trees[t].leaf_count; i++) {
            int64_t decision = m->trees[t].decision[i];
            uint8_t kind = is_categorical(decision)                     ? KIND_SET
                           : missing_type(decision) == LGB_MISSING_ZERO ? KIND_ZERO_MISSING
                                                                        : KIND_NUMBER;
            b->kinds[m->trees[t].feature[i]] |= kind;
            b->all_kinds |= kind;
        }
}

/* Whether making zeros NaN changes nothing for a split to which zero is a number: all values near
 * zero go one way, and NaN goes that way too. */
static bool zero_follows_missing(double threshold, bool missing_left)
{
    bool all_left = threshold >= TREE_ZERO;
    bool all_right = threshold < -TREE_ZERO;
    return missing_left ? all_left : all_right;
}

static alf_status refuse_mixed(const builder *b, int64_t feature)
{
    return error_set(b->err, ALF_E_UNSUPPORTED,
                     "LightGBM model: zero is a missing value to some splits of feature %" PRId64
                     " and a number to others, as after training further with another "
                     "zero_as_missing; this is not supported",
                     feature);
}

/* ---- trees ---- */

/* A test of a number. */
static alf_status put_number(const builder *b, const lgb_tree *t, int64_t i, forest_node *to)
{
    int64_t decision = t->decision[i];
    int missing = missing_type(decision);
    to->mode = FOREST_LEQ;
    to->threshold = t->threshold[i];
    to->missing_yes =
        missing == LGB_MISSING_NONE ? 0.0 <= t->threshold[i] : (decision & LGB_DEFAULT_LEFT) != 0;
    if (missing != LGB_MISSING_ZERO && (b->kinds[t->feature[i]] & KIND_ZERO_MISSING) != 0 &&
        !zero_follows_missing(t->threshold[i], to->missing_yes))
        return refuse_mixed(b, t->feature[i]);
    return ALF_OK;
}

static alf_status put_split(const builder *b, forest *f, walk *w, int64_t i)
{
    const lgb_tree *t = w->tree;
    uint8_t kinds = b->kinds[t->feature[i]];
    forest_node *to = &f->nodes[f->node_count++];
    *to = (forest_node){.feature = (int32_t)t->feature[i]};
    if ((kinds & KIND_SET) != 0 && kinds != KIND_SET)
        return error_set(b->err, ALF_E_UNSUPPORTED,
                         "LightGBM model: feature %" PRId64 " is split both by categories and by "
                         "thresholds, as after training further with another "
                         "categorical_feature; this is not supported",
                         t->feature[i]);
    if (is_categorical(t->decision[i]))
        put_set(f, t, i, to);
    else
        TRY(put_number(b, t, i, to));
    w->stack[w->depth++] = (pending){t->right[i], &to->no};
    w->stack[w->depth++] = (pending){t->left[i], &to->yes};
    return ALF_OK;
}

static void put_leaf(forest *f, const walk *w, int64_t leaf)
{
    f->nodes[f->node_count++] = (forest_node){.feature = -1, .yes = f->leaf_value_count, .no = 1};
    f->leaf_values[f->leaf_value_count++] =
        (forest_leaf_value){.weight = w->tree->leaf_value[leaf], .target = w->target};
}

/* Parents first. Each split and each leaf must be reached, and once. */
static alf_status put_tree(const builder *b, forest *f, walk *w)
{
    uint32_t begin = f->node_count, leaves = w->tree->leaf_count;
    for (size_t i = 0; i < 2 * (size_t)leaves; i++)
        w->seen[i] = 0;
    w->depth = 0;
    w->stack[w->depth++] = (pending){leaves > 1 ? 0 : ~(int64_t)0, &f->roots[w->index]};
    while (w->depth > 0) {
        pending next = w->stack[--w->depth];
        int64_t i = next.node < 0 ? leaves + ~next.node : next.node;
        if (w->seen[i])
            return bad_tree(b, w->index, "two splits lead to one node; it is damaged");
        w->seen[i] = 1;
        *next.number = f->node_count;
        if (next.node < 0)
            put_leaf(f, w, ~next.node);
        else
            TRY(put_split(b, f, w, next.node));
    }
    if (f->node_count - begin != 2 * leaves - 1)
        return bad_tree(b, w->index, "nothing leads to some of its nodes; it is damaged");
    return ALF_OK;
}

static alf_status reserve(const builder *b, uint32_t tree_count, forest *f, walk *w)
{
    uint64_t leaves = 0;
    set_sizes sets = {0};
    uint32_t most = 1;
    for (uint32_t t = 0; t < tree_count; t++) {
        uint32_t count = b->model->trees[t].leaf_count;
        leaves += count;
        most = count > most ? count : most;
        TRY(count_members(b, t, &sets));
    }
    if (leaves > INT32_MAX / 2)
        return error_set(b->err, ALF_E_LIMIT, "the LightGBM model has %" PRIu64 " leaves", leaves);
    f->roots = arena_alloc(b->a, (size_t)tree_count + 1, sizeof *f->roots);
    f->nodes = arena_alloc(b->a, 2 * leaves + 1, sizeof *f->nodes);
    f->leaf_values = arena_alloc(b->a, leaves + 1, sizeof *f->leaf_values);
    f->set_values = arena_alloc(b->a, sets.members + 1, sizeof *f->set_values);
    if (f->roots == NULL || f->nodes == NULL || f->leaf_values == NULL || f->set_values == NULL)
        return no_memory(b, b->a, 2 * leaves + sets.members, sizeof *f->nodes);
    w->seen = arena_alloc(b->scratch, 2 * (size_t)most, 1);
    w->stack = arena_alloc(b->scratch, 2 * (size_t)most, sizeof *w->stack);
    return w->seen != NULL && w->stack != NULL
               ? ALF_OK
               : no_memory(b, b->scratch, 2 * (size_t)most, sizeof *w->stack);
}

/* Which columns the graph must free of zeros. Those without splits may be freed too, so that all
 * are where all that matter are. */
static alf_status put_zeros(const builder *b, tree_classifier *t)
{
    uint32_t n = t->trees.feature_count;
    t->zero_is_missing = arena_alloc(b->a, n, sizeof *t->zero_is_missing);
    if (t->zero_is_missing == NULL)
        return no_memory(b, b->a, n, sizeof *t->zero_is_missing);
    for (uint32_t i = 0; i < n; i++)
        t->zero_is_missing[i] = b->kinds[i] == 0 || (b->kinds[i] & KIND_ZERO_MISSING) != 0;
    return ALF_OK;
}

static alf_status put_rounding(const builder *b, forest *f)
{
    f->rounding = arena_alloc(b->a, f->feature_count, sizeof *f->rounding);
    if (f->rounding == NULL)
        return no_memory(b, b->a, f->feature_count, sizeof *f->rounding);
    for (uint32_t i = 0; i < f->feature_count; i++)
        f->rounding[i] = (b->kinds[i] & KIND_SET) != 0 ? FOREST_TRUNC : FOREST_AS_IS;
    return ALF_OK;
}

static alf_status put_trees(builder *b, uint32_t tree_count, tree_classifier *t)
{
    const lgb_model *m = b->model;
    forest *f = &t->trees;
    walk w = {0};
    f->number = FOREST_F64;
    f->feature_count = m->feature_count;
    f->target_count = m->round_trees;
    b->kinds = arena_alloc(b->scratch, m->feature_count, 1);
    if (b->kinds == NULL)
        return no_memory(b, b->scratch, m->feature_count, 1);
    note_kinds(b, tree_count);
    TRY(reserve(b, tree_count, f, &w));
    for (uint32_t i = 0; i < tree_count; i++) {
        w.tree = &m->trees[i];
        w.index = i;
        w.target = i % m->round_trees;
        TRY(put_tree(b, f, &w));
    }
    f->tree_count = tree_count;
    if ((b->all_kinds & KIND_ZERO_MISSING) != 0)
        TRY(put_zeros(b, t));
    if ((b->all_kinds & KIND_SET) != 0)
        TRY(put_rounding(b, f));
    return forest_check(f, b->err);
}

/* ---- the objective ---- */

static alf_span take_word(alf_span *rest)
{
    size_t size = 0;
    while (size < rest->size && rest->data[size] != ' ')
        size++;
    alf_span word = span_of(rest->data, size);
    size += size < rest->size;
    *rest = span_of(rest->data + size, rest->size - size);
    return word;
}

static alf_status refuse_objective(const builder *b)
{
    alf_span o = b->model->objective;
    if (o.data == NULL)
        return error_set(b->err, ALF_E_UNSUPPORTED,
                         "the LightGBM model has no objective (a function of its own was used); "
                         "supported are binary, multiclass, multiclassova and cross_entropy");
    return error_set(b->err, ALF_E_UNSUPPORTED,
                     "the LightGBM model has the objective \"%.*s\"; supported are binary, "
                     "multiclass, multiclassova and cross_entropy",
                     o.size > 60 ? 60 : (int)o.size, o.data);
}

/* The words after the objective's name: the reader has taken the sigmoid's number. */
static bool knows_options(const lgb_model *m, alf_span rest)
{
    char classes[32];
    (void)snprintf(classes, sizeof classes, "num_class:%" PRIu32, m->num_class);
    while (rest.size > 0) {
        alf_span word = take_word(&rest);
        if (word.size > 0 && !span_starts(word, SPAN_LITERAL("sigmoid:")) &&
            !span_is(word, classes))
            return false;
    }
    return true;
}

static alf_status read_objective(const builder *b, text_classifier *out)
{
    const lgb_model *m = b->model;
    alf_span rest = m->objective;
    if (rest.data == NULL)
        return refuse_objective(b);
    tree_classifier *t = &out->as.trees;
    alf_span name = take_word(&rest);
    bool several = true;
    t->slope = m->sigmoid;
    if (span_is(name, "multiclass")) {
        t->link = TREE_SOFTMAX;
    } else if (span_is(name, "multiclassova")) {
        t->link = TREE_LOGISTIC_EACH;
    } else if (span_is(name, "binary") || span_is(name, "cross_entropy") ||
               span_is(name, "xentropy")) {
        t->link = TREE_LOGISTIC;
        several = false;
    } else {
        return refuse_objective(b);
    }
    if (!knows_options(m, rest))
        return refuse_objective(b);
    if (m->round_trees != m->num_class || (several ? m->num_class < 2 : m->num_class != 1))
        return error_set(b->err, ALF_E_FORMAT,
                         "the LightGBM model has %" PRIu32 " classes and %" PRIu32
                         " trees a round, which does not fit its objective %.*s; it is damaged",
                         m->num_class, m->round_trees, span_width(name), name.data);
    out->class_count = several ? m->num_class : 2;
    return ALF_OK;
}

/* ---- the whole ---- */

/* The trees that predict() uses: all, or those of the best round. */
static alf_status count_trees(const builder *b, const value *booster, uint32_t *out)
{
    const lgb_model *m = b->model;
    int64_t best = 0;
    if (m->tree_count == 0 || m->tree_count % m->round_trees != 0)
        return error_set(b->err, ALF_E_FORMAT,
                         "the LightGBM model has %" PRIu32 " trees, %" PRIu32
                         " a round; it is empty or damaged",
                         m->tree_count, m->round_trees);
    uint32_t rounds = m->tree_count / m->round_trees;
    if (value_to_int64(value_attribute(booster, "best_iteration"), &best) && best > 0 &&
        best < rounds)
        rounds = (uint32_t)best;
    *out = rounds * m->round_trees;
    return ALF_OK;
}

static alf_status check_wrapper(const builder *b, const value *object, uint32_t class_count)
{
    int64_t classes;
    bool early = false;
    const value *other = value_attribute(object, "_other_params");
    if (value_to_int64(value_attribute(object, "_n_classes"), &classes) &&
        classes != (int64_t)class_count)
        return error_set(b->err, ALF_E_FORMAT,
                         "the LGBMClassifier has %" PRId64 " classes, its booster %" PRIu32
                         "; they do not belong together",
                         classes, class_count);
    if (other != NULL && value_to_bool(value_get(other, "pred_early_stop"), &early) && early)
        return error_set(b->err, ALF_E_UNSUPPORTED,
                         "LGBMClassifier with pred_early_stop is not supported; its answers are "
                         "approximate");
    return ALF_OK;
}

static alf_status build(builder *b, const value *object, const value *booster, text_classifier *out)
{
    uint32_t tree_count;
    tree_classifier *t = &out->as.trees;
    *out = (text_classifier){.kind = CLASSIFIER_TREES};
    TRY(read_objective(b, out));
    TRY(check_wrapper(b, object, out->class_count));
    TRY(count_trees(b, booster, &tree_count));
    t->is_wide = true;
    uint32_t rounds = tree_count / b->model->round_trees;
    t->divisor = b->model->average_output ? (double)rounds : 0;
    return put_trees(b, tree_count, t);
}

/* The text of the model: `handle`, from 4.0 on `_handle`. */
static alf_status find_text(const value *booster, alf_span *out, alf_error *err)
{
    char found[160];
    const value *v = value_attribute(booster, "_handle");
    v = v != NULL ? v : value_attribute(booster, "handle");
    if (v == NULL || (v->kind != VALUE_STRING && v->kind != VALUE_BYTES))
        return error_set(err, ALF_E_FORMAT,
                         "the Booster has %s for 'handle', expected the text of the model; it is "
                         "empty or damaged",
                         value_describe(v, found, sizeof found));
    *out = v->as.text;
    return ALF_OK;
}

alf_status extract_lightgbm(const value *object, arena *a, text_classifier *out, alf_error *err)
{
    const value *booster = object;
    alf_span text;
    arena scratch;
    lgb_model model;
    builder b = {.model = &model, .a = a, .scratch = &scratch, .err = err};
    if (value_is_a(object, "lightgbm", "LGBMClassifier"))
        booster = value_attribute(object, "_Booster");
    if (!value_is_a(booster, "lightgbm", "Booster"))
        return error_set(err, ALF_E_FORMAT,
                         "the LGBMClassifier has no booster; it was saved before it was fitted");
    TRY(find_text(booster, &text, err));
    arena_init(&scratch, scratch_limit);
    alf_status status = lgb_read(text, &scratch, &model, err);
    if (status == ALF_OK)
        status = build(&b, object, booster, out);
    arena_fini(&scratch);
    return status;
}
