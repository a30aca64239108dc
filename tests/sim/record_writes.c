/* Writes down what a process writes to its files, and when it syncs them: replay_test.py preloads
 * it.
 *
 * Each entry of $RECORD_WRITES: kind, descriptor's inode, offset and size as 64-bit numbers, then
 * the bytes. Kind 1: a write, 2: a sync of that file. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int log_descriptor = -1;

static void record(uint64_t kind, int descriptor, uint64_t offset, const void* bytes,
                   uint64_t count) {
  struct stat info;
  if (log_descriptor == -1) {
    const char* path = getenv("RECORD_WRITES");
    if (path == NULL) return;
    log_descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  }
  if (fstat(descriptor, &info) != 0) return;
  const uint64_t head[4] = {kind, (uint64_t)info.st_ino, offset, count};
  if (write(log_descriptor, head, sizeof head) != (ssize_t)sizeof head) abort();
  if (count != 0 && write(log_descriptor, bytes, count) != (ssize_t)count) abort();
}

ssize_t pwrite(int descriptor, const void* bytes, size_t count, off_t offset) {
  static ssize_t (*next)(int, const void*, size_t, off_t);
  if (next == NULL) next = (ssize_t(*)(int, const void*, size_t, off_t))dlsym(RTLD_NEXT, "pwrite");
  const ssize_t written = next(descriptor, bytes, count, offset);
  if (written > 0) record(1, descriptor, (uint64_t)offset, bytes, (uint64_t)written);
  return written;
}

ssize_t pwrite64(int descriptor, const void* bytes, size_t count, off64_t offset) {
  return pwrite(descriptor, bytes, count, (off_t)offset);
}

int fdatasync(int descriptor) {
  static int (*next)(int);
  if (next == NULL) next = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
  const int status = next(descriptor);
  if (status == 0) record(2, descriptor, 0, NULL, 0);
  return status;
}
