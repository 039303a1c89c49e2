/* Verdicts: what was found, and what is now known of the modules. */
#include "agent/probe/contract.h"
#include "agent/probe/json.h"

#include "common/base/assert.h"
#include "common/base/cleanup.h"

#include <string.h>

static const char *const rollbacks[] = {
#define ROLLBACK_TEXT(name, text) [LOCKSTEP_PROBE_ROLLBACK_##name] = (text),
    LOCKSTEP_PROBE_ROLLBACK_TABLE(ROLLBACK_TEXT)
#undef ROLLBACK_TEXT
};

static const char *const stages[] = {
#define STAGE_TEXT(name, text) [LOCKSTEP_PROBE_STAGE_##name] = (text),
    LOCKSTEP_PROBE_STAGE_TABLE(STAGE_TEXT)
#undef STAGE_TEXT
};

const char *lockstep_probe_rollback_text(enum lockstep_probe_rollback rollback)
{
    ASSERT(rollback < LOCKSTEP_PROBE_ROLLBACK_COUNT);
    return rollbacks[rollback];
}

bool lockstep_probe_rollback_parse(const char *text, enum lockstep_probe_rollback *ret_rollback)
{
    for (unsigned i = 0; i < LOCKSTEP_PROBE_ROLLBACK_COUNT; i++) {
        if (strcmp(rollbacks[i], text) == 0) {
            *ret_rollback = (enum lockstep_probe_rollback)i;
            return true;
        }
    }
    return false;
}

const char *lockstep_probe_stage_text(enum lockstep_probe_stage stage)
{
    ASSERT(stage < LOCKSTEP_PROBE_STAGE_COUNT);
    return stages[stage];
}

struct lockstep_probe_verdict *lockstep_probe_verdict_new(void)
{
    struct lockstep_probe_verdict *verdict = calloc(1, sizeof(*verdict));
    if (verdict != NULL) {
        verdict->ok = true;
    }
    return verdict;
}

struct lockstep_probe_verdict *lockstep_probe_verdict_free(struct lockstep_probe_verdict *verdict)
{
    free(verdict);
    return NULL;
}

static void add_finding(struct lockstep_probe_finding *list, size_t *count,
                        const struct lockstep_probe_finding *finding)
{
    if (*count < LOCKSTEP_PROBE_FINDINGS_MAX) {
        list[(*count)++] = *finding;
    }
}

void lockstep_probe_verdict_find_as(struct lockstep_probe_verdict *verdict, size_t subject,
                                    enum lockstep_probe_check check, enum lockstep_no no,
                                    const char *text)
{
    struct lockstep_probe_finding finding = {.check = check, .no = no, .subject = subject};
    (void)snprintf(finding.text, sizeof(finding.text), "%s", text);
    if (lockstep_probe_check_waivable(check) &&
        (verdict->subjects[subject].waives & (UINT64_C(1) << check)) != 0) {
        add_finding(verdict->waived, &verdict->waived_count, &finding);
        return;
    }
    verdict->ok = false;
    if (verdict->no == LOCKSTEP_NO_UNSPECIFIED) {
        verdict->no = no;
    }
    add_finding(verdict->findings, &verdict->findings_count, &finding);
}

void lockstep_probe_verdict_find(struct lockstep_probe_verdict *verdict, size_t subject,
                                 enum lockstep_probe_check check, const char *format, ...)
{
    char text[LOCKSTEP_TEXT_MAX + 1];
    va_list args;
    va_start(args, format);
    if (vsnprintf(text, sizeof(text), format, args) < 0) {
        text[0] = '\0';
    }
    va_end(args);
    lockstep_probe_verdict_find_as(verdict, subject, check, lockstep_probe_check_no(check), text);
}

static json_t *print_requires(const struct lockstep_probe_facts *facts)
{
    json_t *list = json_array();
    for (size_t i = 0; i < facts->requires_count; i++) {
        json_t *object = json_object();
        lockstep_json_set_text(object, "module", facts->requires[i].module.text);
        lockstep_json_set_text(object, "version", facts->requires[i].version);
        (void)json_array_append_new(list, object);
    }
    return list;
}

