#include "agent/hosts_crash.h"

#include "common/base/cleanup.h"
#include "common/hostwire/crash_page.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define PREFIX    "report."
#define PATH_ROOM (LOCKSTEP_HOSTWIRE_PATH_MAX + 1)

static bool path_of(const struct lockstep_hosts *hosts, uint8_t service, const char *leaf,
                    char ret_path[PATH_ROOM])
{
    char name[NAME_MAX + 8];
    int length = snprintf(name, sizeof(name), "crash%s%s", leaf[0] == '\0' ? "" : "/", leaf);
    return length > 0 && (size_t)length < sizeof(name) &&
           lockstep_hosts_files_path(hosts, service, name, ret_path, NULL) == LOCKSTEP_OK;
}

/* ---- in words ------------------------------------------------------------------------------- */

static const char *signal_name(uint32_t number)
{
    const char *name = sigabbrev_np((int)number);
    return name == NULL ? "?" : name;
}

/* "pay 2.0.0 +0x1234 (build-id 0123…)", or the address alone. */
static void describe(const struct lockstep_crash_page *page, uint64_t address, char *text,
                     size_t size)
{
    const struct lockstep_crash_image *image = lockstep_crash_page_image(page, address);
    char build_id[2 * LOCKSTEP_CRASH_BUILD_ID + 1] = "none";
    if (image == NULL) {
        (void)snprintf(text, size, "0x%" PRIx64, address);
        return;
    }
    for (uint32_t i = 0; i < image->build_id_size; i++) {
        (void)snprintf(build_id + (size_t)2 * i, 3, "%02x", image->build_id[i]);
    }
    (void)snprintf(text, size, "%s %s +0x%" PRIx64 " (build-id %s)", image->module, image->version,
                   address - image->base, build_id);
}

/* The place to blame first: where it died, or the innermost caller that is of a version. */
static uint64_t blamed(const struct lockstep_crash_page *page)
{
    if (lockstep_crash_page_image(page, page->pc) != NULL) {
        return page->pc;
    }
    for (uint32_t i = 0; i < page->frame_count; i++) {
        if (lockstep_crash_page_image(page, page->frames[i]) != NULL) {
            return page->frames[i];
        }
    }
    return page->pc;
}

static void say(struct lockstep_hosts_room *room, const struct lockstep_crash_page *page,
                int status)
{
    const struct lockstep_crash_image *image;
    char place[192];
    if (page->signal == 0) {
        (void)snprintf(room->died.text, sizeof(room->died.text), "the host was ended by %s %d",
                       WIFSIGNALED(status) ? "signal" : "status",
                       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
        return;
    }
    image = lockstep_crash_page_image(page, blamed(page));
    if (image != NULL && !lockstep_name_parse(image->module, &room->died.module)) {
        room->died.module = (struct lockstep_name){""};
    }
    describe(page, blamed(page), place, sizeof(place));
    (void)snprintf(room->died.text, sizeof(room->died.text), "the host died of SIG%s in %s",
                   signal_name(page->signal), place);
}

/* How many frames and threads of IMAGE there are: what was changed lately, and is on the stack, is
 * the first to be suspected, but a version may spoil another's memory. */
static void write_images(FILE *out, const struct lockstep_crash_page *page)
{
    for (uint32_t i = 0; i < LOCKSTEP_CRASH_IMAGES; i++) {
        const struct lockstep_crash_image *image = &page->images[i];
        char place[192];
        uint32_t frames = lockstep_crash_page_image(page, page->pc) == image ? 1 : 0;
        uint32_t threads = 0;
        if (image->size == 0) {
            continue;
        }
        for (uint32_t j = 0; j < page->frame_count; j++) {
            frames += lockstep_crash_page_image(page, page->frames[j]) == image ? 1 : 0;
        }
        for (uint32_t j = 0; j < page->thread_count; j++) {
            for (uint32_t k = 0; k < page->threads[j].inside_count; k++) {
                threads += page->threads[j].inside[k] == i ? 1 : 0;
            }
        }
        describe(page, image->text, place, sizeof(place));
        (void)fprintf(out, "version: %s text %" PRIu64 " bytes, frames %u, threads inside %u\n",
                      place, image->size, frames, threads);
    }
}

static void write_threads(FILE *out, const struct lockstep_crash_page *page)
{
    for (uint32_t i = 0; i < page->thread_count; i++) {
        const struct lockstep_crash_thread *thread = &page->threads[i];
        (void)fprintf(out, "thread:%s inside of", thread->died != 0 ? " (died)" : "");
        for (uint32_t j = 0; j < thread->inside_count; j++) {
            const struct lockstep_crash_image *image = &page->images[thread->inside[j]];
            (void)fprintf(out, " %s %s%s", image->module, image->version,
                          j + 1 < thread->inside_count ? "," : "");
        }
        (void)fputc('\n', out);
    }
}

static void write_report(FILE *out, const struct lockstep_crash_page *page,
                         const struct lockstep_hosts_room *room, pid_t pid)
{
    char place[192];
    (void)fprintf(out, "service: %s\nprocess: %d\nwhat: %s\n", room->name.text, (int)pid,
                  room->died.text);
    if (page->signal != 0) {
        describe(page, page->pc, place, sizeof(place));
        (void)fprintf(out, "signal: SIG%s, code %d, address 0x%" PRIx64 "\nat: %s\n",
                      signal_name(page->signal), page->code, page->address, place);
        for (uint32_t i = 0; i < page->frame_count; i++) {
            describe(page, page->frames[i], place, sizeof(place));
            (void)fprintf(out, "from: %s\n", place);
        }
        if (page->request != 0) {
            (void)fprintf(out, "request: %s, fingerprint %016" PRIx64 "\n", page->tool,
                          page->request);
        }
        write_threads(out, page);
    }
    write_images(out, page);
}

/* ---- files ---------------------------------------------------------------------------------- */

/* The oldest go, so that there is room for one more: names end with their times. */
static void make_room(const char *folder)
{
    for (;;) {
        DIR *directory = opendir(folder);
        const struct dirent *entry;
        char oldest[NAME_MAX + 1] = "";
        size_t count = 0;
        if (directory == NULL) {
            return;
        }
        while ((entry = readdir(directory)) != NULL) {
            if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) != 0) {
                continue;
            }
            count++;
            if (oldest[0] == '\0' || strcmp(entry->d_name, oldest) < 0) {
                (void)snprintf(oldest, sizeof(oldest), "%s", entry->d_name);
            }
        }
        if (count >= LOCKSTEP_CRASH_REPORTS) {
            (void)unlinkat(dirfd(directory), oldest, 0);
        }
        (void)closedir(directory);
        if (count < LOCKSTEP_CRASH_REPORTS) {
            return;
        }
    }
}

