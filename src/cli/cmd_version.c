/* version: the program's version and what it was built with. */
#include "cli/commands.h"

#include "convert/support.h"
#include "engine/operators_support.h"

#include <stdio.h>

static const args_option options[] = {
    {"support", NULL, "print what can be converted and run, as Markdown tables"},
    {NULL, NULL, NULL}};

static int print_support(void)
{
    buf text;
    buf_init(&text);
    support_write(&text);
    operators_write(&text);
    int code = !text.failed && command_print(buf_span(&text)) ? EXIT_DONE : EXIT_SYSTEM;
    buf_fini(&text);
    return code;
}

static int run(const args_values *values)
{
    if (args_flag(&command_version, values, "support"))
        return print_support();
    char text[64];
    int n = snprintf(text, sizeof text, "ai-log-filter %s\n", ALF_VERSION);
    return command_print((alf_span){text, (size_t)n}) ? EXIT_DONE : EXIT_SYSTEM;
}

const args_command command_version = {
    .name = "version",
    .summary = "Print the version.",
    .positional = "",
    .options = options,
    .description = "Prints the name and version of the program, or what it can convert and\n"
                   "which operators of ONNX it runs.",
    .examples = "ai-log-filter version\n"
                "ai-log-filter version --support",
    .run = run};
