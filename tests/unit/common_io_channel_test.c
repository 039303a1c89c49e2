/* The channel without a socket: two of them, and what may happen to the bytes between them. */
#include "common/io/channel.h"
#include "tests/support/cmocka.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

struct pair {
    struct lockstep_channel dialler;
    struct lockstep_channel listener;
    uint8_t dialler_public[LOCKSTEP_NOISE_KEY];
};

static const struct lockstep_hello honest = {
    .version_min = 1,
    .version_max = 3,
    .journal = {{1, 2, 3}},
    .boot = {{4, 5, 6}},
    .software = "0.1.0",
};

struct setup {
    enum lockstep_channel_kind kind;
    const struct lockstep_hello *hello;
    uint8_t wrong_key;
    uint8_t wrong_cluster;
    uint8_t wrong_psk;
};

static void begin(struct pair *pair, const struct setup *setup)
{
    uint8_t secrets[2][LOCKSTEP_NOISE_KEY] = {{1}, {2}};
    uint8_t known[LOCKSTEP_NOISE_KEY];
    struct lockstep_channel_config config = {.own = secrets[0]};
    assert_int_equal(lockstep_channel_init(&pair->listener, &config, NULL), LOCKSTEP_OK);
    (void)crypto_scalarmult_base(known, secrets[0]);
    (void)crypto_scalarmult_base(pair->dialler_public, secrets[1]);
    known[7] ^= setup->wrong_key;
    config = (struct lockstep_channel_config){.dialler = true,
                                              .kind = setup->kind,
                                              .own = secrets[1],
                                              .remote = known,
                                              .hello = *setup->hello,
                                              .token = "goodone",
                                              .psk = {setup->wrong_psk}};
    config.cluster.bytes[15] = setup->wrong_cluster;
    assert_int_equal(lockstep_channel_init(&pair->dialler, &config, NULL), LOCKSTEP_OK);
}

static void end(struct pair *pair)
{
    lockstep_channel_deinit(&pair->dialler);
    lockstep_channel_deinit(&pair->listener);
}

/* Feeds all of BYTES one by one and answers what is asked; the last event that was one. */
static enum lockstep_err feed_all(struct lockstep_channel *channel, const uint8_t *bytes,
                                  size_t size, struct lockstep_channel_event *ret_event)
{
    static const uint8_t psk[LOCKSTEP_NOISE_KEY];
    ret_event->type = LOCKSTEP_CHANNEL_NOTHING;
    for (size_t i = 0; i < size; i++) {
        struct lockstep_channel_event event;
        size_t used = 0;
        enum lockstep_err result = lockstep_channel_feed(channel, bytes + i, 1, &used, &event,
                                                         NULL);
        if (result != LOCKSTEP_OK) {
            return result;
        }
        assert_int_equal(used, 1);
        if (event.type == LOCKSTEP_CHANNEL_TOKEN) {
            assert_int_equal(lockstep_channel_give_psk(channel, psk, NULL), LOCKSTEP_OK);
        } else if (event.type == LOCKSTEP_CHANNEL_PEER) {
            lockstep_channel_accept(channel);
        }
        if (event.type != LOCKSTEP_CHANNEL_NOTHING) {
            *ret_event = event;
        }
    }
    return LOCKSTEP_OK;
}

/* Moves one handshake frame, with one bit of it flipped if BIT is not negative. */
static enum lockstep_err pass(struct lockstep_channel *from, struct lockstep_channel *to, long bit)
{
    uint8_t frame[LOCKSTEP_HANDSHAKE_MAX];
    struct lockstep_channel_event event;
    size_t size = lockstep_channel_take(from, frame);
    assert_true(size > 0);
    if (bit >= 0) {
        frame[bit / 8] = (uint8_t)(frame[bit / 8] ^ 1U << bit % 8);
    }
    return feed_all(to, frame, size, &event);
}

static enum lockstep_err shake_hands(struct pair *pair)
{
    enum lockstep_err result = pass(&pair->dialler, &pair->listener, -1);
    if (result == LOCKSTEP_OK) {
        result = pass(&pair->listener, &pair->dialler, -1);
    }
    return result == LOCKSTEP_OK ? pass(&pair->dialler, &pair->listener, -1) : result;
}

