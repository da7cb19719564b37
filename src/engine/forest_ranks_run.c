/*
 * Rows through a forest of ranks. Values become ranks, then the exits of 32 trees are found
 * for all rows, then their leaves are summed in the order of the trees. Nothing branches on what a
 * comparison says, so walks overlap.
 *
 * Finding exits, by level of the CPU:
 *   AVX2      the first five levels of 16 trees for one row: nodes of one place in the tree lie
 *             side by side, and the path so far selects among them; then the seven nodes below at
 *             once;
 *   AVX-512   the same with 32 trees for few rows; for more, a tree for 32 rows: its nodes fit nine
 *             registers, and permutations look them up.
 */
#include "engine/forest_ranks.h"

/* What a run needs, in the caller's scratch. What is not filled in is read, but no outcome of it
 * is. */
typedef struct ranks_scratch {
    uint16_t rows[RANKS_ROWS][RANKS_COLUMNS];    /* rank << 3, XORed with flip */
    uint16_t columns[RANKS_COLUMNS][RANKS_ROWS]; /* the same */
    uint8_t blocks[RANKS_ROWS][RANKS_CHUNK];     /* where the first levels lead */
    uint8_t exits[RANKS_TREES][RANKS_ROWS];
    uint8_t missing[RANKS_ROWS]; /* bit c: column c is missing and has a twin */
} ranks_scratch;

bool forest_ranks_reads_nodes(const forest_ranks *k)
{
    return k->leaves.nodes != NULL;
}

size_t forest_ranks_scratch(void)
{
    return sizeof(ranks_scratch) + RANKS_ALIGN;
}

#if defined(__x86_64__)

/* ---- values to ranks ---- */

/* Whether a value is missing whose column has a twin. */
ALWAYS bool take_ranks(const forest_ranks *k, const ranks_part *part, const double *x,
                       size_t stride, size_t rows, ranks_scratch *s, forest_search search)
{
    uint8_t any = 0;
    for (size_t r = 0; r < rows; r++, x += stride) {
        uint8_t missing = 0;
        for (uint32_t c = 0; c < k->column_count; c++) {
            double value = x[k->x[c]], other = x[k->twin[c]];
            uint32_t rank = forest_keys_below(&part->keys[c], value, search);
            s->rows[r][c] = (uint16_t)(rank << 3 ^ k->flip);
            s->columns[c][r] = s->rows[r][c];
            missing |= (uint8_t)((value < other || value > other) << c);
        }
        s->missing[r] = missing;
        any |= missing;
    }
    return any != 0;
}

/* ---- sums ---- */

enum { FEW_ROWS = 12 };

ALWAYS uint32_t leaf_at_exit(const leaf_source *source, size_t row, uint32_t tree)
{
    const forest_ranks *k = source->way;
    const ranks_scratch *s = source->found;
    return k->numbers[(size_t)tree * RANKS_EXITS + s->exits[tree - source->begin][row]];
}

/* Up to RANKS_TREES trees whose exits have been found. */
ALWAYS void sum_exits(const forest_ranks *k, tree_range trees, size_t rows, const ranks_scratch *s,
                      double *out)
{
    leaf_source source = {.way = k, .found = s, .begin = trees.begin};
    forest_leaves_sum(&k->leaves, trees, &source, leaf_at_exit, MOST_TOGETHER, rows, out);
}

ALWAYS tree_range next_trees(uint32_t begin, uint32_t end)
{
    return (tree_range){begin, end - begin < RANKS_TREES ? end : begin + RANKS_TREES};
}

/* ---- missing values that go left in some nodes and right in others ---- */

ALWAYS void find_missing(const forest_ranks *k, tree_range trees, size_t row, ranks_scratch *s)
{
    for (uint32_t t = trees.begin; t < trees.end; t++) {
        uint32_t place = 1;
        for (uint32_t level = 0; level < RANKS_LEVELS; level++) {
            uint32_t scale = 1u << (RANKS_LEVELS - level);
            size_t at = (size_t)t * RANKS_WORDS;
            at += level < RANKS_TOP ? place : place * scale + scale / 2 - RANKS_BELOW;
            uint32_t word = k->words[at] ^ k->flip, rank = s->rows[row][word & 7] ^ k->flip;
            bool right = rank > word;
            if ((s->missing[row] >> (word & 7) & 1) != 0)
                right = (k->missing_right[at / 8] >> at % 8 & 1) != 0;
            place = place * 2 + right;
        }
        s->exits[t - trees.begin][row] = (uint8_t)place;
    }
}

