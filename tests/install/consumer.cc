// A program outside the project: what it needs from the headers and the libraries must be there.
#include <array>
#include <cstdint>
#include <cstdio>

#include "format/result_code.h"
#include "installer/port/flash_ram.h"
#include "installer/session.h"

int main() {
  static std::array<std::uint8_t, romdelta::Session::arena_bytes_min> arena;
  static romdelta::Session session;
  const romdelta::Device device;  // Trusts nobody, so nothing can be installed.
  const romdelta::Status status = session.begin(device, arena, {});
  if (status != romdelta::Status::no_trusted_key) return 1;
  std::printf("%s -> %u, kernels %s\n", romdelta::to_string(status),
              static_cast<unsigned>(romdelta::result_code(status)), romdelta::best_kernels().name);
  return 0;
}
