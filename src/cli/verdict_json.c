/* Verdicts as text. */
#include "cli/verdict_json.h"

#include "base/span.h"
#include "base/unicode.h"
#include "codec/json_write.h"

#include <stdio.h>

static void put_probabilities(json_writer *w, const char *key, const double *probability)
{
    json_write_key(w, key);
    json_write_begin_object(w);
    for (alf_category c = ALF_CRITICAL; c <= ALF_NOISE; c++) {
        json_write_key(w, alf_category_name(c));
        json_write_double(w, probability[c]);
    }
    json_write_end_object(w);
}

static void put_text(json_writer *w, const char *key, const char *text)
{
    json_write_key(w, key);
    json_write_cstring(w, text);
}

static void put_span(json_writer *w, const char *key, alf_span text)
{
    json_write_key(w, key);
    json_write_string(w, text);
}

/* What each voter said and weighed; and how well the text model knows such texts. */
static void put_votes(json_writer *w, const verdict *v)
{
    json_write_key(w, "votes");
    json_write_begin_object(w);
    for (int i = 0; i < COMPONENTS; i++) {
        if (!v->vote[i].present)
            continue;
        json_write_key(w, classifier_component_names[i]);
        json_write_begin_object(w);
        json_write_key(w, "weight");
        json_write_double(w, v->weight[i]);
        put_probabilities(w, "probabilities", v->vote[i].probability);
        json_write_end_object(w);
    }
    json_write_end_object(w);
    if (v->text.present) {
        json_write_key(w, "unfamiliar_text");
        json_write_double(w, v->text.unfamiliar);
    }
}

static void put_explanation(json_writer *w, const verdict_style *style, const verdict *v)
{
    json_write_key(w, "explanation");
    json_write_begin_object(w);
    put_text(w, "decided_by", v->decided_by);
    if (v->rule.matched) {
        put_span(w, "matched_rule", v->rule.rule);
        put_text(w, "rule_category", alf_category_name(v->rule.category));
    }
    if (v->safety_override) {
        json_write_key(w, "safety_override");
        json_write_bool(w, true);
    }
    if (v->compliance_bypassed) {
        put_span(w, "compliance_framework", v->compliance_framework);
        put_span(w, "compliance_rule", v->compliance_rule);
    }
    if (v->fail_reason != NULL)
        put_text(w, "fail_open_reason", v->fail_reason);
    if (style->explain)
        put_votes(w, v);
    json_write_end_object(w);
}

static void put_rule_component(json_writer *w, const verdict *v)
{
    json_write_key(w, classifier_component_names[COMPONENT_RULES]);
    json_write_begin_object(w);
    json_write_key(w, "category");
    if (v->rule.matched)
        json_write_cstring(w, alf_category_name(v->rule.category));
    else
        json_write_null(w);
    json_write_key(w, "confidence");
    json_write_double(w, v->rule.matched ? v->rule.confidence : 0);
    json_write_key(w, "matched_rule");
    if (v->rule.matched)
        json_write_string(w, v->rule.rule);
    else
        json_write_null(w);
    json_write_end_object(w);
}

static void put_text_component(json_writer *w, const classifier *c, const verdict *v)
{
    if (!v->text.present)
        return;
    json_write_key(w, classifier_component_names[COMPONENT_TEXT]);
    json_write_begin_object(w);
    put_span(w, "label", c->models.class_names[v->text.label]);
    json_write_key(w, "probabilities");
    json_write_begin_object(w);
    for (uint32_t i = 0; i < v->text.class_count; i++) {
        json_write_key_span(w, c->models.class_names[i]);
        json_write_float(w, v->text.probability[i]);
    }
    json_write_end_object(w);
    json_write_end_object(w);
}

static void put_anomaly_component(json_writer *w, const verdict *v)
{
    if (!v->anomaly.present)
        return;
    json_write_key(w, classifier_component_names[COMPONENT_ANOMALY]);
    json_write_begin_object(w);
    json_write_key(w, "label");
    json_write_int(w, v->anomaly.label);
    json_write_key(w, "score");
    json_write_double(w, v->anomaly.score);
    json_write_key(w, "decision");
    json_write_double(w, v->anomaly.decision);
    json_write_end_object(w);
}

static void put_log(json_writer *w, const log_event *event)
{
    json_write_key(w, "log");
    json_write_begin_object(w);
    for (size_t i = 0; i < event->field_count; i++) {
        json_write_key_span(w, event->fields[i].key);
        if (event->fields[i].is_json)
            json_write_raw(w, event->fields[i].value);
        else
            json_write_string(w, event->fields[i].value);
    }
    json_write_end_object(w);
}

static void put_models_used(json_writer *w, const verdict *v)
{
    json_write_key(w, "models_used");
    json_write_begin_array(w);
    for (int i = 0; i < COMPONENTS; i++)
        if (v->weight[i] > 0)
            json_write_cstring(w, classifier_component_names[i]);
    json_write_end_array(w);
}

static void print_json(const verdict_style *style, const classifier *c, const log_event *event,
                       const verdict *v, double milliseconds, buf *out)
{
    json_writer w;
    json_write_init(&w, out, false);
    json_write_begin_object(&w);
    put_text(&w, "category", alf_category_name(v->category));
    json_write_key(&w, "confidence");
    json_write_double(&w, v->confidence);
    put_text(&w, "model", v->model);
    put_probabilities(&w, "probabilities", v->probability);
    put_explanation(&w, style, v);
    put_models_used(&w, v);
    json_write_key(&w, "compliance_bypassed");
    json_write_bool(&w, v->compliance_bypassed);
    json_write_key(&w, "fail_open_used");
    json_write_bool(&w, v->fail_open_used);
    json_write_key(&w, "processing_time_ms");
    char time[32];
    int n = snprintf(time, sizeof time, "%.4f", milliseconds);
    json_write_raw(&w, (alf_span){time, n > 0 ? (size_t)n : 0});
    if (style->components) {
        json_write_key(&w, "components");
        json_write_begin_object(&w);
        put_rule_component(&w, v);
        put_text_component(&w, c, v);
        put_anomaly_component(&w, v);
        json_write_end_object(&w);
    }
    if (event->field_count > 0)
        put_log(&w, event);
    json_write_end_object(&w);
    buf_append_char(out, '\n');
}

/* "critical   0.97  rule_based   matched_rule  message": control characters become blanks. */
static void print_text(const log_event *event, const verdict *v, buf *out)
{
    alf_span why = v->compliance_bypassed ? v->compliance_rule
                   : v->rule.matched      ? v->rule.rule
                                          : SPAN_LITERAL("-");
    buf_printf(out, "%-10s %4.2f  %-17s %-28.*s ", alf_category_name(v->category), v->confidence,
               v->model, span_width(why), why.data);
    const char *p = event->message.data;
    const char *end = p + event->message.size;
    for (int shown = 0; p < end && shown < 400; shown++) {
        char bytes[4];
        uint32_t c = unicode_next(&p, end);
        bool control = c < 0x20 || (c >= 0x7f && c < 0xa0);
        buf_append(out, bytes, unicode_put(control ? ' ' : c, bytes));
    }
    buf_append_char(out, '\n');
}

void verdict_print(const verdict_style *style, const classifier *c, const log_event *event,
                   const verdict *v, double milliseconds, buf *out)
{
    if (style->text)
        print_text(event, v, out);
    else
        print_json(style, c, event, v, milliseconds, out);
}
