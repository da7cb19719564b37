/* The table of supported estimators. That of classifiers is the one conversion itself goes by. */
#include "convert/support.h"

typedef struct named_row {
    const char *name;
    support_row row;
} named_row;

static const named_row scalers[] = {
    {"StandardScaler", {"0.19 to 1.8", "with_mean, with_std", "-"}},
    {"RobustScaler", {"0.19 to 1.8", "with_centering, with_scaling", "-"}},
    {"MinMaxScaler", {"0.19 to 1.8", "feature_range, clip", "-"}},
    {"MaxAbsScaler", {"0.19 to 1.8", "clip", "-"}},
    {"Normalizer", {"0.19 to 1.8", "norm l1, l2 and max", "more than 128 columns"}},
    {"Pipeline of these, with or without the IsolationForest",
     {"0.19 to 1.8", "up to 8 steps", "other steps"}},
};

static const named_row detectors[] = {
    {"IsolationForest",
     {"0.19 to 1.8", "any, behaviour='old' and contamination included", "max_samples=1"}},
};

static const named_row vectorizers[] = {
    {"TfidfVectorizer, CountVectorizer, and a Pipeline of CountVectorizer and TfidfTransformer",
     {"0.19 to 1.8",
      "analyzer word, char and char_wb, ngram_range, stop_words (lists and 'english'), "
      "strip_accents ('unicode' from 0.22 on), token_pattern of one character set and a group "
      "around it, lowercase, "
      "binary, sublinear_tf, use_idf, smooth_idf, norm l1, l2 and None, dtype float64 and float32",
      "functions as analyzer, tokenizer, preprocessor or strip_accents; input 'file' and "
      "'filename'"}},
};

static const named_row row_steps[] = {
    {"TfidfTransformer",
     {"0.19 to 1.8", "as in TfidfVectorizer", "float64 weights behind a float32 vectorizer"}},
    {"Normalizer", {"0.19 to 1.8", "norm l1, l2 and max", "-"}},
    {"MaxAbsScaler", {"0.19 to 1.8", "clip", "-"}},
    {"StandardScaler", {"0.19 to 1.8", "with_std", "with_mean (scikit-learn refuses it too)"}},
    {"RobustScaler",
     {"0.19 to 1.8", "with_scaling", "with_centering (scikit-learn refuses it too)"}},
};

static const named_row labels[] = {
    {"LabelEncoder", {"0.19 to 1.8", "names and whole numbers", "other kinds of labels"}},
};

static void begin(buf *out, const char *title)
{
    buf_printf(out, "\n### %s\n\n| class | versions | options | refused |\n|---|---|---|---|\n",
               title);
}

static void put(buf *out, const char *name, const support_row *row)
{
    buf_printf(out, "| %s | %s | %s | %s |\n", name, row->versions, row->options, row->refused);
}

static void put_all(buf *out, const char *title, const named_row *rows, size_t count)
{
    begin(out, title);
    for (size_t i = 0; i < count; i++)
        put(out, rows[i].name, &rows[i].row);
}

#define PUT_ALL(out, title, rows) put_all(out, title, rows, sizeof(rows) / sizeof((rows)[0]))

void support_write(buf *out)
{
    const char *name;
    const support_row *row;
    buf_append_string(out, "## Estimators\n");
    begin(out, "Classifiers");
    for (size_t i = 0; extract_classifier_support(i, &name, &row); i++)
        put(out, name, row);
    PUT_ALL(out, "Vectorizers", vectorizers);
    PUT_ALL(out, "Steps of a Pipeline between vectorizer and classifier", row_steps);
    PUT_ALL(out, "Anomaly detectors", detectors);
    PUT_ALL(out, "Scalers before the anomaly detector", scalers);
    PUT_ALL(out, "Labels", labels);
}
