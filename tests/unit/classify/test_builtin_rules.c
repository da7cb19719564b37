/* src/classify/builtin_rules.c: that it is what the rules file and the gate come to now, and that
 * it answers as they do when they are read. Run with --write FILE it writes that file instead. */
#include "classify/builtin_rules.h"

#include "base/buf.h"
#include "base/embedded.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/span.h"
#include "classify/rules.h"
#include "classify/rules_file.h"
#include "classify/ruleset.h"
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 98 };

static const char *const category_names[] = {"ALF_CRITICAL", "ALF_SUSPICIOUS", "ALF_ROUTINE",
                                             "ALF_NOISE"};

/* ---- writing C ---- */

static void put_char(buf *out, unsigned char c)
{
    if (c == '"' || c == '\\' || c == '?') /* "?" for trigraphs */
        buf_printf(out, "\\%c", c);
    else if (c < ' ' || c >= 127)
        buf_printf(out, "\\%03o", c);
    else
        buf_append_char(out, (char)c);
}

static void put_string(buf *out, const char *text, size_t size)
{
    buf_append_char(out, '"');
    for (size_t i = 0; i < size; i++)
        put_char(out, (unsigned char)text[i]);
    buf_append_char(out, '"');
}

/* A full text is no string: there is no room for its NUL. */
static void put_literal(buf *out, const image_literal *l)
{
    buf_append_char(out, '{');
    if (l->size < LITERAL_MAX_BYTES)
        put_string(out, (const char *)l->text, l->size);
    for (size_t i = 0; l->size == LITERAL_MAX_BYTES && i < l->size; i++)
        buf_printf(out, "%s%d", i == 0 ? "{" : ", ", l->text[i]);
    buf_printf(out, "%s, %d, %d, %u, %u},", l->size == LITERAL_MAX_BYTES ? "}" : "", l->size,
               l->gram_at, l->entries, l->count);
}

/* Adds an item of a list, on the same line while there is room. */
static void put_item(buf *out, size_t *line, const buf *item)
{
    bool fits = *line > 0 && out->size - *line + 1 + item->size <= WIDTH;
    buf_append_string(out, fits ? " " : "\n   ");
    if (!fits) {
        *line = out->size - 3;
        buf_append_char(out, ' ');
    }
    buf_append_span(out, buf_span(item));
}

/* In as few digits as give the same number. */
static void put_number(buf *out, double value)
{
    char text[360]; /* room for what the compiler cannot rule out */
    int digits = 1;
    do
        (void)snprintf(text, sizeof text, "%.*g", digits++, value);
    while (memcmp(&(double){strtod(text, NULL)}, &value, sizeof value) != 0);
    buf_append_string(out, text);
}

typedef void (*write_item)(buf *out, const void *from, size_t i);

static void put_list(buf *out, const char *head, size_t count, write_item write, const void *from)
{
    size_t line = 0;
    buf item;
    buf_init(&item);
    buf_append_string(out, head);
    for (size_t i = 0; i < count; i++) {
        buf_clear(&item);
        write(&item, from, i);
        put_item(out, &line, &item);
    }
    buf_append_string(out, "\n};\n\n");
    buf_fini(&item);
}

static void write_rule(buf *out, const void *from, size_t i)
{
    const rule_def *rule = (const rule_def *)from + i;
    buf_append_char(out, '{');
    put_string(out, rule->name.data, rule->name.size);
    buf_printf(out, ", %s, %zu, ", category_names[rule->category], rule->pattern_count);
    put_number(out, rule->confidence);
    buf_append_string(out, "},");
}

static void write_pattern(buf *out, const void *from, size_t i)
{
    const pattern_spec *spec = (const pattern_spec *)from + i;
    put_string(out, spec->text.data, spec->text.size);
    buf_append_char(out, ',');
}

static void write_clause(buf *out, const void *from, size_t i)
{
    const image_clause *c = (const image_clause *)from + i;
    buf_printf(out, "{%u, %u, %uU, %u},", c->pattern, c->groups, c->reach, c->gram_at);
}

static void write_literal(buf *out, const void *from, size_t i)
{
    put_literal(out, (const image_literal *)from + i);
}

