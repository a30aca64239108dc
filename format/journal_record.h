// One record of the journal, as it lies on flash. docs/format.md section 9.
#pragma once

#include <cstddef>
#include <cstdint>

#include "format/bytes.h"
#include "format/digest.h"
#include "format/manifest.h"
#include "format/status.h"

namespace romdelta {

// Written to flash: never renumber.
enum class Slot : std::uint8_t { a = 0, b = 1 };

inline Slot other_slot(Slot slot) { return slot == Slot::a ? Slot::b : Slot::a; }

// Written to flash: never renumber.
enum class JournalKind : std::uint8_t {
  intent = 1,      // An installation of this package into target_slot has begun.
  checkpoint = 2,  // Its chunks before `next` are in the target slot.
  done = 3,        // It ended with `outcome`; nothing is pending.
  step = 4,        // In place: its steps before `next` are done.
  commit = 5,      // Of a super package: the inventory is being written, because of `outcome`.
  // Of no installation: the inventory, or the keyring first, is being written. Outcome, layout and
  // slot are those of the done before.
  confirm = 8,  // The release that manifest_digest installed is being confirmed; zero: all.
  keyring = 9,  // The keyring whose digest is manifest_digest is being accepted.
};

struct JournalRecord {
  static constexpr std::size_t bytes = 64;

  JournalKind kind = JournalKind::intent;
  Slot target_slot = Slot::a;
  Status outcome = Status::ok;  // done and commit only.
  Layout layout = Layout::ab;
  // checkpoint and step: the first chunk or step not done. commit: the first member not begun.
  std::uint32_t next = 0;
  std::uint64_t sequence = 0;        // The newest record has the largest.
  Digest manifest_digest;            // Which package.
  std::uint32_t spill_sequence = 0;  // checkpoint and step in place: newer spill does not count.

  bool is_of_trust() const { return kind == JournalKind::confirm || kind == JournalKind::keyring; }
  // An installation has begun and not ended.
  bool is_pending() const { return kind != JournalKind::done && !is_of_trust(); }
};

// no_record when `bytes` (exactly JournalRecord::bytes) holds no intact record.
Status parse_journal_record(ByteSpan bytes, JournalRecord* record);
void encode_journal_record(const JournalRecord& record, ByteWriter* writer);

}  // namespace romdelta
