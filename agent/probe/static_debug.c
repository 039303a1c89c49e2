/* Whether there is debug information. Nothing that is refused depends on it, so this is the one
 * place that looks at section headers, which the loader does not. */
#include "agent/probe/static_internal.h"

#include "common/base/cleanup.h"

#include <gelf.h>
#include <libelf.h>
#include <string.h>

static void end_elf(Elf **elf)
{
    if (*elf != NULL) {
        (void)elf_end(*elf);
    }
}

void lockstep_probe_look_for_debug(const struct lockstep_probe_case *subject, const uint8_t *bytes,
                                   size_t size)
{
    /* libelf only reads the image, but its prototype has no const. */
    union {
        const uint8_t *in;
        char *out;
    } image = {.in = bytes};
    LOCKSTEP_CLEANUP(end_elf) Elf *elf = elf_memory(image.out, size);
    Elf_Scn *section = NULL;
    size_t names = 0;
    if (elf == NULL || elf_getshdrstrndx(elf, &names) != 0) {
        return;
    }
    while ((section = elf_nextscn(elf, section)) != NULL) {
        GElf_Shdr header;
        const char *name = gelf_getshdr(section, &header) == NULL
                               ? NULL
                               : elf_strptr(elf, names, header.sh_name);
        if (name != NULL && strcmp(name, ".debug_info") == 0) {
            lockstep_probe_case_facts(subject)->debug_info = true;
            return;
        }
    }
}
