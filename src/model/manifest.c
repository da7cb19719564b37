/* manifest.json: reading and writing. */
#include "model/manifest.h"

#include "base/span.h"
#include "codec/json_write.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>

static const char *const category_keys[ALF_CATEGORIES] = {"critical", "suspicious", "routine",
                                                          "noise"};

void manifest_init(manifest *m)
{
    *m = (manifest){.format = MANIFEST_FORMAT};
    for (size_t i = 0; i < ALF_CATEGORIES; i++)
        m->threshold[i] = NAN;
}

/* ---- reading ---- */

static alf_status bad(alf_error *err, const char *key, const char *expected)
{
    return error_set(err, ALF_E_FORMAT,
                     "manifest: \"%s\" is missing or wrong, expected %s; convert the models again",
                     key, expected);
}

static alf_status copy_text(const json_t *text, const char *key, arena *a, alf_span *out,
                            alf_error *err)
{
    if (!json_is_string(text))
        return bad(err, key, "a string");
    size_t size = json_string_length(text);
    const char *copy = arena_strndup(a, json_string_value(text), size);
    if (copy == NULL)
        return error_nomem(err, "the manifest");
    *out = span_of(copy, size);
    return ALF_OK;
}

static alf_status get_text(const json_t *object, const char *key, arena *a, alf_span *out,
                           alf_error *err)
{
    return copy_text(json_object_get(object, key), key, a, out, err);
}

static alf_status get_count(const json_t *object, const char *key, uint64_t *out, alf_error *err)
{
    const json_t *number = json_object_get(object, key);
    if (!json_is_integer(number) || json_integer_value(number) < 0)
        return bad(err, key, "a whole number, 0 or more");
    *out = (uint64_t)json_integer_value(number);
    return ALF_OK;
}

static alf_status get_number(const json_t *object, const char *key, double *out, alf_error *err)
{
    const json_t *number = json_object_get(object, key);
    if (!json_is_number(number))
        return bad(err, key, "a number");
    *out = json_number_value(number);
    return ALF_OK;
}

/* An array of at most limit items, absent allowed. */
static alf_status get_array(const json_t *object, const char *key, size_t limit,
                            const json_t **array, size_t *count, alf_error *err)
{
    *array = json_object_get(object, key);
    *count = json_array_size(*array);
    if (*array != NULL && !json_is_array(*array))
        return bad(err, key, "an array");
    return *count > limit ? bad(err, key, "fewer entries") : ALF_OK;
}

/* A file name inside the folder: no absolute path and no way out of it. */
static bool is_safe_path(alf_span path)
{
    if (path.size == 0 || path.data[0] == '/' || memchr(path.data, '\0', path.size) != NULL)
        return false;
    for (size_t i = 0; i + 1 < path.size; i++)
        if (path.data[i] == '.' && path.data[i + 1] == '.' && (i == 0 || path.data[i - 1] == '/') &&
            (i + 2 == path.size || path.data[i + 2] == '/'))
            return false;
    return true;
}

static alf_status get_entries(const json_t *root, const char *key, arena *a, manifest_entry *out,
                              size_t *count, alf_error *err)
{
    const json_t *array;
    TRY(get_array(root, key, MANIFEST_MAX_ENTRIES, &array, count, err));
    for (size_t i = 0; i < *count; i++) {
        const json_t *item = json_array_get(array, i);
        TRY(get_text(item, "path", a, &out[i].path, err));
        TRY(get_text(item, "sha256", a, &out[i].sha256, err));
        TRY(get_count(item, "size", &out[i].size, err));
        if (!is_safe_path(out[i].path))
            return bad(err, key, "paths inside the folder");
        if (out[i].sha256.size != 64)
            return bad(err, "sha256", "64 hexadecimal digits");
    }
    return ALF_OK;
}

static alf_status get_labels(const json_t *root, arena *a, class_labels *out, alf_error *err)
{
    const json_t *array;
    size_t count;
    TRY(get_array(root, "class_labels", 1024, &array, &count, err));
    out->count = (uint32_t)count;
    out->names = arena_alloc(a, count, sizeof *out->names);
    if (out->names == NULL)
        return error_nomem(err, "class labels");
    for (size_t i = 0; i < count; i++)
        TRY(copy_text(json_array_get(array, i), "class_labels", a, &out->names[i], err));
    return ALF_OK;
}

static alf_status get_names(const json_t *root, arena *a, manifest *m, alf_error *err)
{
    const json_t *array;
    size_t limit = sizeof m->feature_names / sizeof m->feature_names[0];
    TRY(get_array(root, "feature_names", limit, &array, &m->feature_name_count, err));
    for (size_t i = 0; i < m->feature_name_count; i++)
        TRY(copy_text(json_array_get(array, i), "feature_names", a, &m->feature_names[i], err));
    TRY(get_array(root, "libraries", MANIFEST_MAX_ENTRIES, &array, &m->library_count, err));
    for (size_t i = 0; i < m->library_count; i++) {
        const json_t *item = json_array_get(array, i);
        TRY(get_text(item, "name", a, &m->libraries[i].name, err));
        TRY(get_text(item, "version", a, &m->libraries[i].version, err));
    }
    return ALF_OK;
}

