#include "tests/unit/pkgtool/support.h"

#include <stdlib.h>

#include <iterator>

namespace romdelta::pkgtool {

BuildRequest request_of(ByteSpan source, ByteSpan target) {
  BuildRequest request;
  request.package_id = "com.example.app";
  if (!source.empty()) request.source = SourceImage{source, "1.0"};
  request.target = target;
  request.target_version = "2.0";
  request.full_if_smaller = false;
  return request;
}

Bytes signed_by_test_key(const UnsignedPackage& package) {
  SignatureList signatures;
  (void)signatures.insert(test::sign(test::test_key(1), package.digest()));
  return assemble(package, signatures);
}

Bytes package_of(const BuildRequest& request) {
  return signed_by_test_key(build_package(request, no_progress));
}

std::optional<Error> error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error;
  }
  return std::nullopt;
}

Exit exit_of(const std::function<void()>& action) {
  const std::optional<Error> error = error_of(action);
  return error ? error->exit() : Exit::done;
}

ScratchDirectory::ScratchDirectory() {
  std::string name = (std::filesystem::temp_directory_path() / "unit-pkgtool-XXXXXX").string();
  if (::mkdtemp(name.data()) != nullptr) path_ = name;
}

ScratchDirectory::~ScratchDirectory() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

std::size_t ScratchDirectory::file_count() const {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(path_),
                                                std::filesystem::directory_iterator()));
}

}  // namespace romdelta::pkgtool
