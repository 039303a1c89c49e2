/* One connection to the agent. Internal to agent/host/control*.c. */
#ifndef LOCKSTEP_HOST_CONTROL_H
#define LOCKSTEP_HOST_CONTROL_H

#include "agent/host/host_internal.h"

struct lockstep_control {
    struct lockstep_host *host;
    int fd;        /* -1: none */
    int64_t agent; /* process that was last greeted; 0: none yet */
    struct lockstep_hostwire_message *request;
    struct lockstep_hostwire_message *reply;
};

/* Sends control->reply. False: the connection is of no use any more. */
bool lockstep_control_send(struct lockstep_control *control);
/* Sends control->reply with all images (or the LIVE ones), in as many messages as it takes. */
bool lockstep_control_send_images(struct lockstep_control *control, bool live_only);
/* Does what control->request says, and answers. False: end the connection. */
bool lockstep_control_answer(struct lockstep_control *control);

#endif
