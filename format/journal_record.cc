#include "format/journal_record.h"

#include "format/limits.h"

namespace romdelta {
namespace {

constexpr std::uint32_t kMagic = 0x314a4452;  // "RDJ1" in memory order.
constexpr std::size_t kCheckedBytes = JournalRecord::bytes - Checksum::bytes;

bool is_kind(std::uint8_t value) {
  switch (static_cast<JournalKind>(value)) {
    case JournalKind::intent:
    case JournalKind::checkpoint:
    case JournalKind::done:
    case JournalKind::step:
    case JournalKind::commit:
    case JournalKind::confirm:
    case JournalKind::keyring: return true;
  }
  return false;
}

bool has_right_kind(const JournalRecord& record) {
  const bool in_place = record.layout == Layout::in_place;
  const bool counts = record.kind == JournalKind::checkpoint || record.kind == JournalKind::step;
  const bool blocks = record.kind == JournalKind::step || record.kind == JournalKind::commit;
  if (blocks && !in_place) return false;
  return record.spill_sequence == 0 || (in_place && counts);
}

}  // namespace

Status parse_journal_record(ByteSpan bytes, JournalRecord* record) {
  if (bytes.size() != JournalRecord::bytes) return Status::no_record;
  ByteReader reader(bytes);
  const std::uint32_t magic = reader.u32();
  JournalRecord parsed;
  const std::uint8_t kind = reader.u8();
  const std::uint8_t slot = reader.u8();
  const std::uint8_t outcome = reader.u8();
  const std::uint8_t layout = reader.u8();
  parsed.next = reader.u32();
  parsed.sequence = reader.u64();
  copy_bytes(parsed.manifest_digest.value.data(), reader.bytes(Digest::bytes));
  parsed.spill_sequence = reader.u32();
  const Checksum checksum{reader.u64()};
  if (magic != kMagic || checksum != checksum_of(bytes.first(kCheckedBytes))) {
    return Status::no_record;
  }
  // The checksum is no signature: a forged record may still hold anything.
  if (!is_kind(kind) || slot > 1 || outcome >= status_count || layout > 1) {
    return Status::no_record;
  }
  // No device writes this many; leaves room to count on without wrapping.
  if (parsed.sequence > limits::record_sequence_max) return Status::no_record;
  parsed.kind = static_cast<JournalKind>(kind);
  parsed.target_slot = static_cast<Slot>(slot);
  parsed.outcome = static_cast<Status>(outcome);
  parsed.layout = static_cast<Layout>(layout);
  if (!has_right_kind(parsed)) return Status::no_record;
  *record = parsed;
  return Status::ok;
}

void encode_journal_record(const JournalRecord& record, ByteWriter* writer) {
  std::uint8_t buffer[kCheckedBytes];
  ByteWriter body(buffer);
  body.u32(kMagic);
  body.u8(static_cast<std::uint8_t>(record.kind));
  body.u8(static_cast<std::uint8_t>(record.target_slot));
  body.u8(static_cast<std::uint8_t>(record.outcome));
  body.u8(static_cast<std::uint8_t>(record.layout));
  body.u32(record.next);
  body.u64(record.sequence);
  body.bytes(record.manifest_digest.value);
  body.u32(record.spill_sequence);
  writer->bytes(body.written());
  writer->u64(checksum_of(body.written()).value);
}

}  // namespace romdelta
