/* Signals that end lockstep-host by its own fault: where every thread was is noted in the page, and
 * the process dies of the signal as it would have. Everything here is async-signal-safe: it writes
 * to memory that is mapped, and reads stacks by a system call that says when there is none. */
#include "agent/host/crash.h"
#include "agent/host/gate_slot.h"

#include <signal.h>
#include <string.h>
#include <sys/uio.h>
#include <ucontext.h>
#include <unistd.h>

#define STACK_REACH (8 * 1024 * 1024) /* how far a frame may be from the innermost */

static atomic_flag dying = ATOMIC_FLAG_INIT;

struct place {
    uint64_t pc;
    uint64_t frame;
    uint64_t stack;
};

static struct place place_of(const ucontext_t *context)
{
#if defined(__x86_64__)
    const greg_t *registers = context->uc_mcontext.gregs;
    return (struct place){(uint64_t)registers[REG_RIP], (uint64_t)registers[REG_RBP],
                          (uint64_t)registers[REG_RSP]};
#elif defined(__aarch64__)
    return (struct place){context->uc_mcontext.pc, context->uc_mcontext.regs[29],
                          context->uc_mcontext.sp};
#else
    (void)context;
    return (struct place){0};
#endif
}

static bool read_words(uint64_t address, uint64_t words[2])
{
    struct iovec to = {words, 2 * sizeof(words[0])};
    struct iovec from = {(void *)(uintptr_t)address,
                         2 * sizeof(words[0])}; /* NOLINT: may be none */
    return process_vm_readv(getpid(), &to, 1, &from, 1, 0) == (ssize_t)to.iov_len;
}

/* Frames are linked by the caller's frame pointer, with the return address beside it, and lead
 * away from the top of the stack. */
static void note_frames(struct lockstep_crash_page *page, struct place place)
{
    uint64_t words[2];
    uint64_t frame = place.frame;
    page->frame_count = 0;
    while (page->frame_count < LOCKSTEP_CRASH_FRAMES && frame >= place.stack &&
           frame - place.stack < STACK_REACH && frame % sizeof(uint64_t) == 0 &&
           read_words(frame, words) && words[1] != 0) {
        page->frames[page->frame_count++] = words[1];
        if (words[0] <= frame) {
            break;
        }
        frame = words[0];
    }
}

static bool is_inside(const struct lockstep_gate_slot *slot, uint32_t image)
{
    const struct lockstep_gate_block *block = atomic_load_explicit(&slot->blocks[image],
                                                                   memory_order_relaxed);
    for (size_t i = 0; block != NULL && i < LOCKSTEP_MODULE_TOOLS; i++) {
        if (atomic_load_explicit(&block->entered[i], memory_order_relaxed) !=
            atomic_load_explicit(&block->left[i], memory_order_relaxed)) {
            return true;
        }
    }
    return false;
}

/* The gate's slots are the truth about who is inside of what: it needs no unwinding. */
static void note_threads(struct lockstep_crash_page *page)
{
    const struct lockstep_gate_slot *mine = lockstep_gate_slot_cached;
    page->thread_count = 0;
    for (const struct lockstep_gate_slot *slot = lockstep_gate_slot_first();
         slot != NULL && page->thread_count < LOCKSTEP_CRASH_THREADS; slot = slot->next) {
        struct lockstep_crash_thread *thread = &page->threads[page->thread_count];
        *thread = (struct lockstep_crash_thread){.died = slot == mine ? 1 : 0};
        for (uint32_t i = 0; i < LOCKSTEP_CRASH_IMAGES; i++) {
            if (page->images[i].size > 0 && thread->inside_count < LOCKSTEP_CRASH_INSIDE &&
                is_inside(slot, i)) {
                thread->inside[thread->inside_count++] = i;
            }
        }
        page->thread_count += thread->inside_count > 0 ? 1 : 0;
    }
}

static void note(int signal, const siginfo_t *info, const ucontext_t *context)
{
    struct lockstep_crash_page *page = lockstep_crash_page;
    struct place place = place_of(context);
    const char *tool = lockstep_crash_tool;
    page->code = info->si_code;
    page->address = (uint64_t)(uintptr_t)info->si_addr;
    page->pc = place.pc;
    page->request = lockstep_crash_request;
    for (size_t i = 0; tool != NULL && tool[i] != '\0' && i + 1 < sizeof(page->tool); i++) {
        page->tool[i] = tool[i];
    }
    page->signal = (uint32_t)signal;
    note_threads(page);
    note_frames(page, place);
}

static void on_fatal(int signal, siginfo_t *info, void *context)
{
    if (atomic_flag_test_and_set(&dying)) {
        for (;;) { /* another thread is at it, and ends the process */
            (void)pause();
        }
    }
    note(signal, info, context);
    (void)raise(signal); /* the handler was reset: it ends here, or at the same instruction */
}

void lockstep_crash_arm(void)
{
    struct sigaction action = {
        .sa_sigaction = on_fatal,
        .sa_flags = (int)(SA_SIGINFO | SA_ONSTACK | SA_RESETHAND | SA_NODEFER)};
    if (lockstep_crash_page == NULL) {
        return;
    }
    (void)sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < LOCKSTEP_CRASH_SIGNALS; i++) {
        (void)sigaction(lockstep_crash_signals[i], &action, NULL);
    }
    lockstep_crash_thread();
}
