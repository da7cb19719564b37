/* Steps of a batch, planned by what they cost. */
#include "serve/pace.h"

/* The parts of the limit that batches and steps are planned for. */
enum { BATCHES = 2, STEPS = 8 };

/* Times that no clock measures, so that nothing is divided by zero. */
static const double least_log = 100;
static const double least_slowness = 0.01;

pace_cost pace_cost_of(uint64_t one, uint64_t all, size_t n)
{
    double log = ((double)all - (double)one) / (double)(n - 1);
    double most = (double)all / (double)n;
    if (log > most) /* the one was faster than any of the others: there is no cost of a call */
        log = most;
    if (log < least_log)
        log = least_log;
    double call = (double)one - log;
    return (pace_cost){call > 0 ? call : 0, log};
}

void pace_init(pace *p, const pace_cost *cost)
{
    *p = (pace){.cost = *cost, .slowness = 1};
    if (p->cost.log < least_log)
        p->cost.log = least_log;
}

/* A count of logs from 1 to most. */
static size_t bounded(double count, size_t most)
{
    if (count >= (double)most)
        return most;
    return count > 1 ? (size_t)count : 1;
}

/* How many logs are expected to take so long together. */
static double fitting(const pace *p, double time)
{
    return (time / p->slowness - p->cost.call) / p->cost.log;
}

/* So many that a step keeps to its part; but at least so many that its logs take as long as its
 * call. Fewer would hardly take less time, and where each call is slow anyway, because the machine
 * has no time, they would make of that many times as many calls. */
static size_t plan_step(const pace *p, uint64_t limit)
{
    if (limit == 0)
        return PACE_STEP_LOGS;
    double fits = fitting(p, (double)limit / STEPS);
    double fair = p->cost.call / p->cost.log;
    return bounded(fits > fair ? fits : fair, PACE_STEP_LOGS);
}

size_t pace_room(const pace *p, uint64_t limit, size_t capacity)
{
    if (limit == 0)
        return capacity;
    double step = (double)plan_step(p, limit);
    double each = p->cost.call / step + p->cost.log;
    double fits = (double)limit / BATCHES / p->slowness / each;
    return bounded(fits > step ? fits : step, capacity);
}

static void learn(pace *p, size_t logs, uint64_t took)
{
    double now = (double)took / (p->cost.call + p->cost.log * (double)logs);
    double smooth = p->slowness * 0.9 + now * 0.1;
    p->slowness = now > smooth ? now : smooth;
    if (p->slowness < least_slowness)
        p->slowness = least_slowness;
}

static size_t next_step(const pace_batch *b, const pace *p, size_t judged)
{
    size_t most = plan_step(p, b->limit);
    if (most > b->count - judged)
        most = b->count - judged;
    size_t bytes = b->events[judged].message.size;
    size_t n = 1;
    while (n < most && bytes + b->events[judged + n].message.size <= PACE_STEP_BYTES)
        bytes += b->events[judged + n++].message.size;
    return n;
}

pace_end pace_run(const pace_batch *b, pace *p, size_t *judged)
{
    uint64_t now = b->clock();
    *judged = 0;
    for (;;) {
        uint64_t begin = now;
        size_t n = next_step(b, p, *judged);
        b->judge(b->context, *judged, n);
        now = b->clock();
        *judged += n;
        learn(p, n, now - begin);
        if (*judged == b->count)
            return PACE_DONE;
        if (b->limit > 0 && now - b->start > b->limit)
            return PACE_LATE;
        if (b->until > 0 && now > b->until)
            return PACE_TIMEOUT;
    }
}
