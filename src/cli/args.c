/* Command lines from one table per command. */
#include "cli/args.h"

#include "base/span.h"

#include <stdio.h>
#include <string.h>

static size_t option_count(const args_command *command)
{
    size_t n = 0;
    while (command->options[n].name != NULL)
        n++;
    return n;
}

static size_t find_option(const args_command *command, alf_span name)
{
    size_t n = option_count(command);
    for (size_t i = 0; i < n; i++)
        if (span_is(name, command->options[i].name))
            return i;
    return SIZE_MAX;
}

/* Takes one option; *i is the index of its last word. */
static alf_status take_option(const args_command *command, int argc, char **argv, int *i,
                              args_values *out, alf_error *err)
{
    const char *word = argv[*i] + 2;
    const char *equals = strchr(word, '=');
    alf_span name = span_of(word, equals != NULL ? (size_t)(equals - word) : strlen(word));
    size_t index = find_option(command, name);
    if (index == SIZE_MAX)
        return error_set(err, ALF_E_ARGUMENT, "unknown option --%.*s; see ai-log-filter %s --help",
                         span_width(name), name.data, command->name);
    if (out->value[index] != NULL)
        return error_set(err, ALF_E_ARGUMENT, "--%.*s is given twice", span_width(name), name.data);
    if (command->options[index].argument == NULL) {
        if (equals != NULL)
            return error_set(err, ALF_E_ARGUMENT, "--%.*s takes no value", span_width(name),
                             name.data);
        out->value[index] = "";
        return ALF_OK;
    }
    if (equals == NULL && *i + 1 >= argc)
        return error_set(err, ALF_E_ARGUMENT, "--%.*s needs a value: %s", span_width(name),
                         name.data, command->options[index].argument);
    out->value[index] = equals != NULL ? equals + 1 : argv[++*i];
    return ALF_OK;
}

static alf_status check_files(const args_command *command, const args_values *values,
                              alf_error *err)
{
    if (values->file_count < command->min_files)
        return error_set(err, ALF_E_ARGUMENT, "%s is missing; see ai-log-filter %s --help",
                         command->positional, command->name);
    if (values->file_count > command->max_files)
        return error_set(err, ALF_E_ARGUMENT, "unexpected argument \"%.100s\"",
                         values->files[command->max_files]);
    return ALF_OK;
}

alf_status args_parse(const args_command *command, int argc, char **argv, args_values *out,
                      bool *help, alf_error *err)
{
    *out = (args_values){.files = argv};
    *help = false;
    bool only_files = false;
    for (int i = 0; i < argc; i++) {
        char *word = argv[i];
        if (only_files || word[0] != '-' || word[1] == '\0')
            out->files[out->file_count++] = word;
        else if (strcmp(word, "--") == 0)
            only_files = true;
        else if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
            *help = true;
        else if (word[1] == '-')
            TRY(take_option(command, argc, argv, &i, out, err));
        else
            return error_set(err, ALF_E_ARGUMENT,
                             "unknown option %.50s; see ai-log-filter %s --help", word,
                             command->name);
    }
    return *help ? ALF_OK : check_files(command, out, err);
}

const char *args_value(const args_command *command, const args_values *values, const char *name)
{
    size_t i = find_option(command, span_from_string(name));
    return i == SIZE_MAX ? NULL : values->value[i];
}

bool args_flag(const args_command *command, const args_values *values, const char *name)
{
    return args_value(command, values, name) != NULL;
}

int args_exit_code(alf_status status)
{
    switch (status) {
    case ALF_OK:
        return EXIT_DONE;
    case ALF_E_MISMATCH:
        return EXIT_CHECK;
    case ALF_E_ARGUMENT:
    case ALF_E_CONFIG:
        return EXIT_USAGE;
    case ALF_E_NOT_FOUND:
    case ALF_E_FORMAT:
    case ALF_E_LIMIT:
    case ALF_E_UNSUPPORTED:
    case ALF_E_REFUSED:
    case ALF_E_IO:
        return EXIT_INPUT;
    case ALF_E_NOMEM:
    case ALF_E_INTERNAL:
        break;
    }
    return EXIT_SYSTEM;
}

/* ---- help ---- */

