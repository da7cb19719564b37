/*
 * Forests by shape, each way to evaluate them at every CPU level this machine has: microseconds per
 * row for batches of 1, 10, 100 and 1000 rows, and what the choice by cost takes.
 *
 * Usage: bench_trees [-r ROUNDS]
 * Trees split random points as an isolation forest does (a random feature between the least and the
 * greatest value), or at the median, which fills them. Rounds take turns; the CPU time of the
 * thread counts. Prints the best round, which a busy machine disturbs least.
 */
#include "base/mem.h"
#include "engine/forest_fast.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { FEATURES = 8, ROWS = 4000, BATCHES = 4, MOST_CONTENDERS = 16, MOST_POINTS = 4096 };

typedef struct shape {
    const char *name;
    uint32_t trees, points, depth;
    bool median;
    bool distinct; /* leaf values; else few */
} shape;

static const shape shapes[] = {
    {"100 isolation trees of 256 points", 100, 256, 8, false, false},
    {"200 isolation trees of 256 points", 200, 256, 8, false, false},
    {"200 isolation trees of 128 points", 200, 128, 7, false, false},
    {"200 isolation trees of 64 points", 200, 64, 6, false, false},
    {"100 full trees of 256 leaves", 100, 256, 8, true, true},
    {"200 full trees of 128 leaves", 200, 128, 7, true, true},
    {"100 trees of thousands of leaves", 100, MOST_POINTS, 64, false, true},
};
static const size_t batches[BATCHES] = {1, 10, 100, 1000};

typedef struct contender {
    char name[32];
    arena memory;
    const forest_fast *fast;
    double best[BATCHES];
    double built_us;
} contender;

static uint64_t random_state = 88172645463325252u;

static double next_number(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (double)(random_state >> 11) / 9007199254740992.0;
}

static double cpu_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void *take(arena *memory, size_t count, size_t size)
{
    void *room = arena_alloc(memory, count, size);
    if (room == NULL) {
        (void)fprintf(stderr, "bench_trees: out of memory\n");
        exit(1);
    }
    return room;
}

/* ---- forests ---- */

typedef double point[FEATURES];

static uint32_t by_feature;

static int compare_points(const void *a, const void *b)
{
    double x = (*(const point *)a)[by_feature], y = (*(const point *)b)[by_feature];
    return (x > y) - (x < y);
}

/* A threshold between the points, which are sorted by the feature; returns how many lie at or below
 * it. */
static uint32_t split(const point *points, uint32_t count, bool median, double *threshold)
{
    double least = points[0][by_feature], most = points[count - 1][by_feature];
    uint32_t at = count / 2;
    *threshold = least + (most - least) * next_number();
    if (median)
        *threshold = (points[at - 1][by_feature] + points[at][by_feature]) / 2;
    else
        for (at = 1; at + 1 < count && points[at][by_feature] <= *threshold;)
            at++;
    return at;
}

typedef struct range {
    uint32_t begin, end, depth;
} range;

static void add_tree(forest *f, const shape *s, point *points, range *ranges)
{
    uint32_t root = f->node_count++;
    for (uint32_t i = 0; i < s->points; i++)
        for (uint32_t c = 0; c < FEATURES; c++)
            points[i][c] = next_number();
    f->roots[f->tree_count++] = root;
    ranges[0] = (range){0, s->points, 0};
    for (uint32_t i = root; i < f->node_count; i++) {
        range r = ranges[i - root];
        uint32_t next = f->node_count, leaf = f->leaf_value_count;
        if (r.end - r.begin < 2 || r.depth == s->depth) {
            double value = s->distinct ? next_number() : r.depth + 0.1 * (r.end - r.begin);
            f->nodes[i] = (forest_node){.feature = -1, .yes = leaf, .no = 1};
            f->leaf_values[f->leaf_value_count++].weight = value;
            continue;
        }
        double threshold;
        by_feature = (uint32_t)(next_number() * FEATURES);
        qsort(points + r.begin, r.end - r.begin, sizeof *points, compare_points);
        uint32_t below =
            split((const point *)points + r.begin, r.end - r.begin, s->median, &threshold);
        f->nodes[i] = (forest_node){.threshold = threshold,
                                    .feature = (int32_t)by_feature,
                                    .yes = next,
                                    .no = next + 1,
                                    .missing_yes = true};
        ranges[next - root] = (range){r.begin, r.begin + below, r.depth + 1};
        ranges[next + 1 - root] = (range){r.begin + below, r.end, r.depth + 1};
        f->node_count += 2;
    }
}