static json_t *print_facts(const struct lockstep_probe_facts *facts)
{
    json_t *object = json_object();
    json_t *tools = json_array();
    char md5[LOCKSTEP_MD5_TEXT];
    lockstep_hex_format(facts->md5.bytes, sizeof(facts->md5.bytes), md5);
    lockstep_json_set_text(object, "module", facts->module.text);
    lockstep_json_set_text(object, "service", facts->service.text);
    lockstep_json_set_text(object, "version", facts->version);
    lockstep_json_set_text(object, "abi", facts->abi);
    lockstep_json_set_u64(object, "state_schema", facts->state_schema);
    lockstep_json_set_text(object, "rollback", lockstep_probe_rollback_text(facts->rollback));
    lockstep_json_set_bool(object, "constructor", facts->constructor_declared);
    lockstep_json_set_bool(object, "debug_info", facts->debug_info);
    lockstep_json_set_u64(object, "size", facts->size);
    lockstep_json_set_digest(object, "digest", &facts->digest);
    lockstep_json_set_text(object, "md5", md5);
    lockstep_json_set_text(object, "build_id", facts->build_id);
    (void)json_object_set_new(object, "requires", print_requires(facts));
    for (size_t i = 0; i < facts->tools_count; i++) {
        (void)json_array_append_new(tools, lockstep_json_string(facts->tools[i]));
    }
    (void)json_object_set_new(object, "tools", tools);
    return object;
}

static json_t *print_outcome(const struct lockstep_probe_outcome *outcome)
{
    json_t *object = json_object();
    json_t *smoke = json_object();
    lockstep_json_set_text(object, "file", outcome->file);
    (void)json_object_set_new(object, "facts", print_facts(&outcome->facts));
    lockstep_json_set_text(object, "rollback", lockstep_probe_rollback_text(outcome->rollback));
    lockstep_json_set_u64(smoke, "passed", outcome->smoke_passed);
    lockstep_json_set_u64(smoke, "count", outcome->smoke_count);
    (void)json_object_set_new(object, "smoke", smoke);
    return object;
}

static json_t *print_finding(const struct lockstep_probe_verdict *verdict,
                             const struct lockstep_probe_finding *finding)
{
    json_t *object = json_object();
    const struct lockstep_probe_outcome *outcome = &verdict->subjects[finding->subject];
    lockstep_json_set_text(object, "check", lockstep_probe_check_name(finding->check));
    lockstep_json_set_text(object, "no", lockstep_no_name(finding->no));
    lockstep_json_set_u64(object, "index", finding->subject);
    lockstep_json_set_text(object, "module", outcome->facts.module.text);
    lockstep_json_set_text(object, "text", finding->text);
    return object;
}

static void print_sandbox(json_t *root, const struct lockstep_probe_sandbox *sandbox)
{
    json_t *object = json_object();
    lockstep_json_set_bool(object, "seccomp", sandbox->seccomp);
    lockstep_json_set_u64(object, "landlock", sandbox->landlock);
    lockstep_json_set_bool(object, "limits", sandbox->limits);
    lockstep_json_set_bool(object, "watched", sandbox->watched);
    lockstep_json_set_bool(object, "user_dropped", sandbox->user_dropped);
    (void)json_object_set_new(root, "sandbox", object);
}

static void print_lists(json_t *root, const struct lockstep_probe_verdict *verdict)
{
    json_t *findings = json_array();
    json_t *waived = json_array();
    json_t *subjects = json_array();
    for (size_t i = 0; i < verdict->findings_count; i++) {
        (void)json_array_append_new(findings, print_finding(verdict, &verdict->findings[i]));
    }
    for (size_t i = 0; i < verdict->waived_count; i++) {
        (void)json_array_append_new(waived, print_finding(verdict, &verdict->waived[i]));
    }
    for (size_t i = 0; i < verdict->subjects_count; i++) {
        (void)json_array_append_new(subjects, print_outcome(&verdict->subjects[i]));
    }
    (void)json_object_set_new(root, "findings", findings);
    (void)json_object_set_new(root, "waived", waived);
    (void)json_object_set_new(root, "modules", subjects);
    if (verdict->subjects_count == 1) { /* what nearly everybody asks for, without an index */
        (void)json_object_set_new(root, "facts", print_facts(&verdict->subjects[0].facts));
    }
}