static void sum_missing(const forest_ranks *k, tree_range chunk, size_t rows, double *out,
                        ranks_scratch *s)
{
    for (uint32_t t = chunk.begin; t < chunk.end; t += RANKS_TREES) {
        tree_range trees = next_trees(t, chunk.end);
        for (size_t r = 0; r < rows; r++)
            find_missing(k, trees, r, s);
        sum_exits(k, trees, rows, s, out);
    }
}

/* By the outcomes of the seven nodes of a block (bit 4 the first, 2 and 6 the second, 1, 3, 5 and 7
 * the third level): which of its eight exits. */
#define EXIT(m)                                                                                    \
    ((m) >> 4 & 1 ? 4 + ((m) >> 6 & 1 ? 2 + ((m) >> 7 & 1) : ((m) >> 5 & 1))                       \
                  : ((m) >> 2 & 1 ? 2 + ((m) >> 3 & 1) : ((m) >> 1 & 1)))
#define EXITS_4(m)  EXIT(m), EXIT((m) + 1), EXIT((m) + 2), EXIT((m) + 3)
#define EXITS_16(m) EXITS_4(m), EXITS_4((m) + 4), EXITS_4((m) + 8), EXITS_4((m) + 12)
#define EXITS_64(m) EXITS_16(m), EXITS_16((m) + 16), EXITS_16((m) + 32), EXITS_16((m) + 48)
static const uint8_t block_exits[256] = {EXITS_64(0), EXITS_64(64), EXITS_64(128), EXITS_64(192)};

/* ---- AVX2 ---- */

enum { LANES_AVX2 = 16, LANES_AVX512 = 32 };

typedef struct path_avx2 {
    __m256i right[RANKS_TOP]; /* per level: all ones where the path goes right */
} path_avx2;

/* The nodes that the paths lead to after `levels` levels, of 2^levels vectors at v. */
CPU_TARGET_AVX2 ALWAYS __m256i select_avx2(const __m256i *v, const path_avx2 *path, uint32_t levels)
{
    __m256i left[1 << (RANKS_TOP - 1)];
    for (uint32_t i = 0; i < 1u << levels; i += 2)
        left[i / 2] = _mm256_blendv_epi8(v[i], v[i + 1], path->right[levels - 1]);
    for (uint32_t level = levels - 1; level-- > 0;)
        for (uint32_t i = 0; i < 2u << level; i += 2)
            left[i / 2] = _mm256_blendv_epi8(left[i], left[i + 1], path->right[level]);
    return left[0];
}

/* All ones where the row's rank is above that of the node. x: the row's eight ranks, twice. */
CPU_TARGET_AVX2 ALWAYS __m256i above_avx2(__m256i words, __m256i x)
{
    __m256i columns = _mm256_and_si256(words, _mm256_set1_epi16(7));
    __m256i bytes = _mm256_mullo_epi16(columns, _mm256_set1_epi16(0x0202));
    bytes = _mm256_add_epi16(bytes, _mm256_set1_epi16(0x0100));
    return _mm256_cmpgt_epi16(_mm256_shuffle_epi8(x, bytes), words);
}

/* Where the first levels of 16 trees lead. */
CPU_TARGET_AVX2 ALWAYS void group_avx2(const uint16_t *tops, const uint16_t *ranks, uint8_t *blocks)
{
    const __m256i *v = (const __m256i *)(const void *)tops;
    __m256i x = _mm256_broadcastsi128_si256(_mm_load_si128((const __m128i *)(const void *)ranks));
    path_avx2 path;
    path.right[0] = above_avx2(v[1], x);
    path.right[1] = above_avx2(select_avx2(v + 2, &path, 1), x);
    path.right[2] = above_avx2(select_avx2(v + 4, &path, 2), x);
    path.right[3] = above_avx2(select_avx2(v + 8, &path, 3), x);
    path.right[4] = above_avx2(select_avx2(v + 16, &path, 4), x);
    __m256i block = _mm256_setzero_si256();
    for (int i = 0; i < RANKS_TOP; i++)
        block = _mm256_sub_epi16(_mm256_add_epi16(block, block), path.right[i]);
    __m128i low = _mm256_castsi256_si128(block), high = _mm256_extracti128_si256(block, 1);
    _mm_store_si128((__m128i *)(void *)blocks, _mm_packus_epi16(low, high));
}

