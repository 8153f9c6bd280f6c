/* Preloaded into the server by the power-cut test: syncs of files whose path contains NOSYNC do nothing and succeed.
 * So the test can show that it sees a sync that is missing. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int spared(int descriptor) {
    const char *part = getenv("NOSYNC");
    char link[64], path[4096];
    if (part == NULL) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return strstr(path, part) != NULL;
}

#define WITHOUT(name)                                                          \
    int name(int descriptor) {                                                 \
        int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, #name);              \
        return spared(descriptor) ? 0 : real(descriptor);                      \
    }

WITHOUT(fsync)
WITHOUT(fdatasync)
WITHOUT(syncfs)
