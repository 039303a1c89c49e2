/* What the halves of lockstep-relay share: bytes in relay.c, commands in relay_told.c. */
#ifndef LOCKSTEP_TESTS_SUPPORT_RELAY_H
#define LOCKSTEP_TESTS_SUPPORT_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINES_MAX  16
#define PAIRS_MAX  256
#define PIECES_MAX 32
#define PIECE_MAX  4096
#define WORD_MAX   32

enum direction {
    UP, /* from the agent to the coordinator */
    DOWN,
    BOTH,
};

enum mode {
    MODE_PASS,
    MODE_DEAF,
    MODE_REFUSE,
};

/* What a line does in one direction. Negative: does not. */
struct fault {
    uint64_t delay_us;
    uint64_t jitter_us;
    uint64_t rate;
    int64_t passes; /* so many bytes, then silence */
    int64_t flips;  /* so many bytes, then that one */
};

struct line {
    char name[WORD_MAX];
    int fd;
    enum mode mode;
    struct fault faults[BOTH];
    uint64_t passed[BOTH];
    uint64_t waiting[BOTH];
    unsigned connections;
};

struct piece {
    size_t size;
    size_t done;
    uint64_t due_us;
    uint8_t bytes[PIECE_MAX];
};

/* What is under way in one direction. */
struct way {
    struct piece pieces[PIECES_MAX];
    size_t head;
    size_t count;
    uint64_t last_us; /* when the last piece is due */
    uint64_t next_us; /* when its rate lets more leave */
    bool ended;       /* nothing more comes from its near end */
    bool shut;        /* and its far end has been told */
};

/* Two connections, as one. Side UP is the agent's, where the way UP begins; -1: gone. */
struct pair {
    struct line *line;
    unsigned number;
    int fds[BOTH];
    bool mute; /* one side is gone and the other is not to know */
    struct way ways[BOTH];
};

extern const char *const relay_direction_words[];
extern const struct fault relay_good;
extern struct line relay_lines[LINES_MAX];
extern size_t relay_line_count;
extern struct pair *relay_pairs[PAIRS_MAX];

/* A line on standard output, behind the milliseconds since the beginning. */
__attribute__((format(printf, 1, 2))) void relay_say(const char *format, ...);
/* Closes a connection so that its other end is told by a reset; -1. */
int relay_reset(int fd);
/* Forgets what is under way in a direction. */
void relay_empty(struct pair *pair, enum direction direction);
/* A number that is no larger than INT32_MAX. */
bool relay_number(const char *word, uint64_t *ret_number);
/* Reads what there is of commands, and obeys. False: nobody is left who could tell. */
bool relay_listen(int fd);

#endif
