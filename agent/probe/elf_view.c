#include "agent/probe/elf_view.h"

#include "common/base/cleanup.h"

#include <gelf.h>
#include <libelf.h>
#include <string.h>
#include <unistd.h>

/* Reads past a table's end are the usual prey of a hostile file: every read goes through this. */
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

static uint64_t round_down(uint64_t value, uint64_t unit)
{
    return value & ~(unit - 1);
}

/* A segment of the file, as mmap would take it. */
static bool segment_is_sound(const struct lockstep_elf_view *view, const Elf64_Phdr *segment,
                             uint64_t page)
{
    if (segment->p_offset > view->size || segment->p_filesz > view->size - segment->p_offset) {
        return false;
    }
    if (segment->p_filesz > segment->p_memsz || segment->p_vaddr > UINT64_MAX / 4 ||
        segment->p_memsz > UINT64_MAX / 4) {
        return false;
    }
    return segment->p_vaddr % page == segment->p_offset % page;
}

/* Two segments in one page would hide each other's bytes, and then the file is not what is mapped.
 */
static bool follows_apart(const struct lockstep_elf_view *view, const Elf64_Phdr *segment,
                          uint64_t page)
{
    const Elf64_Phdr *before;
    if (view->loads_count == 0) {
        return true;
    }
    before = &view->loads[view->loads_count - 1];
    return round_down(segment->p_vaddr, page) >=
           round_down(before->p_vaddr + before->p_memsz + page - 1, page);
}

static enum lockstep_err take_load(struct lockstep_elf_view *view, const Elf64_Phdr *segment,
                                   struct lockstep_error *err)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    if (view->loads_count == LOCKSTEP_ELF_LOADS_MAX) {
        return LOCKSTEP_FAIL(err, INVALID, "more than %d segments", LOCKSTEP_ELF_LOADS_MAX);
    }
    if (!segment_is_sound(view, segment, page)) {
        return LOCKSTEP_FAIL(err, INVALID,
                             "segment %zu does not lie within the file: it is truncated, or its "
                             "headers are damaged",
                             view->loads_count);
    }
    if (!follows_apart(view, segment, page)) {
        return LOCKSTEP_FAIL(err, INVALID, "segment %zu overlaps the one before it",
                             view->loads_count);
    }
    view->loads[view->loads_count++] = *segment;
    return LOCKSTEP_OK;
}

static enum lockstep_err take_note(struct lockstep_elf_view *view, const Elf64_Phdr *segment,
                                   struct lockstep_error *err)
{
    if (view->notes_count == LOCKSTEP_ELF_NOTES_MAX || segment->p_offset > view->size ||
        segment->p_filesz > view->size - segment->p_offset) {
        return LOCKSTEP_FAIL(err, INVALID, "a note segment does not lie within the file");
    }
    view->notes[view->notes_count++] = *segment;
    return LOCKSTEP_OK;
}

static enum lockstep_err take_segment(struct lockstep_elf_view *view, const Elf64_Phdr *segment,
                                      struct lockstep_error *err)
{
    switch (segment->p_type) {
    case PT_LOAD:
        return take_load(view, segment, err);
    case PT_NOTE:
        return take_note(view, segment, err);
    case PT_DYNAMIC:
        view->dynamic_segment = *segment;
        return LOCKSTEP_OK;
    case PT_GNU_STACK:
        view->stack_said = true;
        view->exec_stack = (segment->p_flags & PF_X) != 0;
        return LOCKSTEP_OK;
    case PT_GNU_RELRO:
        view->relro = true;
        return LOCKSTEP_OK;
    case PT_TLS:
        view->tls_size = segment->p_memsz;
        return LOCKSTEP_OK;
    case PT_INTERP:
        return LOCKSTEP_FAIL(err, INVALID, "it is a program, not a shared object");
    default:
        return LOCKSTEP_OK;
    }
}