/* "--name ARG" */
static void put_option(buf *out, const args_option *option)
{
    buf_printf(out, "--%s%s%s", option->name, option->argument != NULL ? " " : "",
               option->argument != NULL ? option->argument : "");
}

static void put_usage(buf *out, const args_command *command)
{
    buf_printf(out, "Usage: ai-log-filter %s [OPTION ...]%s%s\n", command->name,
               command->positional[0] != '\0' ? " " : "", command->positional);
}

void args_help(const args_command *command, buf *out)
{
    put_usage(out, command);
    buf_printf(out, "\n%s\n\n%s\n\nOptions:\n", command->summary, command->description);
    for (const args_option *option = command->options; option->name != NULL; option++) {
        size_t start = out->size;
        buf_append_string(out, "  ");
        put_option(out, option);
        size_t used = out->size - start;
        buf_printf(out, "%*s%s\n", used < 26 ? (int)(26 - used) : 1, "", option->help);
    }
    buf_printf(out, "  --help                  this text\n\nExamples:\n");
    for (const char *line = command->examples; *line != '\0';) {
        size_t size = strcspn(line, "\n");
        buf_printf(out, "  %.*s\n", (int)size, line);
        line += size + (line[size] != '\0');
    }
}

/* Text for man(7): backslashes and leading dots escaped, blank lines as paragraphs, hyphens kept.
 */
static void put_roff(buf *out, const char *text)
{
    bool line_start = true;
    for (const char *p = text; *p != '\0'; p++) {
        if (p[0] == '\n' && p[1] == '\n') {
            buf_append_string(out, "\n.PP\n");
            p++;
            line_start = true;
            continue;
        }
        if (line_start && (*p == '.' || *p == '\''))
            buf_append_string(out, "\\&");
        line_start = *p == '\n';
        if (*p == '\\')
            buf_append_string(out, "\\e");
        else if (*p == '-')
            buf_append_string(out, "\\-");
        else
            buf_append_char(out, *p);
    }
}

static void put_manual_command(buf *out, const args_command *command)
{
    buf_printf(out, ".SS %s\n", command->name);
    put_roff(out, command->summary);
    buf_append_string(out, "\n.PP\n.B ai\\-log\\-filter ");
    put_roff(out, command->name);
    buf_append_string(out, "\n[OPTION ...] ");
    put_roff(out, command->positional);
    buf_append_string(out, "\n.PP\n");
    put_roff(out, command->description);
    buf_append_char(out, '\n');
    for (const args_option *option = command->options; option->name != NULL; option++) {
        buf name;
        buf_init(&name);
        put_option(&name, option);
        buf_append_char(&name, '\0');
        buf_append_string(out, ".TP\n.B ");
        put_roff(out, name.failed ? option->name : name.data);
        buf_append_char(out, '\n');
        put_roff(out, option->help);
        buf_append_char(out, '\n');
        buf_fini(&name);
    }
    buf_append_string(out, ".PP\nExamples:\n.PP\n.nf\n");
    put_roff(out, command->examples);
    buf_append_string(out, "\n.fi\n");
}

void args_manual(const args_command *const *commands, size_t count, buf *out)
{
    buf_printf(out,
               ".TH AI\\-LOG\\-FILTER 1 \"\" \"ai\\-log\\-filter %s\" \"User Commands\"\n"
               ".SH NAME\nai\\-log\\-filter \\- classify security logs in front of a SIEM\n"
               ".SH SYNOPSIS\n.B ai\\-log\\-filter\n.I COMMAND\n[OPTION ...] [ARGUMENT ...]\n"
               ".SH DESCRIPTION\n",
               ALF_VERSION);
    put_roff(out,
             "Converts joblib models of scikit-learn and XGBoost to ONNX without Python, proves "
             "the result equal to the original, and classifies logs as critical, suspicious, "
             "routine or noise.\n");
    buf_append_string(out, ".SH COMMANDS\n");
    for (size_t i = 0; i < count; i++)
        put_manual_command(out, commands[i]);
    buf_append_string(out, ".SH EXIT STATUS\n");
    buf_append_string(out, ".TP\n.B 0\ndone\n.TP\n.B 1\na check said no: invalid setup, mismatch\n"
                           ".TP\n.B 2\nwrong usage or configuration\n"
                           ".TP\n.B 3\nan input or model could not be read\n"
                           ".TP\n.B 4\nan internal or system failure\n");
}
