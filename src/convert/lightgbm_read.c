/*
 * The text format of LightGBM, versions v2 to v4 (docs/formats.md): a header of key=value lines, a
 * blank line, a block per tree whose size tree_sizes tells, "end of trees", and then statistics and
 * parameters, which nothing here depends on.
 *
 * Strict: a key that is not known, is there twice or is missing, a number that is not one, an array
 * of another length, a block of another size end the reading. Nothing is allocated for a count that
 * the text is too short for.
 */
#define _GNU_SOURCE /* uselocale */
#include "convert/lightgbm_model.h"

#include "base/span.h"

#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>

enum { NUMBER_SIZE = 48 };

typedef struct reader {
    alf_span text;
    arena *a;
    lgb_model *out;
    alf_span tree_sizes;
    uint32_t tree; /* being read, for messages */
    alf_error *err;
} reader;

static uint64_t offset_of(const reader *r, const char *p)
{
    return p >= r->text.data && p <= r->text.data + r->text.size ? (uint64_t)(p - r->text.data)
                                                                 : ALF_NO_OFFSET;
}

#define bad(r, where, ...)                                                                         \
    error_at((r)->err, ALF_E_FORMAT, offset_of(r, where), "LightGBM model: " __VA_ARGS__)

static alf_status no_memory(const reader *r, size_t count, size_t size)
{
    if (arena_over_limit(r->a, count, size))
        return error_set(r->err, ALF_E_LIMIT, "the LightGBM model needs more memory than allowed");
    return error_nomem(r->err, "a LightGBM model");
}

/* ---- lines ---- */

/* Takes the first line off *rest, without its end. */
static alf_span take_line(alf_span *rest)
{
    const char *end = rest->size > 0 ? memchr(rest->data, '\n', rest->size) : NULL;
    size_t size = end != NULL ? (size_t)(end - rest->data) : rest->size;
    alf_span line = span_of(rest->data, size);
    size_t used = end != NULL ? size + 1 : size;
    *rest = span_of(rest->data + used, rest->size - used);
    return line;
}

/* One key of a header or of a tree: its value, once it has been seen. */
typedef struct field {
    const char *key;
    bool needed;
    alf_span value;
    bool seen;
} field;

/* line is "key=value", or "key" alone. */
static alf_status take_field(const reader *r, alf_span line, field *fields, size_t count)
{
    const char *equals = memchr(line.data, '=', line.size);
    size_t key_size = equals != NULL ? (size_t)(equals - line.data) : line.size;
    alf_span key = span_of(line.data, key_size);
    for (size_t i = 0; i < count; i++) {
        field *f = &fields[i];
        if (!span_is(key, f->key))
            continue;
        if (f->seen)
            return bad(r, line.data, "%s is there twice; it is damaged", f->key);
        f->seen = true;
        f->value = equals != NULL ? span_of(equals + 1, line.size - key_size - 1)
                                  : span_of(line.data + line.size, 0);
        return ALF_OK;
    }
    return error_at(r->err, ALF_E_UNSUPPORTED, offset_of(r, line.data),
                    "LightGBM model: the key \"%.*s\" is not known; supported are the versions v2 "
                    "to v4",
                    key.size > 60 ? 60 : (int)key.size, key.data);
}

static alf_status check_fields(const reader *r, const char *where, const field *fields,
                               size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (fields[i].needed && !fields[i].seen)
            return bad(r, where, "%s is missing; it is damaged or cut off", fields[i].key);
    return ALF_OK;
}

/* ---- numbers ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Takes what is before the next space off *rest; empty at the end. */
static alf_span take_word(alf_span *rest)
{
    while (rest->size > 0 && rest->data[0] == ' ')
        *rest = span_of(rest->data + 1, rest->size - 1);
    size_t size = 0;
    while (size < rest->size && rest->data[size] != ' ')
        size++;
    alf_span word = span_of(rest->data, size);
    *rest = span_of(rest->data + size, rest->size - size);
    return word;
}

static bool to_integer(alf_span word, int64_t *out)
{
    bool negative = word.size > 0 && word.data[0] == '-';
    int64_t n = 0;
    if (word.size == negative || word.size > 18)
        return false;
    for (size_t i = negative; i < word.size; i++) {
        if (!is_digit(word.data[i]))
            return false;
        n = n * 10 + (word.data[i] - '0');
    }
    *out = negative ? -n : n;
    return true;
}