static enum lockstep_err read_segments(struct lockstep_elf_view *view, Elf *elf,
                                       struct lockstep_error *err)
{
    size_t count = 0;
    if (elf_getphdrnum(elf, &count) != 0 || count == 0) {
        return LOCKSTEP_FAIL(err, INVALID, "no program headers");
    }
    if (count > LOCKSTEP_ELF_PHDRS_MAX) {
        return LOCKSTEP_FAIL(err, INVALID, "%zu program headers", count);
    }
    for (size_t i = 0; i < count; i++) {
        GElf_Phdr segment;
        if (gelf_getphdr(elf, (int)i, &segment) == NULL) {
            return LOCKSTEP_FAIL(err, INVALID, "program header %zu lies outside the file", i);
        }
        LOCKSTEP_TRY(take_segment(view, &segment, err));
    }
    if (view->loads_count == 0) {
        return LOCKSTEP_FAIL(err, INVALID, "nothing in it is to be mapped");
    }
    return LOCKSTEP_OK;
}

static void take_array(const Elf64_Dyn *entry, bool *ret_present)
{
    *ret_present = *ret_present || entry->d_un.d_val != 0;
}

/* Tags that say that code runs when the object comes and goes. True if ENTRY was one. */
static bool take_code(struct lockstep_elf_dynamic *dynamic, const Elf64_Dyn *entry)
{
    switch (entry->d_tag) {
    case DT_INIT:
    case DT_INIT_ARRAYSZ:
    case DT_PREINIT_ARRAYSZ:
        take_array(entry, &dynamic->constructors);
        return true;
    case DT_FINI:
    case DT_FINI_ARRAYSZ:
        take_array(entry, &dynamic->destructors);
        return true;
    default:
        return false;
    }
}

/* Tags that say where a table is. True if ENTRY was one. */
static bool take_table(struct lockstep_elf_dynamic *dynamic, const Elf64_Dyn *entry)
{
    const struct {
        Elf64_Sxword tag;
        uint64_t *target;
    } tables[] = {
        {DT_STRTAB, &dynamic->strings.address},
        {DT_STRSZ, &dynamic->strings.size},
        {DT_SYMTAB, &dynamic->symbols},
        {DT_HASH, &dynamic->hash},
        {DT_GNU_HASH, &dynamic->gnu_hash},
        {DT_RELA, &dynamic->rela.address},
        {DT_RELASZ, &dynamic->rela.size},
        {DT_JMPREL, &dynamic->jump.address},
        {DT_PLTRELSZ, &dynamic->jump.size},
        {DT_VERSYM, &dynamic->versions},
        {DT_VERNEED, &dynamic->verneed},
        {DT_VERNEEDNUM, &dynamic->verneed_count},
        {DT_FLAGS, &dynamic->flags},
        {DT_FLAGS_1, &dynamic->flags_1},
        {36 /* DT_RELR */, &dynamic->relr.address},
        {35 /* DT_RELRSZ */, &dynamic->relr.size},
    };
    for (size_t i = 0; i < LOCKSTEP_COUNT(tables); i++) {
        if (tables[i].tag == entry->d_tag) {
            *tables[i].target = entry->d_un.d_val;
            return true;
        }
    }
    return false;
}

static enum lockstep_err take_entry(struct lockstep_elf_dynamic *dynamic, const Elf64_Dyn *entry,
                                    struct lockstep_error *err)
{
    if (take_code(dynamic, entry) || take_table(dynamic, entry)) {
        return LOCKSTEP_OK;
    }
    switch (entry->d_tag) {
    case DT_NEEDED:
        if (dynamic->needed_count == LOCKSTEP_ELF_NEEDED_MAX) {
            return LOCKSTEP_FAIL(err, INVALID, "it needs more than %d libraries",
                                 LOCKSTEP_ELF_NEEDED_MAX);
        }
        dynamic->needed[dynamic->needed_count++] = entry->d_un.d_val;
        return LOCKSTEP_OK;
    case DT_REL:
        dynamic->rel_format = true;
        return LOCKSTEP_OK;
    case DT_PLTREL:
        dynamic->rel_format = dynamic->rel_format || entry->d_un.d_val != DT_RELA;
        return LOCKSTEP_OK;
    case DT_TEXTREL:
        dynamic->text_relocations = true;
        return LOCKSTEP_OK;
    case DT_RPATH:
    case DT_RUNPATH:
        dynamic->run_path = true;
        return LOCKSTEP_OK;
    case DT_AUDIT:
    case DT_DEPAUDIT:
    case DT_AUXILIARY:
    case DT_FILTER:
        dynamic->audit = true;
        return LOCKSTEP_OK;
    case DT_SONAME:
        dynamic->soname = true;
        return LOCKSTEP_OK;
    case DT_BIND_NOW:
        dynamic->bind_now = true;
        return LOCKSTEP_OK;
    default:
        return LOCKSTEP_OK;
    }
}