static void begin_up(struct pair *pair)
{
    begin(pair, &(struct setup){.kind = LOCKSTEP_CHANNEL_XK, .hello = &honest});
    assert_int_equal(shake_hands(pair), LOCKSTEP_OK);
    assert_true(lockstep_channel_is_up(&pair->dialler));
    assert_true(lockstep_channel_is_up(&pair->listener));
}

/* ---- handshakes ----------------------------------------------------------------------------- */

static const struct lockstep_hello no_range = {.version_min = 3, .version_max = 2, .software = "1"};
static const struct lockstep_hello version_0 = {.version_max = 2, .software = "1"};
static const struct lockstep_hello forged = {
    .version_min = 1, .version_max = 1, .software = "1\n2"};

static const struct lockstep_hello spaced = {.version_min = 1, .version_max = 1, .software = "1 2"};

/* Its software version has no end; filled by main(). */
static struct lockstep_hello endless = {.version_min = 1, .version_max = 1};

static const struct shake_row {
    const char *name;
    struct setup setup;
    enum lockstep_err result;
} shake_rows[] = {
    {"a known key", {LOCKSTEP_CHANNEL_XK, &honest, 0, 0, 0}, LOCKSTEP_OK},
    {"a token", {LOCKSTEP_CHANNEL_XKPSK3, &honest, 0, 0, 0}, LOCKSTEP_OK},
    {"another coordinator", {LOCKSTEP_CHANNEL_XK, &honest, 1, 0, 0}, LOCKSTEP_REFUSED},
    {"another cluster", {LOCKSTEP_CHANNEL_XK, &honest, 0, 1, 0}, LOCKSTEP_REFUSED},
    {"a token of another cluster", {LOCKSTEP_CHANNEL_XKPSK3, &honest, 0, 1, 0}, LOCKSTEP_REFUSED},
    {"a token with a wrong secret", {LOCKSTEP_CHANNEL_XKPSK3, &honest, 0, 0, 1}, LOCKSTEP_REFUSED},
    {"versions that are no range", {LOCKSTEP_CHANNEL_XK, &no_range, 0, 0, 0}, LOCKSTEP_REFUSED},
    {"version 0", {LOCKSTEP_CHANNEL_XK, &version_0, 0, 0, 0}, LOCKSTEP_REFUSED},
    {"a software version of two lines", {LOCKSTEP_CHANNEL_XK, &forged, 0, 0, 0}, LOCKSTEP_REFUSED},
    {"a software version without an end",
     {LOCKSTEP_CHANNEL_XK, &endless, 0, 0, 0},
     LOCKSTEP_REFUSED},
    {"a software version of two words", {LOCKSTEP_CHANNEL_XK, &spaced, 0, 0, 0}, LOCKSTEP_REFUSED},
};

static void check_shake(void **state)
{
    const struct shake_row *row = *state;
    struct pair pair;
    begin(&pair, &row->setup);
    assert_int_equal(shake_hands(&pair), row->result);
    assert_int_equal(lockstep_channel_is_up(&pair.listener), row->result == LOCKSTEP_OK);
    if (row->result == LOCKSTEP_OK) {
        assert_memory_equal(pair.listener.peer, pair.dialler_public, LOCKSTEP_NOISE_KEY);
        assert_memory_equal(&pair.listener.hello, &honest, sizeof(honest));
        assert_int_equal(pair.listener.session, pair.dialler.session);
    }
    end(&pair);
}

/* Whatever bit of whatever handshake frame is flipped, length and kind too, nobody comes up. A
 * length that grew leaves the channel waiting, which the deadline ends. */
static void no_bit_of_a_handshake_may_change(void **state)
{
    static const size_t sizes[] = {59, 51, 195};
    (void)state;
    for (size_t stage = 0; stage < 3; stage++) {
        for (long bit = 0; bit < (long)sizes[stage] * 8; bit++) {
            struct pair pair;
            struct lockstep_channel *sides[] = {&pair.dialler, &pair.listener};
            begin(&pair, &(struct setup){.kind = LOCKSTEP_CHANNEL_XK, .hello = &honest});
            for (size_t i = 0; i < stage; i++) {
                assert_int_equal(pass(sides[i % 2], sides[(i + 1) % 2], -1), LOCKSTEP_OK);
            }
            assert_int_equal(pass(sides[stage % 2], sides[(stage + 1) % 2], bit), LOCKSTEP_REFUSED);
            assert_false(lockstep_channel_is_up(&pair.listener));
            end(&pair);
        }
    }
}

