/* Libraries that are needed, and the symbols taken from them. */
#include "agent/probe/static_internal.h"

#include "common/base/attr.h"
#include "common/base/cleanup.h"

#include <dlfcn.h>
#include <string.h>

#define MISSING_SHOWN 3 /* findings a kind; the rest is a number */

/* What glibc and gcc bring. A module's other code is linked into it. */
static const char *const platform_libraries[] = {
    "libc.so.6",
    "libm.so.6",
    "libpthread.so.0",
    "libdl.so.2",
    "librt.so.1",
    "libgcc_s.so.1",
    "libatomic.so.1",
    "libresolv.so.2",
    "ld-linux-x86-64.so.2",
    "ld-linux-aarch64.so.1",
};

struct denied_row {
    const char *name;
    const char *why;
};

/* Each of these leaves something behind that outlives the module's turn, or ends the process. */
static const struct denied_row denied_rows[] = {
    {"pthread_create", "a thread would go on running in a retired version"},
    {"thrd_create", "a thread would go on running in a retired version"},
    {"pthread_key_create", "the key's destructor would be called in a retired version"},
    {"tss_create", "the key's destructor would be called in a retired version"},
    {"timer_create", "the timer would fire in a retired version"},
    {"on_exit", "the function would be called in a retired version"},
    {"signal", "signal handlers belong to the service"},
    {"__sysv_signal", "signal handlers belong to the service"},
    {"sigaction", "signal handlers belong to the service"},
    {"exit", "it would end the service"},
    {"_exit", "it would end the service"},
    {"_Exit", "it would end the service"},
    {"quick_exit", "it would end the service"},
    {"fork", "a forked service deadlocks on its own locks"},
    {"vfork", "a forked service deadlocks on its own locks"},
    {"daemon", "a forked service deadlocks on its own locks"},
    {"execve", "it would replace the service"},
    {"execv", "it would replace the service"},
    {"execvp", "it would replace the service"},
    {"dlopen", "what it loads is not signed"},
    {"dlmopen", "what it loads is not signed"},
};

struct import_walk {
    const struct lockstep_probe_case *subject;
    const struct lockstep_elf_view *view;
    uint8_t *seen; /* a bit for each symbol */
    size_t missing;
    void *libraries[LOCKSTEP_ELF_NEEDED_MAX];
    size_t libraries_count;
};

static bool is_allowed(const struct lockstep_probe_policy *policy, const char *name)
{
    for (size_t i = 0; i < LOCKSTEP_COUNT(platform_libraries); i++) {
        if (strcmp(platform_libraries[i], name) == 0) {
            return true;
        }
    }
    for (size_t i = 0; i < policy->libraries_count; i++) {
        if (strcmp(policy->libraries[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static void open_library(struct import_walk *walk, const char *name)
{
    void *library = dlopen(name, RTLD_LAZY | RTLD_LOCAL);
    if (library == NULL) {
        const char *cause = dlerror();
        FIND(walk->subject, LIBRARY_PRESENT, "%.160s", cause == NULL ? name : cause);
        return;
    }
    walk->libraries[walk->libraries_count++] = library;
}

static void check_libraries(struct import_walk *walk)
{
    for (size_t i = 0; i < walk->view->dynamic.needed_count; i++) {
        const char *name = lockstep_elf_view_string(walk->view, walk->view->dynamic.needed[i]);
        if (!is_allowed(walk->subject->policy, name)) {
            FIND(walk->subject, LIBRARY_ALLOWED,
                 "it needs %.100s, which is not allowed; link it in statically or allow it", name);
        } else if (walk->subject->policy->resolve) {
            open_library(walk, name);
        }
    }
}

static void check_denied(const struct lockstep_probe_case *subject, const char *name)
{
    for (size_t i = 0; i < LOCKSTEP_COUNT(denied_rows); i++) {
        if (strcmp(denied_rows[i].name, name) == 0) {
            FIND(subject, SYMBOL_DENIED, "it uses %s: %s", name, denied_rows[i].why);
        }
    }
}

static bool is_present(const struct import_walk *walk, const char *name, const char *version)
{
    for (size_t i = 0; i < walk->libraries_count; i++) {
        const void *found = version == NULL ? dlsym(walk->libraries[i], name)
                                            : dlvsym(walk->libraries[i], name, version);
        if (found != NULL) {
            return true;
        }
    }
    return false;
}

static void check_import(struct import_walk *walk, uint64_t index, const Elf64_Sym *symbol)
{
    const char *name = lockstep_elf_view_string(walk->view, symbol->st_name);
    const char *version = lockstep_elf_view_symbol_version(walk->view, index);
    if (name == NULL) {
        FIND(walk->subject, DYNAMIC, "a symbol that it needs has no name");
        return;
    }
    check_denied(walk->subject, name);
    if (!walk->subject->policy->resolve || ELF64_ST_BIND(symbol->st_info) == STB_WEAK ||
        is_present(walk, name, version) || walk->missing++ >= MISSING_SHOWN) {
        return;
    }
    FIND(walk->subject, SYMBOL_PRESENT, "%.100s%s%.40s is in none of the libraries that it names",
         name, version == NULL ? "" : "@", version == NULL ? "" : version);
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

/* They are the platform's, and this process ends soon: none is closed, because some cannot be. */
void lockstep_probe_check_imports(const struct lockstep_probe_case *subject,
                                  const struct lockstep_elf_view *view)
{
    LOCKSTEP_FREE uint8_t *seen = calloc(1, LOCKSTEP_ELF_SYMBOLS_MAX / 8);
    struct import_walk walk = {.subject = subject, .view = view, .seen = seen};
    if (seen == NULL) {
        FIND(subject, MEMORY, "no memory to check its symbols");
        return;
    }
    check_libraries(&walk);
    (void)lockstep_elf_view_relocations(view, visit_relocation, &walk);
    if (walk.missing > MISSING_SHOWN) {
        FIND(subject, SYMBOL_PRESENT, "and %zu more symbols", walk.missing - MISSING_SHOWN);
    }
}