static enum lockstep_err read_entries(struct lockstep_elf_view *view, struct lockstep_error *err)
{
    uint64_t count = view->dynamic_segment.p_memsz / sizeof(Elf64_Dyn);
    for (uint64_t i = 0; i < count; i++) {
        Elf64_Dyn entry;
        if (!read_at(view, view->dynamic_segment.p_vaddr + i * sizeof(entry), &entry,
                     sizeof(entry))) {
            return LOCKSTEP_FAIL(err, INVALID, "its dynamic section lies outside its segments");
        }
        if (entry.d_tag == DT_NULL) {
            return LOCKSTEP_OK;
        }
        LOCKSTEP_TRY(take_entry(&view->dynamic, &entry, err));
    }
    return LOCKSTEP_FAIL(err, INVALID, "its dynamic section is missing or has no end");
}

/* The last symbol of the longest chain is the last of the table. */
static bool count_by_gnu_hash(const struct lockstep_elf_view *view, uint64_t *ret_count)
{
    uint64_t address = view->dynamic.gnu_hash;
    uint32_t header[4]; /* buckets, first symbol, words of the filter, shift */
    uint64_t buckets;
    uint64_t chains;
    uint64_t last = 0;
    if (!read_at(view, address, header, sizeof(header)) || header[0] > LOCKSTEP_ELF_SYMBOLS_MAX ||
        header[2] > LOCKSTEP_ELF_SYMBOLS_MAX) {
        return false;
    }
    buckets = address + sizeof(header) + (uint64_t)header[2] * sizeof(uint64_t);
    chains = buckets + (uint64_t)header[0] * sizeof(uint32_t);
    for (uint32_t i = 0; i < header[0]; i++) {
        uint32_t first;
        if (!read_at(view, buckets + i * sizeof(first), &first, sizeof(first))) {
            return false;
        }
        last = first > last ? first : last;
    }
    *ret_count = header[1];
    if (last < header[1]) {
        return true; /* every bucket is empty */
    }
    for (uint32_t link = 0; (link & 1) == 0; last++) {
        if (!read_at(view, chains + (last - header[1]) * sizeof(link), &link, sizeof(link))) {
            return false;
        }
    }
    *ret_count = last;
    return true;
}

static enum lockstep_err count_symbols(struct lockstep_elf_view *view, struct lockstep_error *err)
{
    uint64_t count = 0;
    uint32_t header[2];
    bool known = true;
    if (view->dynamic.gnu_hash != 0) {
        known = count_by_gnu_hash(view, &count);
    } else if (view->dynamic.hash != 0) {
        known = read_at(view, view->dynamic.hash, header, sizeof(header));
        count = known ? header[1] : 0;
    }
    if (!known || count > LOCKSTEP_ELF_SYMBOLS_MAX ||
        (count > 0 &&
         lockstep_elf_view_at(view, view->dynamic.symbols, count * sizeof(Elf64_Sym)) == NULL)) {
        return LOCKSTEP_FAIL(err, INVALID, "its symbol table is not sound");
    }
    view->symbols_count = (uint32_t)count;
    return LOCKSTEP_OK;
}

static enum lockstep_err check_tables(const struct lockstep_elf_view *view,
                                      struct lockstep_error *err)
{
    const struct lockstep_elf_dynamic *dynamic = &view->dynamic;
    const struct lockstep_elf_table *const tables[] = {&dynamic->strings, &dynamic->rela,
                                                       &dynamic->jump, &dynamic->relr};
    for (size_t i = 0; i < LOCKSTEP_COUNT(tables); i++) {
        if (tables[i]->size > 0 &&
            lockstep_elf_view_at(view, tables[i]->address, tables[i]->size) == NULL) {
            return LOCKSTEP_FAIL(err, INVALID, "a table of its dynamic section lies outside it");
        }
    }
    for (size_t i = 0; i < dynamic->needed_count; i++) {
        if (lockstep_elf_view_string(view, dynamic->needed[i]) == NULL) {
            return LOCKSTEP_FAIL(err, INVALID, "the name of a library it needs is damaged");
        }
    }
    return LOCKSTEP_OK;
}

