/* Roles: what a key may ask for. An administrator's key has all of an operator's roles. */
#ifndef LOCKSTEP_TBL_ROLES_H
#define LOCKSTEP_TBL_ROLES_H

/*  X(bit, NAME, text, what it may do) */
#define LOCKSTEP_ROLE_TABLE(X)                                                          \
    X(0, VIEWER, "viewer", "see everything, change nothing")                            \
    X(1, OPERATOR, "operator", "reload, undo, abort, call tools")                       \
    X(2, RELEASE_MANAGER, "release-manager", "push artifacts, set and lift quarantine") \
    X(3, SECURITY_ADMIN, "security-admin", "enrol, revoke, change the trust bundle")    \
    X(4, AUDITOR, "auditor", "export and verify the audit trail")                       \
    X(5, AGENT, "agent", "report and vote for its own node")                            \
    X(6, COORDINATOR, "coordinator", "order and answer")

enum lockstep_role {
#define LOCKSTEP_ROLE_ENUM(bit, name, text, may) LOCKSTEP_ROLE_##name = 1 << (bit),
    LOCKSTEP_ROLE_TABLE(LOCKSTEP_ROLE_ENUM)
#undef LOCKSTEP_ROLE_ENUM
};

#define LOCKSTEP_ROLES_NONE 0U
/* What a person may be given. */
#define LOCKSTEP_ROLES_PERSON                                                           \
    ((unsigned)LOCKSTEP_ROLE_VIEWER | (unsigned)LOCKSTEP_ROLE_OPERATOR |                \
     (unsigned)LOCKSTEP_ROLE_RELEASE_MANAGER | (unsigned)LOCKSTEP_ROLE_SECURITY_ADMIN | \
     (unsigned)LOCKSTEP_ROLE_AUDITOR)

/* The role's text ("release-manager"); NULL if ROLE is not exactly one. */
const char *lockstep_role_text(unsigned role);
/* The role with this text, or LOCKSTEP_ROLES_NONE. */
unsigned lockstep_role_parse(const char *text);

#endif
