/* GET /openapi.json: paths from the route table, schemas from the table here. */
#include "base/span.h"
#include "codec/json_write.h"
#include "serve/route.h"

#include <stdlib.h>
#include <string.h>

typedef struct schema {
    const char *name;
    const char *json;
} schema;

#define OBJECT(required, properties)                                                               \
    "{\"type\":\"object\",\"required\":[" required "],\"properties\":{" properties "}}"
#define REF(name)  "{\"$ref\":\"#/components/schemas/" name "\"}"
#define LIST(item) "{\"type\":\"array\",\"items\":" item "}"
#define MAP(item)  "{\"type\":\"object\",\"additionalProperties\":" item "}"
#define STRING     "{\"type\":\"string\"}"
#define NUMBER     "{\"type\":\"number\"}"
#define COUNT      "{\"type\":\"integer\",\"minimum\":0}"
#define BOOLEAN    "{\"type\":\"boolean\"}"
#define CATEGORY                                                                                   \
    "{\"type\":\"string\",\"enum\":[\"critical\",\"suspicious\",\"routine\",\"noise\"]}"
#define STATE "{\"type\":\"string\",\"enum\":[\"healthy\",\"degraded\",\"unhealthy\"]}"
#define SHARE "{\"type\":\"number\",\"minimum\":0,\"maximum\":1}"

