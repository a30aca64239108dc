// Victim: a device with a good package, and the judge of what a bad one does to it.
#pragma once

#include <string>
#include <vector>

#include "format/package.h"
#include "tests/hostile/recording_flash.h"
#include "tests/support/test_device.h"

namespace romdelta::test {

// Where a chunk lies in the package, and what it makes.
struct ChunkPlace {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint64_t target_begin = 0;
};

// What has to become of a hostile package.
struct Verdict {
  std::vector<Status> refused_with;  // One of these, with the FUMO code of docs/result-codes.md.
  // Target bytes that authentic chunks make: only these may be programmed, and true.
  std::uint64_t true_until = 0;
  // For packages signed by the trusted key: bytes beyond true_until may be programmed as well,
  // because somebody vouched for them.
  bool is_signed = false;
};

class Victim {
 public:
  // `package` turns `source` (empty: a full package) into `target` and is signed by test_key(1).
  Victim(Bytes package, Bytes source, Bytes target);

  // Installs `file`. Empty when it was refused as the verdict asks, nothing was committed, slot A
  // and inventory are untouched and the target slot got nothing that it should not get; else what
  // went wrong.
  std::string attack(ByteSpan file, const Verdict& verdict);
  // The same, trusting other keys than test_key(1).
  std::string attack(ByteSpan file, const Verdict& verdict, TrustedKeys keys);

  // The same on the device as the last session left it.
  std::string attack_as_it_is(ByteSpan file, const Verdict& verdict);

  // Installs a package that is good: the target bytes that the device then has, or what went wrong.
  Bytes install(ByteSpan file, Status* status);

  // What to expect of a package of which byte `offset` was damaged and nothing else.
  Verdict verdict_at(std::uint64_t offset) const;

  const Bytes& package() const { return package_; }
  const Bytes& source() const { return source_; }
  const Bytes& target() const { return target_; }
  const PackageHead& head() const { return head_; }
  const std::vector<ChunkPlace>& chunks() const { return chunks_; }
  TestDevice& device() { return device_; }
  RecordingFlash& target_flash() { return target_flash_; }
  // Back to the state before any attack.
  void restore();
  Status run(ByteSpan file);

 private:
  void find_chunks(unsigned level, std::uint64_t index, std::uint64_t begin,
                   std::uint64_t target_begin);
  std::string judge(Status status, const Verdict& verdict);
  std::string judge_target(const Verdict& verdict) const;

  Bytes package_;
  Bytes source_;
  Bytes target_;
  PackageHead head_;
  std::vector<ChunkPlace> chunks_;
  TestDevice device_;
  RecordingFlash target_flash_;
  Bytes slot_a_;
  Bytes inventory_;
  std::size_t piece_ = 0;
};

// The FUMO code of every Status that a hostile package may meet, from docs/result-codes.md.
int fumo_code(Status status);

// Made by pkgtool: a delta of at least three chunks and a full package, each of a few KiB.
Victim& delta_victim();
Victim& full_victim();
// Made by hand: each chunk fills whole groups, so each is programmed before the next one comes.
Victim& grouped_victim();
// The same with codec context.
Victim& context_victim();
// And with an address map.
Victim& map_victim();
// Made by hand: two levels of nodes above 130 chunks.
Victim& deep_victim();

// What pkgtool makes of these images, signed by test_key(1); empty source: a full package.
Bytes build_signed(ByteSpan source, ByteSpan target, std::uint64_t ram_bytes,
                   std::uint64_t security_counter);

}  // namespace romdelta::test
