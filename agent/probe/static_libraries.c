/* The libraries that a module needs, and the versions of their symbols that it was linked with. */
#include "agent/probe/static_internal.h"

#include "common/base/attr.h"

#include <dlfcn.h>
#include <link.h>
#include <string.h>

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

/* How libraries and functions of a sanitizer begin, and whether this build has it, too: what the
 * host is, for both come out of one build. */
static const struct {
    const char *library;
    const char *symbol;
    bool here;
} sanitizers[] = {
#ifdef __SANITIZE_ADDRESS__
    {"libasan.", "__asan_", true},
#else
    {"libasan.", "__asan_", false},
#endif
#ifdef __SANITIZE_THREAD__
    {"libtsan.", "__tsan_", true},
#else
    {"libtsan.", "__tsan_", false},
#endif
    {"libhwasan.", "__hwasan_", false},
    {"libmsan.", "__msan_", false},
};

bool lockstep_probe_check_sanitizer(const struct lockstep_probe_case *subject, const char *what)
{
    for (size_t i = 0; i < LOCKSTEP_COUNT(sanitizers); i++) {
        if (strncmp(what, sanitizers[i].library, strlen(sanitizers[i].library)) != 0 &&
            strncmp(what, sanitizers[i].symbol, strlen(sanitizers[i].symbol)) != 0) {
            continue;
        }
        if (!sanitizers[i].here) {
            FIND(subject, SANITIZER,
                 "it uses %.80s, and the host was built without that sanitizer; build both alike",
                 what);
        }
        return true;
    }
    return false;
}

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

static void open_library(const struct lockstep_probe_case *subject, const char *name,
                         struct lockstep_probe_libraries *libraries)
{
    void *library = dlopen(name, RTLD_LAZY | RTLD_LOCAL);
    if (library == NULL) {
        const char *cause = dlerror();
        FIND(subject, LIBRARY_PRESENT, "%.160s", cause == NULL ? name : cause);
        return;
    }
    libraries->handles[libraries->count] = library;
    libraries->names[libraries->count++] = name;
}

static void check_library(const struct lockstep_probe_case *subject, const char *name,
                          struct lockstep_probe_libraries *libraries)
{
    if (lockstep_probe_check_sanitizer(subject, name)) {
        return;
    }
    if (!is_allowed(subject->policy, name)) {
        FIND(subject, LIBRARY_ALLOWED,
             "it needs %.100s, which is not allowed; link it in statically or allow it", name);
        if (!lockstep_probe_case_waives(subject, LOCKSTEP_PROBE_CHECK_LIBRARY_ALLOWED)) {
            return;
        }
    }
    if (subject->policy->resolve) {
        open_library(subject, name, libraries);
    }
}

/* The addresses of a mapped object's dynamic section, which the loader has turned into places in
 * memory for some tags and not for others. */
static const uint8_t *place_of(const struct link_map *map, ElfW(Sxword) tag)
{
    for (const ElfW(Dyn) *entry = map->l_ld; entry->d_tag != DT_NULL; entry++) {
        if (entry->d_tag == tag) {
            uintptr_t at = entry->d_un.d_ptr;
            at = at < map->l_addr ? at + map->l_addr : at;
            return (const uint8_t *)at; /* NOLINT: an address the loader chose */
        }
    }
    return NULL;
}

/* As the loader looks for it: among the versions that the library defines. */
static bool defines_version(const struct link_map *map, const char *version)
{
    const char *strings = (const char *)place_of(map, DT_STRTAB);
    const uint8_t *at = place_of(map, DT_VERDEF);
    while (strings != NULL && at != NULL) {
        ElfW(Verdef) definition;
        ElfW(Verdaux) aux;
        memcpy(&definition, at, sizeof(definition));
        memcpy(&aux, at + definition.vd_aux, sizeof(aux));
        if (strcmp(strings + aux.vda_name, version) == 0) {
            return true;
        }
        at = definition.vd_next == 0 ? NULL : at + definition.vd_next;
    }
    return false;
}

struct version_walk {
    const struct lockstep_probe_case *subject;
    const struct lockstep_probe_libraries *libraries;
};

static bool check_version(void *context, const char *library, const char *version, bool weak)
{
    const struct version_walk *walk = context;
    static const char private[] = "_PRIVATE";
    size_t length = strlen(version);
    if (length >= sizeof(private) && strcmp(version + length - strlen(private), private) == 0) {
        FIND(walk->subject, SYMBOL_VERSION, "it uses what %.60s keeps for itself (%.60s)", library,
             version);
        return true;
    }
    for (size_t i = 0; i < walk->libraries->count && !weak; i++) {
        struct link_map *map = NULL;
        if (strcmp(walk->libraries->names[i], library) == 0 &&
            dlinfo(walk->libraries->handles[i], RTLD_DI_LINKMAP, &map) == 0 &&
            !defines_version(map, version)) {
            FIND(walk->subject, SYMBOL_VERSION,
                 "it was linked with a newer %.60s: %.60s is not there; build it on the oldest "
                 "system that it is to run on",
                 library, version);
            return true;
        }
    }
    return true;
}

void lockstep_probe_check_libraries(const struct lockstep_probe_case *subject,
                                    const struct lockstep_elf_view *view,
                                    struct lockstep_probe_libraries *ret_libraries)
{
    struct version_walk walk = {subject, ret_libraries};
    ret_libraries->count = 0;
    for (size_t i = 0; i < view->dynamic.needed_count; i++) {
        check_library(subject, lockstep_elf_view_string(view, view->dynamic.needed[i]),
                      ret_libraries);
    }
    lockstep_elf_view_versions(view, check_version, &walk);
}
