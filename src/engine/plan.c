/*
 * Which memory each value has. A slot is taken when a node makes a value and given back after the
 * last node that reads it, directly or through a view. The outputs of a node never share a slot
 * with its inputs.
 */
#include "engine/graph.h"

/* Backwards from the graph's outputs; nodes that nothing needs are dropped. */
static void drop_unneeded(engine *e, load_value *values)
{
    for (size_t i = 0; i < e->output_count; i++)
        values[e->output_values[i]].needed = true;
    for (size_t n = e->node_count; n-- > 0;) {
        const engine_node *node = &e->nodes[n];
        bool needed = false;
        for (uint32_t i = 0; i < node->output_count; i++)
            if (node->outputs[i] != NO_VALUE)
                needed = needed || values[node->outputs[i]].needed;
        for (uint32_t i = 0; needed && i < node->input_count; i++)
            if (node->inputs[i] != NO_VALUE)
                values[node->inputs[i]].needed = true;
    }
    size_t kept = 0;
    for (size_t n = 0; n < e->node_count; n++) {
        engine_node *node = &e->nodes[n];
        bool needed = false;
        for (uint32_t i = 0; i < node->output_count; i++)
            if (node->outputs[i] != NO_VALUE)
                needed = needed || values[node->outputs[i]].needed;
        if (!needed)
            engine_node_fini(node);
        else if (kept++ != n)
            e->nodes[kept - 1] = *node;
    }
    e->node_count = kept;
}

static void find_roots(engine *e, load_value *values)
{
    for (size_t v = 0; v < e->value_count; v++)
        values[v].root = (uint32_t)v;
    for (size_t n = 0; n < e->node_count; n++) {
        const engine_node *node = &e->nodes[n];
        for (uint32_t i = 0; i < node->output_count; i++)
            if (node->outputs[i] != NO_VALUE)
                values[node->outputs[i]].last_use = (uint32_t)n;
        if ((node->op->flags & KERNEL_VIEW) != 0 && node->outputs[0] != NO_VALUE)
            values[node->outputs[0]].root = values[node->inputs[0]].root;
        for (uint32_t i = 0; i < node->input_count; i++)
            if (node->inputs[i] != NO_VALUE)
                values[values[node->inputs[i]].root].last_use = (uint32_t)n;
    }
    for (size_t i = 0; i < e->output_count; i++)
        values[values[e->output_values[i]].root].last_use = NO_VALUE;
}

/* Slots given back and not yet taken again, last in first out: likely still in the cache. */
typedef struct slot_pool {
    uint32_t *free;
    size_t free_count;
    uint32_t made;
} slot_pool;

static void take_slot(load_value *v, slot_pool *pool)
{
    v->home = HOME_SLOT;
    v->slot = pool->free_count > 0 ? pool->free[--pool->free_count] : pool->made++;
}

static void give_back(load_value *values, uint32_t value, uint32_t node, slot_pool *pool)
{
    if (value == NO_VALUE)
        return;
    load_value *root = &values[values[value].root];
    if (root->home != HOME_SLOT || root->last_use != node)
        return;
    root->last_use = NO_VALUE; /* once, however often the node names it */
    pool->free[pool->free_count++] = root->slot;
}

static void assign_slots(engine *e, load_value *values, slot_pool *pool)
{
    for (size_t n = 0; n < e->node_count; n++) {
        engine_node *node = &e->nodes[n];
        bool view = (node->op->flags & KERNEL_VIEW) != 0;
        for (uint32_t i = 0; i < node->output_count; i++) {
            if (node->outputs[i] == NO_VALUE)
                continue;
            load_value *v = &values[node->outputs[i]];
            if (view && i == 0)
                v->home = HOME_NOWHERE; /* its root has the memory */
            else
                take_slot(v, pool);
            node->slots[i] = v->slot;
        }
        for (uint32_t i = 0; i < node->input_count; i++)
            give_back(values, node->inputs[i], (uint32_t)n, pool);
        for (uint32_t i = 0; i < node->output_count; i++)
            give_back(values, node->outputs[i], (uint32_t)n, pool);
    }
    e->slot_count = pool->made;
}

alf_status plan_memory(engine *e, load_value *values, arena *temporary, alf_error *err)
{
    slot_pool pool = {0};
    drop_unneeded(e, values);
    find_roots(e, values);
    TRY(arena_take(temporary, e->value_count, sizeof *pool.free, &pool.free, err));
    assign_slots(e, values, &pool);
    return ALF_OK;
}