char *lockstep_probe_verdict_print(const struct lockstep_probe_verdict *verdict)
{
    LOCKSTEP_JSON json_t *root = json_object();
    lockstep_json_set_text(root, "schema", LOCKSTEP_PROBE_SCHEMA);
    lockstep_json_set_bool(root, "ok", verdict->ok);
    lockstep_json_set_text(root, "mode", verdict->trial ? "trial" : "static");
    if (!verdict->ok) {
        lockstep_json_set_text(root, "no", lockstep_no_name(verdict->no));
    }
    if (!verdict->ok && verdict->findings_count > 0) {
        lockstep_json_set_text(root, "text", verdict->findings[0].text);
    }
    lockstep_json_set_text(root, "stage", lockstep_probe_stage_text(verdict->stage));
    lockstep_json_set_u64(root, "elapsed_us", verdict->elapsed_us);
    lockstep_json_set_text(root, "probe_build_id", verdict->probe_build_id);
    lockstep_json_set_text(root, "libc_build_id", verdict->libc_build_id);
    print_sandbox(root, &verdict->sandbox);
    lockstep_json_set_text(root, "output", verdict->output);
    print_lists(root, verdict);
    return json_dumps(root, JSON_COMPACT);
}

static enum lockstep_err read_requirement(void *target, const json_t *element, size_t index,
                                          struct lockstep_error *err)
{
    struct lockstep_probe_requirement *requirement =
        &((struct lockstep_probe_facts *)target)->requires[index];
    LOCKSTEP_TRY(lockstep_json_name(element, "module", &requirement->module, err));
    return lockstep_json_text(element, "version", requirement->version,
                              sizeof(requirement->version), err);
}

static enum lockstep_err read_tool(void *target, const json_t *element, size_t index,
                                   struct lockstep_error *err)
{
    struct lockstep_probe_facts *facts = target;
    const char *name = json_string_value(element);
    if (name == NULL || strlen(name) > LOCKSTEP_NAME_MAX) {
        return LOCKSTEP_FAIL(err, INVALID, "must be the name of a tool");
    }
    memcpy(facts->tools[index], name, strlen(name) + 1);
    return LOCKSTEP_OK;
}

static enum lockstep_err read_sums(struct lockstep_probe_facts *facts, const json_t *object,
                                   struct lockstep_error *err)
{
    char md5[LOCKSTEP_MD5_TEXT] = "";
    LOCKSTEP_TRY(lockstep_json_u64(object, "size", &facts->size, err));
    LOCKSTEP_TRY(lockstep_json_digest(object, "digest", &facts->digest, err));
    LOCKSTEP_TRY(
        lockstep_json_text(object, "build_id", facts->build_id, sizeof(facts->build_id), err));
    LOCKSTEP_TRY(lockstep_json_text(object, "md5", md5, sizeof(md5), err));
    if (md5[0] != '\0' && !lockstep_hex_parse(md5, facts->md5.bytes, sizeof(facts->md5.bytes))) {
        return LOCKSTEP_FAIL(err, INVALID, "\"md5\" must be 32 hexadecimal digits");
    }
    return LOCKSTEP_OK;
}

/* The index of KEY's text in TEXTS; INVALID if it is none of them. */
static enum lockstep_err read_word(const json_t *object, const char *key, const char *const *texts,
                                   size_t count, unsigned *ret_index, struct lockstep_error *err)
{
    char text[32] = "";
    LOCKSTEP_TRY(lockstep_json_text(object, key, text, sizeof(text), err));
    for (unsigned i = 0; i < count; i++) {
        if (strcmp(texts[i], text) == 0) {
            *ret_index = i;
            return LOCKSTEP_OK;
        }
    }
    return LOCKSTEP_FAIL(err, INVALID, "\"%s\" is not a word that is known: \"%s\"", key, text);
}

/* A probe that is older says nothing of it. */
static enum lockstep_err read_offer(struct lockstep_probe_facts *facts, const json_t *object,
                                    struct lockstep_error *err)
{
    unsigned rollback = 0;
    if (json_object_get(object, "rollback") != NULL) {
        LOCKSTEP_TRY(
            read_word(object, "rollback", rollbacks, LOCKSTEP_COUNT(rollbacks), &rollback, err));
    }
    facts->rollback = (enum lockstep_probe_rollback)rollback;
    return LOCKSTEP_OK;
}

