/*
 * Tag, length, value, both ways. Internal to common/hostwire.
 *
 * A value is u16 tag, u32 length and LENGTH bytes, little-endian. Zero values are not written. Tags
 * that a reader does not know are skipped; a tag that it knows has to be well-formed.
 */
#ifndef LOCKSTEP_HOSTWIRE_CODEC_H
#define LOCKSTEP_HOSTWIRE_CODEC_H

#include "common/hostwire/hostwire.h"

#define LOCKSTEP_HOSTWIRE_HEADER 6 /* bytes of tag and length */

struct lockstep_hostwire_writer {
    uint8_t *bytes;
    size_t room;
    size_t size;
    bool full; /* something did not fit: the rest is worthless */
};

struct lockstep_hostwire_value {
    uint16_t tag;
    size_t size;
    const uint8_t *bytes;
};

void lockstep_hostwire_put(struct lockstep_hostwire_writer *writer, uint16_t tag, const void *bytes,
                           size_t size);
void lockstep_hostwire_put_number(struct lockstep_hostwire_writer *writer, uint16_t tag,
                                  uint64_t number);
void lockstep_hostwire_put_text(struct lockstep_hostwire_writer *writer, uint16_t tag,
                                const char *text);

/* Takes the next value off the front. False at the end, or with *ret_broken if it is cut off. */
bool lockstep_hostwire_next(const uint8_t **bytes, size_t *size,
                            struct lockstep_hostwire_value *ret_value, bool *ret_broken);
/* A number of at most MAX. */
bool lockstep_hostwire_number(const struct lockstep_hostwire_value *value, uint64_t max,
                              uint64_t *ret_number);
/* A text without NUL that fits ROOM bytes with its NUL. */
bool lockstep_hostwire_text(const struct lockstep_hostwire_value *value, char *ret_text,
                            size_t room);

void lockstep_hostwire_put_entry(struct lockstep_hostwire_writer *writer, uint16_t tag,
                                 const struct lockstep_hostwire_entry *entry);
/* Which descriptors the entry wants is told by RET_WANTED, a flag each. */
bool lockstep_hostwire_entry_parse(const struct lockstep_hostwire_value *value,
                                   struct lockstep_hostwire_entry *ret_entry,
                                   bool ret_wanted[LOCKSTEP_HOSTWIRE_ENTRY_FDS]);

#endif
