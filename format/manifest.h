// Manifest: what a package says about itself, signed. docs/format.md section 4.
//
// On the wire: fields of tag, length, value in ascending tag order; every value has one legal
// encoding, so a manifest has one too. Unknown critical fields are refused.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "format/bytes.h"
#include "format/digest.h"
#include "format/limits.h"
#include "format/signature.h"
#include "format/status.h"
#include "format/text.h"

namespace romdelta {

// Where the target is written.
enum class Layout : std::uint8_t {
  ab = 0,        // Into the other slot, in ascending order.
  in_place = 1,  // Over the source, in the order of the plan.
};

// How a chunk is coded.
enum class Codec : std::uint8_t {
  zstd = 1,     // Six columns, each one zstd frame or stored as it is.
  context = 2,  // One range-coded stream, predicted from contexts.
};

const char* to_string(Layout layout);
const char* to_string(Codec codec);

// One ROM image: which bytes, and what they are called.
struct ImageIdentity {
  Version version;
  std::uint64_t bytes = 0;
  Digest digest;
};

// What the device must provide; docs/format.md section 4.3 gives each formula. All in bytes but
// erase_count. The installer refuses before the first write when one cannot be met.
struct Budgets {
  std::uint64_t ram_bytes = 0;          // Arena.
  std::uint64_t scratch_bytes = 0;      // Scratch region (deltas in place only).
  std::uint64_t journal_bytes = 0;      // Journal records appended by an uninterrupted install.
  std::uint64_t flash_write_bytes = 0;  // Programmed into the target slot and into scratch.
  std::uint64_t erase_count = 0;        // Erase blocks erased there.
  std::uint64_t redo_bytes = 0;         // Most target bytes written again after one cut.
};

// The numbers of a release that must not go down. Each 0 when none was given.
struct ReleaseOrder {
  std::uint64_t security_counter = 0;  // Of the ROM package.
  std::uint64_t device_counter = 0;    // Of the device as a whole.
  std::uint64_t number = 0;            // Releases ascend in it.
  friend bool operator==(const ReleaseOrder&, const ReleaseOrder&) = default;
};

// Which devices a package is for. Each part is optional on the wire.
struct DeviceFilter {
  IdentityName vendor;  // Empty: any.
  IdentityName model;   // Empty: any.
  bool has_hardware_range = false;
  std::uint32_t hardware_min = 0;
  std::uint32_t hardware_max = 0;
};

// The address map in front of the chunks, if there is one.
struct MapIdentity {
  std::uint32_t bytes = 0;       // As stored. 0: there is none.
  std::uint32_t step_count = 0;  // Of all its tables.
  Digest digest;
  bool present() const { return bytes != 0; }
};

// The plan of a delta in place, behind the address map. docs/format.md section 7.12.
struct PlanIdentity {
  std::uint32_t bytes = 0;               // As stored. 0: there is none.
  std::uint32_t step_count = 0;          // Groups that are written,
  std::uint32_t chunk_steps_max = 0;     // and the most of one chunk.
  std::uint32_t hole_count = 0;          // Groups that are lent to the spill.
  std::uint32_t kept_count_max = 0;      // Stashes of earlier steps that are needed at once.
  std::uint32_t fragment_count_max = 0;  // Fragments in the spill at once.
  std::uint32_t reserve_blocks = 0;      // Spill blocks that are free after each step.
  std::uint32_t program_unit_bytes = 0;  // Of the spill: the device's own divides it.
  std::uint32_t block_erase_count = 0;   // Most erases of one block, of the slot or of scratch.
  std::uint64_t rewritten_bytes = 0;     // Of all groups that are written.
  Digest digest;
  bool present() const { return bytes != 0; }
};

struct Manifest {
  PackageId package_id;
  Layout layout = Layout::ab;
  Codec codec = Codec::zstd;

  ImageIdentity target;
  Checksum target_checksum;  // Of the same bytes, for read-back of this session's own writes.
  std::array<ImageIdentity, limits::source_count_max> sources;
  std::size_t source_count = 0;  // 0: a full package.

  std::uint64_t payload_bytes = 0;
  MapIdentity map;    // Codec context only.
  PlanIdentity plan;  // Deltas in place only.
  std::uint32_t chunk_count = 0;
  Digest tree_root;  // All zero when chunk_count is 0.

  std::uint32_t chunk_stored_bytes_max = 0;
  std::uint32_t chunk_decoded_bytes_max = 0;
  std::uint32_t group_bytes = 0;        // Unit of writing; a multiple of erase_block_bytes.
  std::uint32_t erase_block_bytes = 0;  // The geometry that the budgets were computed for.

  Budgets budgets;
  DeviceFilter device;
  ReleaseOrder order;
  bool may_downgrade = false;       // To a release before the active one.
  KeyRole role = KeyRole::release;  // By whom the package must be signed.
  PackageId member_of;  // The super package that alone may install this one. Empty: any, or none.
  Text<limits::encoder_bytes_max> encoder;  // What made the payload; informative.

  bool is_full() const { return source_count == 0; }
  // What the chunks make: the target, or the groups of it that are written.
  std::uint64_t output_bytes() const {
    return plan.present() ? plan.rewritten_bytes : target.bytes;
  }
  // Groups of the target; the last may be shorter than the others.
  std::uint64_t group_count() const { return round_up(target.bytes, group_bytes) / group_bytes; }
  // Blocks of the spill: the scratch, then the holes. docs/format.md section 7.14.
  std::uint64_t spill_block_count() const {
    return budgets.scratch_bytes / erase_block_bytes +
           std::uint64_t{plan.hole_count} * (group_bytes / erase_block_bytes);
  }
};

// Parses exactly `bytes` and checks every rule of section 4. On failure `*manifest` is unchanged.
// malformed_manifest, unsupported_field, unsupported_layout or unsupported_codec.
Status parse_manifest(ByteSpan bytes, Manifest* manifest);

// Encodes in the one legal way. The writer fails when the manifest exceeds its buffer.
void encode_manifest(const Manifest& manifest, ByteWriter* writer);

// The largest structure that a device collects whole in one buffer: a chunk, or the map.
std::uint32_t chunk_buffer_bytes(const Manifest& manifest);

// Grains of the source whose reading depends on one group: its own, and on each side those that an
// address map looks around in.
std::uint64_t grains_of_group(const Manifest& manifest);

// Arena bytes that an installer of this version needs for the package: the ram_bytes budget.
// Depends on the codec, the chunk and group sizes, the chunk count and the map's size only.
// docs/format.md section 4.3.
std::uint64_t arena_bytes_needed(const Manifest& manifest);

}  // namespace romdelta