static void keep_report(struct lockstep_hosts *hosts, uint8_t service,
                        const struct lockstep_crash_page *page, pid_t pid)
{
    char folder[PATH_ROOM];
    char path[PATH_ROOM];
    char name[64];
    LOCKSTEP_FCLOSE FILE *out = NULL;
    int fd;
    (void)snprintf(name, sizeof(name), PREFIX "%013" PRIu64 ".%d", lockstep_unix_ms(), (int)pid);
    if (!path_of(hosts, service, "", folder) || !path_of(hosts, service, name, path)) {
        return;
    }
    make_room(folder);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    out = fd < 0 ? NULL : fdopen(fd, "we");
    if (out == NULL) {
        lockstep_log(LOCKSTEP_LEVEL_WARNING, "hosts", "no crash report can be written file=%s",
                     path);
        return;
    }
    write_report(out, page, &hosts->rooms[service], pid);
    lockstep_log(LOCKSTEP_LEVEL_ERROR, "hosts", "%s service=%s report=%s",
                 hosts->rooms[service].died.text, hosts->rooms[service].name.text, path);
}

/* Reads the page into RET_PAGE and takes it away. False: there is none, or it is none. */
static bool take_page(const char *path, struct lockstep_crash_page *ret_page)
{
    LOCKSTEP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat status;
    bool whole = fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
                 status.st_size == (off_t)sizeof(*ret_page) &&
                 pread(fd, ret_page, sizeof(*ret_page), 0) == (ssize_t)sizeof(*ret_page);
    (void)unlink(path);
    return whole && lockstep_crash_page_take(ret_page);
}

/* ---- requests that kill --------------------------------------------------------------------- */

static void note_request(struct lockstep_hosts_room *room, uint64_t request)
{
    if (request != 0 && request == room->killer) {
        room->poison[room->poison_next % LOCKSTEP_HOSTS_POISON_MAX] = request;
        room->poison_next++;
        lockstep_log(LOCKSTEP_LEVEL_WARNING, "hosts",
                     "a request that ended the host twice is refused from now on service=%s "
                     "fingerprint=%016" PRIx64,
                     room->name.text, request);
    }
    room->killer = request;
}

void lockstep_hosts_crash_take(struct lockstep_hosts *hosts, uint8_t service, pid_t pid, int status)
{
    LOCKSTEP_FREE struct lockstep_crash_page *page = malloc(sizeof(*page));
    struct lockstep_hosts_room *room = &hosts->rooms[service];
    char path[PATH_ROOM];
    char name[32];
    room->died = (struct lockstep_hosts_death){.text = ""};
    (void)snprintf(name, sizeof(name), LOCKSTEP_CRASH_PREFIX "%d", (int)pid);
    if (page == NULL || pid == 0 || !path_of(hosts, service, name, path) ||
        !take_page(path, page) || (status == 0 && page->signal == 0)) {
        return;
    }
    say(room, page, status);
    keep_report(hosts, service, page, pid);
    note_request(room, page->request);
}

enum lockstep_err lockstep_hosts_crash_init(struct lockstep_hosts *hosts, uint8_t service,
                                            struct lockstep_error *err)
{
    char folder[PATH_ROOM];
    DIR *directory;
    const struct dirent *entry;
    LOCKSTEP_TRY(lockstep_hosts_files_path(hosts, service, "crash", folder, err));
    if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
        return LOCKSTEP_FAIL_ERRNO(err, "making %s", folder);
    }
    directory = opendir(folder);
    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        int pid = 0;
        char rest = '\0';
        if (sscanf(entry->d_name, LOCKSTEP_CRASH_PREFIX "%d%c", &pid, &rest) == 1 && pid > 0 &&
            kill(pid, 0) != 0 && errno == ESRCH) {
            lockstep_hosts_crash_take(hosts, service, pid, 0);
        }
    }
    if (directory != NULL) {
        (void)closedir(directory);
    }
    return LOCKSTEP_OK;
}
