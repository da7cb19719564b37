/* benchmark.json: reading, writing, and what follows from it. */
#include "model/benchmark.h"

#include "base/span.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

const char *const benchmark_model_names[BENCHMARK_MODELS] = {"tfidf_xgboost", "anomaly_detector"};
const char *const benchmark_file_names[BENCHMARK_MODELS][BENCHMARK_MODEL_FILES] = {
    {"tfidf_vectorizer.onnx", "xgboost.onnx"}, {"scaler.onnx", "anomaly_detector.onnx"}};

/* No measurement is outside of these. */
static const double least_us = 1e-6;
static const double most_us = 1e12;

static bool is_printable(char c)
{
    return c >= ' ' && c <= '~';
}

void benchmark_set_text(char to[BENCHMARK_TEXT], const char *text)
{
    size_t n = 0;
    for (; n + 1 < BENCHMARK_TEXT && text[n] != '\0'; n++)
        to[n] = text[n];
    to[n] = '\0';
    for (size_t i = 0; i < n; i++)
        if (!is_printable(to[i]))
            to[i] = '?';
}

double benchmark_improvement(const benchmark *b, const bool use[BENCHMARK_MODELS])
{
    double joblib = 0;
    double onnx = 0;
    for (size_t i = 0; i < BENCHMARK_MODELS; i++) {
        if (!b->models[i].present || (use != NULL && !use[i]))
            continue;
        joblib += b->models[i].joblib_us;
        onnx += b->models[i].onnx_us;
    }
    return onnx > 0 ? joblib / onnx : 0;
}

/* ---- what it is of ---- */

static const manifest_entry *entry_of(const manifest *m, const char *name)
{
    for (size_t i = 0; i < m->file_count; i++)
        if (span_is(m->files[i].path, name))
            return &m->files[i];
    return NULL;
}

alf_status benchmark_bind(benchmark *b, const manifest *m, alf_error *err)
{
    for (size_t i = 0; i < BENCHMARK_MODELS; i++)
        for (size_t k = 0; b->models[i].present && k < BENCHMARK_MODEL_FILES; k++) {
            const manifest_entry *entry = entry_of(m, benchmark_file_names[i][k]);
            if (entry == NULL || entry->sha256.size != 64)
                return error_set(err, ALF_E_INTERNAL, "a benchmark of %s, which is not there",
                                 benchmark_file_names[i][k]);
            memcpy(b->models[i].sha256[k], entry->sha256.data, 64);
            b->models[i].sha256[k][64] = '\0';
        }
    return ALF_OK;
}

bool benchmark_is_of(const benchmark *b, const manifest *m)
{
    for (size_t i = 0; i < BENCHMARK_MODELS; i++)
        for (size_t k = 0; b->models[i].present && k < BENCHMARK_MODEL_FILES; k++) {
            const manifest_entry *entry = entry_of(m, benchmark_file_names[i][k]);
            if (entry == NULL || !span_is(entry->sha256, b->models[i].sha256[k]))
                return false;
        }
    return true;
}

/* ---- writing ---- */

static void put_model(const benchmark_model *m, size_t which, json_writer *w)
{
    json_write_key(w, benchmark_model_names[which]);
    json_write_begin_object(w);
    json_write_key(w, "joblib_us");
    json_write_double(w, m->joblib_us);
    json_write_key(w, "onnx_us");
    json_write_double(w, m->onnx_us);
    json_write_key(w, "improvement");
    json_write_double(w, m->joblib_us / m->onnx_us);
    json_write_key(w, "files");
    json_write_begin_object(w);
    for (size_t k = 0; k < BENCHMARK_MODEL_FILES; k++) {
        json_write_key(w, benchmark_file_names[which][k]);
        json_write_cstring(w, m->sha256[k]);
    }
    json_write_end_object(w);
    json_write_end_object(w);
}

void benchmark_put(const benchmark *b, json_writer *w)
{
    json_write_begin_object(w);
    json_write_key(w, "format");
    json_write_int(w, BENCHMARK_FORMAT);
    json_write_key(w, "converter");
    json_write_cstring(w, b->converter);
    json_write_key(w, "engine");
    json_write_cstring(w, "native");
    json_write_key(w, "cpu");
    json_write_cstring(w, b->cpu);
    json_write_key(w, "logs");
    json_write_uint(w, b->logs);
    json_write_key(w, "models");
    json_write_begin_object(w);
    for (size_t i = 0; i < BENCHMARK_MODELS; i++)
        if (b->models[i].present)
            put_model(&b->models[i], i, w);
    json_write_end_object(w);
    json_write_end_object(w);
}

void benchmark_write(const benchmark *b, buf *out)
{
    json_writer w;
    json_write_init(&w, out, true);
    benchmark_put(b, &w);
    buf_append_char(out, '\n');
}

/* ---- reading ---- */

static alf_status bad(alf_error *err, const char *key, const char *expected)
{
    return error_set(err, ALF_E_FORMAT, "\"%s\" is missing or wrong, expected %s", key, expected);
}

