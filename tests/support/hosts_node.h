/* A node for tests of the agent's side of hosts: struct lockstep_hosts on a loop, in directories of
 * its own, with lockstep-host itself. What cannot be done fails the test. */
#ifndef LOCKSTEP_TESTS_SUPPORT_HOSTS_NODE_H
#define LOCKSTEP_TESTS_SUPPORT_HOSTS_NODE_H

#include "agent/hosts.h"

#include <sys/types.h>

#define HOSTS_NODE_HOST  LOCKSTEP_BINARY_DIR "/bin/lockstep-host"
#define HOSTS_NODE_GOOD  LOCKSTEP_BINARY_DIR "/modules/good/"
#define HOSTS_NODE_TURNS 400 /* of the loop; what has not come by then does not come */

/* The services are "default" and "mute", whose command says nothing. What the hosts report is
 * counted and kept. */
struct hosts_node {
    char directory[64];
    char socket[128];
    char tools[108];
    struct lockstep_loop *loop;
    struct lockstep_hosts *hosts;
    struct lockstep_hosts_config config;
    uint32_t ups;
    uint32_t losses;
    uint32_t deaths; /* of one process of several */
    uint8_t lost_service;
    uint32_t live_count;
    struct lockstep_live live[LOCKSTEP_NODE_MODULES_MAX];
    const char *extra; /* of the sets that are mapped */
    uint32_t answers;
    struct lockstep_work_result result;
    char text[LOCKSTEP_TEXT_MAX + 1];
    int fd;
    bool lost_came_first;
    struct lockstep_hosts_answer answer;
    char bytes[256];
};

/* For cmocka: *STATE is the node. */
int hosts_node_set_up(void **state);
int hosts_node_tear_down(void **state);

/* A new agent, with node->config. The one before is gone. */
void hosts_node_begin(struct hosts_node *node);
/* Turns the loop until *COUNT, one of the node's counters, is WANTED. */
void hosts_node_turn_until(struct hosts_node *node, const uint32_t *count, uint32_t wanted);
/* Starts the host of "default" with ENTRIES, and waits until it is up. */
void hosts_node_start(struct hosts_node *node, const struct lockstep_boot_entry *entries,
                      size_t count);
/* The process of that host. */
pid_t hosts_node_pid(const struct hosts_node *node);

struct lockstep_id hosts_node_operation(uint8_t number);
/* MODULE out of FILE, as an item of an order and as an entry of what a host boots with. */
struct lockstep_hosts_item hosts_node_item(const char *file, const char *module,
                                           uint64_t generation);
/* The same for a process swap; that of a FILE "…-1.so" is version 1, any other 2. */
struct lockstep_hosts_item hosts_node_swap_item(const char *file, const char *module,
                                                uint64_t generation);
struct lockstep_boot_entry hosts_node_boot(const char *file, const char *module,
                                           uint64_t generation);

/* Orders of operation NUMBER, which is the ticket too; the answer is in node->result. */
void hosts_node_map(struct hosts_node *node, uint8_t number,
                    const struct lockstep_hosts_item *item);
void hosts_node_publish(struct hosts_node *node, uint8_t number);
void hosts_node_expect_ok(const struct hosts_node *node);
/* Both, and both were well. */
void hosts_node_reload(struct hosts_node *node, uint8_t number, const char *file,
                       const char *module);

/* Carries the state over for operation NUMBER; the answer is in node->result. */
void hosts_node_migrate(struct hosts_node *node, uint8_t number);
/* The one process of "default" that serves, as the note has it. */
pid_t hosts_node_serving(const struct hosts_node *node);
/* The one that is to take over from it. */
pid_t hosts_node_waiting(const struct hosts_node *node);
bool hosts_node_runs(pid_t pid);
void hosts_node_turn_until_ended(struct hosts_node *node, pid_t pid);

/* Calls TOOL by the agent; the answer is in node->answer. */
void hosts_node_look(struct hosts_node *node, const char *tool, const char *input);
/* Calls TOOL as a caller does. */
void hosts_node_expect_tool(const struct hosts_node *node, const char *tool, const char *input,
                            const char *wanted);

#endif