static const schema schemas[] = {
    {"Root", OBJECT("\"name\",\"version\"", "\"name\":" STRING ",\"version\":" STRING
                                            ",\"api\":" STRING ",\"health\":" STRING)},
    {"Log", "{\"description\":\"{\\\"log\\\": LOG}, where LOG is a line or an object; or a log as "
            "an object, such as {\\\"message\\\": TEXT, \\\"source\\\": NAME, \\\"timestamp\\\": "
            "TIME}\",\"type\":\"object\",\"minProperties\":1,\"properties\":{\"log\":{\"type\":"
            "[\"string\",\"object\"]},\"message\":{},\"source\":{},\"timestamp\":{}}}"},
    {"Batch", OBJECT("\"logs\"",
                     "\"logs\":{\"type\":\"array\",\"items\":{\"type\":[\"string\",\"object\"]}}")},
    {"Verdict", OBJECT("\"category\",\"confidence\",\"model\",\"probabilities\",\"explanation\"",
                       "\"category\":" CATEGORY ",\"confidence\":" SHARE ",\"model\":" STRING
                       ",\"probabilities\":" OBJECT(
                           "\"critical\",\"suspicious\",\"routine\",\"noise\"",
                           "\"critical\":" SHARE ",\"suspicious\":" SHARE ",\"routine\":" SHARE
                           ",\"noise\":" SHARE) ",\"explanation\":"
                                                "{\"type\":\"object\",\"required\":[\"decided_by\"]"
                                                ",\"properties\":{\"decided_by\":" STRING
                                                "}},\"models_used\":" LIST(
                                                    STRING) ",\"compliance_bypassed\":" BOOLEAN
                                                            ",\"fail_open_used\":" BOOLEAN
                                                            ",\"processing_time_ms\":" NUMBER)},
    {"BatchVerdicts", OBJECT("\"results\",\"processing_time_ms\",\"total_logs\"",
                             "\"results\":" LIST(REF("Verdict")) ",\"processing_time_ms\":" NUMBER
                                                                 ",\"total_logs\":" COUNT)},
    {"Model", OBJECT("\"loaded\",\"circuit_open\"",
                     "\"loaded\":" BOOLEAN ",\"circuit_open\":" BOOLEAN ",\"model_format\":" STRING
                     ",\"fell_back\":" BOOLEAN ",\"size_kb\":" NUMBER ",\"improvement\":" NUMBER)},
    {"Proof", OBJECT("\"replayed_logs\"", "\"replayed_logs\":" COUNT ",\"not_proved\":" STRING)},
    {"Models",
     OBJECT("\"models\",\"inference_engine\",\"generation\",\"path\",\"files\",\"proof\"",
            "\"models\":" MAP(REF(
                "Model")) ",\"inference_engine\":" STRING ",\"generation\":" COUNT
                          ",\"loaded_at\":" STRING ",\"path\":" STRING ",\"rules\":" COUNT
                          ",\"rules_built_in\":" BOOLEAN
                          ",\"classes\":" LIST(STRING) ",\"files\":" LIST(OBJECT(
                              "\"name\",\"path\",\"size_bytes\"",
                              "\"name\":" STRING ",\"path\":" STRING
                              ",\"size_bytes\":" COUNT)) ",\"proof\":" REF("Proof") ",\"manifest\":"
                                                                                    "{\"type\":"
                                                                                    "\"object\"}")},
    {"Stats",
     OBJECT(
         "\"logs\",\"fail_open\",\"models\",\"categories\",\"reloads\"",
         "\"uptime_seconds\":" COUNT ",\"logs\":" COUNT ",\"fail_open\":" COUNT
         ",\"compliance_bypassed\":" COUNT ",\"models\":" MAP(OBJECT(
             "\"logs\",\"failures\",\"avg_inference_time_ms\"",
             "\"logs\":" COUNT ",\"failures\":" COUNT
             ",\"avg_inference_time_ms\":" NUMBER)) ",\"categories\":" MAP(COUNT) ",\"reloads\""
                                                                                  ":" OBJECT(
                                                                                      "\"don"
                                                                                      "e\","
                                                                                      "\"fai"
                                                                                      "led"
                                                                                      "\"",
                                                                                      "\"don"
                                                                                      "e\""
                                                                                      ":" COUNT
                                                                                      ",\"fa"
                                                                                      "iled"
                                                                                      "\""
                                                                                      ":" COUNT
                                                                                      ",\"la"
                                                                                      "st_"
                                                                                      "error"
                                                                                      "\""
                                                                                      ":" STRING
                                                                                      ",\"la"
                                                                                      "st_"
                                                                                      "faile"
                                                                                      "d_"
                                                                                      "at\""
                                                                                      ":" STRING))},
    {"Feedback", OBJECT("\"log\",\"category\"",
                        "\"log\":{\"type\":[\"string\",\"object\"]},\"category\":" CATEGORY
                        ",\"predicted\":" CATEGORY ",\"comment\":" STRING)},
    {"Stored", OBJECT("\"status\"", "\"status\":{\"const\":\"stored\"}")},
    {"Reloaded",
     OBJECT("\"status\",\"generation\"",
            "\"status\":{\"const\":\"reloaded\"},\"generation\":" COUNT ",\"warning\":" STRING)},
    {"Shadow",
     OBJECT(
         "\"state\",\"generation\",\"live\"",
         "\"state\":{\"enum\":[\"none\",\"running\",\"resting\",\"promoted\"]}"
         ",\"generation\":" COUNT ",\"since\":" STRING ",\"share\":" SHARE
         ",\"live\":" REF("ShadowBundle") ",\"candidate\":" REF("ShadowBundle") ",\"counts\":" REF("ShadowCounts") ",\"promotion\":" REF(
             "ShadowOutlook") ",\"samples\":" LIST(REF("ShadowSample")) ",\"configuration\":" MAP(STRING))},
    {"ShadowOutlook", OBJECT("\"allowed\",\"reason\",\"least_logs\",\"least_criticals\"",
                             "\"allowed\":" BOOLEAN ",\"reason\":" STRING ",\"least_logs\":" COUNT
                             ",\"least_criticals\":" COUNT)},
    {"ShadowBundle", OBJECT("\"path\",\"sha256\"", "\"path\":" STRING ",\"rules_path\":" STRING
                                                   ",\"sha256\":" MAP(STRING))},
    {"ShadowCounts",
     OBJECT("\"compared\",\"disagreements\",\"criticals\",\"criticals_lowered\","
            "\"forwarded_lowered\",\"skipped\",\"by_live_then_candidate\"",
            "\"compared\":" COUNT ",\"disagreements\":" COUNT ",\"criticals\":" COUNT
            ",\"criticals_lowered\":" COUNT ",\"forwarded_lowered\":" COUNT
            ",\"skipped\":" MAP(COUNT) ",\"by_live_then_candidate\":" MAP(MAP(COUNT)))},
    {"ShadowSample",
     OBJECT("\"time\",\"live\",\"candidate\",\"message\",\"message_bytes\"",
            "\"time\":" STRING ",\"live\":" REF("ShadowVerdict") ",\"candidate\":" REF(
                "ShadowVerdict") ",\"message\":" STRING ",\"message_bytes\":" COUNT)},
    {"ShadowVerdict",
     OBJECT("\"category\",\"confidence\"", "\"category\":" CATEGORY ",\"confidence\":" SHARE)},
    {"Promotion", OBJECT("", "\"force\":" BOOLEAN)},
    {"Promoted", OBJECT("\"status\",\"generation\",\"counts\",\"configuration\"",
                        "\"status\":{\"const\":\"promoted\"},\"generation\":" COUNT
                        ",\"counts\":" REF("ShadowCounts") ",\"advice\":" STRING
                                                           ",\"configuration\":" MAP(STRING))},
    {"Health",
     OBJECT("\"status\",\"healthy\",\"models\",\"inference_engine\",\"components\"",
            "\"status\":" STATE ",\"healthy\":" BOOLEAN ",\"version\":" STRING
            ",\"uptime_seconds\":" COUNT ",\"generation\":" COUNT ",\"inference_engine\":" STRING
            ",\"models\":" MAP(REF("Model")) ",\"components\":" LIST(
                OBJECT("\"name\",\"status\",\"detail\"",
                       "\"name\":" STRING ",\"status\":" STATE ",\"detail\":" STRING)))},
    {"Status", OBJECT("\"status\"", "\"status\":" STRING)},
    {"MetricsSummary",
     OBJECT("\"status\",\"logs_processed\",\"fail_open\",\"categories\"",
            "\"status\":" STATE ",\"uptime_seconds\":" COUNT ",\"logs_processed\":" COUNT
            ",\"fail_open\":" COUNT ",\"avg_inference_time_ms\":" NUMBER ",\"connections\":" COUNT
            ",\"categories\":" MAP(COUNT))},
    {"OpenApi",
     OBJECT("\"openapi\",\"paths\"", "\"openapi\":" STRING ",\"paths\":{\"type\":\"object\"}")},
    {"Error", OBJECT("\"detail\"", "\"detail\":" STRING)},
};