static void write_entry(buf *out, const void *from, size_t i)
{
    const image_entry *e = (const image_entry *)from + i;
    buf_printf(out, "{%u, %u},", e->clause, e->group);
}

/* ---- computing ---- */

typedef struct source {
    arena memory;
    yaml_node *root;
    rules_file file;
    pattern_list list;
    rules *rules;
    size_t rule_patterns;
    compliance *gate;
    pattern_set *set;
} source;

static void open_source(source *s)
{
    alf_error err;
    size_t bad;
    *s = (source){.root = NULL};
    arena_init(&s->memory, 0);
    assert_int_equal(yaml_doc_parse(embedded_rules, "rules.yaml", &s->memory, &s->root, &err),
                     ALF_OK);
    /* The table has no place for changes of the gate. */
    assert_null(yaml_child(s->root, "compliance"));
    assert_int_equal(rules_file_read(s->root, "rules.yaml", &s->memory, &s->file, &err), ALF_OK);
    assert_int_equal(rules_read(s->root, "rules.yaml", true, &s->list, &s->rules, &err), ALF_OK);
    s->rule_patterns = s->list.count;
    assert_int_equal(compliance_read(NULL, "rules.yaml", &s->list, &s->gate, &err), ALF_OK);
    assert_int_equal(pattern_set_new(s->list.specs, s->list.count, true, &s->set, &bad, &err),
                     ALF_OK);
}

static void close_source(source *s)
{
    pattern_set_free(s->set);
    compliance_free(s->gate);
    rules_free(s->rules);
    pattern_list_fini(&s->list);
    arena_fini(&s->memory);
}

static void put_head(buf *out)
{
    buf_append_string(
        out,
        "/* Written by `make builtin-rules` from configs/rules.yaml and the built-in gate: do\n"
        " * not edit (builtin_rules.h). */\n"
        "#include \"classify/builtin_rules.h\"\n\n"
        "/* clang-format off */\n");
}

static void put_table(buf *out, const source *s)
{
    const pattern_image *image = pattern_set_image(s->set);
    buf_printf(out,
               "const builtin_rules builtin_rules_table = {\n"
               "    .hash = UINT64_C(0x%016llx),\n"
               "    .gate_hash = UINT64_C(0x%016llx),\n"
               "    .rules = rules,\n"
               "    .patterns = patterns,\n"
               "    .rule_count = %zu,\n"
               "    .caseless = %s,\n"
               "    .default_category = %s,\n"
               "    .default_confidence = ",
               (unsigned long long)hash_bytes(embedded_rules.data, embedded_rules.size, 0),
               (unsigned long long)pattern_specs_hash(s->list.specs + s->rule_patterns,
                                                      s->list.count - s->rule_patterns),
               s->file.count, s->file.case_insensitive ? "true" : "false",
               category_names[s->file.default_category]);
    put_number(out, s->file.default_confidence);
    buf_printf(out,
               ",\n    .messages = {\n"
               "        .clauses = clauses,\n"
               "        .literals = literals,\n"
               "        .entries = entries,\n"
               "        .clause_count = %u,\n"
               "        .literal_count = %u,\n"
               "        .entry_count = %u,\n"
               "    },\n"
               "};\n",
               image->clause_count, image->literal_count, image->entry_count);
}

static void make_text(buf *out)
{
    source s;
    open_source(&s);
    const pattern_image *image = pattern_set_image(s.set);
    put_head(out);
    put_list(out, "static const builtin_rule rules[] = {", s.file.count, write_rule, s.file.rules);
    put_list(out, "static const char *const patterns[] = {", s.rule_patterns, write_pattern,
             s.list.specs);
    put_list(out, "static const image_clause clauses[] = {", image->clause_count, write_clause,
             image->clauses);
    put_list(out, "static const image_literal literals[] = {", image->literal_count, write_literal,
             image->literals);
    put_list(out, "static const image_entry entries[] = {", image->entry_count, write_entry,
             image->entries);
    put_table(out, &s);
    close_source(&s);
    assert_int_equal(buf_status(out, NULL), ALF_OK);
}

/* ---- tests ---- */

