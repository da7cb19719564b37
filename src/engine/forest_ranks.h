/* What a forest of ranks looks like, between building it (forest_ranks.c) and running it
 * (forest_ranks_run.c). */
#ifndef ALF_ENGINE_FOREST_RANKS_H
#define ALF_ENGINE_FOREST_RANKS_H

#include "engine/forest_keys.h"
#include "engine/forest_leaves.h"

enum {
    RANKS_COLUMNS = 8,
    RANKS_BITS = 13,                    /* of a rank in a word; the column has the other three */
    RANKS_MOST = (1 << RANKS_BITS) - 1, /* thresholds of a column in a part */
    RANKS_TREES = 32,  /* whose leaves are found before they are summed; parts are whole groups */
    RANKS_CHUNK = 256, /* trees whose first levels are walked before */
    RANKS_ALIGN = 64
};

/*
 * A tree has 8 levels and 288 words. Number the nodes 1, and 2h and 2h + 1 below h: those of the
 * first 5 levels are the words 1 to 31. Below each node of the fifth level are 7 nodes in a block
 * of 8 words, in order from left to right, the first word unused: so h of the sixth, seventh and
 * eighth level is the word 8h + 4, 4h + 2 and 2h + 1, less 224.
 */
enum {
    RANKS_TOP = 5,
    RANKS_LEVELS = 8,
    RANKS_TOP_WORDS = 1 << RANKS_TOP,
    RANKS_EXITS = 1 << RANKS_LEVELS,
    RANKS_WORDS = RANKS_TOP_WORDS + RANKS_EXITS,
    RANKS_BELOW = RANKS_EXITS - RANKS_TOP_WORDS
};

/* Trees that share ranks. */
typedef struct ranks_part {
    uint32_t begin, end;
    forest_keys keys[RANKS_COLUMNS];
} ranks_part;

typedef void (*ranks_run)(const forest_ranks *k, const double *x, size_t stride, size_t rows,
                          double *out, unsigned char *scratch);

struct forest_ranks {
    forest_leaves leaves;
    uint32_t column_count;
    uint32_t x[RANKS_COLUMNS];    /* columns of the normal form: a feature has one, or two that */
    uint32_t twin[RANKS_COLUMNS]; /* differ for missing values only; else the same */
    uint32_t part_count;
    ranks_part *parts;
    /* Tree by tree: rank of the threshold << 3 | column; XORed with flip. A leaf goes on to the
     * left. */
    uint16_t *words;
    /* Tree by tree and exit by exit, from left to right: the number of its leaf. */
    uint8_t *numbers;
    /* Word by word a bit: whether missing values go right. NULL: no twins. */
    uint8_t *missing_right;
    /* The first levels once more, side by side: node h of tree t at
     * (t / lanes * RANKS_TOP_WORDS + h) * lanes + t % lanes. */
    uint16_t *tops;
    uint32_t lanes;
    uint16_t flip;
    ranks_run run;
};

/* What the code for a level needs. run NULL: there is none. */
typedef struct ranks_code {
    ranks_run run;
    uint32_t lanes;
    uint16_t flip; /* for signed comparison */
} ranks_code;
ranks_code forest_ranks_code(cpu_level level);

#endif
