/*
 * Trees of up to 256 leaves as several trees of at most 64, for the words of forest_bits.c.
 *
 * A piece is the tree with every subtree that lies outside a range of its leaves made one leaf,
 * which adds -0.0: that changes no sum, not even one of zeros. A row reaches a leaf of its own in
 * exactly one piece, so that the pieces in a row add what the tree adds, to the bit.
 */
#include "engine/forest_cut.h"

enum { PIECE = 64, MOST_LEAVES = 256, MOST_GROWTH = 2 };

typedef struct place {
    uint16_t first;        /* the leftmost leaf below, counted within the tree */
    uint8_t lefts, rights; /* turns on the way from the root */
} place;

typedef struct cutter {
    const normal_forest *n;
    forest_cut *out;
    place *places;                                   /* per node */
    uint8_t lefts[MOST_LEAVES], rights[MOST_LEAVES]; /* per leaf of the tree at hand */
} cutter;

/* Parents come before their children. */
static void place_tree(cutter *w, uint32_t tree)
{
    const normal_forest *n = w->n;
    uint32_t root = n->f->roots[tree], end = forest_tree_end(n->f, tree);
    w->places[root] = (place){0};
    for (uint32_t i = root; i < end; i++) {
        const normal_node *node = &n->nodes[i];
        place at = w->places[i];
        if (node->column == NORMAL_LEAF) {
            w->lefts[at.first] = at.lefts;
            w->rights[at.first] = at.rights;
            continue;
        }
        w->places[node->left] = w->places[node->right] = at;
        w->places[node->left].lefts++;
        w->places[node->right].rights++;
        w->places[node->right].first = (uint16_t)(at.first + n->leaves[node->left]);
    }
}

/* The leaves of a piece of [begin, end): its own, and a leaf for each subtree that is cut off. */
static uint32_t piece_leaves(const cutter *w, uint32_t begin, uint32_t end)
{
    return w->rights[begin] + (end - begin) + w->lefts[end - 1];
}

/* Where the piece from `begin` on ends; begin itself: it cannot be cut there. */
static uint32_t piece_end(const cutter *w, uint32_t begin, uint32_t leaves)
{
    uint32_t end = leaves - begin < PIECE ? leaves : begin + PIECE;
    while (end > begin && piece_leaves(w, begin, end) > PIECE)
        end--;
    return end;
}

/* How many pieces and nodes there will be; false: too many, or the trees cannot be cut. */
static bool count_pieces(cutter *w)
{
    const normal_forest *n = w->n;
    uint64_t nodes = 0, pieces = 0;
    for (uint32_t t = 0; t < n->f->tree_count; t++) {
        uint32_t leaves = n->leaves[n->f->roots[t]];
        if (leaves <= PIECE) {
            nodes += 2 * leaves - 1;
            pieces++;
            continue;
        }
        place_tree(w, t);
        for (uint32_t begin = 0, end; begin < leaves; begin = end, pieces++) {
            end = piece_end(w, begin, leaves);
            if (end == begin)
                return false;
            nodes += 2 * piece_leaves(w, begin, end) - 1;
        }
    }
    w->out->f.tree_count = (uint32_t)pieces;
    w->out->f.node_count = (uint32_t)nodes;
    return nodes <= MOST_GROWTH * (uint64_t)n->f->node_count && nodes < NORMAL_LEAF;
}

/* Copies the piece of [begin, end) of a tree to the nodes from `at` on; returns where they end.
 * origin serves as the queue. */
static uint32_t put_piece(const cutter *w, uint32_t root, uint32_t begin, uint32_t end, uint32_t at)
{
    const normal_forest *n = w->n;
    normal_forest *out = &w->out->n;
    uint32_t next = at + 1;
    out->origin[at] = root;
    for (; at < next; at++) {
        uint32_t from = out->origin[at], first = w->places[from].first;
        bool outside = first >= end || first + n->leaves[from] <= begin;
        out->nodes[at] = n->nodes[from];
        if (outside)
            out->origin[at] = NO_ORIGIN;
        if (outside || n->nodes[from].column == NORMAL_LEAF) {
            out->nodes[at] = (normal_node){.column = NORMAL_LEAF};
            continue;
        }
        out->nodes[at].left = next;
        out->nodes[at].right = next + 1;
        out->origin[next] = n->nodes[from].left;
        out->origin[next + 1] = n->nodes[from].right;
        next += 2;
    }
    return next;
}

/* Copies a whole tree. */
static uint32_t put_tree(const cutter *w, uint32_t tree, uint32_t at)
{
    const normal_forest *n = w->n;
    normal_forest *out = &w->out->n;
    uint32_t root = n->f->roots[tree], end = forest_tree_end(n->f, tree);
    for (uint32_t i = root; i < end; i++) {
        normal_node node = n->nodes[i];
        node.left += at - root;
        node.right += at - root;
        out->nodes[at + (i - root)] = node;
        out->origin[at + (i - root)] = i;
    }
    return at + (end - root);
}

static void put_pieces(cutter *w)
{
    const normal_forest *n = w->n;
    normal_forest *out = &w->out->n;
    uint32_t at = 0, piece = 0;
    for (uint32_t t = 0; t < n->f->tree_count; t++) {
        uint32_t root = n->f->roots[t], leaves = n->leaves[root];
        bool whole = leaves <= PIECE;
        if (!whole)
            place_tree(w, t);
        for (uint32_t begin = 0, end; begin < leaves; begin = end) {
            end = whole ? leaves : piece_end(w, begin, leaves);
            w->out->roots[piece] = at;
            out->targets[piece++] = n->targets[t];
            uint32_t next = whole ? put_tree(w, t, at) : put_piece(w, root, begin, end, at);
            forest_measure_tree(out, at, next);
            at = next;
        }
    }
}

static alf_status take(cutter *w, arena *memory, bool *have, alf_error *err)
{
    const forest *f = &w->out->f;
    normal_forest *out = &w->out->n;
    arena *a = out->temporary;
    TRY(forest_take_unset(a, f->tree_count, sizeof *w->out->roots, &w->out->roots, err));
    TRY(forest_take_unset(a, f->node_count, sizeof *out->nodes, &out->nodes, err));
    TRY(forest_take_unset(a, f->node_count, sizeof *out->leaves, &out->leaves, err));
    TRY(forest_take_unset(a, f->node_count, sizeof *out->origin, &out->origin, err));
    TRY(forest_take_unset(memory, f->tree_count, sizeof *out->targets, &out->targets, err));
    *have = w->out->roots != NULL && out->nodes != NULL && out->leaves != NULL &&
            out->origin != NULL && out->targets != NULL;
    return ALF_OK;
}

alf_status forest_cut_make(const normal_forest *n, arena *memory, forest_cut *out, bool *done,
                           alf_error *err)
{
    cutter w = {.n = n, .out = out};
    bool have;
    *done = false;
    if (!n->simple || n->most_leaves > MOST_LEAVES)
        return ALF_OK;
    TRY(forest_take_unset(n->temporary, n->f->node_count, sizeof *w.places, &w.places, err));
    *out = (forest_cut){.n = *n, .f = *n->f};
    out->n.split_count = out->n.leaf_count = out->n.most_leaves = 0;
    out->n.f = &out->f;
    if (w.places == NULL || !count_pieces(&w))
        return ALF_OK;
    TRY(take(&w, memory, &have, err));
    if (!have)
        return ALF_OK;
    out->f.roots = out->roots;
    put_pieces(&w);
    *done = true;
    return ALF_OK;
}
