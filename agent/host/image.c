#include "agent/host/image.h"

#include "agent/host/crash.h"
#include "agent/host/host_internal.h"
#include "agent/host/path.h"
#include "common/base/assert.h"
#include "common/base/cleanup.h"

#include <dlfcn.h>
#include <link.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

LOCKSTEP_PRINTF(2, 0)
static void write_text(struct lockstep_refusal *refusal, const char *format, va_list args)
{
    if (vsnprintf(refusal->text, sizeof(refusal->text), format, args) < 0) {
        refusal->text[0] = '\0';
    }
}

bool lockstep_host_refuse(struct lockstep_refusal *refusal, const char *code, const char *format,
                          ...)
{
    va_list args;
    refusal->code = code;
    va_start(args, format);
    write_text(refusal, format, args);
    va_end(args);
    return false;
}

/* The loader's words, and the NO code that they mean. */
static bool refuse_loader(struct lockstep_refusal *refusal)
{
    static const char *const causes[][2] = {
        {"undefined symbol", "SYMBOL"},
        {"symbol lookup", "SYMBOL"},
        {"version `", "SYMBOL"},
        {"cannot open shared object", "LIBRARY"},
        {"Cannot allocate memory", "MEMORY"},
        {"cannot allocate memory", "MEMORY"},
    };
    const char *cause = dlerror();
    cause = cause == NULL ? "the loader does not say why" : cause;
    for (size_t i = 0; i < LOCKSTEP_COUNT(causes); i++) {
        if (strstr(cause, causes[i][0]) != NULL) {
            return lockstep_host_refuse(refusal, causes[i][1], "%s", cause);
        }
    }
    return lockstep_host_refuse(refusal, "BADFILE", "%s", cause);
}

/* What is mapped is what the agent hashed: the file that has these numbers, before and after. */
static bool is_file(const struct lockstep_hostwire_entry *entry,
                    struct lockstep_refusal *ret_refusal)
{
    struct stat status;
    if (stat(entry->path, &status) != 0) {
        return lockstep_host_refuse(ret_refusal, "NOFILE", "%s is not there", entry->path);
    }
    if (status.st_dev != entry->device || status.st_ino != entry->inode) {
        return lockstep_host_refuse(ret_refusal, "BAD_DIGEST", "%s is not the file that was hashed",
                                    entry->path);
    }
    return true;
}

struct search {
    struct lockstep_image *image;
    uintptr_t inside; /* an address of the object */
};

/* What of its dynamic section means that code of it would run, or that it would not go. */
static const char *find_obstacle(const ElfW(Dyn) * dynamic)
{
    for (; dynamic != NULL && dynamic->d_tag != DT_NULL; dynamic++) {
        uint64_t value = dynamic->d_un.d_val;
        if (dynamic->d_tag == DT_FLAGS_1 && (value & DF_1_NODELETE) != 0) {
            return "it was linked to stay (-z nodelete)";
        }
        if (dynamic->d_tag == DT_FINI || (dynamic->d_tag == DT_FINI_ARRAYSZ && value != 0)) {
            return "code of it would run when it is unmapped, which --hard allows";
        }
        if (dynamic->d_tag == DT_INIT || (dynamic->d_tag == DT_INIT_ARRAYSZ && value != 0)) {
            return "its constructors may have left something behind; --hard does not ask";
        }
    }
    return NULL;
}

static int look_at(struct dl_phdr_info *info, size_t size, void *argument)
{
    struct search *search = argument;
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t text = 0;
    size_t text_size = 0;
    uintptr_t dynamic = 0;
    bool found = false;
    (void)size;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        uintptr_t start = info->dlpi_addr + segment->p_vaddr;
        dynamic = segment->p_type == PT_DYNAMIC ? start : dynamic;
        if (segment->p_type != PT_LOAD) {
            continue;
        }
        found = found || search->inside - start < segment->p_memsz;
        if ((segment->p_flags & PF_X) != 0) {
            text = start & ~(page - 1);
            text_size = (start + segment->p_memsz + page - 1 - text) & ~(page - 1);
        }
    }
    if (found) {
        search->image->text = (uint8_t *)text; /* NOLINT: an address the loader chose */
        search->image->text_size = text_size;
        search->image->stays = find_obstacle((const ElfW(Dyn) *)dynamic); /* NOLINT: likewise */
    }
    return found ? 1 : 0;
}

