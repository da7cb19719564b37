/* Reads the rules file's YAML strictly: keys, types and ranges are checked, names are unique. */
#include "classify/rules_file.h"

#include "base/hash.h"
#include "base/span.h"

#include <stdlib.h>

static const char *const top_keys[] = {"version", "categories", "settings", "compliance", NULL};
static const char *const setting_keys[] = {"priority_order", "case_insensitive", "default_category",
                                           "default_confidence", NULL};
static const char *const rule_keys[] = {"name",       "pattern",     "patterns",
                                        "confidence", "description", NULL};

static alf_status find_category(const yaml_node *node, alf_span text, const char *name,
                                alf_category *out, alf_error *err)
{
    for (int c = 0; c < ALF_CATEGORIES; c++) {
        if (!span_is(text, alf_category_name((alf_category)c)))
            continue;
        *out = (alf_category)c;
        return ALF_OK;
    }
    return yaml_error(node, name, err,
                      "found \"%.*s\", expected critical, suspicious, routine or noise",
                      span_width(text), text.data);
}

/* Categories that the list leaves out follow in their usual order. */
static alf_status read_priority(const yaml_node *list, const char *name, rules_file *f,
                                alf_error *err)
{
    TRY(yaml_check_kind(list, YAML_KIND_LIST, name, err));
    bool seen[ALF_CATEGORIES] = {false};
    unsigned next = 0;
    for (const yaml_node *n = list->first; n != NULL; n = n->next) {
        alf_category category;
        TRY(yaml_check_kind(n, YAML_KIND_SCALAR, name, err));
        TRY(find_category(n, n->text, name, &category, err));
        if (seen[category])
            return yaml_error(n, name, err, "%s is there twice", alf_category_name(category));
        seen[category] = true;
        f->priority[category] = next++;
    }
    for (int c = 0; c < ALF_CATEGORIES; c++)
        if (!seen[c])
            f->priority[c] = next++;
    return ALF_OK;
}

static alf_status read_settings(const yaml_node *settings, const char *name, rules_file *f,
                                alf_error *err)
{
    TRY(yaml_check_keys(settings, setting_keys, name, err));
    const yaml_node *n = yaml_child(settings, "priority_order");
    if (n != NULL)
        TRY(read_priority(n, name, f, err));
    n = yaml_child(settings, "case_insensitive");
    if (n != NULL)
        TRY(yaml_get_bool(n, name, &f->case_insensitive, err));
    n = yaml_child(settings, "default_confidence");
    if (n != NULL)
        TRY(yaml_get_number(n, 0, 1, name, &f->default_confidence, err));
    n = yaml_child(settings, "default_category");
    if (n == NULL)
        return ALF_OK;
    alf_span text;
    TRY(yaml_get_string(n, name, &text, err));
    return find_category(n, text, name, &f->default_category, err);
}

alf_status rules_file_patterns(const yaml_node *map, const char *single, const char *many,
                               const char *name, const yaml_node **first, size_t *count,
                               alf_error *err)
{
    const yaml_node *one = yaml_child(map, single), *list = yaml_child(map, many);
    if ((one == NULL) == (list == NULL))
        return yaml_error(map, name, err, "expected either %s or %s", single, many);
    if (list != NULL) {
        TRY(yaml_check_kind(list, YAML_KIND_LIST, name, err));
        if (list->count == 0)
            return yaml_error(list, name, err, "an empty list; expected at least one pattern");
    }
    *first = one != NULL ? one : list->first;
    *count = one != NULL ? 1 : list->count;
    alf_span text;
    const yaml_node *n = *first;
    for (size_t i = 0; i < *count; i++, n = n->next)
        TRY(yaml_get_string(n, name, &text, err));
    return ALF_OK;
}

