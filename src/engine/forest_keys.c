/* Sorting thresholds, and laying them out to be searched. */
#include "engine/forest_keys.h"

#include <math.h>
#include <string.h>

/* In the order of the doubles; -0.0 sorts before 0.0, which changes nothing: no x lies between. */
static uint64_t sort_key(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits >> 63 != 0 ? ~bits : bits | (uint64_t)1 << 63;
}

static void insert_splits(forest_split *a, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        forest_split s = a[i];
        size_t at = i;
        for (; at > 0 && s.threshold < a[at - 1].threshold; at--)
            a[at] = a[at - 1];
        a[at] = s;
    }
}

enum { DIGITS = sizeof(uint64_t), FEW = 48, BUCKETS = 1024, MOST_IN_BUCKET = 24 };

/* One bucket for each slice of the range, then insertion, which moves nothing out of its bucket.
 * false, with nothing changed: the values are too unevenly spread for that. */
static bool sort_by_buckets(forest_split *a, forest_split *room, size_t count)
{
    uint32_t ends[BUCKETS + 1] = {0}; /* of bucket b: at b + 1 */
    double least = a[0].threshold, most = least;
    for (size_t i = 1; i < count; i++) {
        least = a[i].threshold < least ? a[i].threshold : least;
        most = a[i].threshold > most ? a[i].threshold : most;
    }
    double scale = (BUCKETS - 1) / (most - least);
    if (!isfinite(scale) || scale <= 0) /* also where the range is no number */
        return false;
    for (size_t i = 0; i < count; i++) {
        size_t bucket = (size_t)((a[i].threshold - least) * scale);
        if (bucket >= BUCKETS || ++ends[bucket + 1] > MOST_IN_BUCKET)
            return false;
    }
    for (size_t b = 1; b < BUCKETS; b++)
        ends[b + 1] += ends[b];
    for (size_t i = 0; i < count; i++)
        room[ends[(size_t)((a[i].threshold - least) * scale)]++] = a[i];
    memcpy(a, room, count * sizeof *a);
    insert_splits(a, count);
    return true;
}

/* Radix sort by bytes, from the lowest; room holds as many. */
static void sort_by_bytes(forest_split *a, forest_split *room, size_t count)
{
    uint32_t starts[DIGITS][256] = {{0}};
    for (size_t i = 0; i < count; i++)
        for (size_t d = 0; d < DIGITS; d++)
            starts[d][sort_key(a[i].threshold) >> 8 * d & 255]++;
    forest_split *from = a, *to = room;
    for (size_t d = 0; d < DIGITS; d++) {
        uint32_t sum = 0;
        if (starts[d][sort_key(a[0].threshold) >> 8 * d & 255] == count)
            continue;
        for (size_t k = 0; k < 256; k++) {
            uint32_t here = starts[d][k];
            starts[d][k] = sum;
            sum += here;
        }
        for (size_t i = 0; i < count; i++)
            to[starts[d][sort_key(from[i].threshold) >> 8 * d & 255]++] = from[i];
        forest_split *last = from;
        from = to;
        to = last;
    }
    if (from != a)
        memcpy(a, from, count * sizeof *a);
}

void forest_sort_splits(forest_split *a, forest_split *room, size_t count)
{
    if (count <= FEW)
        insert_splits(a, count);
    else if (!sort_by_buckets(a, room, count))
        sort_by_bytes(a, room, count);
}

/* The elements of a level that holds `count` thresholds. */
static size_t level_size(size_t count)
{
    return (count / KEYS + 2) * KEYS;
}

size_t forest_keys_size(uint32_t count)
{
    size_t size = level_size(count);
    for (uint32_t left = count; left > KEYS; left /= KEYS)
        size += level_size(left / KEYS);
    return size;
}

double *forest_keys_fill(forest_keys *keys, double *room, uint32_t count)
{
    keys->levels = 0;
    while (true) {
        for (size_t i = count; i < level_size(count); i++)
            room[i] = (double)INFINITY;
        keys->keys[keys->levels++] = room;
        const double *below = room;
        room += level_size(count);
        if (count <= KEYS)
            return room;
        count /= KEYS;
        for (size_t i = 0; i < count; i++)
            room[i] = below[i * KEYS + KEYS - 1];
    }
}
