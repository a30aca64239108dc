// What PRODUCT.toml may not be is in tests/cli/product_toml.txt, with the messages.
#include "pkgtool/product.h"

#include <gtest/gtest.h>

#include "pkgtool/file.h"
#include "tests/unit/pkgtool/support.h"

namespace romdelta::pkgtool {
namespace {

class ProductTest : public testing::Test {
 protected:
  Product read(const std::string& text) const {
    write_text(directory_.path("PRODUCT.toml"), text);
    return read_product(directory_.path("PRODUCT.toml"));
  }
  ScratchDirectory directory_;
};

TEST_F(ProductTest, HasDefaultsThatPackagesReplace) {
  const Product product = read(R"(
[product]
ram_bytes = 300000
erase_block_bytes = 8192
[[package]]
id = "a"
[[package]]
id = "b"
ram_bytes = 200000
erase_block_bytes = 512
[[release]]
version = "1"
image = [{ package_id = "a", path = "a.img" }]
)");
  ASSERT_EQ(product.packages.size(), 2u);
  EXPECT_EQ(product.packages[0].ram_bytes, 300000u);
  EXPECT_EQ(product.packages[0].erase_block_bytes, 8192u);
  EXPECT_EQ(product.packages[1].ram_bytes, 200000u);
  EXPECT_EQ(product.packages[1].erase_block_bytes, 512u);
}

TEST_F(ProductTest, WithoutDefaultsIsForAnyDevice) {
  const Product product = read(R"(
[[package]]
id = "a"
[[release]]
version = "1"
image = [{ package_id = "a", path = "a.img" }]
)");
  EXPECT_TRUE(product.device.vendor.empty());
  EXPECT_TRUE(product.device.model.empty());
  EXPECT_FALSE(product.device.has_hardware_range);
  EXPECT_EQ(product.packages[0].ram_bytes, EncoderOptions().ram_bytes_max);
  EXPECT_EQ(product.packages[0].erase_block_bytes, EncoderOptions().erase_block_bytes);
}

TEST_F(ProductTest, NamesTheDevices) {
  const Product product = read(R"(
[product]
vendor = "example"
model = "x1"
hardware = "2-5"
[[package]]
id = "a"
[[release]]
version = "1"
image = [{ package_id = "a", path = "a.img" }]
)");
  EXPECT_EQ(product.device.vendor.view(), "example");
  EXPECT_EQ(product.device.model.view(), "x1");
  EXPECT_EQ(product.device.hardware_min, 2u);
  EXPECT_EQ(product.device.hardware_max, 5u);
}

TEST_F(ProductTest, FindsImagesBesideItself) {
  const Product product = read(R"(
[[package]]
id = "a"
[[package]]
id = "b"
[[release]]
version = "1"
[[release.image]]
package_id = "a"
path = "1/a.img"
[[release.image]]
package_id = "b"
path = "/there/b.img"
version = "7"
[[release]]
version = "2"
security_counter = 4
[[release.image]]
package_id = "a"
path = "2/a.img"
)");
  const Release* release = product.release("1");
  ASSERT_NE(release, nullptr);
  EXPECT_EQ(release->order.security_counter, 0u);
  ASSERT_EQ(release->images.size(), 2u);
  EXPECT_EQ(release->images.at("a").path, directory_.path("1/a.img"));
  EXPECT_EQ(release->images.at("a").version, "1");
  EXPECT_EQ(release->images.at("b").path, "/there/b.img");
  EXPECT_EQ(release->images.at("b").version, "7");
  ASSERT_NE(product.release("2"), nullptr);
  EXPECT_EQ(product.release("2")->order.security_counter, 4u);
  EXPECT_EQ(product.release("3"), nullptr);
}

}  // namespace
}  // namespace romdelta::pkgtool
