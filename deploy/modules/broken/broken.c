/*
 * A version of markdown that must never go live: it hands the text back as it came. Its own smoke
 * test finds that out in the sandbox, so every node says no and nothing changes. For the demo.
 */
#include <lockstep/module.h>

#include <string.h>

static const char *to_html(const char *text)
{
    return text; /* somebody meant to finish this on Monday */
}

static int render(struct lockstep_call *call)
{
    const char *html = to_html((const char *)call->request);
    return call->answer->write(call->answer, html, call->request_size) ? 0 : 1;
}

static int smoke_structure(struct lockstep_sink *why)
{
    const char *text = "# Title";
    const char *wanted = "<h1>Title</h1>";
    const char *html = to_html(text);
    if (strcmp(html, wanted) == 0) {
        return 0;
    }
    (void)lockstep_sink_print(why, "\"%s\" became \"%s\", not \"%s\"", text, html, wanted);
    return 1;
}

static const struct lockstep_tool tools[] = {
    {"markdown.render", render, LOCKSTEP_TOOL_IDEMPOTENT, "Renders CommonMark as HTML", NULL},
};

static const struct lockstep_smoke smokes[] = {{"structure", smoke_structure, 0}};

LOCKSTEP_MODULE((.module = "markdown", .service = "default", .version = "3.0.0",
                 .tools = {"markdown.render"}),
                (.tools = tools, .tools_count = 1, .smokes = smokes, .smokes_count = 1));