/* [+-]digits[.digits][e[+-]digits] */
static bool is_decimal(const char *p)
{
    p += *p == '-' || *p == '+';
    if (!is_digit(*p))
        return false;
    while (is_digit(*p))
        p++;
    if (*p == '.')
        for (p++; is_digit(*p);)
            p++;
    if (*p == 'e' || *p == 'E') {
        p++;
        p += *p == '-' || *p == '+';
        if (!is_digit(*p))
            return false;
        while (is_digit(*p))
            p++;
    }
    return *p == '\0';
}

static bool to_double(alf_span word, double *out)
{
    char text[NUMBER_SIZE];
    if (word.size == 0 || word.size >= sizeof text || memchr(word.data, '\0', word.size) != NULL)
        return false;
    memcpy(text, word.data, word.size);
    text[word.size] = '\0';
    if (!is_decimal(text))
        return false;
    *out = strtod(text, NULL);
    return isfinite(*out);
}

/* Thresholds may be infinite: all numbers go left, and NaN right. */
static bool to_threshold(alf_span word, double *out)
{
    bool infinite = span_is(word, "inf") || span_is(word, "-inf");
    if (infinite)
        *out = word.size == 3 ? (double)INFINITY : -(double)INFINITY;
    return infinite || to_double(word, out);
}

static alf_status bad_number(const reader *r, const field *f, alf_span word, const char *wanted)
{
    return bad(r, word.data, "%s has \"%.*s\", expected %s; it is damaged", f->key,
               word.size > 40 ? 40 : (int)word.size, word.data, wanted);
}

static alf_status integer_field(const reader *r, const field *f, int64_t least, int64_t most,
                                int64_t *out)
{
    if (!to_integer(f->value, out) || *out < least || *out > most)
        return error_at(r->err, ALF_E_FORMAT, offset_of(r, f->value.data),
                        "LightGBM model: %s is \"%.*s\", expected a number from %" PRId64
                        " to %" PRId64 "; it is damaged",
                        f->key, f->value.size > 40 ? 40 : (int)f->value.size, f->value.data, least,
                        most);
    return ALF_OK;
}

/* Room for count items of a list, once the text is long enough for them. */
static alf_status make_list(const reader *r, const field *f, size_t count, size_t size, void **out)
{
    if (count > f->value.size / 2 + 1)
        return bad(r, f->value.data, "%s should have %zu numbers; it is damaged or cut off", f->key,
                   count);
    *out = arena_alloc(r->a, count + 1, size);
    return *out != NULL ? ALF_OK : no_memory(r, count + 1, size);
}

static alf_status end_list(const reader *r, const field *f, alf_span rest, size_t count)
{
    alf_span word = take_word(&rest);
    if (word.size > 0)
        return bad(r, word.data, "%s has more than %zu numbers; it is damaged", f->key, count);
    return ALF_OK;
}

static alf_status read_doubles(const reader *r, const field *f, size_t count,
                               bool (*convert)(alf_span word, double *out), double **out)
{
    void *p;
    alf_span rest = f->value;
    TRY(make_list(r, f, count, sizeof **out, &p));
    *out = p;
    for (size_t i = 0; i < count; i++) {
        alf_span word = take_word(&rest);
        if (!convert(word, &(*out)[i]))
            return bad_number(r, f, word, "a number");
    }
    return end_list(r, f, rest, count);
}

static alf_status read_integers(const reader *r, const field *f, size_t count, int64_t least,
                                int64_t most, int64_t **out)
{
    void *p;
    alf_span rest = f->value;
    TRY(make_list(r, f, count, sizeof **out, &p));
    *out = p;
    for (size_t i = 0; i < count; i++) {
        alf_span word = take_word(&rest);
        if (!to_integer(word, &(*out)[i]) || (*out)[i] < least || (*out)[i] > most)
            return bad_number(r, f, word, "a whole number in range");
    }
    return end_list(r, f, rest, count);
}

/* ---- a tree ---- */

enum {
    TREE_LEAVES,
    TREE_SETS,
    TREE_FEATURE,
    TREE_THRESHOLD,
    TREE_DECISION,
    TREE_LEFT,
    TREE_RIGHT,
    TREE_VALUE,
    TREE_SET_BEGIN,
    TREE_SET_WORDS,
    TREE_LINEAR,
    TREE_FIELDS
};

/* The rest are statistics, and the parts of linear trees. */
static const char *const tree_keys[] = {
    "num_leaves",      "num_cat",        "split_feature", "threshold",      "decision_type",
    "left_child",      "right_child",    "leaf_value",    "cat_boundaries", "cat_threshold",
    "is_linear",       "split_gain",     "leaf_weight",   "leaf_count",     "internal_value",
    "internal_weight", "internal_count", "shrinkage",     "leaf_const",     "num_features",
    "leaf_features",   "leaf_coeff"};

