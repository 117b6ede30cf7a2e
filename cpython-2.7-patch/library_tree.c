/* See library_tree.h, and library_files.h for bctrace_list_folder.  Knows nothing of Python; the index is library.c's. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "library_tree.h"

#define EXTENSIONS "lib-dynload"

/* -- Finding --------------------------------------------------------------------------------------------------------------- */

/* Copies what comes after BCTRACE_PREFIX, without empty parts, `.` and `..`; returns 0 where the path does not begin with it. */
static int
copy_inside_prefix(const char *path, char copy[BCTRACE_ROOM])
{
    size_t prefix = sizeof(BCTRACE_PREFIX) - 1, len = 0, part;

    if (strncmp(path, BCTRACE_PREFIX, prefix) != 0 || (path[prefix] != '/' && path[prefix] != '\0'))
        return 0;
    for (path += prefix; *path != '\0'; path += part) {
        path += strspn(path, "/");
        part = strcspn(path, "/");
        if (part == 0 || (part == 1 && path[0] == '.'))
            continue;
        if (part == 2 && path[0] == '.' && path[1] == '.') {
            if (len == 0)
                return 0;
            while (len > 0 && copy[--len] != '/')
                ;
            continue;
        }
        if (len + part + 2 > BCTRACE_ROOM)
            return 0;
        if (len > 0)
            copy[len++] = '/';
        memcpy(copy + len, path, part);
        len += part;
    }
    copy[len] = '\0';
    return 1;
}

static const struct bctrace_extension *
extension_named(const char *name, size_t len)
{
    const struct bctrace_extension *extension;

    for (extension = bctrace_extensions; extension->name != NULL; extension++)
        if (strncmp(extension->name, name, len) == 0 && extension->name[len] == '\0')
            return extension;
    return NULL;
}

const struct bctrace_extension *
bctrace_extension_of(const char *file)
{
    static const char *const suffixes[] = {"module.so", ".so", ".pyd"};
    const struct bctrace_extension *extension = NULL;
    size_t len = strlen(file), place;

    for (place = 0; extension == NULL && place < sizeof suffixes / sizeof *suffixes; place++) {
        size_t suffix = strlen(suffixes[place]);
        if (len > suffix && strcmp(file + len - suffix, suffixes[place]) == 0)
            extension = extension_named(file, len - suffix);
    }
    return extension;
}

static const struct bctrace_extension *
find_extension(const char *name)
{
    size_t len;

    if (strncmp(name, EXTENSIONS "/", sizeof EXTENSIONS) != 0)
        return NULL;
    name += sizeof EXTENSIONS;
    len = strcspn(name, ".");
    return strcmp(name + len, ".so") == 0 ? extension_named(name, len) : NULL;
}

/* The first place in the index whose path begins with `name` and a slash, or the number of files. */
static uint32_t
seek_folder(const char *name)
{
    char start[BCTRACE_ROOM + 1];
    struct bctrace_file file;
    size_t len = strlen(name);
    uint32_t place;

    memcpy(start, name, len);
    if (len > 0)
        start[len++] = '/';
    place = bctrace_library_seek(start, len);
    if (place < bctrace_library_count()) {
        file = bctrace_library_at(place);
        if (file.path_len > len && memcmp(file.path, start, len) == 0)
            return place;
    }
    return bctrace_library_count();
}

static enum bctrace_kind
kind_of(struct bctrace_found *found)
{
    const char *name = found->name;
    size_t len = strlen(name);

    if (*name == '\0' || strcmp(name, EXTENSIONS) == 0)
        return BCTRACE_FOLDER;
    if ((found->extension = find_extension(name)) != NULL)
        return BCTRACE_EXTENSION;
    if (bctrace_library_find(name, len, &found->file))
        return BCTRACE_TEXT;
    if (len > 4 && strcmp(name + len - 4, ".pyc") == 0 && bctrace_library_find(name, len - 1, &found->file) &&
        found->file.code.size != 0)
        return BCTRACE_COMPILED;
    return seek_folder(name) < bctrace_library_count() ? BCTRACE_FOLDER : BCTRACE_NOTHING;
}

