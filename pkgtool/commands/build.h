// What `pkgtool build` was asked for: one package from two images, or a whole release.
#pragma once

#include <cstdint>
#include <string>

#include "pkgtool/commands/commands.h"
#include "pkgtool/encoder.h"

namespace romdelta::pkgtool {

struct BuildOptions {
  std::string product_path;  // Given: a release. `source` and `target` are releases of it.
  std::string source;
  std::string target;
  std::string output_path;
  SignerOptions signer;
  bool is_unsigned = false;
  unsigned thread_count = 0;  // 0: as many as the machine has.
  // One package only.
  std::string package_id;
  std::string source_version;
  std::string target_version;
  std::string layout = "ab";
  std::string codec = "auto";
  std::string map = "auto";
  std::uint64_t ram_bytes = EncoderOptions().ram_bytes_max;
  std::uint64_t erase_block_bytes = EncoderOptions().erase_block_bytes;
  std::uint64_t program_unit_bytes = 0;
  bool prove = false;
  std::uint64_t scratch_bytes = 0;
  std::string vendor;
  std::string model;
  std::string hardware;
  std::string member_of;
  ReleaseOrder order;
  bool may_downgrade = false;
  KeyRole role = KeyRole::release;
  std::vector<CLI::Option*> package_options;  // The options of one package only.
  // A release only.
  bool with_full = false;
  ReportFormat format = ReportFormat::text;

  // Null when the package is to stay unsigned. Throws Error.
  std::unique_ptr<Signer> make_signer() const;
  std::uint32_t program_unit() const;
  // `ram_bytes` and `erase_block_bytes` as the user gave them.
  EncoderOptions encoder(std::uint64_t ram_bytes, std::uint64_t erase_block_bytes) const;
};

// A package for each ROM package that differs between two releases. Throws Error.
void build_release(const BuildOptions& options, Context& context);

}  // namespace romdelta::pkgtool