enum { TREE_KEYS = sizeof tree_keys / sizeof tree_keys[0] };

static alf_status check_sets(const reader *r, const field *f, const lgb_tree *t)
{
    if (t->set_begin[0] != 0)
        return bad(r, f->value.data, "cat_boundaries do not begin with 0; it is damaged");
    for (uint32_t i = 0; i < t->set_count; i++)
        if (t->set_begin[i] > t->set_begin[i + 1])
            return bad(r, f->value.data, "cat_boundaries descend; it is damaged");
    return ALF_OK;
}

/* The sets of categorical splits. */
static alf_status read_sets(const reader *r, const field *fields, lgb_tree *t)
{
    const field *begin = &fields[TREE_SET_BEGIN], *words = &fields[TREE_SET_WORDS];
    if (!begin->seen || !words->seen)
        return bad(r, fields[TREE_SETS].value.data,
                   "tree %" PRIu32 " has categories, but no cat_boundaries or cat_threshold",
                   r->tree);
    TRY(read_integers(r, begin, (size_t)t->set_count + 1, 0, INT32_MAX, &t->set_begin));
    TRY(check_sets(r, begin, t));
    return read_integers(r, words, (size_t)t->set_begin[t->set_count], 0, UINT32_MAX,
                         &t->set_words);
}

static alf_status read_splits(const reader *r, const field *fields, lgb_tree *t)
{
    size_t count = t->leaf_count - 1;
    int64_t last_leaf = -(int64_t)t->leaf_count, last_split = (int64_t)count - 1;
    for (size_t i = TREE_FEATURE; i <= TREE_RIGHT; i++)
        if (!fields[i].seen)
            return bad(r, fields[TREE_LEAVES].value.data,
                       "tree %" PRIu32 " has no %s; it is damaged", r->tree, fields[i].key);
    TRY(read_integers(r, &fields[TREE_FEATURE], count, 0, (int64_t)r->out->feature_count - 1,
                      &t->feature));
    TRY(read_doubles(r, &fields[TREE_THRESHOLD], count, to_threshold, &t->threshold));
    TRY(read_integers(r, &fields[TREE_DECISION], count, 0, 11, &t->decision));
    TRY(read_integers(r, &fields[TREE_LEFT], count, last_leaf, last_split, &t->left));
    return read_integers(r, &fields[TREE_RIGHT], count, last_leaf, last_split, &t->right);
}

/* What a tree without splits, or without categories, has no use for must be empty. */
static alf_status check_empty(const reader *r, const field *fields, size_t first, size_t last)
{
    for (size_t i = first; i <= last; i++)
        if (fields[i].value.size > 0)
            return bad(r, fields[i].value.data, "tree %" PRIu32 " should have no %s; it is damaged",
                       r->tree, fields[i].key);
    return ALF_OK;
}

/* block: the lines of the tree after "Tree=". */
static alf_status read_tree(const reader *r, alf_span block, lgb_tree *t)
{
    field fields[TREE_KEYS] = {0};
    const char *where = block.data;
    int64_t leaves, sets, linear = 0;
    for (size_t i = 0; i < TREE_KEYS; i++)
        fields[i].key = tree_keys[i];
    fields[TREE_LEAVES].needed = fields[TREE_SETS].needed = fields[TREE_VALUE].needed = true;
    while (block.size > 0) {
        alf_span line = take_line(&block);
        if (line.size > 0)
            TRY(take_field(r, line, fields, TREE_KEYS));
    }
    TRY(check_fields(r, where, fields, TREE_KEYS));
    if (fields[TREE_LINEAR].seen)
        TRY(integer_field(r, &fields[TREE_LINEAR], 0, 1, &linear));
    if (linear != 0)
        return error_at(r->err, ALF_E_UNSUPPORTED, offset_of(r, where),
                        "LightGBM model: tree %" PRIu32
                        " is linear; models trained with linear_tree are not supported",
                        r->tree);
    TRY(integer_field(r, &fields[TREE_LEAVES], 1, INT32_MAX, &leaves));
    TRY(integer_field(r, &fields[TREE_SETS], 0, leaves - 1, &sets));
    t->leaf_count = (uint32_t)leaves;
    t->set_count = (uint32_t)sets;
    TRY(read_doubles(r, &fields[TREE_VALUE], t->leaf_count, to_double, &t->leaf_value));
    TRY(leaves > 1 ? read_splits(r, fields, t) : check_empty(r, fields, TREE_FEATURE, TREE_RIGHT));
    return sets > 0 ? read_sets(r, fields, t)
                    : check_empty(r, fields, TREE_SET_BEGIN, TREE_SET_WORDS);
}

