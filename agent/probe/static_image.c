/* What the segments, the dynamic section and relocations say. */
#include "agent/probe/static_internal.h"

#include "common/base/attr.h"

#define STATIC_TLS_MAX 512 /* bytes: a third of what glibc keeps for objects that come late */

/* What a relocation means for a module that is to be replaced. */
enum relocation_kind {
    RELOCATION_UNKNOWN = 0,
    RELOCATION_PLAIN,
    RELOCATION_STATIC_TLS,
    RELOCATION_IFUNC,
};

struct relocation_row {
    uint32_t type;
    enum relocation_kind kind;
};

#if defined(__x86_64__)
static const struct relocation_row relocation_rows[] = {
    {R_X86_64_NONE, RELOCATION_PLAIN},         {R_X86_64_64, RELOCATION_PLAIN},
    {R_X86_64_GLOB_DAT, RELOCATION_PLAIN},     {R_X86_64_JUMP_SLOT, RELOCATION_PLAIN},
    {R_X86_64_RELATIVE, RELOCATION_PLAIN},     {R_X86_64_DTPMOD64, RELOCATION_PLAIN},
    {R_X86_64_DTPOFF64, RELOCATION_PLAIN},     {R_X86_64_TLSDESC, RELOCATION_PLAIN},
    {R_X86_64_TPOFF64, RELOCATION_STATIC_TLS}, {R_X86_64_TPOFF32, RELOCATION_STATIC_TLS},
    {R_X86_64_IRELATIVE, RELOCATION_IFUNC},
};
#else
static const struct relocation_row relocation_rows[] = {
    {R_AARCH64_NONE, RELOCATION_PLAIN},           {R_AARCH64_ABS64, RELOCATION_PLAIN},
    {R_AARCH64_GLOB_DAT, RELOCATION_PLAIN},       {R_AARCH64_JUMP_SLOT, RELOCATION_PLAIN},
    {R_AARCH64_RELATIVE, RELOCATION_PLAIN},       {R_AARCH64_TLS_DTPMOD, RELOCATION_PLAIN},
    {R_AARCH64_TLS_DTPREL, RELOCATION_PLAIN},     {R_AARCH64_TLSDESC, RELOCATION_PLAIN},
    {R_AARCH64_TLS_TPREL, RELOCATION_STATIC_TLS}, {R_AARCH64_IRELATIVE, RELOCATION_IFUNC},
};
#endif

/* How often each thing was met: one finding each, not one a relocation. */
struct relocation_count {
    const struct lockstep_elf_view *view;
    size_t unknown;
    size_t static_tls;
    size_t ifunc;
    size_t in_code;
    uint64_t unknown_type;
};

static enum relocation_kind kind_of(uint64_t type)
{
    for (size_t i = 0; i < LOCKSTEP_COUNT(relocation_rows); i++) {
        if (relocation_rows[i].type == type) {
            return relocation_rows[i].kind;
        }
    }
    return RELOCATION_UNKNOWN;
}

static bool count_relocation(void *context, const Elf64_Rela *relocation)
{
    struct relocation_count *count = context;
    uint64_t type = ELF64_R_TYPE(relocation->r_info);
    switch (kind_of(type)) {
    case RELOCATION_UNKNOWN:
        count->unknown++;
        count->unknown_type = type;
        break;
    case RELOCATION_STATIC_TLS:
        count->static_tls++;
        break;
    case RELOCATION_IFUNC:
        count->ifunc++;
        break;
    case RELOCATION_PLAIN:
        break;
    }
    if (type != 0 && (lockstep_elf_view_flags(count->view, relocation->r_offset) & PF_W) == 0) {
        count->in_code++;
    }
    return true;
}

