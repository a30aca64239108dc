/* The same in C, as an RTOS would use the engine and the management object: no C++ header and no
 * C++ linker. */
#include <stdio.h>
#include <string.h>

#include "installer/dm/dm_c.h"
#include "installer/installer_c.h"

static uint8_t memory[32768];
static romdelta_dm dm;

static bool ram_read(void* context, uint64_t offset, uint8_t* into, size_t count) {
  (void)context;
  memcpy(into, memory + offset, count);
  return true;
}

static bool ram_erase(void* context, uint64_t offset, uint64_t count) {
  (void)context;
  memset(memory + offset, 0xff, (size_t)count);
  return true;
}

static bool ram_program(void* context, uint64_t offset, const uint8_t* bytes, size_t count) {
  (void)context;
  memcpy(memory + offset, bytes, count);
  return true;
}

static bool ram_sync(void* context) {
  (void)context;
  return true;
}

int main(void) {
  romdelta_flash flash = {0};
  flash.size_bytes = sizeof memory;
  flash.erase_block_bytes = 4096;
  flash.program_unit_bytes = 256;
  flash.read = ram_read;
  flash.erase = ram_erase;
  flash.program = ram_program;
  flash.sync = ram_sync;
  memset(memory, 0xff, sizeof memory);

  romdelta_rom_region region = {0};
  region.package_id = "com.example.kernel";
  region.slot_a.flash = &flash;
  region.slot_a.size_bytes = 4096;

  romdelta_device device = {0};
  device.vendor = "example";
  device.model = "x1";
  device.regions = &region;
  device.region_count = 1;
  device.inventory.flash = &flash;
  device.inventory.offset_bytes = 8192;
  device.inventory.size_bytes = 8192;

  const romdelta_status status = romdelta_provision(&device, "com.example.kernel", "1.0");
  int slot = -1;
  if (status != ROMDELTA_OK ||
      romdelta_active_slot(&device, "com.example.kernel", &slot) != ROMDELTA_OK || slot != 0) {
    fprintf(stderr, "%s\n", romdelta_status_name(status));
    return 1;
  }
  printf("slot %c\n", 'A' + slot);

  romdelta_dm_host host = {0};
  host.records.flash = &flash;
  host.records.offset_bytes = 16384;
  host.records.size_bytes = 16384;
  host.inventory = device.inventory;
  if (romdelta_dm_begin(&dm, &host) != ROMDELTA_OK ||
      !romdelta_dm_is_node(&dm, "./Vendor/MSFT/ROMPackage/com.example.kernel/PkgVersion")) {
    fprintf(stderr, "the management object does not see the inventory\n");
    return 1;
  }
  return 0;
}