/* ---- the trees ---- */

/* What a tree block begins with: "Tree=" and its number. */
static alf_status take_tree_line(const reader *r, alf_span *block)
{
    int64_t number;
    const char *where = block->data;
    alf_span prefix = SPAN_LITERAL("Tree=");
    alf_span line = take_line(block);
    if (!span_starts(line, prefix) ||
        !to_integer(span_of(line.data + prefix.size, line.size - prefix.size), &number) ||
        number != (int64_t)r->tree)
        return bad(r, where, "\"Tree=%" PRIu32 "\" was expected; it is damaged", r->tree);
    return ALF_OK;
}

/* From "Tree=" to the next, or to what ends the trees: for files without tree_sizes. */
static size_t size_of_block(alf_span rest)
{
    alf_span left = rest;
    alf_span tree = SPAN_LITERAL("Tree="), end = SPAN_LITERAL("end of trees"),
             statistics = SPAN_LITERAL("feature importances:");
    (void)take_line(&left);
    while (left.size > 0 && !span_starts(left, tree) && !span_starts(left, end) &&
           !span_starts(left, statistics))
        (void)take_line(&left);
    return rest.size - left.size;
}

static uint32_t count_words(alf_span text)
{
    uint32_t n = 0;
    while (take_word(&text).size > 0 && n < UINT32_MAX)
        n++;
    return n;
}

static uint32_t count_trees(const reader *r, alf_span rest)
{
    uint32_t n = 0;
    if (r->tree_sizes.data != NULL)
        return count_words(r->tree_sizes);
    for (alf_span tree = SPAN_LITERAL("Tree="); span_starts(rest, tree); n++) {
        size_t size = size_of_block(rest);
        rest = span_of(rest.data + size, rest.size - size);
    }
    return n;
}

/* The size of the next block. */
static alf_status take_size(const reader *r, alf_span *sizes, alf_span rest, size_t *out)
{
    int64_t size;
    if (sizes->data == NULL) {
        *out = size_of_block(rest);
        return ALF_OK;
    }
    alf_span word = take_word(sizes);
    if (!to_integer(word, &size) || size < 1)
        return bad(r, word.data, "tree_sizes has \"%.*s\", expected a size; it is damaged",
                   word.size > 40 ? 40 : (int)word.size, word.data);
    if ((uint64_t)size > rest.size)
        return bad(r, rest.data, "tree %" PRIu32 " is cut off: %" PRId64 " bytes, %zu are left",
                   r->tree, size, rest.size);
    if (rest.data[size - 1] != '\n')
        return bad(r, rest.data,
                   "tree %" PRIu32 " is not as long as tree_sizes says: no line ends there; it is "
                   "damaged",
                   r->tree);
    *out = (size_t)size;
    return ALF_OK;
}

/* What comes behind the trees. Early writers of v2 did not mark their end. */
static alf_status check_end(const reader *r, alf_span rest)
{
    while (rest.size > 0 && rest.data[0] == '\n')
        (void)take_line(&rest);
    alf_span line = take_line(&rest);
    if (span_is(line, "end of trees") ||
        (r->out->version == 2 && (line.size == 0 || span_is(line, "feature importances:"))))
        return ALF_OK;
    return bad(r, line.data, "\"end of trees\" was expected; it is damaged or cut off");
}

static alf_status read_trees(reader *r, alf_span rest)
{
    lgb_model *m = r->out;
    alf_span sizes = r->tree_sizes;
    m->tree_count = count_trees(r, rest);
    m->trees = arena_alloc(r->a, (size_t)m->tree_count + 1, sizeof *m->trees);
    if (m->trees == NULL)
        return no_memory(r, (size_t)m->tree_count + 1, sizeof *m->trees);
    for (r->tree = 0; r->tree < m->tree_count; r->tree++) {
        size_t size;
        TRY(take_size(r, &sizes, rest, &size));
        alf_span block = span_of(rest.data, size);
        rest = span_of(rest.data + size, rest.size - size);
        TRY(take_tree_line(r, &block));
        TRY(read_tree(r, block, &m->trees[r->tree]));
    }
    return check_end(r, rest);
}

/* ---- the header ---- */

enum {
    HEAD_VERSION,
    HEAD_CLASSES,
    HEAD_ROUND_TREES,
    HEAD_LAST_FEATURE,
    HEAD_OBJECTIVE,
    HEAD_AVERAGE,
    HEAD_TREE_SIZES,
    HEAD_FEATURE_NAMES,
    HEAD_FEATURE_INFOS,
    HEAD_LABEL,
    HEAD_MONOTONE,
    HEAD_FIELDS
};

