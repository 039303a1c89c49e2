#include "tests/tidy/tidy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOTHING    RULE_COUNT
#define TEXT_MAX   16384
#define BODY(rows) "void f(void)\n{\n" rows "}\n"
#define TEN(row)   row row row row row row row row row row

/* A snippet, the path it pretends to have, and the one rule that must find it. */
static const struct row {
    const char *name;
    const char *path;
    const char *text;
    enum rule found;
} rows[] = {
    {"core includes its own room", "agent/core/a.c", "#include \"common/core/sm.h\"\n", NOTHING},
    {"core includes io", "agent/core/a.c", "#include \"common/io/loop.h\"\n", RULE_INCLUDE},
    {"base includes tbl", "common/base/a.c", "#include \"common/tbl/no.h\"\n", RULE_INCLUDE},
    {"agent includes coordinator", "agent/a.c", "#include \"coordinator/store.h\"\n", RULE_INCLUDE},
    {"coordinator includes agent", "coordinator/a.c", "#include \"agent/a.h\"\n", RULE_INCLUDE},
    {"cli includes store", "coordinator/cli/a.c", "#include \"coordinator/store.h\"\n",
     RULE_INCLUDE},
    {"cli includes core", "coordinator/cli/a.c", "#include \"coordinator/core/part.h\"\n",
     RULE_INCLUDE},
    {"daemon includes cli", "coordinator/a.c", "#include \"coordinator/cli/a.h\"\n", RULE_INCLUDE},
    {"host includes io", "agent/host/a.c", "#include \"common/io/log.h\"\n", RULE_INCLUDE},
    {"public header includes base", "agent/host/include/lockstep/a.h",
     "#include \"common/base/attr.h\"\n", RULE_INCLUDE},
    {"driver includes its core", "agent/driver.c", "#include \"agent/core/agent.h\"\n", NOTHING},
    {"agent maps no module code", "agent/a.c", "#include \"agent/host/gate.h\"\n", RULE_INCLUDE},
    {"core uses stdio", "common/core/a.c", "#include <stdio.h>\n", RULE_SYSTEM_INCLUDE},
    {"core uses string", "common/core/a.c", "#include <string.h>\n", NOTHING},
    {"host uses sodium", "agent/host/a.c", "#include <sodium.h>\n", RULE_SYSTEM_INCLUDE},
    {"host uses nng", "agent/host/a.c", "#include <nng/nng.h>\n", RULE_SYSTEM_INCLUDE},
    {"wire reads messages", "common/io/wire_a.c", "#include \"lockstep/v1/agent.pb-c.h\"\n",
     NOTHING},
    {"driver reads messages", "agent/a.c", "#include \"lockstep/v1/agent.pb-c.h\"\n", RULE_WIRE},
    {"unbounded copy", "agent/a.c", BODY("    strcpy(a, b);\n"), RULE_CALL},
    {"word in a comment", "agent/a.c", "/* strcpy(a, b) */\n", NOTHING},
    {"word in a string", "agent/a.c", BODY("    say(\"strcpy(a, \\\" b)\");\n"), NOTHING},
    {"word behind a comment", "agent/a.c", BODY("    /**/ strcpy(a, b);\n"), RULE_CALL},
    {"word behind a character", "agent/a.c", BODY("    c = '\"'; strcpy(a, b);\n"), RULE_CALL},
    {"member of that name", "agent/a.c", BODY("    a->signal(b);\n"), NOTHING},
    {"longer word", "agent/a.c", BODY("    my_system(b);\n"), NOTHING},
    {"goto", "tests/a.c", BODY("    goto out;\n"), RULE_CALL},
    {"allocation in a core", "coordinator/core/a.c", BODY("    p = malloc(1);\n"), RULE_CALL},
    {"allocation in a driver", "coordinator/a.c", BODY("    p = malloc(1);\n"), NOTHING},
    {"clock in a driver", "agent/a.c", BODY("    clock_gettime(a, b);\n"), RULE_CALL},
    {"clock in the loop", "common/io/loop.c", BODY("    clock_gettime(a, b);\n"), NOTHING},
    {"sleep in a test", "tests/unit/a.c", BODY("    usleep(1);\n"), RULE_CALL},
    {"fork in the library", "agent/host/a.c", BODY("    fork();\n"), RULE_CALL},
    {"function of 71 lines", "agent/a.c",
     BODY(TEN("    a();\n") TEN("    a();\n") TEN("    a();\n") TEN("    a();\n") TEN("    a();\n")
              TEN("    a();\n") "    a();\n    a();\n    a();\n    a();\n    a();\n    a();\n"
                                "    a();\n    a();\n"),
     RULE_FUNCTION_LENGTH},
    {"function of 70 lines", "agent/a.c",
     BODY(TEN("    a();\n") TEN("    a();\n") TEN("    a();\n") TEN("    a();\n") TEN("    a();\n")
              TEN("    a();\n") "    a();\n    a();\n    a();\n    a();\n    a();\n    a();\n"
                                "    a();\n"),
     NOTHING},
    {"four levels", "agent/a.c",
     BODY("    if (a) {\n    for (;;) {\n    while (b) {\n    if (c) {\n    }\n    }\n    }\n"
          "    }\n"),
     RULE_NESTING},
    {"three levels and a literal", "agent/a.c",
     BODY("    if (a) {\n    for (;;) {\n    while (b) {\n    c = (struct d){.e = {1}};\n    }\n"
          "    }\n    }\n"),
     NOTHING},
    {"seven parameters", "agent/a.c",
     "int f(int a, int b, int c, int d, int e, int g, int h)\n{\n}\n", RULE_PARAMETERS},
    {"six parameters, one a function", "agent/a.c",
     "int f(int a, int b, int c, int d, int e, int (*g)(int, int))\n{\n}\n", NOTHING},
    {"wide line", "agent/a.c", "int " TEN("aaaaaaaaaa") ";\n", RULE_WIDTH},
    {"wide text elsewhere", "README.md", TEN("aaaaaaaaaaaaa") "\n", NOTHING},
    {"space at the end", "README.md", "a \n", RULE_WHITESPACE},
    {"tab", "agent/a.c", "int\ta;\n", RULE_WHITESPACE},
    {"mark", "agent/a.c",
     "/* TO"
     "DO: all of it */\n",
     RULE_MARK},
    {"no mark in a longer word", "agent/a.c",
     "int XX"
     "XX;\n",
     NOTHING},
    {"path of a machine", "deploy/a.sh",
     "cd /ho"
     "me/me\n",
     RULE_MACHINE_PATH},
    {"test switch", "agent/a.c", "#ifdef TEST\n#endif\n", RULE_TEST_SWITCH},
    {"new folder", "docs/a.md", "a\n", RULE_TOP_LEVEL},
};

