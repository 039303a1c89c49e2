/* The versions of symbols that an object needs of its libraries. */
#include "agent/probe/elf_view.h"

#include <string.h>

#define VERSIONS_MAX 256 /* versions of one library that are looked through */

static bool read_at(const struct lockstep_elf_view *view, uint64_t address, void *ret_value,
                    size_t length)
{
    const uint8_t *bytes = lockstep_elf_view_at(view, address, length);
    if (bytes == NULL) {
        return false;
    }
    memcpy(ret_value, bytes, length);
    return true;
}

/* The name of version INDEX among the versions that one library is needed in. */
static const char *find_version(const struct lockstep_elf_view *view, uint64_t address,
                                const Elf64_Verneed *need, unsigned index)
{
    uint64_t at = address + need->vn_aux;
    for (unsigned i = 0; i < need->vn_cnt && i < VERSIONS_MAX; i++) {
        Elf64_Vernaux aux;
        if (!read_at(view, at, &aux, sizeof(aux))) {
            return NULL;
        }
        if ((aux.vna_other & 0x7fffU) == index) {
            return lockstep_elf_view_string(view, aux.vna_name);
        }
        at += aux.vna_next;
    }
    return NULL;
}

const char *lockstep_elf_view_symbol_version(const struct lockstep_elf_view *view, uint64_t index)
{
    uint64_t at = view->dynamic.verneed;
    uint16_t version;
    if (view->dynamic.versions == 0 || index >= LOCKSTEP_ELF_SYMBOLS_MAX ||
        !read_at(view, view->dynamic.versions + index * sizeof(version), &version,
                 sizeof(version)) ||
        (version & 0x7fffU) < 2) {
        return NULL;
    }
    for (uint64_t i = 0; i < view->dynamic.verneed_count && i < LOCKSTEP_ELF_NEEDED_MAX; i++) {
        Elf64_Verneed need;
        const char *name;
        if (!read_at(view, at, &need, sizeof(need))) {
            return NULL;
        }
        name = find_version(view, at, &need, version & 0x7fffU);
        if (name != NULL) {
            return name;
        }
        at += need.vn_next;
    }
    return NULL;
}

static bool walk_versions(const struct lockstep_elf_view *view, uint64_t address,
                          const Elf64_Verneed *need, lockstep_elf_version_fn *visit, void *context)
{
    const char *library = lockstep_elf_view_string(view, need->vn_file);
    uint64_t at = address + need->vn_aux;
    for (unsigned i = 0; library != NULL && i < need->vn_cnt && i < VERSIONS_MAX; i++) {
        Elf64_Vernaux aux;
        const char *version;
        if (!read_at(view, at, &aux, sizeof(aux))) {
            return false;
        }
        version = lockstep_elf_view_string(view, aux.vna_name);
        if (version == NULL ||
            !visit(context, library, version, (aux.vna_flags & VER_FLG_WEAK) != 0)) {
            return false;
        }
        at += aux.vna_next;
    }
    return library != NULL;
}

void lockstep_elf_view_versions(const struct lockstep_elf_view *view,
                                lockstep_elf_version_fn *visit, void *context)
{
    uint64_t at = view->dynamic.verneed;
    for (uint64_t i = 0; i < view->dynamic.verneed_count && i < LOCKSTEP_ELF_NEEDED_MAX; i++) {
        Elf64_Verneed need;
        if (!read_at(view, at, &need, sizeof(need)) ||
            !walk_versions(view, at, &need, visit, context)) {
            return;
        }
        at += need.vn_next;
    }
}