CPU_TARGET_AVX2 ALWAYS uint8_t exit_avx2(const uint16_t *words, uint32_t block, __m128i x)
{
    __m128i w = _mm_load_si128((const __m128i *)(const void *)(words + (size_t)block * 8));
    __m128i columns = _mm_and_si128(w, _mm_set1_epi16(7));
    __m128i bytes = _mm_mullo_epi16(columns, _mm_set1_epi16(0x0202));
    bytes = _mm_add_epi16(bytes, _mm_set1_epi16(0x0100));
    __m128i above = _mm_cmpgt_epi16(_mm_shuffle_epi8(x, bytes), w);
    uint32_t outcomes = (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(above, _mm_setzero_si128()));
    return (uint8_t)(block * 8 + block_exits[outcomes]);
}

CPU_TARGET_AVX2 static void tops_avx2(const forest_ranks *k, tree_range trees, size_t rows,
                                      ranks_scratch *s)
{
    for (uint32_t t = 0; t < trees.end - trees.begin; t += LANES_AVX2)
        for (size_t r = 0; r < rows; r++)
            group_avx2(k->tops + (size_t)(trees.begin + t) * RANKS_TOP_WORDS, s->rows[r],
                       &s->blocks[r][t]);
}

CPU_TARGET_AVX2 ALWAYS uint32_t leaf_avx2(const leaf_source *source, size_t row, uint32_t tree)
{
    const forest_ranks *k = source->way;
    const ranks_scratch *s = source->found;
    const uint16_t *words = k->words + (size_t)tree * RANKS_WORDS + RANKS_TOP_WORDS;
    __m128i x = _mm_load_si128((const __m128i *)(const void *)s->rows[row]);
    uint32_t exit = exit_avx2(words, s->blocks[row][tree - source->begin], x);
    return k->numbers[(size_t)tree * RANKS_EXITS + exit];
}

CPU_TARGET_AVX2 static void sum_tops_avx2(const forest_ranks *k, tree_range trees, size_t rows,
                                          double *out, ranks_scratch *s)
{
    leaf_source source = {.way = k, .found = s, .begin = trees.begin};
    tops_avx2(k, trees, rows, s);
    forest_leaves_sum(&k->leaves, trees, &source, leaf_avx2, MOST_TOGETHER, rows, out);
}

/* The first levels of many trees at once hide the latency of one row's; with many rows nothing
 * needs hiding, and trees that stay in the first-level cache count for more. */
CPU_TARGET_AVX2 static void sum_avx2(const forest_ranks *k, tree_range chunk, size_t rows,
                                     double *out, ranks_scratch *s)
{
    if (rows < FEW_ROWS)
        sum_tops_avx2(k, chunk, rows, out, s);
    for (uint32_t t = chunk.begin; t < chunk.end && rows >= FEW_ROWS; t += RANKS_TREES)
        sum_tops_avx2(k, next_trees(t, chunk.end), rows, out, s);
}

/* ---- AVX-512, few rows ---- */

typedef struct path_avx512 {
    __mmask32 right[RANKS_TOP];
} path_avx512;

CPU_TARGET_AVX512 ALWAYS __m512i select_avx512(const __m512i *v, const path_avx512 *path,
                                               uint32_t levels)
{
    __m512i left[1 << (RANKS_TOP - 1)];
    for (uint32_t i = 0; i < 1u << levels; i += 2)
        left[i / 2] = _mm512_mask_blend_epi16(path->right[levels - 1], v[i], v[i + 1]);
    for (uint32_t level = levels - 1; level-- > 0;)
        for (uint32_t i = 0; i < 2u << level; i += 2)
            left[i / 2] = _mm512_mask_blend_epi16(path->right[level], left[i], left[i + 1]);
    return left[0];
}

/* x: the row's eight ranks, four times. */
CPU_TARGET_AVX512 ALWAYS __mmask32 above_avx512(__m512i words, __m512i x)
{
    return _mm512_cmpgt_epu16_mask(_mm512_permutexvar_epi16(words, x), words);
}

CPU_TARGET_AVX512 ALWAYS __m512i step_avx512(__m512i place, __mmask32 right)
{
    place = _mm512_add_epi16(place, place);
    return _mm512_mask_sub_epi16(place, right, place, _mm512_set1_epi16(-1));
}

CPU_TARGET_AVX512 ALWAYS void group_avx512(const uint16_t *tops, const uint16_t *ranks,
                                           uint8_t *blocks)
{
    const __m512i *v = (const __m512i *)(const void *)tops;
    __m512i x = _mm512_broadcast_i32x4(_mm_load_si128((const __m128i *)(const void *)ranks));
    path_avx512 path;
    path.right[0] = above_avx512(v[1], x);
    path.right[1] = above_avx512(select_avx512(v + 2, &path, 1), x);
    path.right[2] = above_avx512(select_avx512(v + 4, &path, 2), x);
    path.right[3] = above_avx512(select_avx512(v + 8, &path, 3), x);
    path.right[4] = above_avx512(select_avx512(v + 16, &path, 4), x);
    __m512i block = _mm512_setzero_si512();
    for (int i = 0; i < RANKS_TOP; i++)
        block = step_avx512(block, path.right[i]);
    _mm256_store_si256((__m256i *)(void *)blocks, _mm512_cvtepi16_epi8(block));
}