/* The object has these keys and no others. */
static alf_status check_keys(const json_t *object, const char *name, const char *const *keys,
                             size_t count, alf_error *err)
{
    const char *key;
    json_t *item;
    if (!json_is_object(object))
        return bad(err, name, "an object");
    json_object_foreach((json_t *)(uintptr_t)object, key, item)
    {
        size_t i = 0;
        while (i < count && strcmp(key, keys[i]) != 0)
            i++;
        if (i == count)
            return error_set(err, ALF_E_FORMAT, "unknown key \"%.50s\" in \"%s\"", key, name);
    }
    return ALF_OK;
}

static alf_status get_text(const json_t *object, const char *key, char out[BENCHMARK_TEXT],
                           alf_error *err)
{
    const json_t *text = json_object_get(object, key);
    const char *from = json_string_value(text);
    size_t size = json_string_length(text);
    if (from == NULL || size >= BENCHMARK_TEXT)
        return bad(err, key, "a short string");
    for (size_t i = 0; i < size; i++)
        if (!is_printable(from[i]))
            return bad(err, key, "printable ASCII");
    memcpy(out, from, size + 1);
    return ALF_OK;
}

static alf_status get_time(const json_t *object, const char *key, double *out, alf_error *err)
{
    const json_t *number = json_object_get(object, key);
    *out = json_number_value(number);
    if (!json_is_number(number) || !(*out >= least_us && *out <= most_us))
        return bad(err, key, "a number from 1e-6 to 1e12");
    return ALF_OK;
}

static alf_status get_hashes(const json_t *files, size_t which, benchmark_model *out,
                             alf_error *err)
{
    static const char digits[] = "0123456789abcdef";
    const char *const *names = benchmark_file_names[which];
    TRY(check_keys(files, "files", names, BENCHMARK_MODEL_FILES, err));
    for (size_t k = 0; k < BENCHMARK_MODEL_FILES; k++) {
        const json_t *text = json_object_get(files, names[k]);
        const char *hex = json_string_value(text);
        if (hex == NULL || json_string_length(text) != 64 || strspn(hex, digits) != 64)
            return bad(err, names[k], "64 hexadecimal digits");
        memcpy(out->sha256[k], hex, 65);
    }
    return ALF_OK;
}

static alf_status get_model(const json_t *models, size_t which, benchmark_model *out,
                            alf_error *err)
{
    static const char *const keys[] = {"joblib_us", "onnx_us", "improvement", "files"};
    const char *name = benchmark_model_names[which];
    const json_t *model = json_object_get(models, name);
    double improvement;
    if (model == NULL)
        return ALF_OK;
    TRY(check_keys(model, name, keys, 4, err));
    TRY(get_time(model, "joblib_us", &out->joblib_us, err));
    TRY(get_time(model, "onnx_us", &out->onnx_us, err));
    TRY(get_time(model, "improvement", &improvement, err));
    if (fabs(improvement - out->joblib_us / out->onnx_us) > improvement * 1e-6)
        return bad(err, "improvement", "joblib_us divided by onnx_us");
    TRY(get_hashes(json_object_get(model, "files"), which, out, err));
    out->present = true;
    return ALF_OK;
}

static alf_status get_head(const json_t *root, benchmark *out, alf_error *err)
{
    char engine[BENCHMARK_TEXT];
    const json_t *format = json_object_get(root, "format");
    const json_t *logs = json_object_get(root, "logs");
    if (!json_is_integer(format) || json_integer_value(format) != BENCHMARK_FORMAT)
        return bad(err, "format", "1");
    TRY(get_text(root, "converter", out->converter, err));
    TRY(get_text(root, "cpu", out->cpu, err));
    TRY(get_text(root, "engine", engine, err));
    if (strcmp(engine, "native") != 0)
        return bad(err, "engine", "native");
    if (!json_is_integer(logs) || json_integer_value(logs) < 1)
        return bad(err, "logs", "a whole number, 1 or more");
    out->logs = (uint64_t)json_integer_value(logs);
    return ALF_OK;
}

static alf_status read_root(const json_t *root, benchmark *out, alf_error *err)
{
    static const char *const keys[] = {"format", "converter", "engine", "cpu", "logs", "models"};
    const json_t *models = json_object_get(root, "models");
    TRY(check_keys(root, "the file", keys, 6, err));
    TRY(get_head(root, out, err));
    TRY(check_keys(models, "models", benchmark_model_names, BENCHMARK_MODELS, err));
    for (size_t i = 0; i < BENCHMARK_MODELS; i++)
        TRY(get_model(models, i, &out->models[i], err));
    return json_object_size(models) > 0 ? ALF_OK : bad(err, "models", "at least one model");
}

alf_status benchmark_parse(alf_span json, benchmark *out, alf_error *err)
{
    json_error_t where;
    *out = (benchmark){0};
    if (json.size > BENCHMARK_MAX_FILE)
        return error_set(err, ALF_E_LIMIT, "larger than %d bytes", (int)BENCHMARK_MAX_FILE);
    json_t *root =
        json_loadb(json.data != NULL ? json.data : "", json.size, JSON_REJECT_DUPLICATES, &where);
    if (root == NULL)
        return error_set(err, ALF_E_FORMAT, "not JSON, line %d: %s", where.line, where.text);
    alf_status status = read_root(root, out, err);
    json_decref(root);
    if (status != ALF_OK)
        *out = (benchmark){0};
    return status;
}
