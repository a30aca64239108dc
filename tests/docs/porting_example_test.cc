// The C program of docs/porting.md, compiled from the document, installs the package of
// docs/format.md.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "example_package.h"
#include "installer/installer_c.h"

// What the snippet defines.
extern "C" {
extern uint8_t example_flash_memory[];
extern const romdelta_device example_device;
romdelta_status example_update(size_t (*receive)(void*, uint64_t, uint8_t*, size_t), void* context);
int example_slot_to_boot(void);
}

namespace romdelta::docs_test {
namespace {

struct Transport {
  std::vector<std::uint8_t> bytes;
  std::size_t piece_bytes = 0;
};

size_t receive(void* context, uint64_t offset, uint8_t* into, size_t count) {
  const auto* transport = static_cast<const Transport*>(context);
  if (offset >= transport->bytes.size()) return 0;
  const ByteSpan rest = ByteSpan(transport->bytes).subspan(offset);
  const std::size_t given = std::min({count, rest.size(), transport->piece_bytes});
  copy_bytes(into, rest.first(given));
  return given;
}

void make_device() {
  std::memset(example_flash_memory, 0xff, example_device.journal.flash->size_bytes);
  copy_bytes(example_flash_memory, bytes_of(example_source));
  ASSERT_EQ(romdelta_provision(&example_device, "com.example.boot", "1.0.0"), ROMDELTA_OK);
}

TEST(PortingExample, InstallsAndBootsTheOtherSlot) {
  make_device();
  EXPECT_EQ(example_slot_to_boot(), 0);
  Transport transport{make_example_package().bytes, 13};
  ASSERT_EQ(romdelta_result_code(example_update(receive, &transport)), 200);
  EXPECT_EQ(example_slot_to_boot(), 1);
  const romdelta_region& slot_b = example_device.regions[0].slot_b;
  EXPECT_EQ(std::memcmp(example_flash_memory + slot_b.offset_bytes, example_target.data(),
                        example_target.size()),
            0);
}

TEST(PortingExample, InstallsTwiceWithoutHarm) {
  make_device();
  Transport transport{make_example_package().bytes, 64};
  ASSERT_EQ(example_update(receive, &transport), ROMDELTA_OK);
  EXPECT_EQ(example_update(receive, &transport), ROMDELTA_OK);
  EXPECT_EQ(example_slot_to_boot(), 1);
}

TEST(PortingExample, ReportsADamagedPackage) {
  make_device();
  Transport transport{make_example_package().bytes, 64};
  transport.bytes.back() ^= 1;
  EXPECT_EQ(romdelta_result_code(example_update(receive, &transport)), 402);
  EXPECT_EQ(example_slot_to_boot(), 0);
}

}  // namespace
}  // namespace romdelta::docs_test