/* Only as many bytes as both know of are taken over; the rest is zero. */
static bool copy_descriptor(struct lockstep_image *image, struct lockstep_refusal *ret_refusal)
{
    const struct lockstep_module *module = dlsym(image->handle, LOCKSTEP_MODULE_SYMBOL);
    const struct lockstep_identity *identity;
    if (module == NULL) {
        return lockstep_host_refuse(ret_refusal, "NO_DESCRIPTOR", "it does not export %s",
                                    LOCKSTEP_MODULE_SYMBOL);
    }
    identity = module->identity;
    if (module->abi_major != LOCKSTEP_ABI_MAJOR || identity == NULL ||
        module->size < offsetof(struct lockstep_module, load) ||
        identity->abi_major != LOCKSTEP_ABI_MAJOR ||
        identity->size < sizeof(struct lockstep_identity)) {
        return lockstep_host_refuse(ret_refusal, "ABI",
                                    "it was built for lockstep ABI %u, this is %d",
                                    module->abi_major, LOCKSTEP_ABI_MAJOR);
    }
    if ((identity->flags & LOCKSTEP_MODULE_MUST_KNOW) != 0) {
        return lockstep_host_refuse(ret_refusal, "ABI",
                                    "it has flags that this host does not know");
    }
    memcpy(&image->module, module,
           module->size < sizeof(image->module) ? module->size : sizeof(image->module));
    memcpy(&image->identity, identity, sizeof(image->identity));
    return true;
}

static bool ends(const char text[LOCKSTEP_MODULE_TEXT])
{
    return memchr(text, '\0', LOCKSTEP_MODULE_TEXT) != NULL;
}

static bool check_texts(const struct lockstep_identity *identity)
{
    bool well = ends(identity->module) && ends(identity->service) && ends(identity->version);
    for (size_t i = 0; i < LOCKSTEP_MODULE_REQUIRES; i++) {
        well = well && ends(identity->needs[i].module) && ends(identity->needs[i].version);
    }
    return well;
}

static bool is_function(const struct lockstep_image *image,
                        const struct lockstep_function *function)
{
    size_t length = strlen(image->identity.module);
    return function->name != NULL && function->signature != NULL && function->function != NULL &&
           strnlen(function->name, LOCKSTEP_MODULE_TEXT) < LOCKSTEP_MODULE_TEXT &&
           strncmp(function->name, image->identity.module, length) == 0 &&
           function->name[length] == '.' &&
           strnlen(function->signature, LOCKSTEP_FUNCTION_TEXT + 1) <= LOCKSTEP_FUNCTION_TEXT;
}

static bool check_typed(const struct lockstep_image *image, struct lockstep_refusal *ret_refusal)
{
    const struct lockstep_module *module = &image->module;
    if (module->functions_count > LOCKSTEP_MODULE_TOOLS - module->tools_count ||
        (module->functions_count > 0 && module->functions == NULL)) {
        return lockstep_host_refuse(ret_refusal, "NO_DESCRIPTOR",
                                    "its table of functions makes no sense");
    }
    for (size_t i = 0; i < module->functions_count; i++) {
        if (!is_function(image, &module->functions[i])) {
            return lockstep_host_refuse(ret_refusal, "NO_DESCRIPTOR",
                                        "its function %zu makes no sense", i);
        }
    }
    return true;
}

