// The C library shows these calls only to those who ask for GNU extensions, which the Swift importer does not.
#define _GNU_SOURCE
#include "CTowlineDisk.h"

#include <fcntl.h>
#include <unistd.h>

int ctowline_start_writeback(int descriptor, int64_t offset, int64_t count) {
#if defined(__linux__)
    return sync_file_range(descriptor, offset, count, SYNC_FILE_RANGE_WRITE);
#else
    (void)descriptor, (void)offset, (void)count;
    return 0;
#endif
}

int ctowline_sync_file_system(int descriptor) {
#if defined(__linux__)
    return syncfs(descriptor);
#else
    (void)descriptor;
    sync();
    return 0;
#endif
}