static void file_is_current(void **state)
{
    (void)state;
    buf made, there;
    alf_error err;
    buf_init(&made);
    buf_init(&there);
    make_text(&made);
    assert_int_equal(
        file_read(ALF_TEST_SOURCE_DIR "/src/classify/builtin_rules.c", 4 << 20, &there, &err),
        ALF_OK);
    if (!span_equal(buf_span(&made), buf_span(&there)))
        fail_msg("src/classify/builtin_rules.c is not about these rules: make builtin-rules");
    buf_fini(&made);
    buf_fini(&there);
}

typedef struct opened {
    ruleset *r;
    ruleset_scratch *s;
} opened;

static opened open_text(alf_span text)
{
    opened o;
    alf_error err;
    assert_int_equal(ruleset_parse(text, "rules", RULESET_ALL, &o.r, &err), ALF_OK);
    o.s = ruleset_scratch_new(o.r);
    assert_non_null(o.s);
    return o;
}

static void close_opened(opened *o)
{
    ruleset_scratch_free(o->s);
    ruleset_free(o->r);
}

typedef struct answer {
    rule_match rule;
    compliance_match gate;
} answer;

static answer ask(opened *o, alf_span line)
{
    answer a;
    alf_error err;
    ruleset_scan(o->r, o->s, line);
    assert_int_equal(ruleset_match(o->r, o->s, &a.rule, &err), ALF_OK);
    assert_int_equal(ruleset_gate(o->r, o->s, SPAN_LITERAL("src"), &a.gate, &err), ALF_OK);
    return a;
}

static void compare_lines(opened *table, opened *read, alf_span text)
{
    size_t matched = 0;
    for (size_t begin = 0; begin < text.size;) {
        const char *end = memchr(text.data + begin, '\n', text.size - begin);
        size_t size = end != NULL ? (size_t)(end - text.data) - begin : text.size - begin;
        answer a = ask(table, span_of(text.data + begin, size));
        answer b = ask(read, span_of(text.data + begin, size));
        assert_int_equal(a.rule.matched, b.rule.matched);
        assert_int_equal(a.rule.category, b.rule.category);
        assert_memory_equal(&a.rule.confidence, &b.rule.confidence, sizeof a.rule.confidence);
        assert_true(span_equal(a.rule.rule, b.rule.rule));
        assert_int_equal(a.gate.covered, b.gate.covered);
        assert_true(!a.gate.covered || span_equal(a.gate.rule, b.gate.rule));
        matched += a.rule.matched;
        begin += size + 1;
    }
    assert_true(matched > 50);
}

/* A copy of the text is read, not taken from the table. */
static void answers_are_the_same(void **state)
{
    (void)state;
    char *copy = malloc(embedded_rules.size);
    assert_non_null(copy);
    memcpy(copy, embedded_rules.data, embedded_rules.size);
    opened table = open_text(embedded_rules);
    opened read = open_text(span_of(copy, embedded_rules.size));
    assert_int_equal(ruleset_rule_count(table.r), ruleset_rule_count(read.r));
    assert_int_equal(ruleset_gate_count(table.r), ruleset_gate_count(read.r));
    compare_lines(&table, &read, embedded_parity);
    compare_lines(&table, &read, embedded_rules);
    close_opened(&table);
    close_opened(&read);
    free(copy);
}

static void short_of_memory(void **state)
{
    (void)state;
    alf_error err;
    alf_status status = ALF_E_NOMEM;
    uint64_t n = 0;
    while (status == ALF_E_NOMEM) {
        ruleset *r = NULL;
        mem_fail_after(++n);
        status = ruleset_parse(embedded_rules, "rules", RULESET_ALL, &r, &err);
        mem_fail_after(0);
        ruleset_free(r);
        assert_true(n < 2000);
    }
    assert_int_equal(status, ALF_OK);
    assert_true(n > 10);
}

static int write_file(const char *path)
{
    buf made;
    buf_init(&made);
    make_text(&made);
    FILE *f = fopen(path, "wb");
    bool good = f != NULL && fwrite(made.data, 1, made.size, f) == made.size;
    good = (f == NULL || fclose(f) == 0) && good;
    buf_fini(&made);
    if (!good)
        perror(path);
    return good ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--write") == 0)
        return write_file(argv[2]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(file_is_current),
        cmocka_unit_test(answers_are_the_same),
        cmocka_unit_test(short_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