static bool check_functions(const struct lockstep_image *image,
                            struct lockstep_refusal *ret_refusal)
{
    const struct lockstep_module *module = &image->module;
    if (module->tools_count > LOCKSTEP_MODULE_TOOLS ||
        (module->tools_count > 0 && module->tools == NULL) ||
        (module->smokes_count > 0 && module->smokes == NULL)) {
        return lockstep_host_refuse(ret_refusal, "NO_DESCRIPTOR", "its tables make no sense");
    }
    for (size_t i = 0; i < module->tools_count; i++) {
        const struct lockstep_tool *tool = &module->tools[i];
        if (tool->name == NULL || tool->call == NULL ||
            strnlen(tool->name, LOCKSTEP_MODULE_TEXT) == LOCKSTEP_MODULE_TEXT) {
            return lockstep_host_refuse(ret_refusal, "NO_DESCRIPTOR", "its tool %zu makes no sense",
                                        i);
        }
    }
    if (!check_typed(image, ret_refusal)) {
        return false;
    }
    if (!lockstep_path_valid(module->steps, module->steps_count)) {
        return lockstep_host_refuse(ret_refusal, "NO_DESCRIPTOR", "its steps make no sense");
    }
    if (image->identity.state_schema != 0 && (module->save == NULL || module->up == NULL)) {
        return lockstep_host_refuse(ret_refusal, "STATE",
                                    "it has state, and no way to hand it over");
    }
    return true;
}

static bool check_identity(struct lockstep_image *image,
                           const struct lockstep_hostwire_entry *entry,
                           struct lockstep_refusal *ret_refusal)
{
    const struct lockstep_identity *identity = &image->identity;
    if (!check_texts(identity)) {
        return lockstep_host_refuse(ret_refusal, "NO_DESCRIPTOR", "its identity makes no sense");
    }
    if (strcmp(identity->module, entry->module.text) != 0) {
        return lockstep_host_refuse(ret_refusal, "WRONG_MODULE", "it is module %.63s, not %.63s",
                                    identity->module, entry->module.text);
    }
    if (entry->version[0] != '\0' && strcmp(identity->version, entry->version) != 0) {
        return lockstep_host_refuse(ret_refusal, "WRONG_MODULE", "it is version %.63s, not %.63s",
                                    identity->version, entry->version);
    }
    memcpy(image->version, identity->version, sizeof(image->version));
    return check_functions(image, ret_refusal);
}

static void unmap(void *handle)
{
    /* Under a sanitizer its reports would name an object that is no longer there. */
#ifndef LOCKSTEP_SANITIZED
    (void)dlclose(handle);
#else
    (void)handle;
#endif
}

static bool open_image(struct lockstep_image *image, const struct lockstep_hostwire_entry *entry,
                       struct lockstep_refusal *ret_refusal)
{
    struct search search = {.image = image};
    if (!is_file(entry, ret_refusal)) {
        return false;
    }
    image->handle = dlopen(entry->path, RTLD_NOW | RTLD_LOCAL);
    if (image->handle == NULL) {
        return refuse_loader(ret_refusal);
    }
    if (!is_file(entry, ret_refusal) || !copy_descriptor(image, ret_refusal) ||
        !check_identity(image, entry, ret_refusal)) {
        return false;
    }
    search.inside = (uintptr_t)dlsym(image->handle, LOCKSTEP_MODULE_SYMBOL);
    (void)dl_iterate_phdr(look_at, &search);
    return true;
}

