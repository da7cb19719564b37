/*
 * Verdicts as text. An object's members and their order are fixed, so commas, braces and names are
 * literals here; only what varies goes through the JSON writers.
 */
#include "classify/verdict_json.h"

#include "base/span.h"
#include "base/unicode.h"
#include "codec/json_write.h"

#include <stdio.h>
#include <string.h>

enum { CACHED_BITS = 6, CACHED = 1 << CACHED_BITS };

/* A name of the program's own, which holds nothing to escape. */
static void put_name(buf *out, const char *name)
{
    buf_append_char(out, '"');
    buf_append_string(out, name);
    buf_append_char(out, '"');
}

static void put_bool(buf *out, bool flag)
{
    if (flag)
        BUF_APPEND_LITERAL(out, "true");
    else
        BUF_APPEND_LITERAL(out, "false");
}

static void put_category(buf *out, alf_category category)
{
    put_name(out, alf_category_name(category));
}

/* The numbers written lately and their texts: logs of one kind get the same ones again and again,
 * and the confidence is mostly one of the probabilities. size 0: unused. */
typedef struct number_cache {
    uint64_t bits[CACHED];
    uint8_t size[CACHED];
    char text[CACHED][JSON_NUMBER_SIZE];
} number_cache;

static void put_number(buf *out, number_cache *cache, double number)
{
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    size_t at = (bits * UINT64_C(0x9E3779B97F4A7C15)) >> (64 - CACHED_BITS);
    if (cache->size[at] == 0 || cache->bits[at] != bits) {
        cache->bits[at] = bits;
        cache->size[at] = (uint8_t)json_format_double(number, cache->text[at]);
    }
    char *to = buf_reserve(out, JSON_NUMBER_SIZE);
    if (to == NULL)
        return;
    memcpy(to, cache->text[at], JSON_NUMBER_SIZE);
    out->size += cache->size[at];
}

static void put_probabilities(buf *out, number_cache *numbers, const double *probability)
{
    BUF_APPEND_LITERAL(out, "\"probabilities\":{\"critical\":");
    put_number(out, numbers, probability[ALF_CRITICAL]);
    BUF_APPEND_LITERAL(out, ",\"suspicious\":");
    put_number(out, numbers, probability[ALF_SUSPICIOUS]);
    BUF_APPEND_LITERAL(out, ",\"routine\":");
    put_number(out, numbers, probability[ALF_ROUTINE]);
    BUF_APPEND_LITERAL(out, ",\"noise\":");
    put_number(out, numbers, probability[ALF_NOISE]);
    buf_append_char(out, '}');
}

/* What each voter said and weighed; and how well the text model knows such texts. */
static void put_votes(buf *out, number_cache *numbers, const verdict *v)
{
    BUF_APPEND_LITERAL(out, ",\"votes\":{");
    bool first = true;
    for (int i = 0; i < COMPONENTS; i++) {
        if (!v->vote[i].present)
            continue;
        if (!first)
            buf_append_char(out, ',');
        first = false;
        put_name(out, classifier_component_names[i]);
        BUF_APPEND_LITERAL(out, ":{\"weight\":");
        put_number(out, numbers, v->weight[i]);
        buf_append_char(out, ',');
        put_probabilities(out, numbers, v->vote[i].probability);
        buf_append_char(out, '}');
    }
    buf_append_char(out, '}');
    if (v->text.present) {
        BUF_APPEND_LITERAL(out, ",\"unfamiliar_text\":");
        put_number(out, numbers, v->text.unfamiliar);
    }
}

static void put_explanation(buf *out, number_cache *numbers, const verdict_style *style,
                            const verdict *v)
{
    BUF_APPEND_LITERAL(out, ",\"explanation\":{\"decided_by\":");
    put_name(out, v->decided_by);
    if (v->rule.matched) {
        BUF_APPEND_LITERAL(out, ",\"matched_rule\":");
        json_put_string(out, v->rule.rule);
        BUF_APPEND_LITERAL(out, ",\"rule_category\":");
        put_category(out, v->rule.category);
    }
    if (v->safety_override)
        BUF_APPEND_LITERAL(out, ",\"safety_override\":true");
    if (v->compliance_bypassed) {
        BUF_APPEND_LITERAL(out, ",\"compliance_framework\":");
        json_put_string(out, v->compliance_framework);
        BUF_APPEND_LITERAL(out, ",\"compliance_rule\":");
        json_put_string(out, v->compliance_rule);
    }
    if (v->fail_reason != NULL) {
        BUF_APPEND_LITERAL(out, ",\"fail_open_reason\":");
        put_name(out, v->fail_reason);
    }
    if (style->explain)
        put_votes(out, numbers, v);
    buf_append_char(out, '}');
}

static void put_models_used(buf *out, const verdict *v)
{
    BUF_APPEND_LITERAL(out, ",\"models_used\":[");
    bool first = true;
    for (int i = 0; i < COMPONENTS; i++) {
        if (!(v->weight[i] > 0))
            continue;
        if (!first)
            buf_append_char(out, ',');
        first = false;
        put_name(out, classifier_component_names[i]);
    }
    buf_append_char(out, ']');
}

