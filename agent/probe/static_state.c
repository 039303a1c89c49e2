/* What a module offers for its state: which of its functions are there, read from the relocations
 * that will fill its descriptor, so that nothing of it runs. */
#include "agent/probe/static_internal.h"

#include "agent/host/include/lockstep/module.h"

#include <string.h>

struct offer {
    uint64_t descriptor; /* its address */
    uint32_t size;       /* as the module's compiler saw it */
    bool down;
    bool steps;
    bool apply;
};

static bool find_descriptor(const struct lockstep_elf_view *view, struct offer *offer)
{
    const uint8_t *bytes = NULL;
    for (uint32_t i = 0; i < view->symbols_count && bytes == NULL; i++) {
        Elf64_Sym symbol;
        const char *name;
        if (!lockstep_elf_view_symbol(view, i, &symbol) || symbol.st_shndx == SHN_UNDEF) {
            continue;
        }
        name = lockstep_elf_view_string(view, symbol.st_name);
        if (name != NULL && strcmp(name, LOCKSTEP_MODULE_SYMBOL) == 0) {
            offer->descriptor = symbol.st_value;
            bytes = lockstep_elf_view_at(view, symbol.st_value, sizeof(offer->size));
        }
    }
    if (bytes != NULL) {
        memcpy(&offer->size, bytes, sizeof(offer->size));
    }
    return bytes != NULL;
}

static bool look_at(void *context, const Elf64_Rela *relocation)
{
    struct offer *offer = context;
    uint64_t at = relocation->r_offset - offer->descriptor;
    if (at < offer->size) {
        offer->down = offer->down || at == offsetof(struct lockstep_module, down);
        offer->steps = offer->steps || at == offsetof(struct lockstep_module, steps);
        offer->apply = offer->apply || at == offsetof(struct lockstep_module, apply);
    }
    return true;
}

enum lockstep_probe_rollback lockstep_probe_offer(const struct lockstep_elf_view *view,
                                                  uint32_t state_schema, uint32_t flags)
{
    struct offer offer = {0};
    if (state_schema == 0) {
        return LOCKSTEP_PROBE_ROLLBACK_STATELESS;
    }
    if ((flags & LOCKSTEP_MODULE_NO_WAY_BACK) != 0) {
        return LOCKSTEP_PROBE_ROLLBACK_NONE;
    }
    if (!find_descriptor(view, &offer) || !lockstep_elf_view_relocations(view, look_at, &offer)) {
        return LOCKSTEP_PROBE_ROLLBACK_UNKNOWN;
    }
    if (offer.down || offer.steps) {
        return LOCKSTEP_PROBE_ROLLBACK_LOSSLESS;
    }
    return offer.apply ? LOCKSTEP_PROBE_ROLLBACK_JOURNALED : LOCKSTEP_PROBE_ROLLBACK_SNAPSHOT;
}