static enum lockstep_err check_header(const GElf_Ehdr *header, const char *ident,
                                      enum lockstep_probe_check *ret_check,
                                      struct lockstep_error *err)
{
    const unsigned char order = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB
                                                                          : ELFDATA2MSB;
    *ret_check = LOCKSTEP_PROBE_CHECK_ELF_CLASS;
    if (ident[EI_CLASS] != ELFCLASS64 || (unsigned char)ident[EI_DATA] != order) {
        return LOCKSTEP_FAIL(err, INVALID,
                             "it is not a 64-bit object in this machine's byte order");
    }
    *ret_check = LOCKSTEP_PROBE_CHECK_ELF_MACHINE;
    if (header->e_machine != LOCKSTEP_ELF_MACHINE) {
        return LOCKSTEP_FAIL(err, INVALID,
                             "it was built for another processor (ELF machine %u, here %u)",
                             header->e_machine, LOCKSTEP_ELF_MACHINE);
    }
    *ret_check = LOCKSTEP_PROBE_CHECK_ELF_TYPE;
    if (header->e_type != ET_DYN) {
        return LOCKSTEP_FAIL(err, INVALID,
                             "it is not a shared object (ELF type %u); link it with -shared",
                             header->e_type);
    }
    return LOCKSTEP_OK;
}

static void end_elf(Elf **elf)
{
    if (*elf != NULL) {
        (void)elf_end(*elf);
    }
}

/* libelf only reads the image, but its prototype has no const. */
static Elf *begin_elf(const uint8_t *bytes, size_t size)
{
    union {
        const uint8_t *in;
        char *out;
    } image = {.in = bytes};
    return elf_version(EV_CURRENT) == EV_NONE ? NULL : elf_memory(image.out, size);
}

static enum lockstep_err read_headers(struct lockstep_elf_view *view,
                                      enum lockstep_probe_check *ret_check,
                                      struct lockstep_error *err)
{
    LOCKSTEP_CLEANUP(end_elf) Elf *elf = NULL;
    GElf_Ehdr header;
    const char *ident;
    *ret_check = LOCKSTEP_PROBE_CHECK_ELF_HEADER;
    if (view->size < sizeof(Elf64_Ehdr) || memcmp(view->bytes, ELFMAG, SELFMAG) != 0) {
        return LOCKSTEP_FAIL(err, INVALID, "it is not an ELF file");
    }
    elf = begin_elf(view->bytes, view->size);
    if (elf == NULL || elf_kind(elf) != ELF_K_ELF || gelf_getehdr(elf, &header) == NULL) {
        return LOCKSTEP_FAIL(err, INVALID, "its ELF header is damaged");
    }
    ident = (const char *)view->bytes;
    LOCKSTEP_TRY(check_header(&header, ident, ret_check, err));
    *ret_check = LOCKSTEP_PROBE_CHECK_SEGMENTS;
    return read_segments(view, elf, err);
}

enum lockstep_err lockstep_elf_view_init(struct lockstep_elf_view *view, const uint8_t *bytes,
                                         size_t size, enum lockstep_probe_check *ret_check,
                                         struct lockstep_error *err)
{
    memset(view, 0, sizeof(*view));
    view->bytes = bytes;
    view->size = size;
    LOCKSTEP_TRY(read_headers(view, ret_check, err));
    *ret_check = LOCKSTEP_PROBE_CHECK_DYNAMIC;
    LOCKSTEP_TRY(read_entries(view, err));
    LOCKSTEP_TRY(check_tables(view, err));
    return count_symbols(view, err);
}

