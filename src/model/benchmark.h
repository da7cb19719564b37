/*
 * benchmark.json: how much faster a bundle's ONNX files are than the models they were made from, as
 * `convert --benchmark` measured it with this program's two engines (docs/bundle.md). It stands
 * beside the manifest, which must be the same byte for byte whenever the same models are converted.
 * Nothing depends on it but what is shown. Read with every size, type and name checked.
 */
#ifndef ALF_MODEL_BENCHMARK_H
#define ALF_MODEL_BENCHMARK_H

#include "codec/json_write.h"
#include "model/manifest.h"

enum {
    BENCHMARK_FORMAT = 1,
    BENCHMARK_MAX_FILE = 1 << 16,
    BENCHMARK_TEXT = 128,
    BENCHMARK_MODELS = 2,
    BENCHMARK_MODEL_FILES = 2
};

extern const char *const benchmark_model_names[BENCHMARK_MODELS]; /* "tfidf_xgboost", ... */
/* The files that were measured, in the order of benchmark_model.sha256. */
extern const char *const benchmark_file_names[BENCHMARK_MODELS][BENCHMARK_MODEL_FILES];

typedef struct benchmark_model {
    bool present;
    double joblib_us, onnx_us; /* microseconds a log */
    char sha256[BENCHMARK_MODEL_FILES][65];
} benchmark_model;

typedef struct benchmark {
    char converter[BENCHMARK_TEXT], cpu[BENCHMARK_TEXT]; /* printable ASCII */
    uint64_t logs;
    benchmark_model models[BENCHMARK_MODELS];
} benchmark;

/* Takes text up to the room there is; what is not printable ASCII becomes '?'. */
void benchmark_set_text(char to[BENCHMARK_TEXT], const char *text);

/* joblib_us / onnx_us, over the models that `use` says (NULL: all) and that are there; 0: none. */
double benchmark_improvement(const benchmark *b, const bool use[BENCHMARK_MODELS]);

/* Takes the hashes of the measured files from the manifest, or says whether they are the same. */
alf_status benchmark_bind(benchmark *b, const manifest *m, alf_error *err);
bool benchmark_is_of(const benchmark *b, const manifest *m);

/* The object on its own, to be put into other JSON, and as a file. */
void benchmark_put(const benchmark *b, json_writer *w);
void benchmark_write(const benchmark *b, buf *out);
alf_status benchmark_parse(alf_span json, benchmark *out, alf_error *err);

#endif