static void put_string(json_writer *w, const char *key, const char *value)
{
    json_write_key(w, key);
    json_write_cstring(w, value);
}

static void begin_object(json_writer *w, const char *key)
{
    json_write_key(w, key);
    json_write_begin_object(w);
}

/* "content": {TYPE: {"schema": ...}} */
static void put_content(json_writer *w, const char *const *types, size_t count, const char *name)
{
    begin_object(w, "content");
    for (size_t i = 0; i < count; i++) {
        begin_object(w, types[i]);
        begin_object(w, "schema");
        if (i > 0 || name == NULL)
            put_string(w, "type", "string");
        else {
            char reference[128] = "#/components/schemas/";
            (void)strncat(reference, name, sizeof reference - strlen(reference) - 1);
            put_string(w, "$ref", reference);
        }
        json_write_end_object(w);
        json_write_end_object(w);
    }
    json_write_end_object(w);
}

/* The further types of bodies and answers of a route. */
static size_t types_of(const route *r, bool answer, const char *types[4])
{
    size_t count = 0;
    types[count++] = answer && r->answers == NULL ? "text/plain" : "application/json";
    if (r->body == BODY_LOGS) {
        types[count++] = "application/x-ndjson";
        if (!answer)
            types[count++] = "text/csv";
    }
    if (!answer && (r->body == BODY_LOGS || strcmp(r->path, "/classify") == 0))
        types[count++] = "text/plain";
    return count;
}

