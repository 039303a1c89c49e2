/*
 * Every maximum there is, in one place. What is settable says so; the number here is its default.
 * A queue, a list or a loop that has no line here has no bound, and that is a bug.
 */
#ifndef LOCKSTEP_BASE_LIMITS_H
#define LOCKSTEP_BASE_LIMITS_H

#define LOCKSTEP_NAME_MAX         63    /* bytes of a module, node or service name */
#define LOCKSTEP_VERSION_MAX      63    /* bytes of a version text */
#define LOCKSTEP_TEXT_MAX         255   /* bytes of a cause or message text */
#define LOCKSTEP_ITEMS_MAX        64    /* items of an operation */
#define LOCKSTEP_MODULES_MAX      4096  /* modules of a fleet */
#define LOCKSTEP_NODE_MODULES_MAX 256   /* modules of a node */
#define LOCKSTEP_NODES_MAX        16384 /* nodes of a fleet */
#define LOCKSTEP_EVENTS_KEPT      65536 /* events of a journal: all nodes may come and go twice */
#define LOCKSTEP_LABELS_MAX       32    /* labels of a node */
#define LOCKSTEP_OPERATIONS_MAX   8     /* operations at once, on disjoint modules; settable */

#define LOCKSTEP_FRAME_MAX        (60 * 1024) /* plain bytes of one sealed frame */
#define LOCKSTEP_HANDSHAKE_MAX    256 /* bytes of a handshake frame, before authentication */
#define LOCKSTEP_DECODED_MAX      (1024 * 1024) /* bytes that decoding one message may allocate */
#define LOCKSTEP_CHUNK_MAX        (48 * 1024)   /* artifact bytes in one message */
#define LOCKSTEP_SELECTOR_MAX     1024          /* bytes of a selector */
#define LOCKSTEP_EXTRA_MAX        4096          /* bytes handed to `up` and `down` */
#define LOCKSTEP_WORD_MAX         127  /* bytes of a tool's name, a label, a digest prefix */
#define LOCKSTEP_CAUSE_MAX        1024 /* bytes of a FAILURE's cause, and of its next step */
#define LOCKSTEP_LIST_MAX         256  /* names that one request may list */
#define LOCKSTEP_DIGESTS_MAX      1024 /* digests in one QUARANTINE message */
#define LOCKSTEP_REPORT_TOOLS_MAX 8    /* tools of a module, in a REPORT */
#define LOCKSTEP_TOOL_MAX         63   /* bytes of a tool's name */
#define LOCKSTEP_REPORTS_MAX      16   /* modules in one REPORT message */
#define LOCKSTEP_DOCUMENT_MAX     (64 * 1024 * 1024) /* bytes of one reassembled document */

#define LOCKSTEP_ARTIFACT_MAX      (64 * 1024 * 1024) /* bytes; settable up to the next line */
#define LOCKSTEP_ARTIFACT_CEILING  (1024 * 1024 * 1024)
#define LOCKSTEP_MANIFEST_MAX      (16 * 1024)
#define LOCKSTEP_SIGNATURE_MAX     1024
#define LOCKSTEP_INTENT_MAX        (16 * 1024)
#define LOCKSTEP_STANDING_MAX      (8 * 1024)
#define LOCKSTEP_BUNDLE_MAX        (48 * 1024)
#define LOCKSTEP_MODULE_CONFIG_MAX (64 * 1024)
#define LOCKSTEP_HOST_FRAME_MAX    (64 * 1024)
#define LOCKSTEP_TOOL_REQUEST_MAX  (1024 * 1024)
#define LOCKSTEP_TOOL_SCHEMA_MAX   (16 * 1024)                 /* bytes of a tool's JSON schema */
#define LOCKSTEP_STORE_MAX         (2ULL * 1024 * 1024 * 1024) /* bytes an agent keeps */
#define LOCKSTEP_STORE_VERSIONS    3 /* of each module, the newest, whatever became of them */

/* What a coordinator keeps of each module. */
#define LOCKSTEP_KEEP_REVISIONS  10 /* artifacts, the newest, though nobody runs them */
#define LOCKSTEP_KEEP_OPERATIONS 1000
#define LOCKSTEP_KEEP_DAYS       90 /* operations that are younger are kept, too */

#define LOCKSTEP_OUTBOX_MAX (4 * 1024 * 1024) /* bytes waiting on one connection */

#define LOCKSTEP_SERVICE_PROCESSES_MAX 16 /* of one service, at once */

#define LOCKSTEP_RETIRED_MAX 256 /* retired versions a host keeps */

#endif