/* The kind is no part of what is sealed: a handshake that began with one kind goes on with it. */
static void the_kind_may_not_change(void **state)
{
    (void)state;
    for (size_t stage = 0; stage < 3; stage++) {
        struct pair pair;
        struct lockstep_channel *sides[] = {&pair.dialler, &pair.listener};
        uint8_t frame[LOCKSTEP_HANDSHAKE_MAX];
        struct lockstep_channel_event event;
        size_t size;
        begin(&pair, &(struct setup){.kind = LOCKSTEP_CHANNEL_XK, .hello = &honest});
        for (size_t i = 0; i < stage; i++) {
            assert_int_equal(pass(sides[i % 2], sides[(i + 1) % 2], -1), LOCKSTEP_OK);
        }
        size = lockstep_channel_take(sides[stage % 2], frame);
        assert_int_equal(frame[2], LOCKSTEP_CHANNEL_XK);
        frame[2] = LOCKSTEP_CHANNEL_XKPSK3;
        assert_int_equal(feed_all(sides[(stage + 1) % 2], frame, size, &event), LOCKSTEP_REFUSED);
        end(&pair);
    }
}

static void reflection_is_refused(void **state)
{
    struct pair pair;
    (void)state;
    begin(&pair, &(struct setup){.kind = LOCKSTEP_CHANNEL_XK, .hello = &honest});
    assert_int_equal(pass(&pair.dialler, &pair.dialler, -1), LOCKSTEP_REFUSED);
    end(&pair);
}

/* ---- frames --------------------------------------------------------------------------------- */

#define WORD_FRAME (4 + LOCKSTEP_CHANNEL_OVERHEAD)

static void seal_word(struct lockstep_channel *channel, uint8_t frame[WORD_FRAME])
{
    assert_int_equal(lockstep_channel_seal(channel, (const uint8_t *)"word", 4, frame), WORD_FRAME);
}

static void messages_come_as_they_were_sent(void **state)
{
    static uint8_t message[LOCKSTEP_FRAME_MAX];
    static uint8_t frame[LOCKSTEP_CHANNEL_FRAME];
    static const size_t sizes[] = {
        1, 2, 255, 1024, 4096, LOCKSTEP_FRAME_MAX - 1, LOCKSTEP_FRAME_MAX};
    struct lockstep_channel_event event;
    struct pair pair;
    (void)state;
    begin_up(&pair);
    randombytes_buf(message, sizeof(message));
    for (size_t i = 0; i < 2 * sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct lockstep_channel *from = i % 2 == 0 ? &pair.dialler : &pair.listener;
        struct lockstep_channel *to = i % 2 == 0 ? &pair.listener : &pair.dialler;
        size_t size = lockstep_channel_seal(from, message, sizes[i / 2], frame);
        assert_int_equal(feed_all(to, frame, size, &event), LOCKSTEP_OK);
        assert_int_equal(event.type, LOCKSTEP_CHANNEL_MESSAGE);
        assert_int_equal(event.size, sizes[i / 2]);
        assert_memory_equal(event.bytes, message, event.size);
    }
    /* Behind the largest message a small one: its room is given back. */
    seal_word(&pair.dialler, frame);
    assert_true(pair.listener.in_max >= LOCKSTEP_FRAME_MAX);
    assert_int_equal(feed_all(&pair.listener, frame, WORD_FRAME, &event), LOCKSTEP_OK);
    assert_true(pair.listener.in_max <= 1024);
    end(&pair);
}

/* A frame with one bit flipped is refused or, when its length grew, never whole; and then the
 * channel is over: the true frame does not help any more. */
