/* A coordinator is not believed: whatever document it sends, nothing but printable ASCII reaches
 * the terminal (and DEL, which JSON leaves as it is and terminals pass over). The length of the
 * input picks the format. */
#include "coordinator/cli/document.h"
#include "coordinator/cli/render.h"
#include "tests/fuzz/fuzz.h"

static void must_be_printable(const char *text, size_t length)
{
    const char last = text[0] == '{' ? '\x7f' : '~'; /* what has no columns is shown as JSON */
    for (size_t i = 0; i < length; i++) {
        MUST(text[i] == '\n' || text[i] == '\t' || (text[i] >= ' ' && text[i] <= last));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lockstep_document document = {0};
    struct lockstep_output output = {0};
    json_t *json = NULL;
    char *text = NULL;
    size_t length = 0;
    output.format = (enum lockstep_format)(size % (LOCKSTEP_FORMAT_NAME + 1));
    output.out = open_memstream(&text, &length);
    MUST(output.out != NULL);
    output.err = output.out;
    if (lockstep_document_take(&document, data, size, NULL) == LOCKSTEP_OK &&
        lockstep_document_finish(&document, &json, NULL) == LOCKSTEP_OK) {
        MUST(json_is_object(json));
        lockstep_render(&output, json);
    }
    (void)fclose(output.out);
    must_be_printable(text, length);
    free(text);
    json_decref(json);
    lockstep_document_deinit(&document);
    return 0;
}
