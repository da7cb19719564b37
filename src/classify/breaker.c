/* Circuit breaker. Answers that arrive while it is open come from calls made before: ignored. */
#include "classify/breaker.h"

const breaker_config breaker_default = {5, 3, UINT64_C(30000000000)};

void breaker_init(breaker *b, const breaker_config *config)
{
    *b = (breaker){.config = config != NULL ? *config : breaker_default};
    (void)pthread_mutex_init(&b->lock, NULL);
    atomic_init(&b->calm, true);
}

void breaker_fini(breaker *b)
{
    (void)pthread_mutex_destroy(&b->lock);
}

/* A clock that went back counts as no time passed. */
static bool time_is_up(const breaker *b, uint64_t now)
{
    return now >= b->since && now - b->since >= b->config.open_ns;
}

static void enter(breaker *b, breaker_state state, uint64_t now)
{
    b->state = state;
    b->since = now;
    b->failures = 0;
    b->successes = 0;
    b->trials = 0;
}

/* Every change ends here. */
static void release(breaker *b)
{
    bool calm = b->state == BREAKER_CLOSED && b->failures == 0;
    atomic_store_explicit(&b->calm, calm, memory_order_relaxed);
    (void)pthread_mutex_unlock(&b->lock);
}

static bool allow_trial(breaker *b, uint64_t now)
{
    if (b->trials > 0 && time_is_up(b, now))
        b->trials = 0; /* lost ones */
    if (b->successes + b->trials >= b->config.successes_to_close)
        return false;
    b->trials++;
    b->since = now;
    return true;
}

bool breaker_allow(breaker *b, uint64_t now)
{
    if (breaker_is_calm(b))
        return true;
    (void)pthread_mutex_lock(&b->lock);
    if (b->state == BREAKER_OPEN && time_is_up(b, now))
        enter(b, BREAKER_HALF_OPEN, now);
    bool allowed = b->state == BREAKER_CLOSED;
    if (b->state == BREAKER_HALF_OPEN)
        allowed = allow_trial(b, now);
    release(b);
    return allowed;
}

void breaker_success(breaker *b, uint64_t now)
{
    if (breaker_is_calm(b))
        return;
    (void)pthread_mutex_lock(&b->lock);
    b->failures = 0;
    if (b->state == BREAKER_HALF_OPEN && b->trials > 0) {
        b->trials--;
        if (++b->successes >= b->config.successes_to_close)
            enter(b, BREAKER_CLOSED, now);
    }
    release(b);
}

void breaker_failure(breaker *b, uint64_t now)
{
    (void)pthread_mutex_lock(&b->lock);
    bool opens = b->state == BREAKER_HALF_OPEN && b->trials > 0;
    if (b->state == BREAKER_CLOSED)
        opens = ++b->failures >= b->config.failures_to_open;
    if (opens)
        enter(b, BREAKER_OPEN, now);
    release(b);
}

breaker_state breaker_state_at(breaker *b, uint64_t now)
{
    (void)pthread_mutex_lock(&b->lock);
    breaker_state state = b->state;
    if (state == BREAKER_OPEN && time_is_up(b, now))
        state = BREAKER_HALF_OPEN;
    (void)pthread_mutex_unlock(&b->lock);
    return state;
}
