#include "tests/unit/installer/c_device.h"

#include <string.h>

static bool read_memory(void* context, uint64_t offset, uint8_t* into, size_t count) {
  c_memory* memory = context;
  memcpy(into, memory->bytes + offset, count);
  return true;
}

static bool erase_memory(void* context, uint64_t offset, uint64_t count) {
  c_memory* memory = context;
  memset(memory->bytes + offset, 0xff, (size_t)count);
  return true;
}

static bool program_memory(void* context, uint64_t offset, const uint8_t* bytes, size_t count) {
  c_memory* memory = context;
  if (memory->broken) return false;
  memcpy(memory->bytes + offset, bytes, count);
  return true;
}

static bool sync_memory(void* context) {
  (void)context;
  return true;
}

romdelta_flash c_flash(c_memory* memory) {
  romdelta_flash flash;
  flash.context = memory;
  flash.size_bytes = memory->size;
  flash.erase_block_bytes = 512;
  flash.program_unit_bytes = 512;
  flash.erase_before_program = false;
  flash.read = read_memory;
  flash.erase = erase_memory;
  flash.program = program_memory;
  flash.sync = sync_memory;
  return flash;
}

static bool count_progress(void* context, int stage, uint64_t done_bytes, uint64_t total_bytes) {
  c_progress* progress = context;
  if (done_bytes > total_bytes) return false;
  progress->last_stage = stage;
  return ++progress->calls != progress->cancel_at;
}

romdelta_status c_install(const romdelta_device* device, void* arena, size_t arena_bytes,
                          const uint8_t* package, size_t package_bytes, size_t piece,
                          c_progress* progress) {
  static romdelta_session session;
  romdelta_status status = romdelta_begin(&session, device, arena, arena_bytes,
                                          progress == NULL ? NULL : count_progress, progress);
  while (status == ROMDELTA_NEED_INPUT) {
    const uint64_t at = romdelta_next_offset_bytes(&session);
    if (at >= package_bytes) break;
    const size_t left = package_bytes - (size_t)at;
    status = romdelta_push(&session, at, package + at, left < piece ? left : piece);
  }
  if (status != ROMDELTA_OK && status != ROMDELTA_NEED_INPUT) return status;
  return romdelta_finish(&session);
}