static enum lockstep_err read_facts(struct lockstep_probe_facts *facts, const json_t *object,
                                    struct lockstep_error *err)
{
    LOCKSTEP_TRY(lockstep_json_name(object, "module", &facts->module, err));
    LOCKSTEP_TRY(lockstep_json_name(object, "service", &facts->service, err));
    LOCKSTEP_TRY(
        lockstep_json_text(object, "version", facts->version, sizeof(facts->version), err));
    LOCKSTEP_TRY(lockstep_json_text(object, "abi", facts->abi, sizeof(facts->abi), err));
    LOCKSTEP_TRY(lockstep_json_u64(object, "state_schema", &facts->state_schema, err));
    LOCKSTEP_TRY(read_offer(facts, object, err));
    LOCKSTEP_TRY(lockstep_json_bool(object, "constructor", &facts->constructor_declared, err));
    LOCKSTEP_TRY(lockstep_json_bool(object, "debug_info", &facts->debug_info, err));
    LOCKSTEP_TRY(lockstep_json_array(
        object,
        &(struct lockstep_json_list){"requires", LOCKSTEP_ITEMS_MAX, read_requirement, facts},
        &facts->requires_count, err));
    LOCKSTEP_TRY(lockstep_json_array(
        object, &(struct lockstep_json_list){"tools", LOCKSTEP_PROBE_TOOLS_MAX, read_tool, facts},
        &facts->tools_count, err));
    return read_sums(facts, object, err);
}

static enum lockstep_err read_outcome(void *target, const json_t *element, size_t index,
                                      struct lockstep_error *err)
{
    struct lockstep_probe_outcome *outcome =
        &((struct lockstep_probe_verdict *)target)->subjects[index];
    const json_t *smoke = json_object_get(element, "smoke");
    unsigned rollback = 0;
    LOCKSTEP_TRY(lockstep_json_text(element, "file", outcome->file, sizeof(outcome->file), err));
    LOCKSTEP_TRY(read_facts(&outcome->facts, json_object_get(element, "facts"), err));
    LOCKSTEP_TRY(
        read_word(element, "rollback", rollbacks, LOCKSTEP_COUNT(rollbacks), &rollback, err));
    outcome->rollback = (enum lockstep_probe_rollback)rollback;
    LOCKSTEP_TRY(lockstep_json_u64(smoke, "passed", &outcome->smoke_passed, err));
    return lockstep_json_u64(smoke, "count", &outcome->smoke_count, err);
}

static enum lockstep_err read_finding(void *target, const json_t *element, size_t index,
                                      struct lockstep_error *err)
{
    struct lockstep_probe_finding *finding = (struct lockstep_probe_finding *)target + index;
    char word[32] = "";
    uint64_t subject = 0;
    LOCKSTEP_TRY(lockstep_json_text(element, "check", word, sizeof(word), err));
    if (!lockstep_probe_check_parse(word, &finding->check)) {
        return LOCKSTEP_FAIL(err, INVALID, "\"check\" is none that is known: \"%s\"", word);
    }
    LOCKSTEP_TRY(lockstep_json_text(element, "no", word, sizeof(word), err));
    finding->no = lockstep_no_parse(word);
    LOCKSTEP_TRY(lockstep_json_u64(element, "index", &subject, err));
    if (finding->no == LOCKSTEP_NO_UNSPECIFIED || subject >= LOCKSTEP_ITEMS_MAX) {
        return LOCKSTEP_FAIL(err, INVALID, "\"no\" or \"index\" is out of range");
    }
    finding->subject = (size_t)subject;
    return lockstep_json_text(element, "text", finding->text, sizeof(finding->text), err);
}

static enum lockstep_err read_findings(const json_t *root, const char *key,
                                       struct lockstep_probe_finding *list, size_t *ret_count,
                                       struct lockstep_error *err)
{
    return lockstep_json_array(
        root, &(struct lockstep_json_list){key, LOCKSTEP_PROBE_FINDINGS_MAX, read_finding, list},
        ret_count, err);
}

