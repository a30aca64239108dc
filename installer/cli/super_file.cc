#include "installer/cli/super_file.h"

#include <fstream>

namespace romdelta::cli {

std::optional<SuperFile> SuperFile::read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  SuperFile result;
  result.bytes_.resize(limits::super_head_bytes_max);
  file.read(reinterpret_cast<char*>(result.bytes_.data()),
            static_cast<std::streamsize>(result.bytes_.size()));
  result.bytes_.resize(static_cast<std::size_t>(file.gcount()));
  std::uint32_t manifest_bytes = 0;
  if (result.bytes_.size() < package_header_bytes) return std::nullopt;
  const Status status =
      parse_document_header(ByteSpan(result.bytes_).first(package_header_bytes),
                            DocumentKind::super_package, ~std::uint32_t{0}, &manifest_bytes);
  if (status == Status::bad_magic || status == Status::unsupported_format) return std::nullopt;
  result.is_whole_ = inspect_super_head(result.bytes_, &result.head_) == Status::ok;
  return result;
}

std::optional<std::size_t> SuperFile::index_of(const JournalRecord& record) const {
  if (!is_whole_) return std::nullopt;
  for (std::size_t i = 0; i <= head_.manifest.member_count; ++i) {
    if (transaction_digest(head_.manifest_digest, i) == record.manifest_digest) return i;
  }
  return std::nullopt;
}

}  // namespace romdelta::cli
