#include "agent/probe/report.h"

#include "common/base/cleanup.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define LINE_MAX_BYTES (LOCKSTEP_PROBE_DOCUMENT_MAX + 4)

static void write_all(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t done = write(fd, bytes, length);
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done <= 0) {
            return;
        }
        bytes += done;
        length -= (size_t)done;
    }
}

/* A line is a line: what a module calls its smoke test may hold anything. */
static void copy_plain(char *to, const char *from, size_t size)
{
    size_t length = 0;
    for (; from[length] != '\0' && length + 1 < size; length++) {
        to[length] = from[length] >= ' ' && from[length] <= '~' ? from[length] : '?';
    }
    to[length] = '\0';
}

void lockstep_probe_report_step(int fd, const struct lockstep_probe_step *step)
{
    char what[LOCKSTEP_PROBE_WHAT_TEXT];
    char line[LOCKSTEP_PROBE_WHAT_TEXT + 64];
    int length;
    copy_plain(what, step->what, sizeof(what));
    length = snprintf(line, sizeof(line), "S %u %zu %" PRIu64 " %s\n", (unsigned)step->stage,
                      step->subject, step->limit_ms, what);
    write_all(fd, line, (size_t)length);
}

void lockstep_probe_report_calls(int fd, int calls)
{
    char line[32];
    int length = snprintf(line, sizeof(line), "L %d\n", calls);
    write_all(fd, line, (size_t)length);
}

void lockstep_probe_report_verdict(int fd, const struct lockstep_probe_verdict *verdict,
                                   bool is_final)
{
    LOCKSTEP_FREE char *text = lockstep_probe_verdict_print(verdict);
    if (text == NULL) {
        return;
    }
    write_all(fd, is_final ? "F " : "V ", 2);
    write_all(fd, text, strlen(text));
    write_all(fd, "\n", 1);
}

static bool take_step(struct lockstep_probe_report *report, const char *line)
{
    struct lockstep_probe_step step = {0};
    unsigned stage = 0;
    int used = 0;
    if (sscanf(line, "S %u %zu %" SCNu64 " %n", &stage, &step.subject, &step.limit_ms, &used) !=
            3 ||
        stage >= LOCKSTEP_PROBE_STAGE_COUNT || step.subject >= LOCKSTEP_ITEMS_MAX) {
        return false;
    }
    step.stage = (enum lockstep_probe_stage)stage;
    copy_plain(step.what, line + used, sizeof(step.what));
    report->step = step;
    report->steps++;
    return true;
}

static bool take_verdict(struct lockstep_probe_report *report, const char *text, size_t length)
{
    struct lockstep_probe_verdict *verdict = NULL;
    if (lockstep_probe_verdict_parse(text, length, &verdict, NULL) != LOCKSTEP_OK) {
        return false;
    }
    (void)lockstep_probe_verdict_free(report->verdict);
    report->verdict = verdict;
    return true;
}

/* LINE is NUL-terminated, its newline gone. */
static void take_line(struct lockstep_probe_report *report, const char *line, size_t length)
{
    bool understood = false;
    if (report->is_final || length < 2 || line[1] != ' ') {
        report->broken = true;
        return;
    }
    if (line[0] == 'S') {
        understood = take_step(report, line);
    } else if (line[0] == 'L') {
        understood = sscanf(line, "L %d", &report->calls) == 1 && report->calls >= 0;
    } else if (line[0] == 'M') {
        understood = sscanf(line, "M %" SCNu64, &report->crash_bytes) == 1;
    } else if (line[0] == 'V' || line[0] == 'F') {
        understood = take_verdict(report, line + 2, length - 2);
        report->is_final = understood && line[0] == 'F';
    }
    report->broken = report->broken || !understood;
}

static bool make_room(struct lockstep_probe_report *report, size_t more)
{
    size_t room = report->room == 0 ? 4096 : report->room;
    char *bytes;
    while (room < report->length + more + 1) {
        room *= 2;
    }
    if (room > 2 * (size_t)LINE_MAX_BYTES) {
        return false;
    }
    if (room == report->room) {
        return true;
    }
    bytes = realloc(report->bytes, room);
    if (bytes == NULL) {
        return false;
    }
    report->bytes = bytes;
    report->room = room;
    return true;
}

void lockstep_probe_report_take(struct lockstep_probe_report *report, const char *bytes,
                                size_t length)
{
    size_t start = 0;
    char *end;
    if (report->broken || !make_room(report, length)) {
        report->broken = true;
        return;
    }
    memcpy(report->bytes + report->length, bytes, length);
    report->length += length;
    while ((end = memchr(report->bytes + start, '\n', report->length - start)) != NULL) {
        *end = '\0';
        take_line(report, report->bytes + start, (size_t)(end - report->bytes) - start);
        start = (size_t)(end - report->bytes) + 1;
    }
    report->length -= start;
    memmove(report->bytes, report->bytes + start, report->length);
}

void lockstep_probe_report_deinit(struct lockstep_probe_report *report)
{
    free(report->bytes);
    report->bytes = NULL;
    report->length = 0;
    report->room = 0;
    report->verdict = lockstep_probe_verdict_free(report->verdict);
}