static void check_relocations(const struct lockstep_probe_case *subject,
                              const struct lockstep_elf_view *view)
{
    struct relocation_count count = {.view = view};
    if (!lockstep_elf_view_relocations(view, count_relocation, &count) ||
        view->dynamic.rel_format) {
        FIND(subject, RELOCATIONS, "its relocations are not in the form of this machine");
    }
    if (count.unknown > 0) {
        FIND(subject, RELOCATIONS,
             "%zu relocations are of a kind that a shared object does not "
             "have (the last: %llu); compile with -fPIC",
             count.unknown, (unsigned long long)count.unknown_type);
    }
    if (count.in_code > 0 || view->dynamic.text_relocations ||
        (view->dynamic.flags & DF_TEXTREL) != 0) {
        FIND(subject, TEXT_RELOCATIONS,
             "%zu places that cannot be written are to be relocated; "
             "compile with -fPIC",
             count.in_code);
    }
    if (count.static_tls > 0 || (view->dynamic.flags & DF_STATIC_TLS) != 0) {
        FIND(subject, STATIC_TLS,
             "thread-local data is in the static model, of which a process has room for a few "
             "versions only; compile with -ftls-model=global-dynamic");
    }
    if ((count.static_tls > 0 || (view->dynamic.flags & DF_STATIC_TLS) != 0) &&
        view->tls_size > STATIC_TLS_MAX) {
        FIND(subject, STATIC_TLS_SIZE,
             "%llu bytes of it are more than the %d for which a process has room",
             (unsigned long long)view->tls_size, STATIC_TLS_MAX);
    }
    if (count.ifunc > 0) {
        FIND(subject, IFUNC,
             "%zu functions are chosen by code that runs while it is loaded "
             "(IFUNC)",
             count.ifunc);
    }
}

static void check_segments(const struct lockstep_probe_case *subject,
                           const struct lockstep_elf_view *view)
{
    for (size_t i = 0; i < view->loads_count; i++) {
        if ((view->loads[i].p_flags & (PF_W | PF_X)) == (PF_W | PF_X)) {
            FIND(subject, SEGMENT_WX, "segment %zu is writable and executable", i);
            break;
        }
    }
    if (view->exec_stack || !view->stack_said) {
        FIND(subject, EXEC_STACK, "%s an executable stack; link with -Wl,-z,noexecstack",
             view->exec_stack ? "it asks for" : "it does not say that it can do without");
    }
    if (!view->relro) {
        FIND(subject, RELRO, "its tables stay writable; link with -Wl,-z,relro");
    }
}

/* What the loader is asked to do for it beside mapping it. */
static void check_wishes(const struct lockstep_probe_case *subject,
                         const struct lockstep_elf_view *view)
{
    static const struct {
        uint64_t flag;
        const char *option;
    } wishes[] = {
        {DF_1_GLOBAL, "global"},
        {DF_1_INTERPOSE, "interpose"},
        {DF_1_INITFIRST, "initfirst"},
        {DF_1_NOOPEN, "nodlopen"},
    };
    for (size_t i = 0; i < LOCKSTEP_COUNT(wishes); i++) {
        if ((view->dynamic.flags_1 & wishes[i].flag) != 0) {
            FIND(subject, PROCESS_WIDE, "it was linked with -z %s, which is about all of a process",
                 wishes[i].option);
            break;
        }
    }
    if (!view->dynamic.bind_now && (view->dynamic.flags & DF_BIND_NOW) == 0 &&
        (view->dynamic.flags_1 & DF_1_NOW) == 0) {
        FIND(subject, BIND_NOW,
             "a symbol that is missing would end the process at the first call; link with "
             "-Wl,-z,now");
    }
}

void lockstep_probe_check_image(const struct lockstep_probe_case *subject,
                                const struct lockstep_elf_view *view)
{
    check_segments(subject, view);
    check_relocations(subject, view);
    check_wishes(subject, view);
    if ((view->dynamic.flags_1 & DF_1_NODELETE) != 0) {
        FIND(subject, NO_DELETE, "it is marked as never to be unloaded (-z nodelete)");
    }
    if (view->dynamic.soname) {
        FIND(subject, SONAME,
             "it has a name of its own (DT_SONAME), so it could be taken for a library of that "
             "name; link without -soname");
    }
    if (view->dynamic.run_path) {
        FIND(subject, RUN_PATH,
             "it names directories to search libraries in (RPATH or RUNPATH); "
             "what lies there is not signed");
    }
    if (view->dynamic.audit) {
        FIND(subject, AUDIT,
             "it names an auditor, a filter or an auxiliary object, which are not "
             "signed");
    }
}