struct findings {
    unsigned count[RULE_COUNT];
    unsigned total;
};

static void count_finding(void *context, enum rule rule, const char *path, size_t line,
                          const char *message)
{
    struct findings *findings = context;
    (void)path;
    (void)line;
    (void)message;
    findings->count[rule]++;
    findings->total++;
}

static bool check_text(const char *path, const char *text, enum rule expected)
{
    static char copy[TEXT_MAX];
    static char code[TEXT_MAX];
    struct findings findings = {0};
    const struct tidy tidy = {.report = count_finding, .context = &findings};
    struct source source = {.path = path, .text = copy, .code = code, .size = strlen(text)};
    if (source.size >= TEXT_MAX) {
        return false;
    }
    memcpy(copy, text, source.size + 1);
    memset(code, 0, sizeof(code));
    tidy_check(&tidy, &source);
    return expected == NOTHING ? findings.total == 0
                               : findings.total == 1 && findings.count[expected] == 1;
}

static bool check_long_file(const char *path, size_t lines, enum rule expected)
{
    static char text[TEXT_MAX];
    memset(text, '\n', lines);
    text[lines] = '\0';
    return check_text(path, text, expected);
}

static int say(bool fine, const char *name)
{
    printf("%sok - self-test: %s\n", fine ? "" : "not ", name);
    return fine ? 0 : 1;
}

int tidy_self_test(void)
{
    int failures = 0;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        failures += say(check_text(rows[i].path, rows[i].text, rows[i].found), rows[i].name);
    }
    failures += say(check_long_file("agent/a.c", 601, RULE_FILE_LENGTH), "file of 601 lines");
    failures += say(check_long_file("agent/a.c", 600, NOTHING), "file of 600 lines");
    failures += say(check_long_file("agent/a.h", 251, RULE_FILE_LENGTH), "header of 251 lines");
    return failures;
}
