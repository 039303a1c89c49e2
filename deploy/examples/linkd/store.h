/* The links of linkd: in memory, for as long as it runs. From any thread. */
#ifndef LINKD_STORE_H
#define LINKD_STORE_H

#include "deploy/examples/linkd/links.h"

#define STORE_MAX 65536

struct store;

/* NULL: no memory. */
struct store *store_new(void);
struct store *store_free(struct store *store);
/* What modules see of it. */
struct links_store store_view(struct store *store);

#endif
