#include "common/io/noise.h"
#include "tests/support/cmocka.h"

#include <sodium.h>
#include <string.h>

struct vector {
    const char *protocol_name;
    const char *init_prologue;
    const char *init_static;
    const char *init_ephemeral;
    const char *init_remote_static;
    const char *resp_static;
    const char *resp_ephemeral;
    const char *handshake_hash;
    const char *psk;
    struct {
        const char *payload;
        const char *ciphertext;
    } messages[8];
    size_t count;
};

#include "tests/unit/noise_vectors.h"

static size_t unhex(const char *text, uint8_t *bytes, size_t size)
{
    size_t length = 0;
    assert_int_equal(sodium_hex2bin(bytes, size, text, strlen(text), NULL, &length, NULL), 0);
    return length;
}

static void begin(const struct vector *vector, bool initiator, struct lockstep_noise *noise)
{
    uint8_t own[32];
    uint8_t ephemeral[32];
    uint8_t remote[32];
    uint8_t prologue[64];
    struct lockstep_noise_config config = {
        .initiator = initiator,
        .with_psk = vector->psk[0] != '\0',
        .own = own,
        .ephemeral = ephemeral,
        .remote = initiator ? remote : NULL,
        .prologue = prologue,
    };
    config.prologue_length = unhex(vector->init_prologue, prologue, sizeof(prologue));
    (void)unhex(initiator ? vector->init_static : vector->resp_static, own, sizeof(own));
    (void)unhex(initiator ? vector->init_ephemeral : vector->resp_ephemeral, ephemeral,
                sizeof(ephemeral));
    (void)unhex(vector->init_remote_static, remote, sizeof(remote));
    assert_int_equal(lockstep_noise_init(noise, &config, NULL), LOCKSTEP_OK);
    if (config.with_psk) {
        uint8_t psk[32];
        (void)unhex(vector->psk, psk, sizeof(psk));
        lockstep_noise_set_psk(noise, psk);
    }
}

static void shake_hands(const struct vector *vector, struct lockstep_noise *sides)
{
    for (size_t i = 0; i < 3; i++) {
        uint8_t payload[256];
        uint8_t wanted[256];
        uint8_t message[256];
        uint8_t read[256];
        size_t payload_length = unhex(vector->messages[i].payload, payload, sizeof(payload));
        size_t wanted_length = unhex(vector->messages[i].ciphertext, wanted, sizeof(wanted));
        size_t length = lockstep_noise_overhead(&sides[i % 2]) + payload_length;
        assert_int_equal(
            lockstep_noise_write(&sides[i % 2], payload, payload_length, message, NULL),
            LOCKSTEP_OK);
        assert_int_equal(length, wanted_length);
        assert_memory_equal(message, wanted, length);
        assert_int_equal(
            lockstep_noise_read(&sides[(i + 1) % 2], message, length, read, payload_length, NULL),
            LOCKSTEP_OK);
        assert_memory_equal(read, payload, payload_length);
    }
}

static void check_vector(const struct vector *vector)
{
    struct lockstep_noise sides[2];
    struct lockstep_cipher send[2];
    struct lockstep_cipher receive[2];
    uint8_t hash[64];
    begin(vector, true, &sides[0]);
    begin(vector, false, &sides[1]);
    shake_hands(vector, sides);
    assert_int_equal(unhex(vector->handshake_hash, hash, sizeof(hash)), sizeof(hash));
    assert_memory_equal(sides[0].hash, hash, sizeof(hash));
    assert_memory_equal(sides[1].hash, hash, sizeof(hash));
    assert_memory_equal(sides[1].remote, sides[0].own_public, 32);
    lockstep_noise_split(&sides[0], &send[0], &receive[0]);
    lockstep_noise_split(&sides[1], &send[1], &receive[1]);
    for (size_t i = 3; i < vector->count; i++) {
        uint8_t payload[256];
        uint8_t wanted[256];
        uint8_t sealed[256];
        uint8_t opened[256];
        size_t from = i % 2;
        size_t length = unhex(vector->messages[i].payload, payload, sizeof(payload));
        assert_int_equal(unhex(vector->messages[i].ciphertext, wanted, sizeof(wanted)),
                         length + 16);
        lockstep_cipher_seal(&send[from], NULL, 0, payload, length, sealed);
        assert_memory_equal(sealed, wanted, length + 16);
        assert_true(lockstep_cipher_open(&receive[1 - from], NULL, 0, sealed, length + 16, opened));
        assert_memory_equal(opened, payload, length);
        assert_false(
            lockstep_cipher_open(&receive[1 - from], NULL, 0, sealed, length + 16, opened));
    }
    lockstep_noise_deinit(&sides[0]);
    lockstep_noise_deinit(&sides[1]);
}

