/* fuzz: engine - bytes as a forest and rows: every way to evaluate it fast gives forest_sum's bits.
 *
 * The first bytes are the shape; then nodes, level by level, until trees or bytes run out; what is
 * left are numbers of the rows. Numbers are taken as they stand, so that infinities, denormals and
 * (in rows) NaN come up; the fuzzer finds the equal ones.
 */
#include "engine/forest_fast.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_NODES = 4000, MOST_TREES = 200, MOST_VALUES = 3, ROWS = 16, MOST_FEATURES = 16 };

typedef struct input {
    const uint8_t *data;
    size_t size;
} input;

static uint8_t take_byte(input *in)
{
    if (in->size == 0)
        return 0;
    in->size--;
    return *in->data++;
}

static double take_number(input *in)
{
    double x = 0;
    size_t size = in->size < sizeof x ? in->size : sizeof x;
    memcpy(&x, in->data, size);
    in->data += size;
    in->size -= size;
    return x;
}

static double fit(const forest *f, double x)
{
    return f->number == FOREST_F32 ? (double)(float)x : x;
}

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void make_leaf(forest *f, forest_node *n, uint8_t kind, input *in)
{
    *n = (forest_node){.feature = -1, .yes = f->leaf_value_count, .no = kind / 8 % MOST_VALUES};
    for (uint32_t i = 0; i < n->no; i++) {
        double weight = fit(f, take_number(in));
        f->leaf_values[f->leaf_value_count++] =
            (forest_leaf_value){isfinite(weight) ? weight : 1.5, take_byte(in) % f->target_count};
    }
}

/* Children are appended behind all nodes that are there: forward, and within the tree. */
static void make_tree(forest *f, input *in)
{
    uint32_t at = f->node_count++;
    f->roots[f->tree_count++] = at;
    for (; at < f->node_count; at++) {
        forest_node *n = &f->nodes[at];
        uint8_t kind = take_byte(in);
        if (kind % 8 >= 5 || in->size == 0 || f->node_count + 2 > MOST_NODES) {
            make_leaf(f, n, kind, in);
            continue;
        }
        double threshold = fit(f, take_number(in));
        *n = (forest_node){.threshold = isnan(threshold) ? 0.5 : threshold,
                           .feature = (int32_t)(take_byte(in) % f->feature_count),
                           .yes = f->node_count,
                           .no = f->node_count + 1,
                           .mode = kind % 8,
                           .missing_yes = (kind & 64) != 0};
        f->node_count += 2;
    }
}

static void compare(const forest *f, forest_way way, cpu_level level, const double *rows,
                    const double *expected)
{
    arena memory;
    const forest_fast *fast;
    arena_init(&memory, 0);
    require(forest_fast_build_as(f, way, level, &memory, &fast, NULL) == ALF_OK);
    for (size_t n = 1; fast != NULL && n <= ROWS; n += 5) {
        forest_rows from = {rows, ONNX_DOUBLE, f->feature_count};
        double *found = malloc(n * f->target_count * sizeof *found);
        void *scratch = malloc(forest_fast_scratch(fast, n));
        require(found != NULL && scratch != NULL);
        forest_fast_sum(fast, &from, n, found, scratch);
        for (size_t i = 0; i < n * f->target_count; i++)
            require(memcmp(&found[i], &expected[i], sizeof *found) == 0 ||
                    (isnan(found[i]) && isnan(expected[i])));
        free(found);
        free(scratch);
    }
    arena_fini(&memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint32_t roots[MOST_TREES];
    static forest_node nodes[MOST_NODES + 2];
    static forest_leaf_value leaf_values[MOST_NODES * MOST_VALUES];
    static double rows[ROWS * MOST_FEATURES], expected[ROWS * 4];
    input in = {data, size};
    forest f = {.roots = roots, .nodes = nodes, .leaf_values = leaf_values};
    f.number = take_byte(&in) % 2 == 0 ? FOREST_F32 : FOREST_F64;
    f.feature_count = 1 + take_byte(&in) % MOST_FEATURES;
    f.target_count = 1 + take_byte(&in) % 4;
    while (in.size > 100 && f.tree_count < MOST_TREES && f.node_count < MOST_NODES)
        make_tree(&f, &in);
    require(forest_check(&f, NULL) == ALF_OK);
    for (size_t i = 0; i < ROWS * f.feature_count; i++)
        rows[i] = take_number(&in);
    for (size_t r = 0; r < ROWS; r++)
        forest_sum(&f, rows + r * f.feature_count, expected + r * f.target_count);
    for (int way = FOREST_ANY_WAY; way <= FOREST_WALK; way++)
        for (int level = 0; level < CPU_LEVELS; level++)
            if (cpu_has((cpu_level)level))
                compare(&f, (forest_way)way, (cpu_level)level, rows, expected);
    return 0;
}
