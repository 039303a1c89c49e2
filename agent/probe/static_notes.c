/* GNU notes: build-id and the level of instructions that is needed. */
#include "agent/probe/static_internal.h"

#include <link.h>
#include <string.h>

/* GNU_PROPERTY_X86_ISA_1_NEEDED of the x86-64 psABI: bit N-1 stands for level N. */
#define PROPERTY_ISA_NEEDED 0xc0008002U

struct note_context {
    const struct lockstep_probe_case *subject;
};

static bool is_gnu(const char *owner, size_t owner_size)
{
    return owner_size == 4 && memcmp(owner, "GNU", 4) == 0;
}

static void write_build_id(const uint8_t *data, size_t size,
                           char ret_text[LOCKSTEP_PROBE_BUILD_ID_TEXT])
{
    size_t most = (LOCKSTEP_PROBE_BUILD_ID_TEXT - 1) / 2;
    lockstep_hex_format(data, size < most ? size : most, ret_text);
}

/* The highest level among the bits of a mask. */
static unsigned level_of(uint32_t mask)
{
    unsigned level = 0;
    for (unsigned i = 0; i < 32; i++) {
        if ((mask & (1U << i)) != 0) {
            level = i + 1;
        }
    }
    return level;
}

static void check_level(const struct lockstep_probe_case *subject, uint32_t mask)
{
    unsigned needed = level_of(mask);
    if (needed > subject->policy->isa_level) {
        FIND(subject, ISA, "it needs x86-64-v%u, the processor here has x86-64-v%u", needed,
             subject->policy->isa_level);
    }
}

/* A property is type, size and data, padded to 8. */
static void walk_properties(const struct lockstep_probe_case *subject, const uint8_t *data,
                            size_t size)
{
    size_t at = 0;
    while (size - at >= 2 * sizeof(uint32_t)) {
        uint32_t header[2];
        uint32_t mask;
        memcpy(header, data + at, sizeof(header));
        at += sizeof(header);
        if (header[1] > size - at) {
            return;
        }
        if (header[0] == PROPERTY_ISA_NEEDED && header[1] >= sizeof(mask)) {
            memcpy(&mask, data + at, sizeof(mask));
            check_level(subject, mask);
        }
        at += (header[1] + 7U) & ~(size_t)7;
        if (at > size) {
            return;
        }
    }
}

static bool visit_note(void *context, uint32_t type, const char *owner, size_t owner_size,
                       const uint8_t *data, size_t size)
{
    const struct note_context *notes = context;
    if (!is_gnu(owner, owner_size)) {
        return true;
    }
    if (type == NT_GNU_BUILD_ID) {
        write_build_id(data, size, lockstep_probe_case_facts(notes->subject)->build_id);
    }
#if defined(__x86_64__)
    if (type == NT_GNU_PROPERTY_TYPE_0) {
        walk_properties(notes->subject, data, size);
    }
#endif
    return true;
}

void lockstep_probe_check_notes(const struct lockstep_probe_case *subject,
                                const struct lockstep_elf_view *view)
{
    struct note_context notes = {subject};
    lockstep_elf_view_notes(view, visit_note, &notes);
}

#if defined(__x86_64__)
/* The features that tell one level from the one below, as far as the compilers here name them. */
unsigned lockstep_probe_isa_here(void)
{
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("ssse3") || !__builtin_cpu_supports("sse4.2") ||
        !__builtin_cpu_supports("popcnt")) {
        return 1;
    }
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("bmi2") ||
        !__builtin_cpu_supports("fma")) {
        return 2;
    }
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512cd") || !__builtin_cpu_supports("avx512dq") ||
        !__builtin_cpu_supports("avx512vl")) {
        return 3;
    }
    return 4;
}
#else
unsigned lockstep_probe_isa_here(void)
{
    return 0;
}
#endif

struct build_id_search {
    uintptr_t address;
    char *ret_text;
};

static bool take_build_id(void *context, uint32_t type, const char *owner, size_t owner_size,
                          const uint8_t *data, size_t size)
{
    if (type == NT_GNU_BUILD_ID && is_gnu(owner, owner_size)) {
        write_build_id(data, size, context);
    }
    return true;
}

static bool holds_address(const struct dl_phdr_info *info, uintptr_t address)
{
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        uintptr_t start = info->dlpi_addr + segment->p_vaddr;
        if (segment->p_type == PT_LOAD && address >= start && address - start < segment->p_memsz) {
            return true;
        }
    }
    return false;
}

/* The notes of a mapped object are walked as those of a file are: through a view of its segments
 * whose "file" is the memory. */
static int visit_object(struct dl_phdr_info *info, size_t size, void *context)
{
    struct build_id_search *search = context;
    (void)size;
    if (!holds_address(info, search->address)) {
        return 0;
    }
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        struct lockstep_elf_view view = {.notes_count = 1};
        if (info->dlpi_phdr[i].p_type != PT_NOTE) {
            continue;
        }
        view.notes[0] = info->dlpi_phdr[i];
        view.notes[0].p_offset = 0;
        /* The loader mapped these bytes: the address is one. */
        view.bytes = (const uint8_t *)info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
        lockstep_elf_view_notes(&view, take_build_id, search->ret_text);
    }
    return 1;
}

void lockstep_probe_build_id_of(const void *address, char ret_text[LOCKSTEP_PROBE_BUILD_ID_TEXT])
{
    struct build_id_search search = {(uintptr_t)address, ret_text};
    ret_text[0] = '\0';
    (void)dl_iterate_phdr(visit_object, &search);
}