static alf_status get_thresholds(const json_t *root, manifest *m, alf_error *err)
{
    const json_t *thresholds = json_object_get(root, "thresholds");
    if (thresholds != NULL && !json_is_object(thresholds))
        return bad(err, "thresholds", "an object of category to probability");
    for (size_t i = 0; i < ALF_CATEGORIES; i++) {
        if (json_object_get(thresholds, category_keys[i]) == NULL)
            continue;
        TRY(get_number(thresholds, category_keys[i], &m->threshold[i], err));
        if (!(m->threshold[i] >= 0 && m->threshold[i] <= 1))
            return bad(err, category_keys[i], "a threshold between 0 and 1");
    }
    return ALF_OK;
}

static alf_status get_hash(const json_t *root, const char *key, arena *a, alf_span *out,
                           alf_error *err)
{
    if (json_object_get(root, key) == NULL)
        return ALF_OK;
    TRY(get_text(root, key, a, out, err));
    return out->size == 64 ? ALF_OK : bad(err, key, "64 hexadecimal digits");
}

static alf_status get_part(const json_t *proof, const char *name, const char *difference, arena *a,
                           proof_part *out, alf_error *err)
{
    const json_t *part = json_object_get(proof, name);
    out->present = part != NULL;
    if (part == NULL)
        return ALF_OK;
    TRY(get_count(part, "label_mismatches", &out->mismatches, err));
    TRY(get_number(part, difference, &out->max_difference, err));
    TRY(get_hash(part, "labels_sha256", a, &out->labels_sha256, err));
    return get_hash(part, "numbers_sha256", a, &out->numbers_sha256, err);
}

static const char text_difference[] = "max_probability_difference";
static const char anomaly_difference[] = "max_score_difference";

static alf_status get_run(const json_t *proof, arena *a, proof_run *out, alf_error *err)
{
    TRY(get_count(proof, "logs", &out->logs, err));
    TRY(get_text(proof, "texts_sha256", a, &out->texts_sha256, err));
    TRY(get_part(proof, "tfidf_xgboost", text_difference, a, &out->text, err));
    return get_part(proof, "anomaly_detector", anomaly_difference, a, &out->anomaly, err);
}

static alf_status get_proof(const json_t *root, arena *a, manifest_proof *out, alf_error *err)
{
    const json_t *proof = json_object_get(root, "proof");
    const json_t *built_in = json_object_get(proof, "built_in");
    out->present = proof != NULL;
    if (proof != NULL)
        TRY(get_run(proof, a, &out->all, err));
    return built_in != NULL ? get_run(built_in, a, &out->built_in, err) : ALF_OK;
}

static alf_status get_absent(const json_t *root, manifest *m, alf_error *err)
{
    const json_t *absent = json_object_get(root, "absent_terms");
    const char *text = json_string_value(absent);
    if (absent == NULL)
        return ALF_OK;
    m->zero_is_value = text != NULL && strcmp(text, "zero") == 0;
    if (m->zero_is_value || (text != NULL && strcmp(text, "missing") == 0))
        return ALF_OK;
    return bad(err, "absent_terms", "zero or missing");
}

static alf_status get_steps(const json_t *root, text_steps *out, alf_error *err)
{
    const json_t *steps = json_object_get(root, "text_steps");
    if (steps == NULL)
        return ALF_OK;
    if (!json_is_string(steps))
        return bad(err, "text_steps", "a string");
    return text_steps_parse(span_of(json_string_value(steps), json_string_length(steps)), out, err);
}

static alf_status read_root(const json_t *root, arena *a, manifest *m, alf_error *err)
{
    uint64_t format;
    TRY(get_count(root, "format", &format, err));
    if (format != MANIFEST_FORMAT)
        return error_set(err, ALF_E_UNSUPPORTED,
                         "manifest: format %" PRIu64 " found, this program reads format %d", format,
                         (int)MANIFEST_FORMAT);
    m->format = (int64_t)format;
    TRY(get_text(root, "converter", a, &m->converter, err));
    TRY(get_text(root, "profile", a, &m->profile, err));
    TRY(get_absent(root, m, err));
    TRY(get_steps(root, &m->steps, err));
    TRY(get_labels(root, a, &m->labels, err));
    TRY(get_names(root, a, m, err));
    TRY(get_thresholds(root, m, err));
    TRY(get_entries(root, "sources", a, m->sources, &m->source_count, err));
    TRY(get_entries(root, "files", a, m->files, &m->file_count, err));
    return get_proof(root, a, &m->proof, err);
}