CPU_TARGET_AVX512 ALWAYS uint8_t exit_avx512(const uint16_t *words, uint32_t block, __m128i x)
{
    __m128i w = _mm_load_si128((const __m128i *)(const void *)(words + (size_t)block * 8));
    __mmask8 outcomes = _mm_cmpgt_epu16_mask(_mm_permutexvar_epi16(w, x), w);
    return (uint8_t)(block * 8 + block_exits[outcomes]);
}

CPU_TARGET_AVX512 static void tops_avx512(const forest_ranks *k, tree_range trees, size_t rows,
                                          ranks_scratch *s)
{
    for (uint32_t t = 0; t < trees.end - trees.begin; t += LANES_AVX512)
        for (size_t r = 0; r < rows; r++)
            group_avx512(k->tops + (size_t)(trees.begin + t) * RANKS_TOP_WORDS, s->rows[r],
                         &s->blocks[r][t]);
}

CPU_TARGET_AVX512 ALWAYS void below_avx512(const forest_ranks *k, tree_range trees, uint32_t begin,
                                           size_t rows, ranks_scratch *s)
{
    for (size_t r = 0; r < rows; r++) {
        const uint16_t *words = k->words + (size_t)trees.begin * RANKS_WORDS + RANKS_TOP_WORDS;
        const uint8_t *blocks = s->blocks[r] + (trees.begin - begin);
        __m128i x = _mm_load_si128((const __m128i *)(const void *)s->rows[r]);
        uint8_t *exits = &s->exits[0][r];
        for (uint32_t t = trees.begin; t < trees.end;
             t++, words += RANKS_WORDS, exits += RANKS_ROWS)
            *exits = exit_avx512(words, *blocks++, x);
    }
}

CPU_TARGET_AVX512 static void sum_tops_avx512(const forest_ranks *k, tree_range chunk, size_t rows,
                                              double *out, ranks_scratch *s)
{
    tops_avx512(k, chunk, rows, s);
    for (uint32_t t = chunk.begin; t < chunk.end; t += RANKS_TREES) {
        tree_range trees = next_trees(t, chunk.end);
        below_avx512(k, trees, chunk.begin, rows, s);
        sum_exits(k, trees, rows, s, out);
    }
}

/* ---- AVX-512, a tree for 32 rows ---- */

/* The words `at` (their lower 8 bits) of a table of 256. */
CPU_TARGET_AVX512 ALWAYS __m512i word_avx512(const __m512i *table, __m512i at)
{
    __mmask32 odd = _mm512_test_epi16_mask(at, _mm512_set1_epi16(64));
    __mmask32 upper = _mm512_test_epi16_mask(at, _mm512_set1_epi16(128));
    __m512i low = _mm512_permutex2var_epi16(table[0], at, table[1]);
    __m512i high = _mm512_permutex2var_epi16(table[4], at, table[5]);
    low = _mm512_mask_mov_epi16(low, odd, _mm512_permutex2var_epi16(table[2], at, table[3]));
    high = _mm512_mask_mov_epi16(high, odd, _mm512_permutex2var_epi16(table[6], at, table[7]));
    return _mm512_mask_mov_epi16(low, upper, high);
}

/* One level down, from the nodes `words`. lanes: 0, 1 ... 31. */
CPU_TARGET_AVX512 ALWAYS __m512i down_avx512(const __m512i *x, __m512i place, __m512i words,
                                             __m512i lanes)
{
    __m512i at = _mm512_or_si512(_mm512_slli_epi16(words, 5), lanes);
    return step_avx512(place, _mm512_cmpgt_epu16_mask(word_avx512(x, at), words));
}

enum { TREES_AVX512 = 8 }; /* side by side */

