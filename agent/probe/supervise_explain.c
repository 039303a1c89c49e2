/* What a trial came to, in words. */
#include "agent/probe/supervise_internal.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

/* "smoke test tables", "load" */
void lockstep_probe_say_step(const struct watch *watch, char *ret_text, size_t size)
{
    const struct lockstep_probe_step *step = &watch->report.step;
    if (step->what[0] != '\0') {
        (void)snprintf(ret_text, size, "%s %s", lockstep_probe_stage_text(step->stage), step->what);
    } else {
        (void)snprintf(ret_text, size, "%s", lockstep_probe_stage_text(step->stage));
    }
}

static void explain_time(const struct watch *watch, struct lockstep_probe_verdict *verdict)
{
    char step[LOCKSTEP_PROBE_WHAT_TEXT + 32];
    uint64_t limit = watch->report.step.limit_ms;
    lockstep_probe_say_step(watch, step, sizeof(step));
    if (limit > 0 && watch->step_deadline_ms < watch->deadline_ms) {
        lockstep_probe_verdict_find(verdict, watch->report.step.subject,
                                    LOCKSTEP_PROBE_CHECK_ANSWERS,
                                    "%s did not end within its %" PRIu64 " ms", step, limit);
        return;
    }
    lockstep_probe_verdict_find(verdict, watch->report.step.subject, LOCKSTEP_PROBE_CHECK_ANSWERS,
                                "%s did not end within the %" PRIu64 " ms of the trial", step,
                                watch->deadline_ms - watch->started_ms);
}

static void explain_signal(const struct watch *watch, struct lockstep_probe_verdict *verdict)
{
    char step[LOCKSTEP_PROBE_WHAT_TEXT + 32];
    int number = WTERMSIG(watch->status);
    const char *name = sigabbrev_np(number);
    const char *why = "";
    lockstep_probe_say_step(watch, step, sizeof(step));
    if (number == SIGSYS) {
        why = ": it made a system call that is forbidden in the sandbox";
    } else if (number == SIGXCPU) {
        why = ": it used more processor time than the trial may take";
    }
    lockstep_probe_verdict_find(
        verdict, watch->report.step.subject,
        number == SIGXCPU ? LOCKSTEP_PROBE_CHECK_ANSWERS : LOCKSTEP_PROBE_CHECK_SURVIVES,
        "it was killed by SIG%s in %s%s", name == NULL ? "?" : name, step, why);
}

/* What was refused to it shows as a crash: then nearly all of it was taken. */
static bool is_short_of_memory(const struct watch *watch)
{
    return WIFSIGNALED(watch->status) && watch->memory_bytes > 0 &&
           watch->report.crash_bytes > watch->memory_bytes / 8 * 7;
}

/* The end of the subject half, where it did not speak for itself. */
static void explain_end(const struct watch *watch, struct lockstep_probe_verdict *verdict)
{
    char step[LOCKSTEP_PROBE_WHAT_TEXT + 32];
    lockstep_probe_say_step(watch, step, sizeof(step));
    verdict->stage = watch->report.step.stage;
    if (watch->ended == ENDED_LATE) {
        explain_time(watch, verdict);
    } else if (watch->ended == ENDED_THREADS) {
        lockstep_probe_verdict_find(verdict, watch->report.step.subject,
                                    LOCKSTEP_PROBE_CHECK_THREADS,
                                    "%s had %" PRIu64 " threads, more than %d", step,
                                    watch->threads, LOCKSTEP_PROBE_TRIAL_THREADS);
    } else if (watch->ended == ENDED_OUTPUT) {
        lockstep_probe_verdict_find(verdict, watch->report.step.subject,
                                    LOCKSTEP_PROBE_CHECK_OUTPUT,
                                    "%s wrote more than %d bytes to its standard output", step,
                                    LOCKSTEP_PROBE_TRIAL_WRITTEN);
    } else if (is_short_of_memory(watch)) {
        lockstep_probe_verdict_find(
            verdict, watch->report.step.subject, LOCKSTEP_PROBE_CHECK_MEMORY,
            "it crashed in %s with %" PRIu64 " of the %" PRIu64 " MiB that it may have", step,
            watch->report.crash_bytes >> 20, watch->memory_bytes >> 20);
    } else if (watch->report.broken) {
        lockstep_probe_verdict_find(verdict, watch->report.step.subject,
                                    LOCKSTEP_PROBE_CHECK_SURVIVES,
                                    "it garbled what the probe says about it, in %s", step);
    } else if (WIFSIGNALED(watch->status)) {
        explain_signal(watch, verdict);
    } else {
        lockstep_probe_verdict_find(
            verdict, watch->report.step.subject, LOCKSTEP_PROBE_CHECK_SURVIVES,
            "it ended the process with status %d in %s", WEXITSTATUS(watch->status), step);
    }
}

/* What the subject half found replaces what was known before it began. */
void lockstep_probe_conclude(const struct watch *watch, struct lockstep_probe_verdict *verdict)
{
    if (watch->report.verdict != NULL) {
        *verdict = *watch->report.verdict;
    }
    if (!watch->report.is_final || watch->ended != ENDED_NOT || !WIFEXITED(watch->status) ||
        WEXITSTATUS(watch->status) != 0) {
        explain_end(watch, verdict);
    }
    lockstep_probe_calls_conclude(&watch->calls, verdict);
    for (size_t i = 0; i < watch->output_length; i++) {
        char c = watch->output[i];
        verdict->output[i] = c == '\n' || (c >= ' ' && c <= '~') ? c : '?';
    }
    verdict->output[watch->output_length] = '\0';
}
