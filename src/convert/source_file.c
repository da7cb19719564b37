/* The table of model file formats, and the objects they become. */
#include "convert/source_file.h"

#include <string.h>

const char *const source_file_names[] = {
    "tfidf_xgboost/model.json",
    "tfidf_xgboost/model.ubj",
    "tfidf_xgboost/model.model",
    "tfidf_xgboost/model.bin",
    "tfidf_xgboost/model.txt",
    "tfidf_xgboost.json",
    "tfidf_xgboost.ubj",
    "tfidf_xgboost.model",
    "tfidf_xgboost.bin",
    "tfidf_xgboost.txt",
    "xgboost.json",
    "xgboost.ubj",
    "xgboost.model",
    "xgboost.bin",
    "lightgbm.txt",
    NULL,
};

typedef struct file_format {
    const char *what;              /* for messages */
    const char *const *beginnings; /* of its bytes */
    const char *const *endings;    /* of names of files that begin with nothing to know them by */
    const char *module, *name;     /* the class of the object */
    const char *attribute;         /* that holds the bytes */
} file_format;

static const char *const xgboost_beginnings[] = {"{", "binf", "CONFIG-offset:", NULL};
static const char *const xgboost_endings[] = {".json", ".ubj",        ".model", ".bin",
                                              ".xgb",  ".deprecated", NULL};

static const char *const lightgbm_beginnings[] = {"tree\nversion=", NULL};
static const char *const lightgbm_endings[] = {".txt", NULL};

static const file_format formats[] = {
    {"XGBoost (JSON, UBJSON or binary)", xgboost_beginnings, xgboost_endings, "xgboost.core",
     "Booster", "handle"},
    {"LightGBM (text)", lightgbm_beginnings, lightgbm_endings, "lightgbm.basic", "Booster",
     "handle"},
};

enum { FORMATS = sizeof formats / sizeof formats[0] };

static bool begins(alf_span bytes, const char *const *beginnings)
{
    for (; *beginnings != NULL; beginnings++)
        if (span_starts(bytes, span_from_string(*beginnings)))
            return true;
    return false;
}

static bool ends(const char *name, const char *const *endings)
{
    size_t size = strlen(name);
    for (; *endings != NULL; endings++) {
        size_t n = strlen(*endings);
        if (size > n && strcmp(name + size - n, *endings) == 0)
            return true;
    }
    return false;
}

static const file_format *find_format(alf_span bytes, const char *name)
{
    for (size_t i = 0; i < FORMATS; i++)
        if (begins(bytes, formats[i].beginnings))
            return &formats[i];
    for (size_t i = 0; i < FORMATS; i++)
        if (ends(name, formats[i].endings))
            return &formats[i];
    return NULL;
}

bool source_file_known(alf_span bytes, const char *name)
{
    return find_format(bytes, name) != NULL;
}

/* ---- values ---- */

static alf_status new_values(arena *a, size_t count, value **out, alf_error *err)
{
    *out = arena_alloc(a, count, sizeof **out);
    return *out != NULL ? ALF_OK : error_nomem(err, "a model file");
}

static void set_text(value *v, value_kind kind, alf_span text)
{
    v->kind = kind;
    v->as.text = text;
}

alf_status source_file_object(alf_span bytes, const char *name, arena *a, const value **out,
                              alf_error *err)
{
    enum { OBJECT, CLASS, STATE, KEY, BYTES, MARK, TRUTH, VALUES };
    value *v;
    const file_format *f = find_format(bytes, name);
    if (f == NULL)
        return error_set(err, ALF_E_UNSUPPORTED,
                         "not a model file of a known format; known are joblib, %s and %s",
                         formats[0].what, formats[1].what);
    TRY(new_values(a, VALUES, &v, err));
    value_pair *pairs = arena_alloc(a, 2, sizeof *pairs);
    if (pairs == NULL)
        return error_nomem(err, "a model file");
    set_text(&v[KEY], VALUE_STRING, span_from_string(f->attribute));
    set_text(&v[BYTES], VALUE_BYTES, bytes);
    set_text(&v[MARK], VALUE_STRING, SPAN_LITERAL("model_file"));
    v[TRUTH].kind = VALUE_BOOL;
    v[TRUTH].as.boolean = true;
    pairs[0] = (value_pair){&v[KEY], &v[BYTES]};
    pairs[1] = (value_pair){&v[MARK], &v[TRUTH]};
    v[STATE].kind = VALUE_DICT;
    v[STATE].as.dict.pairs = pairs;
    v[STATE].as.dict.count = 2;
    v[CLASS].kind = VALUE_GLOBAL;
    v[CLASS].as.global.module = span_from_string(f->module);
    v[CLASS].as.global.name = span_from_string(f->name);
    v[OBJECT].kind = VALUE_OBJECT;
    v[OBJECT].as.object.class_ = &v[CLASS];
    v[OBJECT].as.object.state = &v[STATE];
    *out = &v[OBJECT];
    return ALF_OK;
}

alf_status source_file_list(const alf_span *names, size_t count, arena *a, const value **out,
                            alf_error *err)
{
    value *v;
    TRY(new_values(a, count + 1, &v, err));
    value **items = arena_alloc(a, count, sizeof *items);
    if (items == NULL)
        return error_nomem(err, "class labels");
    for (size_t i = 0; i < count; i++) {
        set_text(&v[i], VALUE_STRING, names[i]);
        items[i] = &v[i];
    }
    v[count].kind = VALUE_LIST;
    v[count].as.list.items = items;
    v[count].as.list.count = count;
    *out = &v[count];
    return ALF_OK;
}
