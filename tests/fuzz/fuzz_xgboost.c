/* fuzz: convert: raw booster bytes. What extract_boosted takes must be a forest that checks and
 * sums; the reference must take it too and give the same margins. */
#include "codec/value.h"
#include "convert/extract.h"
#include "convert/reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LARGEST = 4096 };

/* A Booster whose handle is the input; of a pickle, or of a model file, which may also say what
 * XGBClassifier.save_model wrote. */
typedef struct booster {
    value object, class_, state, keys[2], handle, file;
    value_pair pairs[2];
} booster;

static const value *booster_init(booster *b, alf_span bytes, bool is_file)
{
    memset(b, 0, sizeof *b);
    b->class_.kind = VALUE_GLOBAL;
    b->class_.as.global.module = SPAN_LITERAL("xgboost.core");
    b->class_.as.global.name = SPAN_LITERAL("Booster");
    b->keys[0].kind = VALUE_STRING;
    b->keys[0].as.text = SPAN_LITERAL("handle");
    b->keys[1].kind = VALUE_STRING;
    b->keys[1].as.text = SPAN_LITERAL("model_file");
    b->handle.kind = VALUE_BYTES;
    b->handle.as.text = bytes;
    b->file.kind = VALUE_NONE;
    b->pairs[0] = (value_pair){&b->keys[0], &b->handle};
    b->pairs[1] = (value_pair){&b->keys[1], &b->file};
    b->state.kind = VALUE_DICT;
    b->state.as.dict.pairs = b->pairs;
    b->state.as.dict.count = is_file ? 2 : 1;
    b->object.kind = VALUE_OBJECT;
    b->object.as.object.class_ = &b->class_;
    b->object.as.object.state = &b->state;
    return &b->object;
}

/* Every row walks without end checks: the forest has passed forest_check. */
static void sum_rows(const forest *f)
{
    static double x[LARGEST];
    static double out[LARGEST];
    static const double fills[] = {NAN, 0.0, -1e30, 1e30};
    if (f->feature_count > LARGEST || f->target_count > LARGEST)
        return;
    for (size_t k = 0; k < sizeof fills / sizeof *fills; k++) {
        for (uint32_t i = 0; i < f->feature_count; i++)
            x[i] = fills[k];
        forest_sum(f, x, out);
    }
}

/* The label of the row that lacks everything, against the reference. */
static void compare(const boosted_classifier *b, const reference_boosted *r)
{
    static double x[LARGEST];
    static double margins[LARGEST];
    static float p[LARGEST];
    uint32_t label;
    if (b->trees.feature_count > LARGEST || b->class_count > LARGEST)
        return;
    for (uint32_t i = 0; i < b->trees.feature_count; i++)
        x[i] = NAN;
    forest_sum(&b->trees, x, margins);
    reference_row row = {0};
    if (reference_boosted_classes(r) != b->class_count ||
        reference_boosted_run(r, &row, p, &label, NULL) != ALF_OK)
        abort();
    float margin = (float)margins[0];
    if (b->link == BOOSTED_HARD_MARGIN && b->trees.target_count == 1 &&
        (p[1] < margin || p[1] > margin))
        abort();
}

static void try_booster(alf_span bytes, bool is_file)
{
    boosted_classifier b;
    booster around;
    arena memory;
    reference_boosted *r = NULL;
    arena_init(&memory, (size_t)64 << 20);
    /* Deeply wrong counts must fail by themselves; the reference reads them too. */
    alf_status reference = reference_boosted_new(booster_init(&around, bytes, is_file), &r, NULL);
    if (extract_boosted(&around.object, &memory, &b, NULL) == ALF_OK) {
        if (forest_check(&b.trees, NULL) != ALF_OK)
            abort();
        sum_rows(&b.trees);
        if (reference == ALF_OK)
            compare(&b, r);
    }
    arena_fini(&memory);
    reference_boosted_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    alf_span bytes = {(const char *)data, size};
    try_booster(bytes, false);
    try_booster(bytes, true);
    return 0;
}
