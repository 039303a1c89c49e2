/* The symbols that a module takes from libraries. */
#include "agent/probe/static_denied.h"
#include "agent/probe/static_internal.h"

#include "common/base/attr.h"
#include "common/base/cleanup.h"

#include <dlfcn.h>
#include <string.h>

#define MISSING_SHOWN 3 /* findings a kind; the rest is a number */

/* Weak symbols that compilers leave in whatever they link; nobody misses them. */
static const char *const harmless_weak[] = {
    "__gmon_start__",
    "_ITM_deregisterTMCloneTable",
    "_ITM_registerTMCloneTable",
    "__cxa_finalize",
};

struct import_walk {
    const struct lockstep_probe_case *subject;
    const struct lockstep_elf_view *view;
    uint8_t *seen; /* a bit for each symbol */
    size_t missing;
    bool sanitizer; /* found: one finding is enough */
    struct lockstep_probe_libraries libraries;
};

static bool is_harmless(const char *name)
{
    for (size_t i = 0; i < LOCKSTEP_COUNT(harmless_weak); i++) {
        if (strcmp(harmless_weak[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_present(const struct import_walk *walk, const char *name, const char *version)
{
    for (size_t i = 0; i < walk->libraries.count; i++) {
        const void *found = version == NULL ? dlsym(walk->libraries.handles[i], name)
                                            : dlvsym(walk->libraries.handles[i], name, version);
        if (found != NULL) {
            return true;
        }
    }
    return false;
}

/* A weak symbol that no library has is taken from whatever the process happens to have, or it is
 * null: either way it is the service that decides, not the module. */
static void check_found(struct import_walk *walk, const Elf64_Sym *symbol, const char *name,
                        const char *version)
{
    if (!walk->subject->policy->resolve || is_present(walk, name, version)) {
        return;
    }
    if (ELF64_ST_BIND(symbol->st_info) == STB_WEAK) {
        if (!is_harmless(name)) {
            FIND(walk->subject, SYMBOL_GLOBAL,
                 "%.100s is in none of its libraries and weak: what it means depends on what else "
                 "is in the process",
                 name);
        }
        return;
    }
    if (walk->missing++ < MISSING_SHOWN) {
        FIND(walk->subject, SYMBOL_PRESENT,
             "%.100s%s%.40s is in none of the libraries that it names", name,
             version == NULL ? "" : "@", version == NULL ? "" : version);
    }
}

static void check_import(struct import_walk *walk, uint64_t index, const Elf64_Sym *symbol)
{
    const char *name = lockstep_elf_view_string(walk->view, symbol->st_name);
    const char *version = lockstep_elf_view_symbol_version(walk->view, index);
    const struct lockstep_probe_denied *denied;
    if (name == NULL) {
        FIND(walk->subject, DYNAMIC, "a symbol that it needs has no name");
        return;
    }
    if (walk->sanitizer || lockstep_probe_check_sanitizer(walk->subject, name)) {
        walk->sanitizer = true;
        return;
    }
    denied = lockstep_probe_denied_find(name);
    if (denied != NULL) {
        FIND(walk->subject, SYMBOL_DENIED, "it uses %s: %s", name, denied->why);
    }
    check_found(walk, symbol, name, version);
}

/* The loader resolves the symbols that relocations name; others it never looks at. */
static bool visit_relocation(void *context, const Elf64_Rela *relocation)
{
    struct import_walk *walk = context;
    uint64_t index = ELF64_R_SYM(relocation->r_info);
    Elf64_Sym symbol;
    if (index == 0) {
        return true;
    }
    if (!lockstep_elf_view_symbol(walk->view, index, &symbol)) {
        FIND(walk->subject, RELOCATIONS, "a relocation names a symbol that is not there");
        return false;
    }
    if (symbol.st_shndx != SHN_UNDEF || (walk->seen[index / 8] & (1U << (index % 8))) != 0) {
        return true;
    }
    walk->seen[index / 8] |= (uint8_t)(1U << (index % 8));
    check_import(walk, index, &symbol);
    return true;
}

void lockstep_probe_check_imports(const struct lockstep_probe_case *subject,
                                  const struct lockstep_elf_view *view)
{
    LOCKSTEP_FREE uint8_t *seen = calloc(1, LOCKSTEP_ELF_SYMBOLS_MAX / 8);
    struct import_walk walk = {.subject = subject, .view = view, .seen = seen};
    if (seen == NULL) {
        FIND(subject, MEMORY, "no memory to check its symbols");
        return;
    }
    lockstep_probe_check_libraries(subject, view, &walk.libraries);
    (void)lockstep_elf_view_relocations(view, visit_relocation, &walk);
    if (walk.missing > MISSING_SHOWN) {
        FIND(subject, SYMBOL_PRESENT, "and %zu more symbols", walk.missing - MISSING_SHOWN);
    }
}
