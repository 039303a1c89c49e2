/* One connection to the agent. Internal to agent/host/control*.c. */
#ifndef LOCKSTEP_HOST_CONTROL_H
#define LOCKSTEP_HOST_CONTROL_H

#include "agent/host/host_internal.h"

struct lockstep_control {
    struct lockstep_host *host;
    int fd;            /* -1: none */
    int64_t agent;     /* process that was last greeted; 0: none yet */
    uint64_t alone_ms; /* a successor has no agent since then */
    struct lockstep_hostwire_message *request;
    struct lockstep_hostwire_message *reply;
};

/* Sends control->reply. False: the connection is of no use any more. */
bool lockstep_control_send(struct lockstep_control *control);
/* Sends control->reply with all images (or the LIVE ones), in as many messages as it takes. */
bool lockstep_control_send_images(struct lockstep_control *control, bool live_only);
/* The reply that says why not; of control_answer.c, as the next two. */
void lockstep_control_refuse(struct lockstep_control *control, enum lockstep_hostwire_type type,
                             const struct lockstep_refusal *refusal);
void lockstep_control_reply(struct lockstep_control *control, enum lockstep_hostwire_type type);
/* How long the request lets calls in flight take, in milliseconds. */
uint32_t lockstep_control_drain_ms(const struct lockstep_control *control);
/* HAND_OVER, ADOPT, TAKE_OVER and LEAVE (control_swap.c). */
void lockstep_control_hand_over(struct lockstep_control *control);
void lockstep_control_adopt(struct lockstep_control *control);
void lockstep_control_take_over(struct lockstep_control *control);
void lockstep_control_leave(struct lockstep_control *control);
/* PURGE and COUNTS (control_counts.c); what COUNTS asks for is sent by the last. */
void lockstep_control_purge(struct lockstep_control *control);
void lockstep_control_counts(struct lockstep_control *control);
bool lockstep_control_send_counts(struct lockstep_control *control);
/* Does what control->request says, and answers. False: end the connection. */
bool lockstep_control_answer(struct lockstep_control *control);

#endif