enum bctrace_kind
bctrace_find(const char *path, struct bctrace_found *found)
{
    static const char library[] = BCTRACE_LIBRARY;
    const char *inside = library + sizeof(BCTRACE_PREFIX);
    size_t len = strlen(inside);

    found->kind = BCTRACE_NOTHING;
    if (!copy_inside_prefix(path, found->path))
        return BCTRACE_NOTHING;
    if (found->path[0] == '\0' || strcmp(found->path, "lib") == 0)
        found->kind = BCTRACE_ABOVE;
    else if (strncmp(found->path, inside, len) == 0 && (found->path[len] == '/' || found->path[len] == '\0')) {
        found->name = found->path + len + (found->path[len] == '/');
        found->kind = kind_of(found);
    }
    return found->kind;
}

int
bctrace_is_for_library_alone(const char *path)
{
    char copy[BCTRACE_ROOM];

    return copy_inside_prefix(path, copy) && strncmp(copy, "lib/python2", sizeof("lib/python2") - 1) == 0;
}

/* -- Folders --------------------------------------------------------------------------------------------------------------- */

typedef int (*each_name)(void *context, const char *name, size_t len);

static int
list_extensions(each_name each, void *context)
{
    char name[BCTRACE_ROOM];
    const struct bctrace_extension *extension;
    int status = 0;

    for (extension = bctrace_extensions; status == 0 && extension->name != NULL; extension++) {
        int len = snprintf(name, sizeof name, "%s.so", extension->name);
        status = each(context, name, (size_t)len);
    }
    return status;
}

/* The names of a folder of the index: of its files, a .pyc with each module, and of the folders in it. */
static int
list_files(const char *folder, each_name each, void *context)
{
    size_t above = strlen(folder) + (*folder != '\0'), last_len = 0;
    const char *last = NULL;
    uint32_t place = seek_folder(folder);
    int status = 0;

    for (; status == 0 && place < bctrace_library_count(); place++) {
        struct bctrace_file file = bctrace_library_at(place);
        const char *name = file.path + above, *slash;
        size_t len = file.path_len - above;

        if (file.path_len <= above || memcmp(file.path, folder, above > 0 ? above - 1 : 0) != 0 ||
            (above > 0 && file.path[above - 1] != '/'))
            break;
        slash = memchr(name, '/', len);
        if (slash != NULL) {
            len = (size_t)(slash - name);
            /* Its other files come right after it. */
            if (last_len == len && memcmp(last, name, len) == 0)
                continue;
            last = name;
            last_len = len;
        }
        status = each(context, name, len);
        if (status == 0 && slash == NULL && file.code.size != 0 && len + 1 < BCTRACE_ROOM) {
            char compiled[BCTRACE_ROOM];
            memcpy(compiled, name, len);
            compiled[len] = 'c';
            status = each(context, compiled, len + 1);
        }
    }
    return status;
}

int
bctrace_list_folder(const char *path, each_name each, void *context)
{
    struct bctrace_found found;
    int status;

    switch (bctrace_find(path, &found)) {
    case BCTRACE_ABOVE:
        /* One that is there has more in it. */
        if (access(path, F_OK) == 0)
            return -1;
        return found.path[0] == '\0' ? each(context, "lib", 3) : each(context, "python2.7", 9);
    case BCTRACE_FOLDER:
        if (strcmp(found.name, EXTENSIONS) == 0)
            return list_extensions(each, context);
        status = list_files(found.name, each, context);
        if (status == 0 && *found.name == '\0')
            status = each(context, EXTENSIONS, sizeof EXTENSIONS - 1);
        return status;
    default:
        return -1;
    }
}
