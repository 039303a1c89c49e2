/* The descriptor as it stands in the file: an ELF note, and the symbol beside it. */
#include "agent/probe/static_internal.h"

#include "agent/host/include/lockstep/module.h"
#include "common/base/attr.h"

#include <string.h>

/* A text field of the note: it ends within its bytes. */
#define ENDS(field) (memchr((field), '\0', sizeof(field)) != NULL)

struct search {
    size_t found;
    size_t size; /* as the note says */
    struct lockstep_identity identity;
};

static bool visit_note(void *context, uint32_t type, const char *owner, size_t owner_size,
                       const uint8_t *data, size_t size)
{
    struct search *search = context;
    if (type != LOCKSTEP_NOTE_TYPE || owner_size != sizeof(LOCKSTEP_NOTE_OWNER) ||
        memcmp(owner, LOCKSTEP_NOTE_OWNER, sizeof(LOCKSTEP_NOTE_OWNER)) != 0) {
        return true;
    }
    search->found++;
    search->size = size;
    memcpy(&search->identity, data,
           size < sizeof(search->identity) ? size : sizeof(search->identity));
    return true;
}

static bool has_symbol(const struct lockstep_elf_view *view)
{
    for (uint32_t i = 1; i < view->symbols_count; i++) {
        Elf64_Sym symbol;
        const char *name;
        if (!lockstep_elf_view_symbol(view, i, &symbol) || symbol.st_shndx == SHN_UNDEF ||
            ELF64_ST_TYPE(symbol.st_info) != STT_OBJECT) {
            continue;
        }
        name = lockstep_elf_view_string(view, symbol.st_name);
        if (name != NULL && strcmp(name, LOCKSTEP_MODULE_SYMBOL) == 0) {
            return true;
        }
    }
    return false;
}

/* Versions are compared number by number, so they are made of few characters. */
static bool is_version(const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        if ((*c < '0' || *c > '9') && (*c < 'a' || *c > 'z') && (*c < 'A' || *c > 'Z') &&
            *c != '.' && *c != '-' && *c != '+') {
            return false;
        }
    }
    return text[0] >= '0' && text[0] <= '9';
}

/* "module.verb": what a name may hold, and dots and underscores. */
static bool is_tool(const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        if ((*c < 'a' || *c > 'z') && (*c < '0' || *c > '9') && *c != '.' && *c != '-' &&
            *c != '_') {
            return false;
        }
    }
    return text[0] >= 'a' && text[0] <= 'z';
}

static bool take_requires(const struct lockstep_probe_case *subject,
                          const struct lockstep_identity *identity)
{
    struct lockstep_probe_facts *facts = lockstep_probe_case_facts(subject);
    for (size_t i = 0; i < LOCKSTEP_MODULE_REQUIRES; i++) {
        const struct lockstep_module_need *need = &identity->needs[i];
        struct lockstep_probe_requirement *requirement = &facts->requires[i];
        if (need->module[0] == '\0') {
            return true;
        }
        if (!ENDS(need->module) || !ENDS(need->version) ||
            !lockstep_name_parse(need->module, &requirement->module) ||
            (need->version[0] != '\0' && !is_version(need->version))) {
            FIND(subject, DESCRIPTOR_SOUND,
                 "what it requires (entry %zu) is not a name and a "
                 "version",
                 i);
            return false;
        }
        memcpy(requirement->version, need->version, sizeof(requirement->version));
        facts->requires_count = i + 1;
    }
    return true;
}

static bool take_tools(const struct lockstep_probe_case *subject,
                       const struct lockstep_identity *identity)
{
    struct lockstep_probe_facts *facts = lockstep_probe_case_facts(subject);
    for (size_t i = 0; i < LOCKSTEP_MODULE_TOOLS && identity->tools[i][0] != '\0'; i++) {
        if (!ENDS(identity->tools[i]) || !is_tool(identity->tools[i])) {
            FIND(subject, DESCRIPTOR_SOUND, "the name of tool %zu is not of the form module.verb",
                 i);
            return false;
        }
        memcpy(facts->tools[i], identity->tools[i], sizeof(facts->tools[i]));
        facts->tools_count = i + 1;
    }
    return true;
}

