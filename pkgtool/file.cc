#include "pkgtool/file.h"

#include <cerrno>
#include <cstring>
#include <iostream>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "installer/cli/error.h"
#include "installer/port/posix_io.h"

namespace romdelta::pkgtool {
namespace {

[[noreturn]] void throw_system(Exit exit, const std::string& what, const std::string& path) {
  throw Error(exit, what + ": " + std::strerror(errno), path);
}

class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  ~Descriptor() {
    if (value_ >= 0) (void)::close(value_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return value_; }

 private:
  int value_;
};

// A file beside the final one that goes away unless it is renamed.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& final_path)
      : path_(final_path + ".XXXXXX"), descriptor_(::mkostemp(path_.data(), O_CLOEXEC)) {
    if (descriptor_.get() < 0) throw_system(Exit::io, "cannot create a file", final_path);
  }
  ~TemporaryFile() {
    if (!renamed_) (void)::unlink(path_.c_str());
  }
  int descriptor() const { return descriptor_.get(); }

  void rename_to(const std::string& final_path) {
    if (::rename(path_.c_str(), final_path.c_str()) != 0) {
      throw_system(Exit::io, "cannot rename the finished file", final_path);
    }
    renamed_ = true;
  }

 private:
  std::string path_;
  Descriptor descriptor_;
  bool renamed_ = false;
};

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// The rename itself must survive a power cut, too. Some file systems cannot: not an error.
void sync_directory(const std::string& path) {
  const Descriptor directory(
      ::open(directory_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() >= 0) (void)::fsync(directory.get());
}

// A device or a pipe has no content to keep, and must not be replaced by a file.
void write_in_place(const std::string& path, ByteSpan bytes) {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (file.get() < 0) throw_system(Exit::io, "cannot open the file", path);
  while (!bytes.empty()) {
    const ssize_t count = ::write(file.get(), bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) throw_system(Exit::io, "cannot write the file", path);
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
}

}  // namespace

MappedFile::MappedFile(const std::string& path) {
  // A pipe that nobody writes to must not hold the program.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat info {};
  if (file.get() < 0 || ::fstat(file.get(), &info) != 0) {
    throw_system(Exit::bad_input, "cannot read the file", path);
  }
  if (!S_ISREG(info.st_mode)) throw Error(Exit::bad_input, "not a regular file", path);
  if (info.st_size == 0) return;
  const auto size = static_cast<std::size_t>(info.st_size);
  void* memory = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (memory == MAP_FAILED) throw_system(Exit::bad_input, "cannot map the file", path);
  bytes_ = {static_cast<const std::uint8_t*>(memory), size};
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) {
    (void)::munmap(const_cast<std::uint8_t*>(bytes_.data()), bytes_.size());
  }
}

void expect_no_use(ByteSpan bytes) {
#if defined(MADV_PAGEOUT)
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<std::uintptr_t>(bytes.data());
  const std::uintptr_t first = round_up(begin, page);
  const std::uintptr_t last = (begin + bytes.size()) / page * page;
  // A wish: where the system cannot grant it, nothing is lost.
  if (first >= last) return;
  auto* memory = const_cast<std::uint8_t*>(bytes.data()) + (first - begin);
  (void)madvise(memory, last - first, MADV_PAGEOUT);
#else
  (void)bytes;
#endif
}

void write_file(const std::string& path, ByteSpan bytes, const WriteOptions& options) {
  if (path == "-") {
    std::cout.write(reinterpret_cast<const char*>(bytes.data()),
                    static_cast<std::streamsize>(bytes.size()));
    std::cout.flush();
    if (!std::cout) throw Error(Exit::io, "cannot write to standard output");
    return;
  }
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode)) {
    write_in_place(path, bytes);
    return;
  }
  if (!options.may_replace && ::access(path.c_str(), F_OK) == 0) {
    throw Error(Exit::usage, "the file exists already", path, "give --force to replace it");
  }
  TemporaryFile file(path);
  if (!posix_io::write_at(file.descriptor(), 0, bytes)) {
    throw_system(Exit::io, "cannot write the file", path);
  }
  const mode_t mask = ::umask(0);
  (void)::umask(mask);
  if (::fchmod(file.descriptor(), options.mode & ~mask) != 0 || ::fsync(file.descriptor()) != 0) {
    throw_system(Exit::io, "cannot finish the file", path);
  }
  file.rename_to(path);
  sync_directory(path);
}

void write_text(const std::string& path, const std::string& text, const WriteOptions& options) {
  write_file(path, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}, options);
}

}  // namespace romdelta::pkgtool
