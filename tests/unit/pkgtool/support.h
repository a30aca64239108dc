// What the tests of pkgtool share: images, packages, a scratch directory, errors as values.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "pkgtool/packager.h"
#include "pkgtool/signer.h"
#include "tests/support/random.h"
#include "tests/support/test_key.h"

namespace romdelta::pkgtool {

using test::make_image;
using test::Random;
using test::random_bytes;
using test::revise;

// Progress that nobody looks at.
inline const StageProgress no_progress;

// A request for a delta from `source` to `target` (a full package when `source` is empty) that is
// not replaced by a full one.
BuildRequest request_of(ByteSpan source, ByteSpan target);

// The file that `package` becomes when test_key(1) signs it.
Bytes signed_by_test_key(const UnsignedPackage& package);

// Built and signed.
Bytes package_of(const BuildRequest& request);

// What `action` throws; nothing when it does not.
std::optional<Error> error_of(const std::function<void()>& action);
// Its exit status, or Exit::done.
Exit exit_of(const std::function<void()>& action);

// A directory that goes away with this object.
class ScratchDirectory {
 public:
  ScratchDirectory();
  ~ScratchDirectory();
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;

  std::string path(const std::string& name) const { return (path_ / name).string(); }
  std::size_t file_count() const;

 private:
  std::filesystem::path path_;
};

}  // namespace romdelta::pkgtool