static enum lockstep_err read_sandbox(struct lockstep_probe_sandbox *sandbox, const json_t *object,
                                      struct lockstep_error *err)
{
    uint64_t landlock = 0;
    LOCKSTEP_TRY(lockstep_json_bool(object, "seccomp", &sandbox->seccomp, err));
    LOCKSTEP_TRY(lockstep_json_bool(object, "limits", &sandbox->limits, err));
    LOCKSTEP_TRY(lockstep_json_bool(object, "watched", &sandbox->watched, err));
    LOCKSTEP_TRY(lockstep_json_bool(object, "user_dropped", &sandbox->user_dropped, err));
    LOCKSTEP_TRY(lockstep_json_u64(object, "landlock", &landlock, err));
    sandbox->landlock = (uint32_t)landlock;
    return LOCKSTEP_OK;
}

static enum lockstep_err read_whole(struct lockstep_probe_verdict *verdict, const json_t *root,
                                    struct lockstep_error *err)
{
    unsigned stage = 0;
    char mode[16] = "";
    LOCKSTEP_TRY(lockstep_json_text(root, "mode", mode, sizeof(mode), err));
    verdict->trial = strcmp(mode, "trial") == 0;
    LOCKSTEP_TRY(read_word(root, "stage", stages, LOCKSTEP_COUNT(stages), &stage, err));
    verdict->stage = (enum lockstep_probe_stage)stage;
    LOCKSTEP_TRY(lockstep_json_u64(root, "elapsed_us", &verdict->elapsed_us, err));
    LOCKSTEP_TRY(lockstep_json_text(root, "probe_build_id", verdict->probe_build_id,
                                    sizeof(verdict->probe_build_id), err));
    LOCKSTEP_TRY(lockstep_json_text(root, "libc_build_id", verdict->libc_build_id,
                                    sizeof(verdict->libc_build_id), err));
    LOCKSTEP_TRY(read_sandbox(&verdict->sandbox, json_object_get(root, "sandbox"), err));
    LOCKSTEP_TRY(lockstep_json_text(root, "output", verdict->output, sizeof(verdict->output), err));
    LOCKSTEP_TRY(lockstep_json_array(
        root, &(struct lockstep_json_list){"modules", LOCKSTEP_ITEMS_MAX, read_outcome, verdict},
        &verdict->subjects_count, err));
    LOCKSTEP_TRY(read_findings(root, "findings", verdict->findings, &verdict->findings_count, err));
    LOCKSTEP_TRY(read_findings(root, "waived", verdict->waived, &verdict->waived_count, err));
    return lockstep_json_bool(root, "ok", &verdict->ok, err);
}

/* A yes with findings, or a no without one, is nobody's verdict. */
static enum lockstep_err check_sense(struct lockstep_probe_verdict *verdict,
                                     struct lockstep_error *err)
{
    if (verdict->ok != (verdict->findings_count == 0)) {
        return LOCKSTEP_FAIL(err, INVALID, "\"ok\" contradicts \"findings\"");
    }
    verdict->no = verdict->ok ? LOCKSTEP_NO_UNSPECIFIED : verdict->findings[0].no;
    return LOCKSTEP_OK;
}

static void drop_verdict(struct lockstep_probe_verdict **verdict)
{
    *verdict = lockstep_probe_verdict_free(*verdict);
}

enum lockstep_err lockstep_probe_verdict_parse(const char *text, size_t length,
                                               struct lockstep_probe_verdict **ret_verdict,
                                               struct lockstep_error *err)
{
    LOCKSTEP_JSON json_t *root = NULL;
    LOCKSTEP_CLEANUP(drop_verdict) struct lockstep_probe_verdict *verdict = NULL;
    LOCKSTEP_TRY(lockstep_json_document(text, length, LOCKSTEP_PROBE_SCHEMA, &root, err));
    verdict = lockstep_probe_verdict_new();
    if (verdict == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for a verdict");
    }
    verdict->ok = false;
    LOCKSTEP_TRY(read_whole(verdict, root, err));
    LOCKSTEP_TRY(check_sense(verdict, err));
    *ret_verdict = verdict;
    verdict = NULL;
    return LOCKSTEP_OK;
}