static void no_bit_of_a_frame_may_change(void **state)
{
    (void)state;
    for (size_t bit = 0; bit < WORD_FRAME * 8; bit++) {
        struct pair pair;
        struct lockstep_channel_event event;
        uint8_t good[WORD_FRAME];
        uint8_t bad[WORD_FRAME];
        enum lockstep_err result;
        begin_up(&pair);
        seal_word(&pair.dialler, good);
        memcpy(bad, good, sizeof(bad));
        bad[bit / 8] = (uint8_t)(bad[bit / 8] ^ 1U << bit % 8);
        result = feed_all(&pair.listener, bad, sizeof(bad), &event);
        assert_int_equal(event.type, LOCKSTEP_CHANNEL_NOTHING);
        assert_true(result == LOCKSTEP_REFUSED || bit < 16);
        if (result == LOCKSTEP_REFUSED) {
            assert_int_equal(feed_all(&pair.listener, good, sizeof(good), &event),
                             LOCKSTEP_REFUSED);
            assert_false(lockstep_channel_is_up(&pair.listener));
            assert_true(sodium_is_zero(pair.listener.receive.key, LOCKSTEP_NOISE_KEY));
        }
        end(&pair);
    }
}

/* Frames that their sealer could make, if it did not keep to the rules. */
static const struct strange_row {
    const char *name;
    uint8_t header[4]; /* version, type, two bytes that are zero */
    uint8_t session;   /* added to the true one */
    uint8_t sequence;
    size_t size;
    bool taken;
} strange_rows[] = {
    {"a message", {1, 1, 0, 0}, 0, 0, 4, true},
    {"an end", {1, 2, 0, 0}, 0, 0, 0, true},
    {"another version", {2, 1, 0, 0}, 0, 0, 4, false},
    {"a type that is none", {1, 3, 0, 0}, 0, 0, 4, false},
    {"reserved bytes used", {1, 1, 0, 1}, 0, 0, 4, false},
    {"another session", {1, 1, 0, 0}, 1, 0, 4, false},
    {"a number ahead", {1, 1, 0, 0}, 0, 1, 4, false},
    {"an empty message", {1, 1, 0, 0}, 0, 0, 0, false},
    {"an end that says something", {1, 2, 0, 0}, 0, 0, 4, false},
};

static void check_strange(void **state)
{
    const struct strange_row *row = *state;
    uint8_t frame[WORD_FRAME] = {0};
    struct lockstep_channel_event event;
    struct pair pair;
    begin_up(&pair);
    frame[1] = (uint8_t)(row->size + LOCKSTEP_CHANNEL_OVERHEAD - 2);
    memcpy(frame + 2, row->header, sizeof(row->header));
    for (unsigned i = 0; i < 4; i++) {
        frame[6 + i] = (uint8_t)(pair.dialler.session >> (8 * (3 - i)));
    }
    frame[9] = (uint8_t)(frame[9] + row->session);
    frame[17] = row->sequence;
    lockstep_cipher_seal(&pair.dialler.send, frame + 2, 16, "word", row->size, frame + 18);
    assert_int_equal(feed_all(&pair.listener, frame, row->size + LOCKSTEP_CHANNEL_OVERHEAD, &event),
                     row->taken ? LOCKSTEP_OK : LOCKSTEP_REFUSED);
    assert_int_equal(event.type == LOCKSTEP_CHANNEL_NOTHING, !row->taken);
    end(&pair);
}

static const struct order_row {
    const char *name;
    const char *order; /* digits: which of three frames; c: CLOSE; r: reflected; o: other session */
    size_t good;       /* how many are taken before one is refused */
} order_rows[] = {
    {"in order", "012", 3},          {"one left out", "02", 1},      {"twice the same", "00", 1},
    {"two swapped", "10", 0},        {"an old one", "0120", 3},      {"reflected", "0r", 1},
    {"of another session", "0o", 1}, {"behind the end", "012c0", 4},
};

static void check_order(void **state)
{
    const struct order_row *row = *state;
    uint8_t frames[6][WORD_FRAME];
    struct lockstep_channel_event event;
    struct pair pair;
    struct pair other;
    begin_up(&pair);
    begin_up(&other);
    for (size_t i = 0; i < 3; i++) {
        seal_word(&pair.dialler, frames[i]);
    }
    assert_int_equal(lockstep_channel_seal_close(&pair.dialler, frames[3]), WORD_FRAME - 4);
    seal_word(&pair.listener, frames[4]);
    seal_word(&other.dialler, frames[5]);
    seal_word(&other.dialler, frames[5]);
    for (size_t i = 0; row->order[i] != '\0'; i++) {
        const char which = row->order[i];
        const size_t at = which == 'c'   ? 3
                          : which == 'r' ? 4
                          : which == 'o' ? 5
                                         : (size_t)(which - '0');
        const size_t size = at == 3 ? WORD_FRAME - 4 : WORD_FRAME;
        assert_int_equal(feed_all(&pair.listener, frames[at], size, &event),
                         i < row->good ? LOCKSTEP_OK : LOCKSTEP_REFUSED);
        if (i < row->good) {
            assert_int_equal(event.type,
                             at == 3 ? LOCKSTEP_CHANNEL_CLOSED : LOCKSTEP_CHANNEL_MESSAGE);
        }
    }
    end(&pair);
    end(&other);
}