static void put_answers(json_writer *w, const route *r)
{
    static const char *const json[] = {"application/json"};
    const char *types[4];
    begin_object(w, "responses");
    begin_object(w, "200");
    put_string(w, "description", "Done.");
    put_content(w, types, types_of(r, true, types), r->answers);
    json_write_end_object(w);
    for (const char *p = r->statuses; *p != '\0'; p += strcspn(p, " "), p += *p == ' ') {
        json_write_key_span(w, span_of(p, 3));
        json_write_begin_object(w);
        /* An unhealthy service says so in the shape of its healthy answer. */
        bool same = strncmp(p, "503", 3) == 0 && r->body == BODY_NONE && r->access == ACCESS_OPEN;
        put_string(w, "description", same ? "Not now." : "Refused.");
        put_content(w, json, 1, same ? r->answers : "Error");
        json_write_end_object(w);
    }
    json_write_end_object(w);
}

static void put_style(json_writer *w)
{
    static const char *const names[] = {"components", "explain", "log"};
    json_write_key(w, "parameters");
    json_write_begin_array(w);
    for (size_t i = 0; i < 3; i++) {
        json_write_begin_object(w);
        put_string(w, "name", names[i]);
        put_string(w, "in", "query");
        put_string(w, "description", "1 or true: add this to each verdict.");
        json_write_key(w, "schema");
        json_write_raw(w, SPAN_LITERAL(STRING));
        json_write_end_object(w);
    }
    json_write_end_array(w);
}

static void put_route(json_writer *w, const route *r)
{
    const char *types[4];
    begin_object(w, r->method == HTTP_POST ? "post" : "get");
    put_string(w, "operationId", r->id);
    put_string(w, "summary", r->summary);
    if (strncmp(r->path, "/classify", 9) == 0)
        put_style(w);
    json_write_key(w, "security");
    json_write_raw(w, r->access == ACCESS_OPEN ? SPAN_LITERAL("[]")
                                               : SPAN_LITERAL("[{\"token\":[]},{}]"));
    if (r->request != NULL) {
        begin_object(w, "requestBody");
        json_write_key(w, "required");
        json_write_bool(w, r->access != ACCESS_ADMIN);
        put_content(w, types, types_of(r, false, types), r->request);
        json_write_end_object(w);
    }
    put_answers(w, r);
    json_write_end_object(w);
}

static void put_document(json_writer *w)
{
    json_write_begin_object(w);
    put_string(w, "openapi", "3.1.0");
    begin_object(w, "info");
    put_string(w, "title", "ai-log-filter");
    put_string(w, "version", ALF_VERSION);
    put_string(w, "description", "Classifies security logs in front of a SIEM.");
    json_write_end_object(w);
    begin_object(w, "paths");
    for (size_t i = 0; i < route_count; i++) { /* each path has one method */
        begin_object(w, routes[i].path);
        put_route(w, &routes[i]);
        json_write_end_object(w);
    }
    json_write_end_object(w);
    begin_object(w, "components");
    begin_object(w, "securitySchemes");
    json_write_key(w, "token");
    json_write_raw(w, SPAN_LITERAL("{\"type\":\"http\",\"scheme\":\"bearer\"}"));
    json_write_end_object(w);
    begin_object(w, "schemas");
    for (size_t i = 0; i < sizeof schemas / sizeof schemas[0]; i++) {
        json_write_key(w, schemas[i].name);
        json_write_raw(w, span_from_string(schemas[i].json));
    }
    json_write_end_object(w);
    json_write_end_object(w);
    json_write_end_object(w);
}

void api_openapi(connection *c, alf_span body)
{
    buf out;
    json_writer w;
    (void)body;
    buf_init(&out);
    json_write_init(&w, &out, false);
    put_document(&w);
    buf_append_char(&out, '\n');
    reply_json(c, 200, &out);
    buf_fini(&out);
}
