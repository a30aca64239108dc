#include "installer/port/flash_file.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "installer/port/flash_mtd.h"
#include "tests/support/bytes.h"

namespace romdelta::test {
namespace {

using Access = FileFlash::Access;

constexpr FlashGeometry kGeometry = {512, 512, true};

class FileFlashTest : public ::testing::Test {
 protected:
  FileFlashTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "romdelta-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) ADD_FAILURE() << "no temporary directory";
    directory_ = pattern;
    path_ = (directory_ / "flash.img").string();
  }
  ~FileFlashTest() override { std::filesystem::remove_all(directory_); }

  void write_file(const Bytes& bytes) {
    std::ofstream(path_, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
  }
  Bytes read_file() {
    Bytes bytes(std::filesystem::file_size(path_));
    std::ifstream(path_, std::ios::binary)
        .read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    return bytes;
  }
  Status open(Access access, std::uint64_t size_bytes = 4096) {
    return flash_.open(path_.c_str(), access, size_bytes, kGeometry, &error_);
  }

  std::filesystem::path directory_;
  std::string path_;
  FileFlash flash_;
  int error_ = 0;
};

TEST_F(FileFlashTest, ReadsWhatTheFileLacksAsErased) {
  write_file({1, 2, 3});
  ASSERT_EQ(open(Access::read_only), Status::ok);
  Bytes bytes(5, 0);
  ASSERT_EQ(flash_.read(1, bytes), Status::ok);
  EXPECT_EQ(bytes, (Bytes{2, 3, 0xff, 0xff, 0xff}));
  ASSERT_EQ(flash_.read(4000, bytes), Status::ok);
  EXPECT_EQ(bytes, Bytes(5, 0xff));
}

TEST_F(FileFlashTest, GrowsWhenItIsProgrammed) {
  ASSERT_EQ(open(Access::create), Status::ok);
  ASSERT_EQ(flash_.program(512, Bytes(512, 7)), Status::ok);
  ASSERT_EQ(flash_.sync(), Status::ok);
  EXPECT_EQ(read_file(), concat({Bytes(512, 0), Bytes(512, 7)}));
}

TEST_F(FileFlashTest, OverwritesWithoutErasing) {
  write_file(Bytes(1024, 1));
  ASSERT_EQ(open(Access::read_write), Status::ok);
  EXPECT_FALSE(flash_.geometry().erase_before_program);
  EXPECT_EQ(flash_.geometry().program_unit_bytes, 512u);
  EXPECT_EQ(flash_.size_bytes(), 4096u);
  ASSERT_EQ(flash_.program(0, Bytes(512, 2)), Status::ok);
  EXPECT_EQ(read_file(), concat({Bytes(512, 2), Bytes(512, 1)}));
  EXPECT_EQ(flash_.erase(0, 512), Status::flash_erase_failed);
}

TEST_F(FileFlashTest, CreatesFilesOnlyWhenAsked) {
  EXPECT_EQ(open(Access::read_only), Status::flash_read_failed);
  EXPECT_EQ(error_, ENOENT);
  EXPECT_EQ(open(Access::read_write), Status::flash_read_failed);
  EXPECT_FALSE(std::filesystem::exists(path_));
  EXPECT_EQ(open(Access::create), Status::ok);
  EXPECT_TRUE(std::filesystem::exists(path_));
}

TEST_F(FileFlashTest, DoesNotWriteAFileOpenedForReading) {
  write_file(Bytes(512, 1));
  ASSERT_EQ(open(Access::read_only), Status::ok);
  EXPECT_EQ(flash_.program(0, Bytes(512, 2)), Status::flash_program_failed);
  EXPECT_EQ(read_file(), Bytes(512, 1));
}

TEST_F(FileFlashTest, FailsEveryOperationAfterClose) {
  write_file(Bytes(512, 1));
  ASSERT_EQ(open(Access::read_write), Status::ok);
  flash_.close();
  Bytes bytes(1);
  EXPECT_EQ(flash_.read(0, bytes), Status::flash_read_failed);
  EXPECT_EQ(flash_.program(0, Bytes(512)), Status::flash_program_failed);
  EXPECT_EQ(flash_.sync(), Status::flash_sync_failed);
  flash_.close();
}

TEST_F(FileFlashTest, RefusesADeviceThatIsTooSmall) {
  path_ = "/dev/null";
  EXPECT_EQ(open(Access::read_write), Status::flash_read_failed);
  EXPECT_EQ(error_, ENOSPC);
}

TEST_F(FileFlashTest, IsUsableAsARegion) {
  ASSERT_EQ(open(Access::create), Status::ok);
  const FlashRegion region(&flash_, 512, 1024);
  ASSERT_TRUE(region.is_usable());
  ASSERT_EQ(region.erase(0, 512), Status::ok);
  ASSERT_EQ(region.program(0, Bytes(512, 9)), Status::ok);
  EXPECT_EQ(read_file(), concat({Bytes(512, 0), Bytes(512, 9)}));
}

TEST_F(FileFlashTest, IsNoMtdDevice) {
  write_file({1});
  EXPECT_FALSE(is_mtd_device(path_.c_str()));
  EXPECT_FALSE(is_mtd_device("/dev/null"));
  EXPECT_FALSE(is_mtd_device((path_ + ".absent").c_str()));
  MtdFlash mtd;
  EXPECT_EQ(mtd.open(path_.c_str(), false, &error_), Status::flash_read_failed);
  // ENOTTY from Linux, ENOSYS from an emulator that does not know the request.
  EXPECT_TRUE(error_ == ENOTTY || error_ == ENOSYS) << error_;
  EXPECT_EQ(mtd.open((path_ + ".absent").c_str(), true, &error_), Status::flash_read_failed);
  EXPECT_EQ(error_, ENOENT);
}

}  // namespace
}  // namespace romdelta::test
