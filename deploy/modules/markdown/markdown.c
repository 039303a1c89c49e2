/*
 * markdown: CommonMark to HTML, as a lockstep module.
 *
 * Stateless and without side effects, so a reload needs no pause and a client may repeat a call.
 * Version 2 writes typographic quotes, dashes and ellipses; the two versions are one source:
 *
 *     lockstep-cc -o markdown-1.0.0.so markdown.c -Wl,-Bstatic -lcmark -Wl,-Bdynamic
 *
 * and the same with -DMARKDOWN_SMART.
 *
 * libcmark is linked in: a module brings its libraries along, because two versions of one shared
 * library cannot live in a process.
 */
#include <lockstep/module.h>

#include <cmark.h>
#include <stdlib.h>
#include <string.h>

#ifdef MARKDOWN_SMART
#define VERSION "2.0.0"
#define OPTIONS (CMARK_OPT_VALIDATE_UTF8 | CMARK_OPT_SMART)
#else
#define VERSION "1.0.0"
#define OPTIONS CMARK_OPT_VALIDATE_UTF8
#endif

#define DOCUMENT_MAX (1024 * 1024) /* bytes */

/* HTML within the text is left out, as cmark does unless it is told that the author is trusted. */
static int render(struct lockstep_call *call)
{
    char *html;
    bool written;
    if (call->request_size > DOCUMENT_MAX) {
        (void)lockstep_sink_print(call->answer, "a document has at most %d bytes, this one has %zu",
                                  DOCUMENT_MAX, call->request_size);
        return 1;
    }
    html = cmark_markdown_to_html((const char *)call->request, call->request_size, OPTIONS);
    written = call->answer->write(call->answer, html, strlen(html));
    free(html);
    return written ? 0 : 1;
}

/* Renders TEXT and compares. */
static int expect(const char *text, const char *html, struct lockstep_sink *why)
{
    char *got = cmark_markdown_to_html(text, strlen(text), OPTIONS);
    int differs = strcmp(got, html);
    if (differs != 0) {
        (void)lockstep_sink_print(why, "\"%s\" became \"%s\", not \"%s\"", text, got, html);
    }
    free(got);
    return differs;
}

static int smoke_structure(struct lockstep_sink *why)
{
    return expect("# Title\n\n* one\n* two\n",
                  "<h1>Title</h1>\n<ul>\n<li>one</li>\n<li>two</li>\n</ul>\n", why);
}

static int smoke_safety(struct lockstep_sink *why)
{
    return expect("<script>alert(1)</script>\n", "<!-- raw HTML omitted -->\n", why);
}

static int smoke_quotes(struct lockstep_sink *why)
{
#ifdef MARKDOWN_SMART
    return expect("\"so\" -- well...\n",
                  "<p>\xe2\x80\x9cso\xe2\x80\x9d \xe2\x80\x93 well\xe2\x80\xa6</p>\n", why);
#else
    return expect("\"so\" -- well...\n", "<p>&quot;so&quot; -- well...</p>\n", why);
#endif
}

static const struct lockstep_tool tools[] = {
    {"markdown.render", render, LOCKSTEP_TOOL_IDEMPOTENT, "Renders CommonMark as HTML",
     "{\"type\":\"string\",\"description\":\"a CommonMark document\"}"},
};

static const struct lockstep_smoke smokes[] = {
    {"structure", smoke_structure, 0},
    {"safety", smoke_safety, 0},
    {"quotes", smoke_quotes, 0},
};

LOCKSTEP_MODULE((.module = "markdown", .service = "default", .version = VERSION,
                 .tools = {"markdown.render"}),
                (.tools = tools, .tools_count = 1, .smokes = smokes, .smokes_count = 3));
