/*
 * Text vectorizers (scikit-learn CountVectorizer, TfidfVectorizer) as plain data.
 */
#ifndef ALF_MODEL_TEXT_H
#define ALF_MODEL_TEXT_H

#include "base/arena.h"
#include "base/error.h"

typedef enum text_analyzer { TEXT_WORD, TEXT_CHAR, TEXT_CHAR_WB } text_analyzer;
typedef enum text_norm { TEXT_NORM_NONE, TEXT_NORM_L1, TEXT_NORM_L2, TEXT_NORM_MAX } text_norm;
typedef enum text_strip { TEXT_STRIP_NONE, TEXT_STRIP_ASCII, TEXT_STRIP_UNICODE } text_strip;

/* What is done to a row of terms after TF-IDF, from the top to the bottom. */
typedef struct text_row_step {
    bool sublinear_tf; /* 1 + ln(x), where x is not 0 */
    double *factors;   /* per column; NULL: none */
    bool wide_factors; /* multiplied in float64, also where rows are float32 */
    bool clips;        /* to [-1, 1] */
    text_norm norm;
    bool norm_is_signed; /* TEXT_NORM_MAX of the values, not of their sizes */
} text_row_step;

typedef struct text_vectorizer {
    text_analyzer analyzer;
    bool lowercase;
    text_strip strip_accents;
    alf_span token_pattern; /* Python re syntax; empty for char analyzers */
    alf_span *stop_words;
    uint32_t stop_word_count;
    uint32_t ngram_min, ngram_max; /* 1 <= min <= max <= 16 */
    bool binary;
    bool sublinear_tf;
    bool use_idf;
    text_norm norm;
    bool float32; /* computed in float32 (dtype=float32), else float64 */
    uint32_t term_count;
    alf_span *terms; /* term of each column, UTF-8, distinct */
    double *idf;     /* per column; NULL without use_idf */
    text_row_step *more;
    uint32_t more_count;
} text_vectorizer;

#endif
