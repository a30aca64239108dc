#include "pkgtool/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include "tests/unit/pkgtool/support.h"

namespace romdelta::pkgtool {
namespace {

class FileTest : public ::testing::Test {
 protected:
  std::string path(const std::string& name) const { return directory_.path(name); }
  static unsigned mode_of(const std::string& path) {
    struct stat info {};
    return ::stat(path.c_str(), &info) == 0 ? info.st_mode & 0777 : 0;
  }

  ScratchDirectory directory_;
};

// No file of this process grows beyond `bytes` as long as this lives.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : old_handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &old_limit_);
    rlimit limit = old_limit_;
    limit.rlim_cur = bytes;
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &old_limit_);
    (void)std::signal(SIGXFSZ, old_handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit old_limit_{};
  void (*old_handler_)(int);
};

TEST_F(FileTest, HoldsWhatWasWritten) {
  const Bytes content = make_image(100000, 1);
  write_file(path("a"), content);
  const MappedFile file(path("a"));
  EXPECT_EQ(Bytes(file.bytes().begin(), file.bytes().end()), content);
  EXPECT_EQ(directory_.file_count(), 1u);
}

TEST_F(FileTest, MayBeEmpty) {
  write_file(path("a"), {});
  EXPECT_TRUE(MappedFile(path("a")).bytes().empty());
}

TEST_F(FileTest, IsReplacedAsAWhole) {
  write_text(path("a"), "a long old content");
  write_text(path("a"), "new");
  EXPECT_EQ(read_text(path("a")), "new");
  EXPECT_EQ(directory_.file_count(), 1u);
}

TEST_F(FileTest, KeepsItsContentWhenWritingFails) {
  write_text(path("a"), "old");
  {
    const FileSizeLimit limit(4096);
    EXPECT_EQ(exit_of([&] { write_file(path("a"), Bytes(10000)); }), Exit::io);
  }
  EXPECT_EQ(read_text(path("a")), "old");
  EXPECT_EQ(directory_.file_count(), 1u);
}

TEST_F(FileTest, DoesNotAppearWhenWritingFails) {
  {
    const FileSizeLimit limit(4096);
    EXPECT_EQ(exit_of([&] { write_file(path("a"), Bytes(10000)); }), Exit::io);
  }
  EXPECT_EQ(directory_.file_count(), 0u);
}

TEST_F(FileTest, IsNotReplacedUnlessItMay) {
  write_text(path("a"), "old");
  EXPECT_EQ(exit_of([&] { write_text(path("a"), "new", {.may_replace = false}); }), Exit::usage);
  EXPECT_EQ(read_text(path("a")), "old");
}

TEST_F(FileTest, DoesNotReplaceADirectory) {
  ASSERT_TRUE(std::filesystem::create_directory(path("a")));
  EXPECT_EQ(exit_of([&] { write_text(path("a"), "new"); }), Exit::io);
  EXPECT_TRUE(std::filesystem::is_directory(path("a")));
  EXPECT_EQ(directory_.file_count(), 1u);
}

TEST_F(FileTest, PipeIsWrittenToAndStaysAPipe) {
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  const int reader = ::open(path("pipe").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  ASSERT_GE(reader, 0);
  write_text(path("pipe"), "through");
  std::array<char, 16> buffer{};
  EXPECT_EQ(::read(reader, buffer.data(), buffer.size()), 7);
  EXPECT_STREQ(buffer.data(), "through");
  (void)::close(reader);
  EXPECT_TRUE(std::filesystem::is_fifo(path("pipe")));
}

TEST_F(FileTest, CannotBeInADirectoryThatIsNotThere) {
  const auto error = error_of([&] { write_text(path("none/a"), "new"); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->exit(), Exit::io);
  EXPECT_EQ(error->where(), path("none/a"));
}

TEST_F(FileTest, HasTheModeAskedForLessTheMask) {
  const mode_t mask = ::umask(027);
  write_text(path("public"), "");
  write_text(path("secret"), "", {.mode = 0600});
  (void)::umask(mask);
  EXPECT_EQ(mode_of(path("public")), 0640u);
  EXPECT_EQ(mode_of(path("secret")), 0600u);
}

TEST_F(FileTest, ThatIsNoneCannotBeMapped) {
  const auto missing = error_of([&] { MappedFile file(path("none")); });
  ASSERT_TRUE(missing);
  EXPECT_EQ(missing->exit(), Exit::bad_input);
  EXPECT_EQ(missing->where(), path("none"));
  EXPECT_EQ(exit_of([&] { MappedFile file(path(".")); }), Exit::bad_input);
}

TEST_F(FileTest, ThatIsNoneCannotBeRead) {
  EXPECT_EQ(exit_of([&] { (void)read_text(path("none")); }), Exit::bad_input);
}

}  // namespace
}  // namespace romdelta::pkgtool
