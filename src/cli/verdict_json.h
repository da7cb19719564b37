/* A verdict as one line of JSON (DESIGN 4.2, docs/output.md), or as one readable line. */
#ifndef ALF_CLI_VERDICT_JSON_H
#define ALF_CLI_VERDICT_JSON_H

#include "base/buf.h"
#include "classify/classifier.h"

typedef struct verdict_style {
    bool components; /* each component's own answer */
    bool explain;    /* votes and weights in "explanation" */
    bool text;       /* a readable line instead of JSON */
} verdict_style;

/* Appends one line, newline included. milliseconds: time spent on this log. */
void verdict_print(const verdict_style *style, const classifier *c, const log_event *event,
                   const verdict *v, double milliseconds, buf *out);

#endif