alf_status manifest_parse(alf_span json, arena *a, manifest *out, alf_error *err)
{
    manifest_init(out);
    json_error_t where;
    json_t *root = json_loadb(json.data != NULL ? json.data : "", json.size, 0, &where);
    if (root == NULL)
        return error_set(err, ALF_E_FORMAT, "manifest: not JSON, line %d: %s", where.line,
                         where.text);
    alf_status status = read_root(root, a, out, err);
    json_decref(root);
    return status;
}

/* ---- writing ---- */

static void put_text(json_writer *w, const char *key, alf_span text)
{
    json_write_key(w, key);
    json_write_string(w, text);
}

static void put_steps(json_writer *w, const text_steps *steps)
{
    buf names;
    if (!text_steps_any(steps))
        return;
    buf_init(&names);
    text_steps_write(steps, &names);
    put_text(w, "text_steps", buf_span(&names));
    w->out->failed = w->out->failed || names.failed;
    buf_fini(&names);
}

static void put_entries(json_writer *w, const char *key, const manifest_entry *entries,
                        size_t count)
{
    json_write_key(w, key);
    json_write_begin_array(w);
    for (size_t i = 0; i < count; i++) {
        json_write_begin_object(w);
        put_text(w, "path", entries[i].path);
        json_write_key(w, "size");
        json_write_uint(w, entries[i].size);
        put_text(w, "sha256", entries[i].sha256);
        json_write_end_object(w);
    }
    json_write_end_array(w);
}

static void put_texts(json_writer *w, const char *key, const alf_span *texts, size_t count)
{
    json_write_key(w, key);
    json_write_begin_array(w);
    for (size_t i = 0; i < count; i++)
        json_write_string(w, texts[i]);
    json_write_end_array(w);
}

static void put_part(json_writer *w, const char *key, const char *difference,
                     const proof_part *part)
{
    if (!part->present)
        return;
    json_write_key(w, key);
    json_write_begin_object(w);
    json_write_key(w, "label_mismatches");
    json_write_uint(w, part->mismatches);
    json_write_key(w, difference);
    json_write_double(w, part->max_difference);
    if (part->labels_sha256.size > 0)
        put_text(w, "labels_sha256", part->labels_sha256);
    if (part->numbers_sha256.size > 0)
        put_text(w, "numbers_sha256", part->numbers_sha256);
    json_write_end_object(w);
}

static void put_run(json_writer *w, const proof_run *p)
{
    json_write_key(w, "logs");
    json_write_uint(w, p->logs);
    put_text(w, "texts_sha256", p->texts_sha256);
    put_part(w, "tfidf_xgboost", text_difference, &p->text);
    put_part(w, "anomaly_detector", anomaly_difference, &p->anomaly);
}

static void put_proof(json_writer *w, const manifest_proof *p)
{
    json_write_key(w, "proof");
    json_write_begin_object(w);
    put_run(w, &p->all);
    if (p->built_in.logs > 0) {
        json_write_key(w, "built_in");
        json_write_begin_object(w);
        put_run(w, &p->built_in);
        json_write_end_object(w);
    }
    json_write_end_object(w);
}

static void put_thresholds(json_writer *w, const manifest *m)
{
    json_write_key(w, "thresholds");
    json_write_begin_object(w);
    for (size_t i = 0; i < ALF_CATEGORIES; i++) {
        if (isnan(m->threshold[i]))
            continue;
        json_write_key(w, category_keys[i]);
        json_write_double(w, m->threshold[i]);
    }
    json_write_end_object(w);
}

alf_status manifest_write(const manifest *m, buf *out, alf_error *err)
{
    json_writer w;
    json_write_init(&w, out, true);
    json_write_begin_object(&w);
    json_write_key(&w, "format");
    json_write_int(&w, m->format);
    put_text(&w, "converter", m->converter);
    put_text(&w, "profile", m->profile);
    put_text(&w, "absent_terms", span_from_string(m->zero_is_value ? "zero" : "missing"));
    put_steps(&w, &m->steps);
    put_texts(&w, "class_labels", m->labels.names, m->labels.count);
    put_texts(&w, "feature_names", m->feature_names, m->feature_name_count);
    put_thresholds(&w, m);
    json_write_key(&w, "libraries");
    json_write_begin_array(&w);
    for (size_t i = 0; i < m->library_count; i++) {
        json_write_begin_object(&w);
        put_text(&w, "name", m->libraries[i].name);
        put_text(&w, "version", m->libraries[i].version);
        json_write_end_object(&w);
    }
    json_write_end_array(&w);
    put_entries(&w, "sources", m->sources, m->source_count);
    put_entries(&w, "files", m->files, m->file_count);
    if (m->proof.present)
        put_proof(&w, &m->proof);
    json_write_end_object(&w);
    buf_append_char(out, '\n');
    return buf_status(out, err);
}