static void vectors_of_xk(void **state)
{
    (void)state;
    check_vector(&xk);
}

static void vectors_of_xkpsk3(void **state)
{
    (void)state;
    check_vector(&xkpsk3);
}

/* Each single bit of each message, and each cut, is noticed. */
static void no_bit_may_change(const struct vector *vector)
{
    for (size_t stage = 0; stage < 3; stage++) {
        uint8_t good[256];
        size_t length = unhex(vector->messages[stage].ciphertext, good, sizeof(good));
        for (size_t bit = 0; bit < length * 8 + length; bit++) {
            struct lockstep_noise sides[2];
            uint8_t message[256];
            uint8_t payload[256];
            size_t cut = length;
            size_t cut_payload;
            begin(vector, true, &sides[0]);
            begin(vector, false, &sides[1]);
            for (size_t i = 0; i < stage; i++) {
                size_t text = unhex(vector->messages[i].payload, payload, sizeof(payload));
                size_t sent = lockstep_noise_overhead(&sides[i % 2]) + text;
                assert_int_equal(lockstep_noise_write(&sides[i % 2], payload, text, message, NULL),
                                 LOCKSTEP_OK);
                assert_int_equal(
                    lockstep_noise_read(&sides[(i + 1) % 2], message, sent, payload, text, NULL),
                    LOCKSTEP_OK);
            }
            memcpy(message, good, length);
            if (bit < length * 8) {
                message[bit / 8] = (uint8_t)(message[bit / 8] ^ 1U << bit % 8);
            } else {
                cut = bit - length * 8;
            }
            /* What a cut leaves is taken for a whole message with a shorter payload. */
            cut_payload = lockstep_noise_overhead(&sides[stage % 2]);
            cut_payload = cut < cut_payload ? 0 : cut - cut_payload;
            assert_int_equal(lockstep_noise_read(&sides[(stage + 1) % 2], message, cut, payload,
                                                 cut_payload, NULL),
                             LOCKSTEP_REFUSED);
            lockstep_noise_deinit(&sides[0]);
            lockstep_noise_deinit(&sides[1]);
        }
    }
}

static void no_bit_of_xk_may_change(void **state)
{
    (void)state;
    no_bit_may_change(&xk);
}

static void no_bit_of_xkpsk3_may_change(void **state)
{
    (void)state;
    no_bit_may_change(&xkpsk3);
}

static void low_order_points_are_refused(void **state)
{
    static const uint8_t points[][32] = {
        {0},
        {1},
        {0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3,
         0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32,
         0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
        struct lockstep_noise_config config = {
            .initiator = true, .own = points[1], .remote = points[i], .prologue = ""};
        struct lockstep_noise initiator;
        struct lockstep_noise responder;
        uint8_t message[48] = {0};
        uint8_t payload[16];
        begin(&xk, false, &responder);
        memcpy(message, points[i], 32);
        assert_int_equal(
            lockstep_noise_read(&responder, message, sizeof(message), payload, 0, NULL),
            LOCKSTEP_REFUSED);
        lockstep_noise_deinit(&responder);
        /* What is written is not even begun, so nothing but the point can be what is wrong. */
        assert_int_equal(lockstep_noise_init(&initiator, &config, NULL), LOCKSTEP_OK);
        assert_int_equal(lockstep_noise_write(&initiator, "", 0, message, NULL), LOCKSTEP_REFUSED);
        lockstep_noise_deinit(&initiator);
    }
}

static void both_sides_change_keys_alike(void **state)
{
    struct lockstep_cipher a = {{7}, 3};
    struct lockstep_cipher b = a;
    uint8_t sealed[20];
    uint8_t opened[4];
    (void)state;
    lockstep_cipher_rekey(&a);
    lockstep_cipher_seal(&a, NULL, 0, "word", 4, sealed);
    assert_false(lockstep_cipher_open(&b, NULL, 0, sealed, sizeof(sealed), opened));
    lockstep_cipher_rekey(&b);
    assert_true(lockstep_cipher_open(&b, NULL, 0, sealed, sizeof(sealed), opened));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_of_xk),
        cmocka_unit_test(vectors_of_xkpsk3),
        cmocka_unit_test(no_bit_of_xk_may_change),
        cmocka_unit_test(no_bit_of_xkpsk3_may_change),
        cmocka_unit_test(low_order_points_are_refused),
        cmocka_unit_test(both_sides_change_keys_alike),
    };
    if (sodium_init() < 0) {
        return 1;
    }
    return cmocka_run_group_tests_name("noise", tests, NULL, NULL) == 0 ? 0 : 1;
}
