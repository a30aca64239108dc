#include "installer/keyring.h"

#include <algorithm>

#include "installer/confirm.h"
#include "installer/flash_writer.h"

namespace romdelta {

// In front of a document on flash.
struct KeyringCopyHeader {
  std::uint32_t document_bytes = 0;
  std::uint64_t sequence = 0;  // 0: there is none.
  Checksum checksum;           // Of the two before it and the document.
};

namespace {

constexpr std::uint32_t kMagic = 0x314b4452;  // "RDK1" in memory order.
constexpr std::size_t kHeaderBytes = 24;

Checksum checksum_of_copy(const KeyringCopyHeader& header, ByteSpan document) {
  std::uint8_t numbers[12];
  ByteWriter writer(numbers);
  writer.u32(header.document_bytes);
  writer.u64(header.sequence);
  ChecksumStream stream;
  stream.update(writer.written());
  stream.update(document);
  return stream.finish();
}

// Sequence 0 when `bytes` are no header.
KeyringCopyHeader parse_header(ByteSpan bytes) {
  ByteReader reader(bytes);
  const std::uint32_t magic = reader.u32();
  KeyringCopyHeader header;
  header.document_bytes = reader.u32();
  header.sequence = reader.u64();
  header.checksum.value = reader.u64();
  const bool is_header = reader.done() && magic == kMagic &&
                         header.document_bytes <= limits::keyring_bytes_max &&
                         header.sequence <= limits::record_sequence_max;
  return is_header ? header : KeyringCopyHeader{};
}

bool is_same_key(const KeyList& before, const KeyList& next, const KeyId& id) {
  const PublicKey* old_key = before.find(id);
  const PublicKey* new_key = next.find(id);
  return old_key != nullptr && new_key != nullptr && old_key->value == new_key->value;
}

bool has_all_of(const KeyList& before, const KeyList& next) {
  for (const PublicKey& key : before.view()) {
    if (!is_same_key(before, next, key.id)) return false;
  }
  return true;
}

// True when nobody vouches for the record's release, or a key that does has the same place in
// `next`.
bool keeps_voucher(const InventoryRecord& record, const Keyring& before, const Keyring& next) {
  bool has_voucher = false;
  for (const KeyId& id : record.vouching_keys) {
    if (id == KeyId{}) break;
    has_voucher = true;
    if (is_same_key(before.releases, next.releases, id) ||
        is_same_key(before.developments, next.developments, id)) {
      return true;
    }
  }
  return !has_voucher;
}

// What a keyring resets in a record. The release's own numbers go with the floor, or the next
// release would be a downgrade.
bool reset_record(const void* context, InventoryRecord* record) {
  const auto& keyring = *static_cast<const Keyring*>(context);
  const InventoryRecord before = *record;
  for (const CounterReset& reset : keyring.reset_view()) {
    if (reset.package_id.empty()) {
      record->release.device_counter = std::min(record->release.device_counter, reset.counter);
    } else if (reset.package_id == record->package_id) {
      record->security_counter = std::min(record->security_counter, reset.counter);
      record->release.security_counter = std::min(record->release.security_counter, reset.counter);
    }
  }
  return before.security_counter != record->security_counter ||
         before.release.security_counter != record->release.security_counter ||
         before.release.device_counter != record->release.device_counter;
}

void reset_device(const void* context, const InventoryRecord* changed, InventoryHeader* header) {
  if (changed != nullptr) return;
  const auto& keyring = *static_cast<const Keyring*>(context);
  header->keyring_version = keyring.version;
  for (const CounterReset& reset : keyring.reset_view()) {
    if (!reset.package_id.empty()) continue;
    header->security_counter = std::min(header->security_counter, reset.counter);
  }
}

}  // namespace

Status KeyringStore::open(const Device& device, MutableByteSpan buffer) {
  Status status = look(device, buffer);
  if (status != Status::ok && status != Status::no_trusted_key) return status;
  const Status records_status = open_records();
  if (records_status != Status::ok) return records_status;
  const Status settled = settle();
  return settled == Status::ok ? status : settled;
}

Status KeyringStore::look(const Device& device, MutableByteSpan buffer) {
  device_ = &device;
  buffer_ = buffer;
  half_ = 0;
  sequence_ = 0;
  trust_.count = 0;
  if (!device.keyring.is_usable()) return Status::journal_too_small;
  const std::uint64_t block = device.keyring.geometry().erase_block_bytes;
  half_bytes_ = device.keyring.size_bytes() / 2 / block * block;
  if (half_bytes_ < kHeaderBytes + limits::keyring_bytes_max) return Status::journal_too_small;
  return find_newest();
}

// The newer half first; the other one only when that is not intact.
Status KeyringStore::find_newest() {
  std::array<KeyringCopyHeader, 2> headers;
  for (unsigned half = 0; half < 2; ++half) {
    std::array<std::uint8_t, kHeaderBytes> bytes;
    const Status status = device_->keyring.read(half_offset(half), bytes);
    if (status != Status::ok) return status;
    headers[half] = parse_header(bytes);
  }
  const unsigned newer = headers[1].sequence > headers[0].sequence ? 1 : 0;
  for (const unsigned half : {newer, 1 - newer}) {
    const Status status = read_copy(half, headers[half]);
    if (status != Status::no_record) return status;
  }
  return Status::no_trusted_key;
}

// Its checksum says that it is what this device wrote; who signed was checked before that.
Status KeyringStore::read_copy(unsigned half, const KeyringCopyHeader& header) {
  if (header.sequence == 0) return Status::no_record;
  const MutableByteSpan document = MutableByteSpan(bytes_).first(header.document_bytes);
  const Status status = device_->keyring.read(half_offset(half) + kHeaderBytes, document);
  if (status != Status::ok) return status;
  if (checksum_of_copy(header, document) != header.checksum ||
      read_keyring(document, &next_) != Status::ok) {
    return Status::no_record;
  }
  half_ = half;
  sequence_ = header.sequence;
  document_bytes_ = document.size();
  take(next_);
  return Status::ok;
}

void KeyringStore::take(const KeyringDocument& document) {
  current_ = document;
  copy_trust(current_.keyring, device_->production, &trust_);
}

Status KeyringStore::trusted_keys(std::uint64_t trusted_seconds, TrustedKeys* keys) const {
  if (!has_keyring()) return Status::no_trusted_key;
  const std::uint64_t expires = current_.keyring.expires_seconds;
  const bool is_expired = expires != 0 && trusted_seconds >= expires;
  // What has begun to overwrite its source must be able to finish.
  if (is_expired && !is_held(journal_)) return Status::keyring_expired;
  *keys = trust_.view();
  return Status::ok;
}

Status KeyringStore::open_records() {
  Status status = inventory_.open(device_->inventory, buffer_);
  if (status == Status::ok) status = journal_.open(device_->journal, buffer_);
  return status == Status::ok ? settle_confirm(&inventory_, &journal_) : status;
}

// The copy that was being written when power failed is written again where it lies, from memory:
// the other one is not touched. When it cannot be read, it must not show up later.
Status KeyringStore::settle() {
  const bool is_cut = journal_.has_record() && journal_.newest().kind == JournalKind::keyring;
  if (!is_cut) return has_keyring() ? apply_missed_resets() : Status::ok;
  const Digest digest = journal_.newest().manifest_digest;
  // First what the journal says now: a done that is hidden there must not come back as the newest.
  Status status = append_trust_record(&journal_, JournalKind::keyring, digest);
  if (status != Status::ok) return status;
  if (has_keyring() && current_.digest == digest) {
    status = write_copy(half_, sequence_);
    if (status == Status::ok) status = settle_resets();
  } else {
    status = clear(has_keyring() ? 1 - half_ : 0);
  }
  return status == Status::ok ? append_trust_record(&journal_, JournalKind::done, digest) : status;
}

Status KeyringStore::clear(unsigned half) {
  const FlashRegion& region = device_->keyring;
  const FlashGeometry geometry = region.geometry();
  Status status = Status::ok;
  if (geometry.erase_before_program) {
    status = region.erase(half_offset(half), half_bytes_);
  } else {
    const auto bytes =
        static_cast<std::size_t>(round_up(kHeaderBytes, geometry.program_unit_bytes));
    const MutableByteSpan blank = buffer_.first(bytes);
    std::ranges::fill(blank, std::uint8_t{0xff});
    status = region.program(half_offset(half), blank);
  }
  return status == Status::ok ? region.sync() : status;
}

Status KeyringStore::write_copy(unsigned half, std::uint64_t sequence) {
  const ByteSpan document = ByteSpan(bytes_).first(document_bytes_);
  KeyringCopyHeader header{static_cast<std::uint32_t>(document.size()), sequence, {}};
  header.checksum = checksum_of_copy(header, document);
  std::array<std::uint8_t, kHeaderBytes> header_bytes;
  ByteWriter encoder(header_bytes);
  encoder.u32(kMagic);
  encoder.u32(header.document_bytes);
  encoder.u64(header.sequence);
  encoder.u64(header.checksum.value);
  const FlashRegion& region = device_->keyring;
  const std::uint64_t unit = region.geometry().program_unit_bytes;
  const auto usable = static_cast<std::size_t>(buffer_.size() / unit * unit);
  FlashWriter writer(region, half_offset(half), buffer_.first(usable), best_kernels());
  Status status = writer.append(header_bytes);
  if (status == Status::ok) status = writer.append(document);
  return status == Status::ok ? writer.flush() : status;
}

Status KeyringStore::accept(ByteSpan document) {
  if (device_ == nullptr) return Status::out_of_order;
  if (!has_keyring()) return Status::no_trusted_key;
  if (document.size() > limits::keyring_bytes_max) return Status::trailing_bytes;
  Status status = read_keyring(document, &next_);
  if (status != Status::ok) return status;
  if (next_.digest == current_.digest) return Status::ok;
  status = check_successor(current_.keyring, next_);
  if (status == Status::ok) status = open_records();
  if (status == Status::ok) status = release_journal();
  if (status == Status::ok) status = check_use(next_.keyring);
  return status == Status::ok ? store(document, next_) : status;
}

Status KeyringStore::provision(ByteSpan document) {
  if (device_ == nullptr) return Status::out_of_order;
  if (document.size() > limits::keyring_bytes_max) return Status::trailing_bytes;
  Status status = read_keyring(document, &next_);
  if (status == Status::ok) status = check_threshold(next_, next_.keyring);
  if (status == Status::ok) status = open_records();
  if (status == Status::ok) status = release_journal();
  return status == Status::ok ? store(document, next_) : status;
}

Status KeyringStore::release_journal() {
  if (is_held(journal_)) return Status::update_pending;
  return set_aside_installation(&inventory_, journal_);
}

// The key of a release that runs, or that the device may have to go back to, stays.
Status KeyringStore::check_use(const Keyring& next) {
  const Keyring& before = current_.keyring;
  const bool drops = !has_all_of(before.releases, next.releases) ||
                     !has_all_of(before.developments, next.developments);
  for (std::uint32_t i = 0; drops && i < inventory_.count(); ++i) {
    InventoryRecord record;
    const Status status = inventory_.at(i, &record);
    if (status != Status::ok) return status;
    const bool waits = record.state == PackageState::installed;
    if (waits || !keeps_voucher(record, before, next)) return Status::key_in_use;
  }
  return Status::ok;
}

Status KeyringStore::store(ByteSpan document, const KeyringDocument& next) {
  if (sequence_ >= limits::record_sequence_max) return Status::inventory_corrupt;
  Status status = append_trust_record(&journal_, JournalKind::keyring, next.digest);
  if (status != Status::ok) return status;
  copy_bytes(bytes_.data(), document);
  document_bytes_ = document.size();
  const unsigned half = has_keyring() ? 1 - half_ : 0;
  const std::uint64_t sequence = sequence_ + 1;
  status = write_copy(half, sequence);
  if (status != Status::ok) {
    // What counts now is for open() to find out.
    device_ = nullptr;
    return status;
  }
  half_ = half;
  sequence_ = sequence;
  take(next);
  status = apply_resets();
  return status == Status::ok ? append_trust_record(&journal_, JournalKind::done, next.digest)
                              : status;
}

bool KeyringStore::has_resets_to_do() const {
  const Keyring& keyring = current_.keyring;
  return keyring.reset_count != 0 && inventory_.count() != 0 &&
         inventory_.keyring_version() < keyring.version;
}

// Once for each keyring that resets counters, whatever happens in between. Requires: the journal
// says that this keyring is being accepted.
Status KeyringStore::apply_resets() {
  if (!has_resets_to_do()) return Status::ok;
  return inventory_.change({reset_record, reset_device, &current_.keyring});
}

// As above, when power failed since the journal said so.
Status KeyringStore::settle_resets() {
  if (current_.keyring.reset_count == 0 || inventory_.count() == 0) return Status::ok;
  bool is_applied = false;
  const Status status =
      inventory_.settle({reset_record, reset_device, &current_.keyring}, &is_applied);
  return status == Status::ok ? apply_resets() : status;
}

// Of a device whose inventory came after its keyring, or whose journal was lost.
Status KeyringStore::apply_missed_resets() {
  const bool is_busy = journal_.has_record() && journal_.newest().is_pending();
  if (is_busy || !has_resets_to_do()) return Status::ok;
  Status status = append_trust_record(&journal_, JournalKind::keyring, current_.digest);
  if (status == Status::ok) status = apply_resets();
  return status == Status::ok ? append_trust_record(&journal_, JournalKind::done, current_.digest)
                              : status;
}

}  // namespace romdelta