static bool take_identity(const struct lockstep_probe_case *subject,
                          const struct lockstep_identity *identity)
{
    struct lockstep_probe_facts *facts = lockstep_probe_case_facts(subject);
    if (!ENDS(identity->module) || !lockstep_name_parse(identity->module, &facts->module)) {
        FIND(subject, DESCRIPTOR_SOUND, "its name is not of the form [a-z][a-z0-9-]{0,62}");
        return false;
    }
    if (!ENDS(identity->service) || !lockstep_name_parse(identity->service, &facts->service)) {
        FIND(subject, DESCRIPTOR_SOUND, "its service is not of the form [a-z][a-z0-9-]{0,62}");
        return false;
    }
    if (!ENDS(identity->version) || !is_version(identity->version)) {
        FIND(subject, DESCRIPTOR_SOUND, "its version is not of the form 1.2.3");
        return false;
    }
    memcpy(facts->version, identity->version, sizeof(facts->version));
    facts->state_schema = identity->state_schema;
    facts->constructor_declared = (identity->flags & LOCKSTEP_MODULE_CONSTRUCTORS) != 0;
    return take_requires(subject, identity) && take_tools(subject, identity);
}

static bool check_abi(const struct lockstep_probe_case *subject,
                      const struct lockstep_identity *identity)
{
    struct lockstep_probe_facts *facts = lockstep_probe_case_facts(subject);
    (void)snprintf(facts->abi, sizeof(facts->abi), "%u.%u", identity->abi_major,
                   identity->abi_minor);
    if (identity->abi_major != LOCKSTEP_ABI_MAJOR) {
        FIND(subject, DESCRIPTOR_ABI,
             "it was built for lockstep ABI %u.%u, here is %u.%u: build "
             "it again with this lockstep-cc",
             identity->abi_major, identity->abi_minor, LOCKSTEP_ABI_MAJOR, LOCKSTEP_ABI_MINOR);
        return false;
    }
    if ((identity->flags & LOCKSTEP_MODULE_MUST_KNOW) != 0) {
        FIND(subject, DESCRIPTOR_ABI,
             "it wants something of its host that is not known here "
             "(flags %08x)",
             identity->flags);
        return false;
    }
    return true;
}

static void check_expected(const struct lockstep_probe_case *subject)
{
    const struct lockstep_probe_expectation *expect = subject->expect;
    const struct lockstep_probe_facts *facts = lockstep_probe_case_facts(subject);
    if (expect == NULL) {
        return;
    }
    if (expect->module.text[0] != '\0' && !lockstep_name_equal(&expect->module, &facts->module)) {
        FIND(subject, DESCRIPTOR_EXPECTED, "it is %s, not %s", facts->module.text,
             expect->module.text);
    }
    if (expect->service.text[0] != '\0' &&
        !lockstep_name_equal(&expect->service, &facts->service)) {
        FIND(subject, DESCRIPTOR_EXPECTED, "it is for the service %s, not %s", facts->service.text,
             expect->service.text);
    }
    if (expect->version[0] != '\0' && strcmp(expect->version, facts->version) != 0) {
        FIND(subject, DESCRIPTOR_EXPECTED, "it is version %s, not %s", facts->version,
             expect->version);
    }
    if (expect->state_schema_given && expect->state_schema != facts->state_schema) {
        FIND(subject, DESCRIPTOR_EXPECTED, "its state has schema %llu, not %llu",
             (unsigned long long)facts->state_schema, (unsigned long long)expect->state_schema);
    }
}

/* What runs by itself is allowed to those who say so. */
static void check_constructors(const struct lockstep_probe_case *subject,
                               const struct lockstep_elf_view *view)
{
    bool declared = lockstep_probe_case_facts(subject)->constructor_declared;
    if (declared || (!view->dynamic.constructors && !view->dynamic.destructors)) {
        return;
    }
    FIND(subject, CONSTRUCTOR,
         "code of it runs while it is %s; link with -nostartfiles, and "
         "declare constructors if they must be",
         view->dynamic.constructors ? "loaded" : "unloaded");
}

static bool find_identity(const struct lockstep_probe_case *subject,
                          const struct lockstep_elf_view *view, struct search *search)
{
    lockstep_elf_view_notes(view, visit_note, search);
    if (search->found == 0) {
        FIND(subject, DESCRIPTOR, "it has no lockstep note: say LOCKSTEP_MODULE in its source");
        return false;
    }
    if (search->found > 1 || search->size < offsetof(struct lockstep_identity, module)) {
        FIND(subject, DESCRIPTOR, "its lockstep note is there twice, or cut off");
        return false;
    }
    return true;
}

void lockstep_probe_check_descriptor(const struct lockstep_probe_case *subject,
                                     const struct lockstep_elf_view *view)
{
    struct search search = {0};
    bool known = find_identity(subject, view, &search) && check_abi(subject, &search.identity) &&
                 take_identity(subject, &search.identity);
    check_constructors(subject, view);
    if (!known) {
        return;
    }
    if (!has_symbol(view)) {
        FIND(subject, DESCRIPTOR, "it does not export " LOCKSTEP_MODULE_SYMBOL);
    }
    lockstep_probe_case_facts(subject)->rollback = lockstep_probe_offer(
        view, search.identity.state_schema, search.identity.flags);
    check_expected(subject);
}
