/*
 * What a module is checked for, one row a check: its name, the NO that its failure means, and what
 * holds when it passes. `lockstep-probe --list` prints this table.
 *
 * A manifest may waive some of them ("waivable"): those that are about one process holding many
 * versions. A module that needs that is pinned: it is replaced by exchanging the process. What a
 * module is, who signed it and what its memory looks like cannot be waived.
 *
 * Rows up to DESCRIPTOR_EXPECTED are static: they read bytes and run none of the module's code.
 * SYMBOL and LIBRARY rows open platform libraries, never the module. The rows after it run the
 * module in the sandbox.
 */
#ifndef LOCKSTEP_PROBE_CHECKS_H
#define LOCKSTEP_PROBE_CHECKS_H

#include "common/tbl/no.h"

#include <stdbool.h>

/*  X(NAME, "name", NO, static or not, waivable or not, what holds when it passes) */
#define LOCKSTEP_PROBE_CHECK_TABLE(X)                                                             \
    X(FILE_READABLE, "file-readable", NOFILE, true, false, "the file can be opened and read")     \
    X(FILE_SIZE, "file-size", BADFILE, true, false,                                               \
      "it is a regular file, not empty and not larger than allowed")                              \
    X(SIZE_EXPECTED, "size-expected", BAD_SIZE, true, false, "it has the size that was signed")   \
    X(DIGEST_EXPECTED, "digest-expected", BAD_DIGEST, true, false,                                \
      "it has the digest that was signed")                                                        \
    X(ELF_HEADER, "elf-header", BADFILE, true, false, "it begins with a whole ELF header")        \
    X(ELF_CLASS, "elf-class", BADFILE, true, false,                                               \
      "it has this machine's word size and byte order")                                           \
    X(ELF_MACHINE, "elf-machine", BADFILE, true, false,                                           \
      "it was built for this machine's processor")                                                \
    X(ELF_TYPE, "elf-type", BADFILE, true, false, "it is a shared object")                        \
    X(SEGMENTS, "segments", BADFILE, true, false,                                                 \
      "its segments are in order and lie within the file")                                        \
    X(SEGMENT_WX, "segment-wx", BADFILE, true, false,                                             \
      "no segment is writable and executable at once")                                            \
    X(EXEC_STACK, "exec-stack", BADFILE, true, false, "it does not ask for an executable stack")  \
    X(DYNAMIC, "dynamic", BADFILE, true, false, "its dynamic section and its tables are sound")   \
    X(RELOCATIONS, "relocations", BADFILE, true, false,                                           \
      "its relocations are of kinds that are known")                                              \
    X(TEXT_RELOCATIONS, "text-relocations", BADFILE, true, false,                                 \
      "nothing is relocated in its code")                                                         \
    X(BIND_NOW, "bind-now", BADFILE, true, false,                                                 \
      "its symbols are bound before its first call, not during it")                               \
    X(RELRO, "relro", BADFILE, true, false, "what the loader wrote is read-only afterwards")      \
    X(STATIC_TLS, "static-tls", BADFILE, true, true,                                              \
      "its thread-local data does not use up the loader's static reserve")                        \
    X(STATIC_TLS_SIZE, "static-tls-size", BADFILE, true, false,                                   \
      "static thread-local data, where it is allowed, is small")                                  \
    X(NO_DELETE, "no-delete", STICKY, true, true, "it is not marked as never to be unloaded")     \
    X(GNU_UNIQUE, "gnu-unique", STICKY, true, true,                                               \
      "it defines no symbol that is unique in the process, as C++ does")                          \
    X(PROCESS_WIDE, "process-wide", BADFILE, true, false,                                         \
      "it does not ask the loader to put it before other objects")                                \
    X(SONAME, "soname", LIBRARY, true, false,                                                     \
      "it has no name that the loader could take for a library's")                                \
    X(RUN_PATH, "run-path", LIBRARY, true, false,                                                 \
      "it names no directories to search libraries in")                                           \
    X(AUDIT, "audit", LIBRARY, true, false, "it names no auditors, filters or auxiliary objects") \
    X(SANITIZER, "sanitizer", ABI, true, false,                                                   \
      "it was built with no other sanitizer than the host")                                       \
    X(LIBRARY_ALLOWED, "library-allowed", LIBRARY, true, true,                                    \
      "it needs only libraries of the platform, or those that are allowed")                       \
    X(LIBRARY_PRESENT, "library-present", LIBRARY, true, false,                                   \
      "the libraries that it needs are here")                                                     \
    X(SYMBOL_VERSION, "symbol-version", SYMBOL, true, false,                                      \
      "the libraries here have the versions of symbols that it was linked with")                  \
    X(SYMBOL_DENIED, "symbol-denied", SYMBOL, true, true,                                         \
      "it uses no function that leaves something behind in the process")                          \
    X(SYMBOL_PRESENT, "symbol-present", SYMBOL, true, false,                                      \
      "every symbol that it needs is in a library that it names, in the right version")           \
    X(SYMBOL_GLOBAL, "symbol-global", SYMBOL, true, true,                                         \
      "it uses nothing that some other object in the process may happen to have")                 \
    X(ALLOCATOR, "allocator", BADFILE, true, false, "it brings no allocator of its own")          \
    X(OWN_LIBC, "own-libc", BADFILE, true, false, "it defines nothing that libc defines")         \
    X(IFUNC, "ifunc", CTOR_NOT_ALLOWED, true, true,                                               \
      "no function is chosen by code while it is loaded")                                         \
    X(CONSTRUCTOR, "constructor", CTOR_NOT_ALLOWED, true, true,                                   \
      "no code of it runs while it is loaded or unloaded, unless it declares so")                 \
    X(EXPORTS, "exports", BADFILE, true, true, "it exports its descriptor and nothing else")      \
    X(ISA, "isa", ISA, true, false, "the processor has the instructions that it was built for")   \
    X(DESCRIPTOR, "descriptor", NO_DESCRIPTOR, true, false,                                       \
      "it has one whole lockstep descriptor")                                                     \
    X(DESCRIPTOR_ABI, "descriptor-abi", ABI, true, false,                                         \
      "the descriptor's ABI is understood here")                                                  \
    X(DESCRIPTOR_SOUND, "descriptor-sound", NO_DESCRIPTOR, true, false,                           \
      "names, versions and lists of the descriptor are well formed")                              \
    X(DESCRIPTOR_EXPECTED, "descriptor-expected", WRONG_MODULE, true, false,                      \
      "name, service, version and state schema are those of the manifest")                        \
    X(REQUIRES, "requires", DEPENDENCY, false, false,                                             \
      "the modules that it needs are here, none in a ring")                                       \
    X(SANDBOX, "sandbox", INTERNAL, false, false, "the sandbox could be built")                   \
    X(MAP, "map", BADFILE, false, false, "the loader maps it")                                    \
    X(DESCRIPTOR_MAPPED, "descriptor-mapped", NO_DESCRIPTOR, false, false,                        \
      "the mapped descriptor says what the file says")                                            \
    X(LOAD, "load", LOAD, false, false, "its load function succeeds")                             \
    X(STATE, "state", STATE, false, false,                                                        \
      "the live state goes up to it, and down again unharmed")                                    \
    X(SMOKE, "smoke", SMOKE, false, false, "its smoke tests pass, each in its time")              \
    X(WALLS, "walls", FORBIDDEN, false, false, "it does not try to get out of the sandbox")       \
    X(THREADS, "threads", FORBIDDEN, false, false, "it does not start threads without end")       \
    X(OUTPUT, "output", FORBIDDEN, false, false, "it does not write without end")                 \
    X(PROCESS_STATE, "process-state", FORBIDDEN, false, true,                                     \
      "its calls leave the process as they found it")                                             \
    X(SURVIVES, "survives", PROBE_CRASHED, false, false, "nothing of it crashes")                 \
    X(ANSWERS, "answers", PROBE_TIMEOUT, false, false, "everything of it ends in time")           \
    X(MEMORY, "memory", MEMORY, false, false, "it needs no more memory than the probe may use")

enum lockstep_probe_check {
#define LOCKSTEP_PROBE_CHECK_ENUM(name, text, no, is_static, waivable, holds) \
    LOCKSTEP_PROBE_CHECK_##name,
    LOCKSTEP_PROBE_CHECK_TABLE(LOCKSTEP_PROBE_CHECK_ENUM)
#undef LOCKSTEP_PROBE_CHECK_ENUM
        LOCKSTEP_PROBE_CHECK_COUNT
};

/* The check's name ("elf-class"). */
const char *lockstep_probe_check_name(enum lockstep_probe_check check);
/* What holds when it passes: a sentence without a full stop. */
const char *lockstep_probe_check_holds(enum lockstep_probe_check check);
/* The NO that its failure means. */
enum lockstep_no lockstep_probe_check_no(enum lockstep_probe_check check);
/* True if it runs none of the module's code. */
bool lockstep_probe_check_static(enum lockstep_probe_check check);
/* True if a manifest may waive it. */
bool lockstep_probe_check_waivable(enum lockstep_probe_check check);
/* True and *ret_check set if a check has this name. */
bool lockstep_probe_check_parse(const char *name, enum lockstep_probe_check *ret_check);

#endif
