/* The options of lockstep-probe: taken one by one, and nothing tried. What they make of a request
 * is a request that can be written and read again. */
int lockstep_probe_main(int argc, char **argv);
#define main lockstep_probe_main
#include "agent/probe/main.c"
#undef main
#include "tests/fuzz/arguments.h"

static void must_be_sound(const struct lockstep_probe_request *request)
{
    MUST(request->present_count <= LOCKSTEP_PROBE_PRESENT_MAX);
    MUST(request->libraries_count <= LOCKSTEP_PROBE_LIBRARIES_MAX);
    MUST(strlen(request->extra) <= LOCKSTEP_EXTRA_MAX);
    for (size_t i = 0; i < request->present_count; i++) {
        const char *name = request->present[i].module.text;
        MUST(lockstep_name_valid(name, strlen(name)));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const first[] = {"lockstep-probe"};
    struct arguments_line line;
    struct arguments arguments = {.request_fd = -1, .request = lockstep_probe_request_new()};
    int option;
    bool well = true;
    MUST(arguments.request != NULL);
    arguments_be_quiet();
    arguments_take(&line, first, LOCKSTEP_COUNT(first), data, size);
    optind = 0; /* glibc: begin anew */
    while (well && (option = getopt_long(line.argc, line.argv, "", options, NULL)) != -1) {
        well = option != '?' && option != OPTION_HELP && option != OPTION_VERSION &&
               take_option(&arguments, option);
    }
    if (well) {
        must_be_sound(arguments.request);
    }
    (void)lockstep_probe_request_free(arguments.request);
    arguments_drop(&line);
    return 0;
}