static const Elf64_Phdr *segment_of(const struct lockstep_elf_view *view, uint64_t address)
{
    for (size_t i = 0; i < view->loads_count; i++) {
        if (address >= view->loads[i].p_vaddr &&
            address - view->loads[i].p_vaddr < view->loads[i].p_memsz) {
            return &view->loads[i];
        }
    }
    return NULL;
}

const uint8_t *lockstep_elf_view_at(const struct lockstep_elf_view *view, uint64_t address,
                                    uint64_t length)
{
    const Elf64_Phdr *segment = segment_of(view, address);
    uint64_t within;
    if (segment == NULL) {
        return NULL;
    }
    within = address - segment->p_vaddr;
    if (within > segment->p_filesz || length > segment->p_filesz - within) {
        return NULL;
    }
    return view->bytes + segment->p_offset + within;
}

uint32_t lockstep_elf_view_flags(const struct lockstep_elf_view *view, uint64_t address)
{
    const Elf64_Phdr *segment = segment_of(view, address);
    return segment == NULL ? 0 : segment->p_flags;
}

const char *lockstep_elf_view_string(const struct lockstep_elf_view *view, uint64_t offset)
{
    const struct lockstep_elf_table *strings = &view->dynamic.strings;
    const uint8_t *text;
    if (offset >= strings->size) {
        return NULL;
    }
    text = lockstep_elf_view_at(view, strings->address, strings->size);
    if (text == NULL || memchr(text + offset, '\0', strings->size - offset) == NULL) {
        return NULL;
    }
    return (const char *)text + offset;
}

bool lockstep_elf_view_symbol(const struct lockstep_elf_view *view, uint64_t index,
                              Elf64_Sym *ret_symbol)
{
    return index < LOCKSTEP_ELF_SYMBOLS_MAX && view->dynamic.symbols != 0 &&
           read_at(view, view->dynamic.symbols + index * sizeof(*ret_symbol), ret_symbol,
                   sizeof(*ret_symbol));
}

static bool walk_table(const struct lockstep_elf_view *view, const struct lockstep_elf_table *table,
                       lockstep_elf_relocation_fn *visit, void *context)
{
    for (uint64_t i = 0; i < table->size / sizeof(Elf64_Rela); i++) {
        Elf64_Rela relocation;
        if (!read_at(view, table->address + i * sizeof(relocation), &relocation,
                     sizeof(relocation))) {
            return false;
        }
        if (!visit(context, &relocation)) {
            break;
        }
    }
    return true;
}

bool lockstep_elf_view_relocations(const struct lockstep_elf_view *view,
                                   lockstep_elf_relocation_fn *visit, void *context)
{
    return walk_table(view, &view->dynamic.rela, visit, context) &&
           walk_table(view, &view->dynamic.jump, visit, context);
}

static size_t align_up(size_t value, size_t unit)
{
    return (value + unit - 1) / unit * unit;
}

/* Name and data are padded to the segment's alignment, 4 or, in GNU property notes, 8. */
static void walk_notes(const uint8_t *bytes, size_t size, size_t unit, lockstep_elf_note_fn *visit,
                       void *context)
{
    size_t at = 0;
    while (size - at >= sizeof(Elf64_Nhdr)) {
        Elf64_Nhdr note;
        size_t owner = at + sizeof(note);
        size_t data;
        memcpy(&note, bytes + at, sizeof(note));
        if (note.n_namesz > size - owner) {
            return;
        }
        data = align_up(owner + note.n_namesz, unit);
        if (data > size || note.n_descsz > size - data) {
            return;
        }
        if (!visit(context, note.n_type, (const char *)bytes + owner, note.n_namesz, bytes + data,
                   note.n_descsz)) {
            return;
        }
        at = align_up(data + note.n_descsz, unit);
        if (at > size) {
            return;
        }
    }
}

void lockstep_elf_view_notes(const struct lockstep_elf_view *view, lockstep_elf_note_fn *visit,
                             void *context)
{
    for (size_t i = 0; i < view->notes_count; i++) {
        const Elf64_Phdr *segment = &view->notes[i];
        walk_notes(view->bytes + segment->p_offset, segment->p_filesz,
                   segment->p_align == 8 ? 8 : 4, visit, context);
    }
}