static alf_status read_version(const reader *r, const field *f, int *out)
{
    alf_span v = f->value;
    if (v.size != 2 || v.data[0] != 'v' || v.data[1] < '2' || v.data[1] > '4')
        return error_at(r->err, ALF_E_UNSUPPORTED, offset_of(r, v.data),
                        "LightGBM model of version \"%.*s\"; supported are v2, v3 and v4",
                        v.size > 20 ? 20 : (int)v.size, v.data);
    *out = v.data[1] - '0';
    return ALF_OK;
}

/* The number in "binary sigmoid:2". */
static alf_status read_sigmoid(const reader *r, const field *f, double *out)
{
    alf_span rest = f->value;
    alf_span prefix = SPAN_LITERAL("sigmoid:");
    *out = 1;
    while (f->seen && rest.size > 0) {
        alf_span word = take_word(&rest);
        if (!span_starts(word, prefix))
            continue;
        if (!to_double(span_of(word.data + prefix.size, word.size - prefix.size), out) ||
            !(*out > 0))
            return bad_number(r, f, word, "a number above 0 for sigmoid");
    }
    return ALF_OK;
}

static alf_status read_header(reader *r, const field *fields)
{
    lgb_model *m = r->out;
    int64_t classes, trees, last;
    TRY(read_version(r, &fields[HEAD_VERSION], &m->version));
    TRY(integer_field(r, &fields[HEAD_CLASSES], 1, LGB_CLASS_LIMIT, &classes));
    TRY(integer_field(r, &fields[HEAD_ROUND_TREES], 1, LGB_CLASS_LIMIT, &trees));
    TRY(integer_field(r, &fields[HEAD_LAST_FEATURE], 0, LGB_FEATURE_LIMIT, &last));
    m->num_class = (uint32_t)classes;
    m->round_trees = (uint32_t)trees;
    m->feature_count = (uint32_t)last + 1;
    m->objective = fields[HEAD_OBJECTIVE].value;
    TRY(read_sigmoid(r, &fields[HEAD_OBJECTIVE], &m->sigmoid));
    m->average_output = fields[HEAD_AVERAGE].seen;
    r->tree_sizes = fields[HEAD_TREE_SIZES].value;
    for (size_t i = HEAD_FEATURE_NAMES; i <= HEAD_FEATURE_INFOS; i++)
        if (count_words(fields[i].value) != m->feature_count)
            return bad(r, fields[i].value.data, "%s are not %" PRIu32 "; it is damaged",
                       fields[i].key, m->feature_count);
    return ALF_OK;
}

static alf_status read_model(reader *r)
{
    static const char *const keys[HEAD_FIELDS] = {
        "version",         "num_class",           "num_tree_per_iteration",
        "max_feature_idx", "objective",           "average_output",
        "tree_sizes",      "feature_names",       "feature_infos",
        "label_index",     "monotone_constraints"};
    field fields[HEAD_FIELDS] = {0};
    alf_span rest = r->text;
    for (size_t i = 0; i < HEAD_FIELDS; i++)
        fields[i].key = keys[i];
    fields[HEAD_VERSION].needed = fields[HEAD_CLASSES].needed = true;
    fields[HEAD_ROUND_TREES].needed = fields[HEAD_LAST_FEATURE].needed = true;
    fields[HEAD_FEATURE_NAMES].needed = fields[HEAD_FEATURE_INFOS].needed = true;
    if (!span_is(take_line(&rest), "tree"))
        return bad(r, r->text.data,
                   "the first line is not \"tree\"; it is no text that "
                   "Booster.save_model wrote");
    for (;;) {
        alf_span line = take_line(&rest);
        if (line.size == 0)
            break;
        TRY(take_field(r, line, fields, HEAD_FIELDS));
    }
    TRY(check_fields(r, rest.data, fields, HEAD_FIELDS));
    TRY(read_header(r, fields));
    return read_trees(r, rest);
}

alf_status lgb_read(alf_span text, arena *a, lgb_model *out, alf_error *err)
{
    *out = (lgb_model){0};
    reader r = {.text = text.size > 0 ? text : SPAN_LITERAL(""), .a = a, .out = out, .err = err};
    /* strtod reads the decimal point of the thread's locale; the model's is always a dot. */
    locale_t c_locale = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
    if (c_locale == (locale_t)0)
        return error_nomem(err, "the reader of a LightGBM model");
    locale_t before = uselocale(c_locale);
    alf_status status = read_model(&r);
    (void)uselocale(before);
    freelocale(c_locale);
    return status;
}
