#include "pkgtool/catalog.h"

#include <algorithm>
#include <filesystem>

#include "installer/cli/command_line.h"
#include "pkgtool/file.h"
#include "pkgtool/verifier.h"

namespace romdelta::pkgtool {
namespace {

namespace fs = std::filesystem;

bool is_about_trust(Status status) {
  return status == Status::unknown_key || status == Status::bad_signature ||
         status == Status::no_trusted_key || status == Status::wrong_role ||
         status == Status::key_revoked;
}

class CatalogReader {
 public:
  CatalogReader(TrustedKeys keys, const StageProgress& progress)
      : keys_(keys), progress_(progress) {}

  Catalog run(const std::string& folder) {
    find_files(folder);
    std::ranges::sort(paths_);
    for (std::size_t i = 0; i < paths_.size(); ++i) {
      if (progress_) progress_("read the catalog", i, paths_.size());
      read(paths_[i]);
    }
    return std::move(catalog_);
  }

 private:
  void find_files(const std::string& folder) {
    std::error_code error;
    fs::recursive_directory_iterator it(folder, fs::directory_options::skip_permission_denied,
                                        error);
    if (error) throw Error(Exit::bad_input, "cannot read the folder: " + error.message(), folder);
    while (it != fs::recursive_directory_iterator()) {
      const fs::path extension = it->path().extension();
      if ((extension == ".pku" || extension == ".pks") && !is_folder(*it)) {
        paths_.push_back(it->path().string());
      }
      it.increment(error);
      if (error) {
        skip(folder, "the folder cannot be read to its end: " + error.message());
        return;
      }
    }
  }

  static bool is_folder(const fs::directory_entry& entry) {
    std::error_code error;
    return entry.is_directory(error);
  }

  void read(const std::string& path) try {
    const MappedFile file(path);
    if (path.ends_with(".pks")) {
      read_super(path, file.bytes());
      return;
    }
    const VerifyResult result = verify_package(file.bytes(), keys_);
    if (result.status != Status::ok) skip(path, cli::describe(result.status));
    if (result.status == Status::ok) {
      add(path, file.bytes().size(), *result.head, Status::ok);
    } else if (is_about_trust(result.status)) {
      PackageHead head;
      const ByteSpan front =
          file.bytes().first(std::min(file.bytes().size(), limits::head_bytes_max));
      if (inspect_head(front, &head) == Status::ok) {
        add(path, file.bytes().size(), head, result.status);
      }
    }
  } catch (const Error& error) {
    skip(path, error.what());
  }

  // A super package is all good or of no use.
  void read_super(const std::string& path, ByteSpan file) {
    const ByteSpan front = file.first(std::min(file.size(), limits::super_head_bytes_max));
    SuperHead head;
    Status status = verify_super_head(front, keys_, &head);
    if (status == Status::ok && file.size() != head.file_bytes()) {
      status = file.size() < head.file_bytes() ? Status::truncated : Status::trailing_bytes;
    }
    CatalogSuper super;
    if (status == Status::ok) status = read_members(file, head, &super.members);
    if (status != Status::ok) {
      skip(path, cli::describe(status));
      return;
    }
    super.path = path;
    super.head_bytes = head.head_bytes;
    super.arena_bytes = super_arena_bytes_needed(head);
    super.facts = head.manifest.facts;
    for (std::size_t i = 0; i < head.manifest.requirement_count; ++i) {
      super.requirements.push_back(head.manifest.requirement(i));
    }
    catalog_.supers.push_back(std::move(super));
  }

  Status read_members(ByteSpan file, const SuperHead& head,
                      std::vector<CatalogPackage>* members) const {
    SuperMembers entries = head.manifest.members();
    for (SuperMember entry; entries.next(&entry);) {
      const ByteSpan bytes =
          file.subspan(static_cast<std::size_t>(head.head_bytes + entry.offset_bytes),
                       static_cast<std::size_t>(entry.file_bytes));
      const VerifyResult result = verify_package(bytes, keys_);
      if (result.status != Status::ok) return result.status;
      if (result.head->manifest_digest != entry.manifest_digest) return Status::wrong_member;
      const PackageId& member_of = result.head->manifest.member_of;
      if (!member_of.empty() && member_of != head.manifest.facts.name) return Status::not_a_member;
      members->push_back({"", entry.file_bytes, *result.head, Status::ok});
    }
    return Status::ok;
  }

  void add(const std::string& path, std::uint64_t file_bytes, const PackageHead& head,
           Status trust) {
    catalog_.packages.push_back({path, file_bytes, head, trust});
  }

  void skip(const std::string& path, const std::string& reason) {
    catalog_.skipped.push_back({path, reason});
  }

  TrustedKeys keys_;
  const StageProgress& progress_;
  std::vector<std::string> paths_;
  Catalog catalog_;
};

}  // namespace

Catalog read_catalog(const std::string& folder, TrustedKeys keys, const StageProgress& progress) {
  return CatalogReader(keys, progress).run(folder);
}

std::string printable(const std::string& text) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string result;
  for (const char c : text) {
    const auto byte = static_cast<std::uint8_t>(c);
    if (byte >= 0x20 && byte < 0x7f && c != '\\') {
      result += c;
      continue;
    }
    result += "\\x";
    result += digits[byte >> 4];
    result += digits[byte & 15];
  }
  return result;
}

}  // namespace romdelta::pkgtool