CPU_TARGET_AVX512 ALWAYS void trees_avx512(const uint16_t *words, const __m512i *x, __m512i lanes,
                                           uint8_t (*exits)[RANKS_ROWS], uint32_t trees)
{
    __m512i place[TREES_AVX512];
    for (uint32_t i = 0; i < trees; i++)
        place[i] = _mm512_set1_epi16(1);
    for (int level = 0; level < RANKS_LEVELS; level++)
        for (uint32_t i = 0; i < trees; i++) {
            const __m512i *v = (const __m512i *)(const void *)(words + (size_t)i * RANKS_WORDS);
            __m512i node;
            if (level < RANKS_TOP) {
                node = _mm512_permutexvar_epi16(place[i], v[0]);
            } else {
                short shift = (short)(RANKS_LEVELS - level), middle = (short)(1 << shift >> 1);
                __m512i at = _mm512_sllv_epi16(place[i], _mm512_set1_epi16(shift));
                node = word_avx512(v + 1, _mm512_add_epi16(at, _mm512_set1_epi16(middle)));
            }
            place[i] = down_avx512(x, place[i], node, lanes);
        }
    for (uint32_t i = 0; i < trees; i++)
        _mm256_store_si256((__m256i *)(void *)exits[i], _mm512_cvtepi16_epi8(place[i]));
}

CPU_TARGET_AVX512 ALWAYS void many_avx512(const forest_ranks *k, tree_range trees, ranks_scratch *s)
{
    static const uint16_t count[RANKS_ROWS] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10,
                                               11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
                                               22, 23, 24, 25, 26, 27, 28, 29, 30, 31};
    const __m512i lanes = _mm512_loadu_si512(count);
    const uint16_t *words = k->words + (size_t)trees.begin * RANKS_WORDS;
    uint8_t(*exits)[RANKS_ROWS] = s->exits;
    __m512i x[RANKS_COLUMNS];
    for (int c = 0; c < RANKS_COLUMNS; c++)
        x[c] = _mm512_load_si512(s->columns[c]);
    uint32_t t = trees.begin;
    for (; t + TREES_AVX512 <= trees.end; t += TREES_AVX512) {
        trees_avx512(words, x, lanes, exits, TREES_AVX512);
        words += (size_t)TREES_AVX512 * RANKS_WORDS;
        exits += TREES_AVX512;
    }
    for (; t < trees.end; t++, exits++, words += RANKS_WORDS)
        trees_avx512(words, x, lanes, exits, 1);
}

CPU_TARGET_AVX512 static void sum_avx512(const forest_ranks *k, tree_range chunk, size_t rows,
                                         double *out, ranks_scratch *s)
{
    if (rows < FEW_ROWS)
        sum_tops_avx512(k, chunk, rows, out, s);
    for (uint32_t t = chunk.begin; t < chunk.end && rows >= FEW_ROWS; t += RANKS_TREES) {
        tree_range trees = next_trees(t, chunk.end);
        many_avx512(k, trees, s);
        sum_exits(k, trees, rows, s, out);
    }
}

/* ---- one function for each level ---- */

/* Up to RANKS_CHUNK trees, from a multiple of RANKS_TREES on. */
typedef void (*sum_chunk)(const forest_ranks *k, tree_range chunk, size_t rows, double *out,
                          ranks_scratch *s);

ALWAYS void run(const forest_ranks *k, const double *x, size_t stride, size_t rows, double *out,
                unsigned char *scratch, forest_search search, sum_chunk sum)
{
    ranks_scratch *s = (ranks_scratch *)(void *)scratch;
    for (uint32_t p = 0; p < k->part_count; p++) {
        const ranks_part *part = &k->parts[p];
        bool missing = take_ranks(k, part, x, stride, rows, s, search);
        for (uint32_t t = part->begin; t < part->end; t += RANKS_CHUNK) {
            uint32_t end = part->end - t < RANKS_CHUNK ? part->end : t + RANKS_CHUNK;
            if (missing)
                sum_missing(k, (tree_range){t, end}, rows, out, s);
            else
                sum(k, (tree_range){t, end}, rows, out, s);
        }
    }
}

CPU_TARGET_AVX2 static void run_avx2(const forest_ranks *k, const double *x, size_t stride,
                                     size_t rows, double *out, unsigned char *scratch)
{
    run(k, x, stride, rows, out, scratch, forest_search_avx2, sum_avx2);
}

CPU_TARGET_AVX512 static void run_avx512(const forest_ranks *k, const double *x, size_t stride,
                                         size_t rows, double *out, unsigned char *scratch)
{
    run(k, x, stride, rows, out, scratch, forest_search_avx512, sum_avx512);
}

#endif

ranks_code forest_ranks_code(cpu_level level)
{
#if defined(__x86_64__)
    if (level >= CPU_AVX512)
        return (ranks_code){run_avx512, LANES_AVX512, 0};
    if (level >= CPU_AVX2)
        return (ranks_code){run_avx2, LANES_AVX2, 0x8000};
#endif
    (void)level;
    return (ranks_code){NULL, 0, 0};
}