struct lockstep_image *lockstep_image_map(struct lockstep_host *host,
                                          const struct lockstep_hostwire_entry *entry,
                                          uint32_t index, struct lockstep_refusal *ret_refusal)
{
    LOCKSTEP_FREE struct lockstep_image *image = calloc(1, sizeof(*image));
    struct lockstep_image *whole = image;
    if (image == NULL) {
        (void)lockstep_host_refuse(ret_refusal, "MEMORY", "no memory for an image");
        return NULL;
    }
    image->host = host;
    image->index = index;
    image->name = entry->module;
    image->digest = entry->digest;
    image->device = entry->device;
    image->inode = entry->inode;
    memcpy(image->path, entry->path, sizeof(image->path));
    image->state = LOCKSTEP_HOSTWIRE_STATE_PREPARED;
    if (!open_image(image, entry, ret_refusal)) {
        if (image->handle != NULL) {
            unmap(image->handle);
        }
        return NULL;
    }
    lockstep_crash_mapped(image);
    image = NULL;
    return whole;
}

bool lockstep_image_needs(const struct lockstep_image *image, const char *module)
{
    for (size_t i = 0; i < LOCKSTEP_MODULE_REQUIRES; i++) {
        if (strcmp(image->identity.needs[i].module, module) == 0) {
            return true;
        }
    }
    return false;
}

static int run_retire(void *argument, struct lockstep_job_why *why)
{
    const struct lockstep_image *image = argument;
    (void)why;
    image->module.retire();
    return 0;
}

void lockstep_image_end(struct lockstep_image *image)
{
    char why[LOCKSTEP_JOB_WHY];
    struct lockstep_job *job;
    bool asked = image->loaded && !image->stuck && image->module.retire != NULL;
    image->loaded = false;
    if (!asked) {
        return;
    }
    job = lockstep_job_start(run_retire, image, NULL);
    if (lockstep_job_wait(job, LOCKSTEP_RETIRE_LIMIT_MS, why) != LOCKSTEP_JOB_PASSED) {
        image->stuck = true; /* or it could not even begin: then its threads may still be there */
        lockstep_host_log(image->host, LOCKSTEP_LOG_WARNING, "%s %s stays mapped, its retire: %s",
                          image->name.text, image->version, why);
    }
    job = lockstep_job_drop(job);
}

bool lockstep_image_unmap(struct lockstep_image *image)
{
    ASSERT(image->generation == 0);
    lockstep_image_end(image);
    if (image->stuck) {
        return false;
    }
    lockstep_crash_unmapped(image);
    unmap(image->handle);
    free(image);
    return true;
}

void lockstep_image_retire(struct lockstep_image *image)
{
    lockstep_image_end(image);
    image->due = false;
    image->state = LOCKSTEP_HOSTWIRE_STATE_RETIRED;
    if (image->text != NULL && !image->stuck) {
        (void)mprotect(image->text, image->text_size, PROT_NONE);
    }
}

/* True if the loader has a file of that name. */
static bool is_mapped(const char *path)
{
#ifndef LOCKSTEP_SANITIZED
    void *handle = dlopen(path, RTLD_LAZY | RTLD_NOLOAD);
    if (handle != NULL) {
        (void)dlclose(handle);
    }
    return handle != NULL;
#else
    (void)path;
    return false;
#endif
}

/* Under a sanitizer, which keeps it mapped, its text stays unreadable. */
bool lockstep_image_purge(struct lockstep_image *image)
{
    ASSERT(image->state == LOCKSTEP_HOSTWIRE_STATE_RETIRED && !image->stuck);
    if (image->handle == NULL) {
        return false;
    }
#ifndef LOCKSTEP_SANITIZED
    lockstep_image_thaw(image);
#endif
    unmap(image->handle);
    image->handle = NULL;
    if (is_mapped(image->path)) {
        image->stays = "the loader does not let go of it";
        if (image->text != NULL) {
            (void)mprotect(image->text, image->text_size, PROT_NONE);
        }
        return false;
    }
    lockstep_crash_unmapped(image);
    lockstep_image_smoke_drop(image);
    free(image);
    return true;
}

void lockstep_image_thaw(struct lockstep_image *image)
{
    if (image->state == LOCKSTEP_HOSTWIRE_STATE_RETIRED && image->text != NULL) {
        (void)mprotect(image->text, image->text_size, PROT_READ | PROT_EXEC);
    }
}
