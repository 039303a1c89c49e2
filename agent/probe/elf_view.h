/*
 * An ELF shared object as the loader will see it: header, segments, dynamic section, symbols,
 * relocations, notes. Section headers are not looked at, because the loader does not look at them.
 *
 * Invariant: every address is translated through the segments and every access is bounded by the
 * file; a view that was made is safe to walk to its end whatever the bytes are. It borrows the
 * bytes, allocates only libelf's handle, opens nothing and judges nothing: that is static.h.
 */
#ifndef LOCKSTEP_PROBE_ELF_VIEW_H
#define LOCKSTEP_PROBE_ELF_VIEW_H

#include "agent/probe/checks.h"
#include "common/base/attr.h"
#include "common/base/error.h"

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOCKSTEP_ELF_LOADS_MAX   32
#define LOCKSTEP_ELF_NOTES_MAX   16
#define LOCKSTEP_ELF_NEEDED_MAX  32
#define LOCKSTEP_ELF_SYMBOLS_MAX (1U << 20)
#define LOCKSTEP_ELF_PHDRS_MAX   128

/* The processor that this program runs on. */
#if defined(__x86_64__)
#define LOCKSTEP_ELF_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define LOCKSTEP_ELF_MACHINE EM_AARCH64
#else
#error "lockstep-probe knows the relocations of x86-64 and aarch64 only"
#endif

/* A table in memory: where it begins and how many bytes it has; all zero when there is none. */
struct lockstep_elf_table {
    uint64_t address;
    uint64_t size;
};

/* What the dynamic section says. Addresses are not yet known to lie in the file. */
struct lockstep_elf_dynamic {
    struct lockstep_elf_table strings;
    struct lockstep_elf_table rela;
    struct lockstep_elf_table jump;
    struct lockstep_elf_table relr;
    uint64_t symbols;  /* address of the symbol table, 0: none */
    uint64_t versions; /* address of the version index of each symbol, 0: none */
    uint64_t verneed;
    uint64_t verneed_count;
    uint64_t hash;
    uint64_t gnu_hash;
    uint64_t flags;
    uint64_t flags_1;
    bool text_relocations;
    bool rel_format;   /* relocations without addend */
    bool constructors; /* DT_INIT, or a DT_INIT_ARRAY that is not empty */
    bool destructors;
    bool run_path;
    bool audit;
    bool soname;
    bool bind_now; /* as a tag of its own; there are flags for it, too */
    size_t needed_count;
    uint64_t needed[LOCKSTEP_ELF_NEEDED_MAX]; /* offsets into strings */
};

struct lockstep_elf_view {
    const uint8_t *bytes;
    size_t size;
    size_t loads_count;
    size_t notes_count;
    Elf64_Phdr loads[LOCKSTEP_ELF_LOADS_MAX]; /* ascending, apart, within the file */
    Elf64_Phdr notes[LOCKSTEP_ELF_NOTES_MAX]; /* PT_NOTE, within the file */
    Elf64_Phdr dynamic_segment;
    uint64_t tls_size; /* bytes of thread-local data, 0: none */
    bool relro;
    bool exec_stack;
    bool stack_said; /* there is a PT_GNU_STACK; without one the loader assumes the worst */
    struct lockstep_elf_dynamic dynamic;
    uint32_t symbols_count;
};

/* Reads header, segments and dynamic section of the SIZE bytes at BYTES, borrowed as long as the
 * view is used. INVALID if they are not a shared object of this machine; *ret_check then says which
 * check failed. */
enum lockstep_err lockstep_elf_view_init(struct lockstep_elf_view *view, const uint8_t *bytes,
                                         size_t size, enum lockstep_probe_check *ret_check,
                                         struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

/* The LENGTH bytes that will be at ADDRESS, or NULL unless all of them come from the file. */
const uint8_t *lockstep_elf_view_at(const struct lockstep_elf_view *view, uint64_t address,
                                    uint64_t length);

/* The flags (PF_R, PF_W, PF_X) of the segment that holds ADDRESS, 0 if none does. */
uint32_t lockstep_elf_view_flags(const struct lockstep_elf_view *view, uint64_t address);

/* The string at OFFSET of the string table, or NULL unless it ends within it. */
const char *lockstep_elf_view_string(const struct lockstep_elf_view *view, uint64_t offset);

/* Symbol INDEX; false if the table does not reach that far. */
bool lockstep_elf_view_symbol(const struct lockstep_elf_view *view, uint64_t index,
                              Elf64_Sym *ret_symbol);

/* The version that symbol INDEX is wanted in, NULL if it says none. */
const char *lockstep_elf_view_symbol_version(const struct lockstep_elf_view *view, uint64_t index);

/* Called for each version of a library's symbols that is needed; WEAK: the loader does without.
 * False ends the walk. */
typedef bool lockstep_elf_version_fn(void *context, const char *library, const char *version,
                                     bool weak);

/* Walks the versions that are needed, as far as their tables are sound. */
void lockstep_elf_view_versions(const struct lockstep_elf_view *view,
                                lockstep_elf_version_fn *visit, void *context);

/* Called for each relocation; false ends the walk. */
typedef bool lockstep_elf_relocation_fn(void *context, const Elf64_Rela *relocation);

/* Walks both relocation tables. False if one does not lie in the file. */
bool lockstep_elf_view_relocations(const struct lockstep_elf_view *view,
                                   lockstep_elf_relocation_fn *visit, void *context);

/* Called for each note; neither OWNER nor DATA is aligned or NUL-terminated. False ends the walk.
 */
typedef bool lockstep_elf_note_fn(void *context, uint32_t type, const char *owner,
                                  size_t owner_size, const uint8_t *data, size_t size);

/* Walks the notes of all note segments; a malformed one ends its segment. */
void lockstep_elf_view_notes(const struct lockstep_elf_view *view, lockstep_elf_note_fn *visit,
                             void *context);

#endif
