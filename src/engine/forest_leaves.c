/* The arrays that hold what leaves add. */
#include "engine/forest_leaves.h"

alf_status forest_leaves_take(const normal_forest *n, uint32_t count, arena *memory,
                              forest_leaves *out, alf_error *err)
{
    const forest *f = n->f;
    bool narrow = f->number == FOREST_F32;
    forest_leaves l = {.f = n->whole, .targets = f->target_count > 1 ? n->targets : NULL};
    *out = l;
    TRY(forest_take(memory, f->tree_count, sizeof *l.first, &l.first, err));
    if (!n->simple)
        TRY(forest_take_unset(memory, count, sizeof *l.nodes, &l.nodes, err));
    else if (narrow)
        TRY(forest_take_unset(memory, count, sizeof *l.narrow, &l.narrow, err));
    else
        TRY(forest_take_unset(memory, count, sizeof *l.wide, &l.wide, err));
    if (l.nodes != NULL || l.narrow != NULL || l.wide != NULL)
        *out = l;
    return ALF_OK;
}

void forest_leaves_put(const forest_leaves *l, uint32_t number, uint32_t node)
{
    const forest *f = l->f;
    if (l->nodes != NULL) {
        l->nodes[number] = node;
        return;
    }
    double value = node == NO_ORIGIN ? -0.0 : f->leaf_values[f->nodes[node].yes].weight;
    if (l->narrow != NULL)
        l->narrow[number] = (float)value;
    else
        l->wide[number] = value;
}
