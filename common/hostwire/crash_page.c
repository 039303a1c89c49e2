#include "common/hostwire/crash_page.h"

#include <string.h>

/* A text that is not printable is cut there. */
static void end_text(char *text, size_t size)
{
    text[size - 1] = '\0';
    for (; *text != '\0'; text++) {
        if (*text <= ' ' || *text >= '\x7f') {
            *text = '\0';
            return;
        }
    }
}

static void take_image(struct lockstep_crash_image *image)
{
    struct lockstep_name name;
    end_text(image->module, sizeof(image->module));
    end_text(image->version, sizeof(image->version));
    if (image->size == 0 || image->text < image->base || image->text > UINT64_MAX - image->size ||
        !lockstep_name_parse(image->module, &name)) {
        *image = (struct lockstep_crash_image){0};
    }
    if (image->build_id_size > LOCKSTEP_CRASH_BUILD_ID) {
        image->build_id_size = 0;
    }
}

static void take_thread(struct lockstep_crash_page *page, struct lockstep_crash_thread *thread)
{
    uint32_t count = thread->inside_count < LOCKSTEP_CRASH_INSIDE ? thread->inside_count
                                                                  : LOCKSTEP_CRASH_INSIDE;
    thread->inside_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (thread->inside[i] < LOCKSTEP_CRASH_IMAGES && page->images[thread->inside[i]].size > 0) {
            thread->inside[thread->inside_count++] = thread->inside[i];
        }
    }
}

bool lockstep_crash_page_take(struct lockstep_crash_page *page)
{
    if (page->magic != LOCKSTEP_CRASH_MAGIC) {
        return false;
    }
    end_text(page->tool, sizeof(page->tool));
    page->signal = page->signal < 65 ? page->signal : 0;
    page->frame_count = page->frame_count < LOCKSTEP_CRASH_FRAMES ? page->frame_count
                                                                  : LOCKSTEP_CRASH_FRAMES;
    page->thread_count = page->thread_count < LOCKSTEP_CRASH_THREADS ? page->thread_count
                                                                     : LOCKSTEP_CRASH_THREADS;
    for (size_t i = 0; i < LOCKSTEP_CRASH_IMAGES; i++) {
        take_image(&page->images[i]);
    }
    for (size_t i = 0; i < page->thread_count; i++) {
        take_thread(page, &page->threads[i]);
    }
    return true;
}

const struct lockstep_crash_image *lockstep_crash_page_image(const struct lockstep_crash_page *page,
                                                             uint64_t address)
{
    for (size_t i = 0; i < LOCKSTEP_CRASH_IMAGES; i++) {
        const struct lockstep_crash_image *image = &page->images[i];
        if (image->size > 0 && address >= image->text && address - image->text < image->size) {
            return image;
        }
    }
    return NULL;
}

/* FNV-1a, 64 bits. */
uint64_t lockstep_crash_fingerprint(const char *tool, const void *bytes, size_t size)
{
    uint64_t sum = UINT64_C(0xcbf29ce484222325);
    const uint8_t *byte = bytes;
    for (; *tool != '\0'; tool++) {
        sum = (sum ^ (uint8_t)*tool) * UINT64_C(0x100000001b3);
    }
    sum = sum * UINT64_C(0x100000001b3); /* the end of the name is a byte of its own */
    for (size_t i = 0; i < size; i++) {
        sum = (sum ^ byte[i]) * UINT64_C(0x100000001b3);
    }
    return sum == 0 ? 1 : sum;
}
