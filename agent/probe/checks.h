/*
 * What a module is checked for, one row a check: its name, the NO that its failure means, and what
 * holds when it passes. `lockstep-probe --list` prints this table.
 *
 * Rows up to DESCRIPTOR_EXPECTED are static: they read bytes and run none of the module's code.
 * SYMBOL and LIBRARY rows open platform libraries, never the module. The rows after it run the
 * module in the sandbox.
 */
#ifndef LOCKSTEP_PROBE_CHECKS_H
#define LOCKSTEP_PROBE_CHECKS_H

#include "common/tbl/no.h"

#include <stdbool.h>

/*  X(NAME, "name", NO, static or not, what holds when it passes) */
#define LOCKSTEP_PROBE_CHECK_TABLE(X)                                                             \
    X(FILE_READABLE, "file-readable", NOFILE, true, "the file can be opened and read")            \
    X(FILE_SIZE, "file-size", BADFILE, true,                                                      \
      "it is a regular file, not empty and not larger than allowed")                              \
    X(SIZE_EXPECTED, "size-expected", BAD_SIZE, true, "it has the size that was signed")          \
    X(DIGEST_EXPECTED, "digest-expected", BAD_DIGEST, true, "it has the digest that was signed")  \
    X(ELF_HEADER, "elf-header", BADFILE, true, "it begins with a whole ELF header")               \
    X(ELF_CLASS, "elf-class", BADFILE, true, "it has this machine's word size and byte order")    \
    X(ELF_MACHINE, "elf-machine", BADFILE, true, "it was built for this machine's processor")     \
    X(ELF_TYPE, "elf-type", BADFILE, true, "it is a shared object")                               \
    X(SEGMENTS, "segments", BADFILE, true, "its segments are in order and lie within the file")   \
    X(SEGMENT_WX, "segment-wx", BADFILE, true, "no segment is writable and executable at once")   \
    X(EXEC_STACK, "exec-stack", BADFILE, true, "it does not ask for an executable stack")         \
    X(DYNAMIC, "dynamic", BADFILE, true, "its dynamic section and its tables are sound")          \
    X(RELOCATIONS, "relocations", BADFILE, true, "its relocations are of kinds that are known")   \
    X(TEXT_RELOCATIONS, "text-relocations", BADFILE, true, "nothing is relocated in its code")    \
    X(STATIC_TLS, "static-tls", BADFILE, true,                                                    \
      "its thread-local data does not use up the loader's static reserve")                        \
    X(NO_DELETE, "no-delete", STICKY, true, "it is not marked as never to be unloaded")           \
    X(GNU_UNIQUE, "gnu-unique", STICKY, true,                                                     \
      "it defines no symbol that is unique in the process, as C++ does")                          \
    X(RUN_PATH, "run-path", LIBRARY, true, "it names no directories to search libraries in")      \
    X(AUDIT, "audit", LIBRARY, true, "it names no auditors, filters or auxiliary objects")        \
    X(LIBRARY_ALLOWED, "library-allowed", LIBRARY, true,                                          \
      "it needs only libraries of the platform, or those that are allowed")                       \
    X(LIBRARY_PRESENT, "library-present", LIBRARY, true, "the libraries that it needs are here")  \
    X(SYMBOL_DENIED, "symbol-denied", SYMBOL, true,                                               \
      "it uses no function that leaves something behind in the process")                          \
    X(SYMBOL_PRESENT, "symbol-present", SYMBOL, true,                                             \
      "every symbol that it needs is in a library that it names, in the right version")           \
    X(ALLOCATOR, "allocator", BADFILE, true, "it brings no allocator of its own")                 \
    X(IFUNC, "ifunc", CTOR_NOT_ALLOWED, true, "no function is chosen by code while it is loaded") \
    X(CONSTRUCTOR, "constructor", CTOR_NOT_ALLOWED, true,                                         \
      "no code of it runs while it is loaded or unloaded, unless it declares so")                 \
    X(ISA, "isa", ISA, true, "the processor has the instructions that it was built for")          \
    X(DESCRIPTOR, "descriptor", NO_DESCRIPTOR, true, "it has one whole lockstep descriptor")      \
    X(DESCRIPTOR_ABI, "descriptor-abi", ABI, true, "the descriptor's ABI is understood here")     \
    X(DESCRIPTOR_SOUND, "descriptor-sound", NO_DESCRIPTOR, true,                                  \
      "names, versions and lists of the descriptor are well formed")                              \
    X(DESCRIPTOR_EXPECTED, "descriptor-expected", WRONG_MODULE, true,                             \
      "name, service, version and state schema are those of the manifest")                        \
    X(REQUIRES, "requires", DEPENDENCY, false,                                                    \
      "the modules that it needs are here, none in a ring")                                       \
    X(SANDBOX, "sandbox", INTERNAL, false, "the sandbox could be built")                          \
    X(MAP, "map", BADFILE, false, "the loader maps it")                                           \
    X(DESCRIPTOR_MAPPED, "descriptor-mapped", NO_DESCRIPTOR, false,                               \
      "the mapped descriptor says what the file says")                                            \
    X(LOAD, "load", LOAD, false, "its load function succeeds")                                    \
    X(STATE, "state", STATE, false, "the live state goes up to it, and down again unharmed")      \
    X(SMOKE, "smoke", SMOKE, false, "its smoke tests pass, each in its time")                     \
    X(SURVIVES, "survives", PROBE_CRASHED, false, "nothing of it crashes")                        \
    X(ANSWERS, "answers", PROBE_TIMEOUT, false, "everything of it ends in time")                  \
    X(MEMORY, "memory", MEMORY, false, "it needs no more memory than the probe may use")

enum lockstep_probe_check {
#define LOCKSTEP_PROBE_CHECK_ENUM(name, text, no, is_static, holds) LOCKSTEP_PROBE_CHECK_##name,
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
/* True and *ret_check set if a check has this name. */
bool lockstep_probe_check_parse(const char *name, enum lockstep_probe_check *ret_check);

#endif