static const struct length_row {
    const char *name;
    uint8_t bytes[2];
} length_rows[] = {
    {"no bytes", {0, 0}},
    {"less than header and tag", {0, 31}},
    {"one more than the largest",
     {(LOCKSTEP_CHANNEL_FRAME - 1) >> 8, (LOCKSTEP_CHANNEL_FRAME - 1) & 255}},
    {"the largest number", {255, 255}},
};

/* Refused when the length is there, before room is made. */
static void check_length(void **state)
{
    const struct length_row *row = *state;
    struct lockstep_channel_event event;
    struct pair pair;
    begin_up(&pair);
    assert_int_equal(feed_all(&pair.listener, row->bytes, 2, &event), LOCKSTEP_REFUSED);
    assert_true(pair.listener.in_max <= 1024);
    end(&pair);
}

/* Both directions, past the number at which the key changes, and with another key behind it. */
static void keys_change_after_65536_frames(void **state)
{
    struct lockstep_channel_event event;
    struct pair pair;
    uint8_t first[LOCKSTEP_NOISE_KEY];
    uint8_t frame[WORD_FRAME];
    (void)state;
    begin_up(&pair);
    memcpy(first, pair.dialler.send.key, sizeof(first));
    for (size_t i = 0; i < 65536 + 3; i++) {
        size_t used = 0;
        if (i == 65535) {
            assert_memory_equal(pair.dialler.send.key, first, sizeof(first));
        }
        seal_word(&pair.dialler, frame);
        assert_int_equal(
            lockstep_channel_feed(&pair.listener, frame, sizeof(frame), &used, &event, NULL),
            LOCKSTEP_OK);
        assert_int_equal(event.type, LOCKSTEP_CHANNEL_MESSAGE);
    }
    assert_memory_not_equal(pair.dialler.send.key, first, sizeof(first));
    assert_memory_equal(pair.dialler.send.key, pair.listener.receive.key, sizeof(first));
    seal_word(&pair.listener, frame); /* the other direction counts for itself */
    assert_int_equal(feed_all(&pair.dialler, frame, sizeof(frame), &event), LOCKSTEP_OK);
    end(&pair);
}

/* What only the handshake needs is gone when the session stands. */
static void secrets_of_the_handshake_are_wiped(void **state)
{
    struct pair pair;
    (void)state;
    begin_up(&pair);
    assert_true(sodium_is_zero((const uint8_t *)&pair.listener.noise, sizeof(pair.listener.noise)));
    assert_true(sodium_is_zero(pair.listener.own, sizeof(pair.listener.own)));
    assert_true(sodium_is_zero(pair.dialler.own, sizeof(pair.dialler.own)));
    assert_true(sodium_is_zero(pair.dialler.config.psk, sizeof(pair.dialler.config.psk)));
    end(&pair);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_bit_of_a_handshake_may_change),
        cmocka_unit_test(the_kind_may_not_change),
        cmocka_unit_test(reflection_is_refused),
        cmocka_unit_test(messages_come_as_they_were_sent),
        cmocka_unit_test(no_bit_of_a_frame_may_change),
        cmocka_unit_test(keys_change_after_65536_frames),
        cmocka_unit_test(secrets_of_the_handshake_are_wiped),
    };
    if (sodium_init() < 0) {
        return 1;
    }
    memset(endless.software, 'x', sizeof(endless.software));
    return LOCKSTEP_RUN_TABLE("handshakes", shake_rows, check_shake) +
           LOCKSTEP_RUN_TABLE("strange frames", strange_rows, check_strange) +
           LOCKSTEP_RUN_TABLE("order of frames", order_rows, check_order) +
           LOCKSTEP_RUN_TABLE("lengths", length_rows, check_length) +
           cmocka_run_group_tests_name("channel", tests, NULL, NULL);
}
