/* What the symbols say that a module defines. */
#include "agent/probe/static_internal.h"

#include "agent/host/include/lockstep/module.h"
#include "common/base/attr.h"

#include <dlfcn.h>
#include <string.h>

static const char *const allocator_names[] = {
    "malloc",        "free",           "calloc",   "realloc", "reallocarray",
    "aligned_alloc", "posix_memalign", "memalign", "valloc",  "malloc_usable_size",
};

/* What was found already: one finding a kind, naming the first. */
struct symbol_walk {
    const struct lockstep_probe_case *subject;
    bool unique;
    bool ifunc;
    bool allocator;
    bool libc;
    bool exports;
    void *platform; /* libc's handle, NULL if nothing is to be looked up */
};

static bool is_allocator(const char *name)
{
    for (size_t i = 0; i < LOCKSTEP_COUNT(allocator_names); i++) {
        if (strcmp(allocator_names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* True if what NAME is has a check of its own; then that says more. */
static bool check_kind(struct symbol_walk *walk, const Elf64_Sym *symbol, const char *name)
{
    const struct lockstep_probe_case *subject = walk->subject;
    bool unique = ELF64_ST_BIND(symbol->st_info) == STB_GNU_UNIQUE;
    bool ifunc = ELF64_ST_TYPE(symbol->st_info) == STT_GNU_IFUNC;
    if (unique && !walk->unique) {
        walk->unique = true;
        FIND(subject, GNU_UNIQUE,
             "%.80s is unique in the process and cannot be replaced; compile with "
             "-fno-gnu-unique",
             name);
    }
    if (ifunc && !walk->ifunc) {
        walk->ifunc = true;
        FIND(subject, IFUNC, "%.80s is chosen by code that runs while it is loaded (IFUNC)", name);
    }
    return unique || ifunc;
}

/* An object that brings what libc has gets calls that were meant for libc, or the other way. */
static bool check_libc(struct symbol_walk *walk, const char *name)
{
    const struct lockstep_probe_case *subject = walk->subject;
    if (is_allocator(name)) {
        if (!walk->allocator) {
            walk->allocator = true;
            FIND(subject, ALLOCATOR,
                 "it defines %s: memory would be freed by another allocator than gave it", name);
        }
        return true;
    }
    if (walk->platform == NULL || dlsym(walk->platform, name) == NULL) {
        return false;
    }
    if (!walk->libc) {
        walk->libc = true;
        FIND(subject, OWN_LIBC, "it defines %.80s, which is libc's; link libc dynamically", name);
    }
    return true;
}

static void check_symbol(struct symbol_walk *walk, const Elf64_Sym *symbol, const char *name)
{
    const unsigned visibility = ELF64_ST_VISIBILITY(symbol->st_other);
    if (check_kind(walk, symbol, name) || check_libc(walk, name) || walk->exports ||
        ELF64_ST_BIND(symbol->st_info) == STB_LOCAL || visibility == STV_HIDDEN ||
        visibility == STV_INTERNAL || strcmp(name, LOCKSTEP_MODULE_SYMBOL) == 0) {
        return;
    }
    walk->exports = true;
    FIND(walk->subject, EXPORTS,
         "it exports %.80s: another object's symbol of that name could take its place; compile "
         "with -fvisibility=hidden",
         name);
}

void lockstep_probe_check_symbols(const struct lockstep_probe_case *subject,
                                  const struct lockstep_elf_view *view)
{
    struct symbol_walk walk = {.subject = subject};
    if (subject->policy->resolve) {
        walk.platform = dlopen("libc.so.6", RTLD_LAZY | RTLD_LOCAL);
    }
    for (uint32_t i = 1; i < view->symbols_count; i++) {
        Elf64_Sym symbol;
        const char *name;
        if (!lockstep_elf_view_symbol(view, i, &symbol) || symbol.st_shndx == SHN_UNDEF) {
            continue;
        }
        name = lockstep_elf_view_string(view, symbol.st_name);
        check_symbol(&walk, &symbol, name == NULL ? "a symbol without a name" : name);
    }
}
