/*
 * What a host leaves behind when it dies: a file that it has mapped, with the versions it has
 * mapped and, once a signal has ended it, where every thread was.
 *
 * The host writes it, the agent reads it after the death. To the agent its bytes are hostile: it
 * looks at a copy that lockstep_crash_page_take() has made sound. Both are of one machine and one
 * release, so the layout is that of the struct; another release's page is no page.
 */
#ifndef LOCKSTEP_HOSTWIRE_CRASH_PAGE_H
#define LOCKSTEP_HOSTWIRE_CRASH_PAGE_H

#include "common/base/attr.h"
#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/base/limits.h"

#include <stdbool.h>
#include <stdint.h>

#define LOCKSTEP_CRASH_MAGIC    UINT64_C(0x31657361706b636c) /* changes with the layout */
#define LOCKSTEP_CRASH_IMAGES   (LOCKSTEP_RETIRED_MAX + 3 * LOCKSTEP_NODE_MODULES_MAX)
#define LOCKSTEP_CRASH_FRAMES   32
#define LOCKSTEP_CRASH_THREADS  64
#define LOCKSTEP_CRASH_INSIDE   8       /* versions that one thread is inside of */
#define LOCKSTEP_CRASH_BUILD_ID 20      /* bytes of a build-id that are kept */
#define LOCKSTEP_CRASH_PREFIX   "page." /* and the process's number: the name of its file */

/* A version that is mapped; size 0: none. */
struct lockstep_crash_image {
    uint64_t base; /* what addresses of its file begin at */
    uint64_t text; /* its executable pages */
    uint64_t size;
    uint32_t build_id_size;
    uint8_t build_id[LOCKSTEP_CRASH_BUILD_ID];
    char module[LOCKSTEP_NAME_MAX + 1];
    char version[LOCKSTEP_VERSION_MAX + 1];
};

/* A thread that was in a call. */
struct lockstep_crash_thread {
    uint32_t died; /* 1: it is the one that took the signal */
    uint32_t inside_count;
    uint32_t inside[LOCKSTEP_CRASH_INSIDE]; /* images */
};

struct lockstep_crash_page {
    uint64_t magic;
    uint32_t signal;  /* 0: none was caught */
    int32_t code;     /* si_code */
    uint64_t address; /* si_addr */
    uint64_t pc;
    uint64_t request; /* fingerprint of what the thread that died was asked; 0: nothing */
    char tool[LOCKSTEP_NAME_MAX + 1];
    uint32_t frame_count;
    uint32_t thread_count;
    uint64_t frames[LOCKSTEP_CRASH_FRAMES]; /* return addresses, innermost first */
    struct lockstep_crash_thread threads[LOCKSTEP_CRASH_THREADS];
    struct lockstep_crash_image images[LOCKSTEP_CRASH_IMAGES];
};

/* Makes PAGE sound: counts in bounds, texts ended, names that are names. False: it is none. */
bool lockstep_crash_page_take(struct lockstep_crash_page *page);
/* The image that ADDRESS is in, or NULL. */
const struct lockstep_crash_image *lockstep_crash_page_image(const struct lockstep_crash_page *page,
                                                             uint64_t address);
/* The fingerprint of a request: never 0. The same in every process. */
uint64_t lockstep_crash_fingerprint(const char *tool, const void *bytes, size_t size);

#endif
