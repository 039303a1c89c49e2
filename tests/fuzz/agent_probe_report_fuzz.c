/* What a process says that runs somebody's code: however its lines come, in one piece or in many,
 * they say the same, within bounds. */
#include "agent/probe/report.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static void take_in_pieces(struct lockstep_probe_report *report, const uint8_t *data, size_t size,
                           size_t step)
{
    *report = (struct lockstep_probe_report){.calls = -1};
    for (size_t at = 0; at < size; at += step) {
        size_t part = size - at < step ? size - at : step;
        lockstep_probe_report_take(report, (const char *)data + at, part);
    }
}

static void must_be_sound(const struct lockstep_probe_report *report)
{
    const struct lockstep_probe_step *step = &report->step;
    MUST(step->stage < LOCKSTEP_PROBE_STAGE_COUNT && step->subject < LOCKSTEP_ITEMS_MAX);
    MUST(memchr(step->what, '\0', sizeof(step->what)) != NULL);
    for (const char *c = step->what; *c != '\0'; c++) {
        MUST(*c >= ' ' && *c <= '~');
    }
    MUST(!report->is_final || report->verdict != NULL);
    MUST(report->broken || report->calls >= -1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lockstep_probe_report whole;
    struct lockstep_probe_report pieces;
    take_in_pieces(&whole, data, size, SIZE_MAX);
    must_be_sound(&whole);
    take_in_pieces(&pieces, data, size, size == 0 ? 1 : 1 + data[0] % 64U);
    must_be_sound(&pieces);
    MUST(whole.broken == pieces.broken);
    if (!whole.broken) { /* what follows a line that is none is not looked at by anybody */
        MUST(whole.steps == pieces.steps && whole.calls == pieces.calls);
        MUST(whole.is_final == pieces.is_final && whole.crash_bytes == pieces.crash_bytes);
        MUST(memcmp(&whole.step, &pieces.step, sizeof(whole.step)) == 0);
    }
    lockstep_probe_report_deinit(&whole);
    lockstep_probe_report_deinit(&pieces);
    return 0;
}
