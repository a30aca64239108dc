/* The installer engine for C programs: the same Session as session.h, which documents it.
 *
 * All structures and buffers are the caller's and must outlive the session. Numbers returned by
 * functions of type romdelta_status are the Status values of format/status.h. */
#ifndef ROMDELTA_INSTALLER_C_H
#define ROMDELTA_INSTALLER_C_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef uint8_t romdelta_status;
#define ROMDELTA_OK 0
#define ROMDELTA_NEED_INPUT 1

/* Storage. The functions return ROMDELTA_OK or another status; see port/flash.h for the contract.
 */
typedef struct romdelta_flash {
  void* context;
  uint64_t size_bytes;
  uint32_t erase_block_bytes;
  uint32_t program_unit_bytes;
  bool erase_before_program;
  /* Each returns true when it did all it was asked to. */
  bool (*read)(void* context, uint64_t offset, uint8_t* into, size_t count);
  bool (*erase)(void* context, uint64_t offset, uint64_t count);
  bool (*program)(void* context, uint64_t offset, const uint8_t* bytes, size_t count);
  bool (*sync)(void* context);
} romdelta_flash;

/* A part of a flash; flash == NULL means "not present". */
typedef struct romdelta_region {
  const romdelta_flash* flash;
  uint64_t offset_bytes;
  uint64_t size_bytes;
} romdelta_region;

typedef struct romdelta_rom_region {
  const char* package_id;
  romdelta_region slot_a;
  romdelta_region slot_b;
} romdelta_rom_region;

typedef struct romdelta_public_key {
  uint8_t id[8];
  uint8_t value[32];
} romdelta_public_key;

#define ROMDELTA_REGION_COUNT_MAX 16
#define ROMDELTA_KEY_COUNT_MAX 16

typedef struct romdelta_device {
  const char* vendor;
  const char* model;
  uint32_t hardware;
  const romdelta_rom_region* regions;
  size_t region_count; /* at most ROMDELTA_REGION_COUNT_MAX */
  romdelta_region journal;
  romdelta_region inventory;
  romdelta_region scratch;
  const romdelta_public_key* trusted_keys;
  size_t trusted_key_count; /* at most ROMDELTA_KEY_COUNT_MAX */
  bool development;         /* Not in production: what development keys sign is accepted, too. */
} romdelta_device;

/* Called after each group of bytes; stage 0 source check, 1 apply, 2 target check. Return false to
 * cancel. */
typedef bool (*romdelta_progress)(void* context, int stage, uint64_t done_bytes,
                                  uint64_t total_bytes);

/* Opaque storage for one session. */
#ifdef __cplusplus
#define ROMDELTA_ALIGNED alignas(64)
#else
#define ROMDELTA_ALIGNED _Alignas(64)
#endif
#define ROMDELTA_SESSION_BYTES 16384
typedef struct romdelta_session {
  ROMDELTA_ALIGNED uint8_t storage[ROMDELTA_SESSION_BYTES];
} romdelta_session;

/* Session::begin. `progress` may be NULL. */
romdelta_status romdelta_begin(romdelta_session* session, const romdelta_device* device,
                               void* arena, size_t arena_bytes, romdelta_progress progress,
                               void* progress_context);
/* Session::push. */
romdelta_status romdelta_push(romdelta_session* session, uint64_t offset_bytes, const void* bytes,
                              size_t count);
/* Session::next_offset_bytes. */
uint64_t romdelta_next_offset_bytes(const romdelta_session* session);
/* Session::finish. */
romdelta_status romdelta_finish(romdelta_session* session);

/* A super package: the same SuperSession as super_session.h. next_offset_bytes goes forward over
 * members that are not needed, and back once: the caller must be able to seek. */
#define ROMDELTA_SUPER_SESSION_BYTES 24576
typedef struct romdelta_super_session {
  ROMDELTA_ALIGNED uint8_t storage[ROMDELTA_SUPER_SESSION_BYTES];
} romdelta_super_session;

romdelta_status romdelta_super_begin(romdelta_super_session* session, const romdelta_device* device,
                                     void* arena, size_t arena_bytes, romdelta_progress progress,
                                     void* progress_context);
romdelta_status romdelta_super_push(romdelta_super_session* session, uint64_t offset_bytes,
                                    const void* bytes, size_t count);
uint64_t romdelta_super_next_offset_bytes(const romdelta_super_session* session);
romdelta_status romdelta_super_finish(romdelta_super_session* session);
/* How many members the super package lists; 0 until its signature has been verified. */
size_t romdelta_super_member_count(const romdelta_super_session* session);
/* ROMDELTA_OK but for the member that failed. `index` is below the count. */
romdelta_status romdelta_super_member_status(const romdelta_super_session* session, size_t index);

/* Writes an inventory record as the factory does: `package_id` has `version` in slot A. */
romdelta_status romdelta_provision(const romdelta_device* device, const char* package_id,
                                   const char* version);
/* confirm() of confirm.h: what was installed works. `package_id` may be NULL: all that wait. */
romdelta_status romdelta_confirm(const romdelta_device* device, const char* package_id);
/* Which slot of `package_id` to boot: 0 for A, 1 for B. For boot loaders. source_damaged when a
 * super package left the slot unfinished: it must not be started. */
romdelta_status romdelta_active_slot(const romdelta_device* device, const char* package_id,
                                     int* slot);

/* The name of a status, and the FUMO result code to report for it. */
const char* romdelta_status_name(romdelta_status status);
uint16_t romdelta_result_code(romdelta_status status);

#ifdef __cplusplus
}
#endif

#endif /* ROMDELTA_INSTALLER_C_H */
