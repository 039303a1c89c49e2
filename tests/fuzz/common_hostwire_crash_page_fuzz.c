/* A crash page was last written by a process that died of a mistake: an input is a list of changes
 * to a good one (two bytes: where, in eights; one: how many bytes; the bytes). What is taken is
 * sound. */
#include "common/hostwire/crash_page.h"
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <string.h>

static struct lockstep_crash_page page;

static void begin(void)
{
    memset(&page, 0, sizeof(page));
    page.magic = LOCKSTEP_CRASH_MAGIC;
    page.signal = 11;
    page.frame_count = 2;
    page.frames[0] = 0x2010;
    page.thread_count = 1;
    page.threads[0] = (struct lockstep_crash_thread){1, 1, {1}};
    page.images[1] = (struct lockstep_crash_image){
        .base = 0x1000, .text = 0x2000, .size = 0x1000, .build_id_size = LOCKSTEP_CRASH_BUILD_ID};
    (void)snprintf(page.images[1].module, sizeof(page.images[1].module), "pay");
    (void)snprintf(page.images[1].version, sizeof(page.images[1].version), "2.0.0");
}

static void change(const uint8_t *data, size_t size)
{
    while (size >= 3) {
        size_t place = (size_t)(data[0] | data[1] << 8) * 8 % sizeof(page);
        size_t length = data[2];
        length = length < size - 3 ? length : size - 3;
        length = length < sizeof(page) - place ? length : sizeof(page) - place;
        memcpy((uint8_t *)&page + place, data + 3, length);
        data += 3 + length;
        size -= 3 + length;
    }
}

static void must_be_printable(const char *text, size_t size)
{
    MUST(memchr(text, '\0', size) != NULL);
    for (; *text != '\0'; text++) {
        MUST(*text > ' ' && *text <= '~');
    }
}

static void must_be_sound(const struct lockstep_crash_image *image)
{
    MUST(image->build_id_size <= LOCKSTEP_CRASH_BUILD_ID);
    must_be_printable(image->module, sizeof(image->module));
    must_be_printable(image->version, sizeof(image->version));
    if (image->size > 0) {
        MUST(lockstep_name_valid(image->module, strlen(image->module)));
        MUST(lockstep_crash_page_image(&page, image->text) != NULL);
        MUST(lockstep_crash_page_image(&page, image->text + image->size - 1) != NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    begin();
    change(data, size);
    if (!lockstep_crash_page_take(&page)) {
        return 0;
    }
    must_be_printable(page.tool, sizeof(page.tool));
    MUST(page.frame_count <= LOCKSTEP_CRASH_FRAMES && page.thread_count <= LOCKSTEP_CRASH_THREADS);
    for (size_t i = 0; i < LOCKSTEP_CRASH_IMAGES; i++) {
        must_be_sound(&page.images[i]);
    }
    for (size_t i = 0; i < page.thread_count; i++) {
        const struct lockstep_crash_thread *thread = &page.threads[i];
        MUST(thread->inside_count <= LOCKSTEP_CRASH_INSIDE);
        for (size_t j = 0; j < thread->inside_count; j++) {
            MUST(thread->inside[j] < LOCKSTEP_CRASH_IMAGES);
            MUST(page.images[thread->inside[j]].size > 0);
        }
    }
    return 0;
}