static void make_forest(const shape *s, arena *memory, forest *f)
{
    size_t nodes = 2 * (size_t)s->trees * s->points;
    point *points = take(memory, s->points, sizeof *points);
    range *ranges = take(memory, 2 * (size_t)s->points, sizeof *ranges);
    *f = (forest){.number = FOREST_F64, .feature_count = FEATURES, .target_count = 1};
    f->roots = take(memory, s->trees, sizeof *f->roots);
    f->nodes = take(memory, nodes, sizeof *f->nodes);
    f->leaf_values = take(memory, nodes, sizeof *f->leaf_values);
    for (uint32_t t = 0; t < s->trees; t++)
        add_tree(f, s, points, ranges);
}

/* ---- contenders ---- */

static const char *const way_names[] = {"chosen", "bits", "ranks", "walk"};

static size_t build_all(const forest *f, contender *list)
{
    size_t count = 0;
    for (int level = 0; level < CPU_LEVELS; level++)
        for (int way = FOREST_ANY_WAY; way <= FOREST_WALK; way++) {
            contender *c = &list[count];
            const char *name = cpu_level_name((cpu_level)level);
            if (!cpu_has((cpu_level)level) || level == CPU_AVX512VBMI ||
                (way == FOREST_WALK && level != CPU_PORTABLE))
                continue;
            *c = (contender){0};
            arena_init(&c->memory, 0);
            double begin = cpu_us();
            if (forest_fast_build_as(f, (forest_way)way, (cpu_level)level, &c->memory, &c->fast,
                                     NULL) != ALF_OK ||
                c->fast == NULL) {
                arena_fini(&c->memory);
                continue;
            }
            c->built_us = cpu_us() - begin;
            (void)snprintf(c->name, sizeof c->name, "%s %s", name,
                           way_names[way == FOREST_ANY_WAY ? 0 : way]);
            if (way == FOREST_ANY_WAY)
                (void)snprintf(c->name, sizeof c->name, "%s chosen: %s", name,
                               way_names[forest_fast_way(c->fast)]);
            count++;
        }
    return count;
}

static double time_batch(const contender *c, const double *rows, size_t batch, void *scratch)
{
    static double out[ROWS];
    double begin = cpu_us();
    for (size_t i = 0; i < ROWS; i += batch) {
        forest_rows from = {rows + i * FEATURES, ONNX_DOUBLE, FEATURES};
        forest_fast_sum(c->fast, &from, batch, out + i, scratch);
    }
    return (cpu_us() - begin) / ROWS;
}

static void run_shape(const shape *s, size_t rounds)
{
    static contender list[MOST_CONTENDERS];
    arena memory;
    forest f;
    arena_init(&memory, 0);
    make_forest(s, &memory, &f);
    double *rows = take(&memory, (size_t)ROWS * FEATURES, sizeof *rows);
    for (size_t i = 0; i < (size_t)ROWS * FEATURES; i++)
        rows[i] = next_number();
    size_t count = build_all(&f, list);
    for (size_t k = 0; k < rounds; k++)
        for (size_t b = 0; b < BATCHES; b++)
            for (size_t i = 0; i < count; i++) {
                arena scratch;
                arena_init(&scratch, 0);
                void *room = take(&scratch, forest_fast_scratch(list[i].fast, batches[b]), 1);
                double us = time_batch(&list[i], rows, batches[b], room);
                if (k == 0 || us < list[i].best[b])
                    list[i].best[b] = us;
                arena_fini(&scratch);
            }
    (void)printf("%s: %.0f leaves a tree\n", s->name, (double)f.leaf_value_count / f.tree_count);
    for (size_t i = 0; i < count; i++) {
        (void)printf("  %-22s %6zu KB, built in %6.0f us ", list[i].name,
                     list[i].memory.used / 1024, list[i].built_us);
        for (size_t b = 0; b < BATCHES; b++)
            (void)printf("  %4zu: %6.3f", batches[b], list[i].best[b]);
        (void)printf("\n");
        arena_fini(&list[i].memory);
    }
    arena_fini(&memory);
}

int main(int argc, char **argv)
{
    size_t rounds = argc > 2 && strcmp(argv[1], "-r") == 0 ? strtoul(argv[2], NULL, 10) : 25;
    (void)printf("us of CPU time per row by batch, the best of %zu rounds\n", rounds);
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        run_shape(&shapes[i], rounds);
    return 0;
}