static void put_rule_component(buf *out, number_cache *numbers, const rule_match *rule)
{
    if (!rule->matched) {
        BUF_APPEND_LITERAL(
            out, "\"rule_based\":{\"category\":null,\"confidence\":0,\"matched_rule\":null}");
        return;
    }
    BUF_APPEND_LITERAL(out, "\"rule_based\":{\"category\":");
    put_category(out, rule->category);
    BUF_APPEND_LITERAL(out, ",\"confidence\":");
    put_number(out, numbers, rule->confidence);
    BUF_APPEND_LITERAL(out, ",\"matched_rule\":");
    json_put_string(out, rule->rule);
    buf_append_char(out, '}');
}

static void put_text_component(buf *out, const classifier *c, const text_result *text)
{
    BUF_APPEND_LITERAL(out, ",\"tfidf_xgboost\":{\"label\":");
    json_put_string(out, c->models.class_names[text->label]);
    BUF_APPEND_LITERAL(out, ",\"probabilities\":{");
    for (uint32_t i = 0; i < text->class_count; i++) {
        if (i > 0)
            buf_append_char(out, ',');
        json_put_string(out, c->models.class_names[i]);
        buf_append_char(out, ':');
        json_put_float(out, text->probability[i]);
    }
    BUF_APPEND_LITERAL(out, "}}");
}

static void put_anomaly_component(buf *out, number_cache *numbers, const anomaly_result *anomaly)
{
    BUF_APPEND_LITERAL(out, ",\"anomaly_detector\":{\"label\":");
    if (anomaly->label < 0)
        buf_append_char(out, '-');
    buf_append_char(out, '1');
    BUF_APPEND_LITERAL(out, ",\"score\":");
    put_number(out, numbers, anomaly->score);
    BUF_APPEND_LITERAL(out, ",\"decision\":");
    put_number(out, numbers, anomaly->decision);
    buf_append_char(out, '}');
}

static void put_components(buf *out, number_cache *numbers, const classifier *c, const verdict *v)
{
    BUF_APPEND_LITERAL(out, ",\"components\":{");
    put_rule_component(out, numbers, &v->rule);
    if (v->text.present)
        put_text_component(out, c, &v->text);
    if (v->anomaly.present)
        put_anomaly_component(out, numbers, &v->anomaly);
    buf_append_char(out, '}');
}

static void put_log(buf *out, const log_event *event)
{
    BUF_APPEND_LITERAL(out, ",\"log\":{");
    for (size_t i = 0; i < event->field_count; i++) {
        const log_field *field = &event->fields[i];
        if (i > 0)
            buf_append_char(out, ',');
        json_put_string(out, field->key);
        buf_append_char(out, ':');
        if (field->is_json)
            buf_append_span(out, field->value);
        else
            json_put_string(out, field->value);
    }
    buf_append_char(out, '}');
}

/* What is the same for all verdicts of a batch. */
typedef struct printer {
    const verdict_style *style;
    const classifier *classifier;
    char time[32]; /* the JSON text of processing_time_ms */
    size_t time_size;
    number_cache numbers;
} printer;

static void print_json(printer *p, const log_event *event, const verdict *v, buf *out)
{
    number_cache *numbers = &p->numbers;
    const verdict_style *style = p->style;
    BUF_APPEND_LITERAL(out, "{\"category\":");
    put_category(out, v->category);
    BUF_APPEND_LITERAL(out, ",\"confidence\":");
    put_number(out, numbers, v->confidence);
    BUF_APPEND_LITERAL(out, ",\"model\":");
    put_name(out, v->model);
    buf_append_char(out, ',');
    put_probabilities(out, numbers, v->probability);
    put_explanation(out, numbers, style, v);
    put_models_used(out, v);
    BUF_APPEND_LITERAL(out, ",\"compliance_bypassed\":");
    put_bool(out, v->compliance_bypassed);
    BUF_APPEND_LITERAL(out, ",\"fail_open_used\":");
    put_bool(out, v->fail_open_used);
    BUF_APPEND_LITERAL(out, ",\"processing_time_ms\":");
    buf_append(out, p->time, p->time_size);
    if (style->components)
        put_components(out, numbers, p->classifier, v);
    if (style->fields && event->field_count > 0)
        put_log(out, event);
    buf_append_char(out, '}');
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

static void printer_init(printer *p, const verdict_style *style, const classifier *c,
                         double milliseconds)
{
    int size = snprintf(p->time, sizeof p->time, "%.4f", milliseconds);
    p->time_size = size > 0 && (size_t)size < sizeof p->time ? (size_t)size : 0;
    p->style = style;
    p->classifier = c;
    memset(p->numbers.size, 0, sizeof p->numbers.size);
}

void verdict_print_object(const verdict_style *style, const classifier *c, const log_event *event,
                          const verdict *v, double milliseconds, buf *out)
{
    printer p;
    printer_init(&p, style, c, milliseconds);
    print_json(&p, event, v, out);
}

void verdict_print(const verdict_style *style, const classifier *c, const log_event *events,
                   const verdict *verdicts, size_t n, double milliseconds, buf *out)
{
    printer p;
    printer_init(&p, style, c, milliseconds);
    for (size_t i = 0; i < n; i++) {
        if (style->text) {
            print_text(&events[i], &verdicts[i], out);
            continue;
        }
        print_json(&p, &events[i], &verdicts[i], out);
        buf_append_char(out, '\n');
    }
}
