/* A C program's view of the engine: flash in memory, and sessions driven from C. */
#ifndef ROMDELTA_TESTS_C_DEVICE_H
#define ROMDELTA_TESTS_C_DEVICE_H

#include "installer/installer_c.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct c_memory {
  uint8_t* bytes;
  size_t size;
  bool broken; /* Every program fails. */
} c_memory;

typedef struct c_progress {
  unsigned calls;
  unsigned cancel_at; /* The call that cancels, from 1; 0 never. */
  int last_stage;
} c_progress;

/* A flash that overwrites, over `memory`. */
romdelta_flash c_flash(c_memory* memory);

/* A whole session; `piece` bytes a push. The status of its last call. */
romdelta_status c_install(const romdelta_device* device, void* arena, size_t arena_bytes,
                          const uint8_t* package, size_t package_bytes, size_t piece,
                          c_progress* progress);

#ifdef __cplusplus
}
#endif

#endif /* ROMDELTA_TESTS_C_DEVICE_H */
