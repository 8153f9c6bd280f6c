#ifndef CTOWLINE_DISK_H
#define CTOWLINE_DISK_H

#include <stdint.h>

/// Asks the kernel to begin writing a range of a file to the disk without waiting. Does nothing where the system has
/// no such call. Returns 0, or -1 with errno set.
int ctowline_start_writeback(int descriptor, int64_t offset, int64_t count);

/// Waits until everything on the file system that holds the descriptor is on stable storage. Returns 0, or -1 with
/// errno set.
int ctowline_sync_file_system(int descriptor);

#endif