static alf_status read_rule(const yaml_node *node, const char *name, rule_def *rule, alf_error *err)
{
    TRY(yaml_check_keys(node, rule_keys, name, err));
    const yaml_node *n = yaml_child(node, "name");
    if (n == NULL)
        return yaml_error(node, name, err, "the rule has no name");
    TRY(yaml_get_string(n, name, &rule->name, err));
    n = yaml_child(node, "confidence");
    if (n == NULL)
        return yaml_error(node, name, err, "the rule has no confidence (a number from 0 to 1)");
    TRY(yaml_get_number(n, 0, 1, name, &rule->confidence, err));
    n = yaml_child(node, "description");
    if (n != NULL)
        TRY(yaml_get_string(n, name, &rule->description, err));
    return rules_file_patterns(node, "pattern", "patterns", name, &rule->patterns,
                               &rule->pattern_count, err);
}

static alf_status count_rules(const yaml_node *categories, const char *name, size_t *count,
                              alf_error *err)
{
    TRY(yaml_check_kind(categories, YAML_KIND_MAP, name, err));
    *count = 0;
    for (const yaml_node *c = categories->first; c != NULL; c = c->next) {
        alf_category category;
        TRY(find_category(c, c->key, name, &category, err));
        TRY(yaml_check_kind(c, YAML_KIND_LIST, name, err));
        *count += c->count;
        if (*count > RULES_MAX)
            return yaml_error(c, name, err, "more than %d rules", (int)RULES_MAX);
    }
    return ALF_OK;
}

static alf_status read_rules(const yaml_node *categories, const char *name, strmap *names,
                             rules_file *f, alf_error *err)
{
    for (const yaml_node *c = categories->first; c != NULL; c = c->next) {
        alf_category category;
        TRY(find_category(c, c->key, name, &category, err));
        for (const yaml_node *n = c->first; n != NULL; n = n->next) {
            rule_def *rule = &f->rules[f->count];
            TRY(read_rule(n, name, rule, err));
            rule->category = category;
            rule->order = (uint32_t)f->count++;
            f->pattern_count += rule->pattern_count;
            bool added;
            if (!strmap_put(names, rule->name, 0, &added))
                return error_nomem(err, "rules");
            if (!added)
                return yaml_error(n, name, err, "a second rule with the name \"%.*s\"",
                                  span_width(rule->name), rule->name.data);
        }
    }
    return ALF_OK;
}

static int compare_rules(const void *a, const void *b)
{
    const rule_def *x = a, *y = b;
    if (x->priority != y->priority)
        return x->priority < y->priority ? -1 : 1;
    if (x->confidence < y->confidence || x->confidence > y->confidence)
        return x->confidence > y->confidence ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

static alf_status read_all(const yaml_node *root, const char *name, arena *memory, rules_file *f,
                           alf_error *err)
{
    const yaml_node *settings = yaml_child(root, "settings");
    const yaml_node *categories = yaml_child(root, "categories");
    if (settings != NULL)
        TRY(read_settings(settings, name, f, err));
    if (categories == NULL)
        return yaml_error(root, name, err, "no \"categories\": the rules are missing");
    size_t count;
    TRY(count_rules(categories, name, &count, err));
    f->rules = arena_alloc(memory, count, sizeof *f->rules);
    if (f->rules == NULL)
        return error_nomem(err, "rules");
    strmap names;
    strmap_init(&names);
    alf_status status = read_rules(categories, name, &names, f, err);
    strmap_fini(&names);
    return status;
}

alf_status rules_file_read(const yaml_node *root, const char *name, arena *memory, rules_file *out,
                           alf_error *err)
{
    *out = (rules_file){
        .case_insensitive = true, .default_category = ALF_ROUTINE, .default_confidence = 0.5};
    for (unsigned c = 0; c < ALF_CATEGORIES; c++)
        out->priority[c] = c;
    if (root == NULL) {
        error_set(err, ALF_E_CONFIG, "the file is empty; expected \"categories\" with rules");
        error_file(err, name);
        return ALF_E_CONFIG;
    }
    TRY(yaml_check_keys(root, top_keys, name, err));
    TRY(read_all(root, name, memory, out, err));
    for (size_t i = 0; i < out->count; i++)
        out->rules[i].priority = out->priority[out->rules[i].category];
    if (out->count > 1)
        qsort(out->rules, out->count, sizeof *out->rules, compare_rules);
    return ALF_OK;
}
