/*
 * Every way to run the v3 anomaly model over all 12,361 reference logs: each CPU level, batches of
 * 1 to 1000 rows, fused and node by node. All give the bits of the plain arithmetic.
 */
#include "base/cpu.h"
#include "base/mem.h"
#include "convert/bundle.h"
#include "convert/extract.h"
#include "convert/source.h"
#include "engine/chain.h"
#include "support/golden.h"
#include "support/plain_anomaly.h"
#include "support/test.h"

static double features[GOLDEN_LOGS * 8];
static plain_answer expected[GOLDEN_LOGS];
static double scores[GOLDEN_LOGS], decisions[GOLDEN_LOGS];
static int labels[GOLDEN_LOGS];
static buf files[2];

static void read_model(void)
{
    source from;
    bundle to;
    arena a;
    scaler scale;
    isolation_forest isolation;
    alf_error err = {0};
    arena_init(&a, 0);
    bundle_init(&to);
    must(source_open(&from, GOLDEN_FOLDER "/models/v3", NULL, &err), &err);
    must(bundle_build(&to, &from, (bundle_parts){.anomaly = true}, &err), &err);
    must(extract_scaler(from.scaler, &a, &scale, &err), &err);
    must(extract_isolation_forest(from.isolation, &a, &isolation, &err), &err);
    for (size_t i = 0; i < GOLDEN_LOGS; i++)
        expected[i] = plain_anomaly(&scale, &isolation, features + i * 8);
    static const size_t which[2] = {BUNDLE_SCALER, BUNDLE_ANOMALY};
    for (size_t i = 0; i < 2; i++)
        buf_append_span(&files[i], buf_span(&to.files[which[i]]));
    bundle_fini(&to);
    source_close(&from);
    arena_fini(&a);
}

static void check_batch(const anomaly_chain *c, size_t batch)
{
    anomaly_chain_session s;
    alf_error err = {0};
    must(anomaly_chain_session_init(&s, c, &err), &err);
    for (size_t i = 0; i < GOLDEN_LOGS; i += batch) {
        size_t n = GOLDEN_LOGS - i < batch ? GOLDEN_LOGS - i : batch;
        must(
            anomaly_chain_run(&s, features + i * 8, n, scores + i, decisions + i, labels + i, &err),
            &err);
    }
    anomaly_chain_session_fini(&s);
    for (size_t i = 0; i < GOLDEN_LOGS; i++)
        if (memcmp(&scores[i], &expected[i].score, sizeof(double)) != 0 ||
            memcmp(&decisions[i], &expected[i].decision, sizeof(double)) != 0 ||
            labels[i] != expected[i].label)
            fail_msg("log %zu in batches of %zu: score %.17g, expected %.17g", i, batch, scores[i],
                     expected[i].score);
}

static void check_level(cpu_level level)
{
    static const size_t batches[] = {1, 2, 3, 7, 8, 9, 10, 63, 64, 65, 100, 257, 999, 1000};
    engine *engines[2];
    anomaly_chain c;
    alf_error err = {0};
    cpu_limit(level);
    for (size_t i = 0; i < 2; i++)
        must(engine_load(buf_span(&files[i]), 0, &engines[i], &err), &err);
    must(anomaly_chain_init(&c, engines[0], engines[1], 8, &err), &err);
    assert_non_null(c.fused);
    for (size_t i = 0; i < sizeof batches / sizeof batches[0]; i++)
        check_batch(&c, batches[i]);
    anomaly_chain_unfuse(&c);
    check_batch(&c, 1);
    check_batch(&c, 10);
    check_batch(&c, 1000);
    anomaly_chain_fini(&c);
}

static void every_way_gives_the_same_bits(void **state)
{
    (void)state;
    read_model();
    for (int level = 0; level < CPU_LEVELS; level++) {
        cpu_limit(CPU_AVX512VBMI);
        if (cpu_has((cpu_level)level))
            check_level((cpu_level)level);
    }
    buf_fini(&files[0]);
    buf_fini(&files[1]);
}

int main(void)
{
    static golden g;
    golden_log log;
    size_t count = 0;
    if (!golden_open(&g))
        return GOLDEN_SKIP;
    while (count < GOLDEN_LOGS && golden_next(&g, &log))
        memcpy(features + count++ * 8, log.features, sizeof log.features);
    golden_close(&g);
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_way_gives_the_same_bits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
