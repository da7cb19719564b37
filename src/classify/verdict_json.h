/* A verdict as one line of JSON (docs/output.md), or as one readable line. */
#ifndef ALF_CLASSIFY_VERDICT_JSON_H
#define ALF_CLASSIFY_VERDICT_JSON_H

#include "base/buf.h"
#include "classify/classifier.h"

typedef struct verdict_style {
    bool components; /* each component's own answer */
    bool explain;    /* votes and weights in "explanation" */
    bool text;       /* a readable line instead of JSON */
    bool fields;     /* the log's own fields under "log", when it was structured */
} verdict_style;

/* Appends one line, newline included, per verdict of a batch. milliseconds: spent on each log. */
void verdict_print(const verdict_style *style, const classifier *c, const log_event *events,
                   const verdict *verdicts, size_t n, double milliseconds, buf *out);

/* Appends the JSON object of one verdict, without a newline. */
void verdict_print_object(const verdict_style *style, const classifier *c, const log_event *event,
                          const verdict *v, double milliseconds, buf *out);

#endif
