#include "deploy/examples/linkd/store.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Places in a circle, found by the code; never more than STORE_MAX of twice as many are taken. */
#define PLACES (2 * STORE_MAX)

struct link {
    char code[LINKS_CODE_MAX + 1]; /* empty: the place is free */
    char *url;
};

struct store {
    pthread_rwlock_t lock;
    uint64_t count;
    struct link links[PLACES];
};

struct store *store_new(void)
{
    struct store *store = calloc(1, sizeof(*store));
    if (store != NULL) {
        (void)pthread_rwlock_init(&store->lock, NULL);
    }
    return store;
}

struct store *store_free(struct store *store)
{
    for (size_t i = 0; store != NULL && i < PLACES; i++) {
        free(store->links[i].url);
    }
    if (store != NULL) {
        (void)pthread_rwlock_destroy(&store->lock);
    }
    free(store);
    return NULL;
}

/* The place of CODE, or the free one where it would be. */
static struct link *place_of(struct store *store, const char *code)
{
    size_t place = 5381;
    for (const char *at = code; *at != '\0'; at++) {
        place = place * 33 + (unsigned char)*at;
    }
    place %= PLACES;
    while (store->links[place].code[0] != '\0' && strcmp(store->links[place].code, code) != 0) {
        place = (place + 1) % PLACES;
    }
    return &store->links[place];
}

static bool find(void *context, const char *code, char ret_url[LINKS_URL_MAX + 1])
{
    struct store *store = context;
    const struct link *link;
    bool found;
    (void)pthread_rwlock_rdlock(&store->lock);
    link = place_of(store, code);
    found = *code != '\0' && link->url != NULL;
    if (found) {
        (void)snprintf(ret_url, LINKS_URL_MAX + 1, "%s", link->url);
    }
    (void)pthread_rwlock_unlock(&store->lock);
    return found;
}

static bool put(struct store *store, struct link *link, const char *code, const char *url)
{
    if (link->url != NULL) {
        return strcmp(link->url, url) == 0;
    }
    link->url = store->count == STORE_MAX ? NULL : strdup(url);
    if (link->url == NULL) {
        return false;
    }
    (void)snprintf(link->code, sizeof(link->code), "%s", code);
    store->count++;
    return true;
}

static bool add(void *context, const char *code, const char *url)
{
    struct store *store = context;
    bool added = false;
    if (*code != '\0' && strlen(code) <= LINKS_CODE_MAX && strlen(url) <= LINKS_URL_MAX) {
        (void)pthread_rwlock_wrlock(&store->lock);
        added = put(store, place_of(store, code), code, url);
        (void)pthread_rwlock_unlock(&store->lock);
    }
    return added;
}

static uint64_t count(void *context)
{
    struct store *store = context;
    uint64_t links;
    (void)pthread_rwlock_rdlock(&store->lock);
    links = store->count;
    (void)pthread_rwlock_unlock(&store->lock);
    return links;
}

struct links_store store_view(struct store *store)
{
    return (struct links_store){.context = store, .find = find, .add = add, .count = count};
}
