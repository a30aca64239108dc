#include "installer/inventory.h"

#include <algorithm>
#include <array>
#include <utility>

#include "installer/flash_writer.h"

namespace romdelta {
namespace {

constexpr int kReadsOfDoubtful = 16;

using RecordBytes = std::array<std::uint8_t, InventoryRecord::bytes>;

}  // namespace

Status Inventory::open(const FlashRegion& region, MutableByteSpan buffer) {
  *this = Inventory{};
  if (!region.is_usable()) return Status::journal_too_small;
  const std::uint64_t block = region.geometry().erase_block_bytes;
  region_ = region;
  buffer_ = buffer;
  half_bytes_ = region.size_bytes() / 2 / block * block;
  if (capacity() == 0) return Status::journal_too_small;
  Status status = read_copy(0, &newest_);
  if (status == Status::ok) status = read_copy(1, &older_);
  if (older_.header.sequence > newest_.header.sequence) std::swap(newest_, older_);
  return status;
}

std::uint32_t Inventory::capacity() const {
  if (half_bytes_ < InventoryHeader::bytes) return 0;
  return static_cast<std::uint32_t>((half_bytes_ - InventoryHeader::bytes) /
                                    InventoryRecord::bytes);
}

template <typename Visit>
Status Inventory::each_record(const Copy& copy, Visit visit) const {
  ChecksumStream checksum = begin_inventory_checksum(copy.header);
  RecordBytes bytes;
  std::uint64_t at = half_offset(copy.half) + InventoryHeader::bytes;
  for (std::uint32_t i = 0; i < copy.header.count; ++i, at += bytes.size()) {
    Status status = region_.read(at, bytes);
    if (status == Status::ok) checksum.update(bytes);
    if (status == Status::ok) status = visit(i, bytes);
    if (status != Status::ok) return status;
  }
  // A device that was never provisioned has no copy, and nothing to check.
  const bool is_intact = copy.header.sequence == 0 || checksum.finish() == copy.header.checksum;
  return is_intact ? Status::ok : Status::no_record;
}

// A copy that is not intact has no records and sequence 0.
Status Inventory::read_copy(unsigned half, Copy* copy) const {
  *copy = {half, {}};
  std::array<std::uint8_t, InventoryHeader::bytes> header_bytes;
  Status status = region_.read(half_offset(half), header_bytes);
  if (status != Status::ok) return status;
  Copy read{half, {}};
  status = parse_inventory_header(header_bytes, &read.header);
  if (status != Status::ok || read.header.sequence == 0 || read.header.count > capacity()) {
    return Status::ok;
  }
  status = each_record(read, [](std::uint32_t, ByteSpan) { return Status::ok; });
  if (status == Status::ok) *copy = read;
  return status == Status::no_record ? Status::ok : status;
}

Status Inventory::at(std::uint32_t index, InventoryRecord* record) const {
  Status parsed = Status::no_record;
  InventoryRecord read;
  const Status status = each_record(newest_, [&](std::uint32_t i, ByteSpan bytes) {
    if (i == index) parsed = parse_inventory_record(bytes, &read);
    return Status::ok;
  });
  if (status != Status::ok && status != Status::no_record) return status;
  if (status != Status::ok || parsed != Status::ok) return Status::inventory_corrupt;
  *record = read;
  return Status::ok;
}

// no_record when the copy does not read as it did.
Status Inventory::search(std::string_view package_id, InventoryRecord* record,
                         std::uint32_t* index) const {
  Status found = Status::not_provisioned;
  InventoryRecord read;
  const Status status = each_record(newest_, [&](std::uint32_t i, ByteSpan bytes) {
    if (found != Status::not_provisioned) return Status::ok;
    InventoryRecord candidate;
    if (parse_inventory_record(bytes, &candidate) != Status::ok) {
      found = Status::inventory_corrupt;
    } else if (candidate.package_id.view() == package_id) {
      found = Status::ok;
      read = candidate;
      if (index != nullptr) *index = i;
    }
    return Status::ok;
  });
  if (status != Status::ok) return status;
  if (found == Status::ok) *record = read;
  return found;
}

Status Inventory::find(std::string_view package_id, InventoryRecord* record, std::uint32_t* index) {
  Status status = search(package_id, record, index);
  if (status == Status::no_record && older_.header.sequence != 0) {
    newest_ = older_;
    older_ = {1 - newest_.half, {}};
    status = search(package_id, record, index);
  }
  return status == Status::no_record ? Status::inventory_corrupt : status;
}

Status Inventory::update(const InventoryRecord& record, std::uint64_t device_counter) {
  InventoryRecord before;
  std::uint32_t index = 0;
  const Status found = find(record.package_id.view(), &before, &index);
  if (found == Status::not_provisioned) {
    index = count();
  } else if (found != Status::ok) {
    return found;
  }
  if (index == capacity()) return Status::inventory_full;
  // Only a forged copy counts so far that the next one would not be read back.
  if (newest_.header.sequence >= limits::record_sequence_max) return Status::inventory_corrupt;

  RecordBytes record_bytes;
  ByteWriter writer(record_bytes);
  encode_inventory_record(record, &writer);
  return write_next({newest_, index, record_bytes, device_counter, {}});
}

Status Inventory::change(const RecordChange& change) {
  if (newest_.header.sequence >= limits::record_sequence_max) return Status::inventory_corrupt;
  return write_next({newest_, 0, {}, 0, change});
}

Status Inventory::write_next(const Revision& revision) {
  Copy copy{newest_.header.sequence == 0 ? 0 : 1 - newest_.half, {}};
  Status status = header_of(revision, &copy.header);
  if (status == Status::ok) status = write_copy(revision, copy);
  if (status != Status::ok) return status;
  older_ = newest_;
  newest_ = copy;
  return Status::ok;
}

// The record `index` of what a revision makes, whose base has `bytes` there.
ByteSpan Inventory::revised(const Revision& revision, std::uint32_t index, ByteSpan bytes,
                            MutableByteSpan buffer) {
  if (revision.change.apply == nullptr) return index == revision.index ? revision.record : bytes;
  InventoryRecord record;
  if (parse_inventory_record(bytes, &record) != Status::ok) return bytes;
  if (!revision.change.apply(revision.change.context, &record)) return bytes;
  ByteWriter writer(buffer);
  encode_inventory_record(record, &writer);
  return writer.written();
}

Status Inventory::change_header(const Revision& revision, InventoryHeader* header) const {
  const RecordChange& change = revision.change;
  if (change.apply_header == nullptr) return Status::ok;
  change.apply_header(change.context, nullptr, header);
  return each_record(revision.base, [&](std::uint32_t, ByteSpan bytes) {
    InventoryRecord record;
    if (parse_inventory_record(bytes, &record) == Status::ok &&
        change.apply(change.context, &record)) {
      change.apply_header(change.context, &record, header);
    }
    return Status::ok;
  });
}

Status Inventory::header_of(const Revision& revision, InventoryHeader* header) const {
  const InventoryHeader& base = revision.base.header;
  *header = base;
  header->count = std::max(base.count, revision.index + 1);
  header->sequence = base.sequence + 1;
  header->security_counter = std::max(base.security_counter, revision.device_counter);
  const Status header_status = change_header(revision, header);
  if (header_status == Status::no_record) return Status::inventory_corrupt;
  if (header_status != Status::ok) return header_status;
  ChecksumStream checksum = begin_inventory_checksum(*header);
  RecordBytes buffer;
  const Status status = each_record(revision.base, [&](std::uint32_t i, ByteSpan bytes) {
    checksum.update(revised(revision, i, bytes, buffer));
    return Status::ok;
  });
  if (revision.index == base.count) checksum.update(revision.record);
  header->checksum = checksum.finish();
  return status == Status::no_record ? Status::inventory_corrupt : status;
}

Status Inventory::write_copy(const Revision& revision, const Copy& copy) {
  std::array<std::uint8_t, InventoryHeader::bytes> header_bytes;
  ByteWriter header_writer(header_bytes);
  encode_inventory_header(copy.header, &header_writer);
  const std::uint64_t unit = region_.geometry().program_unit_bytes;
  const std::size_t usable = static_cast<std::size_t>(buffer_.size() / unit * unit);
  FlashWriter writer(region_, half_offset(copy.half), buffer_.first(usable), best_kernels());
  Status status = writer.append(header_bytes);
  if (status == Status::ok) {
    RecordBytes buffer;
    status = each_record(revision.base, [&](std::uint32_t i, ByteSpan bytes) {
      return writer.append(revised(revision, i, bytes, buffer));
    });
  }
  // Other bytes than those that the checksum was made of: what was written is no copy.
  if (status == Status::no_record) return Status::inventory_corrupt;
  if (status == Status::ok && revision.index == revision.base.header.count) {
    status = writer.append(revision.record);
  }
  return status == Status::ok ? writer.flush() : status;
}

Status Inventory::settle(const Digest& pending) {
  std::uint32_t index = 0;
  InventoryRecord record;
  bool is_committed = false;
  Status status = Status::no_record;
  // A copy that was being programmed when power failed may read well only now and then.
  for (int i = 0; i < kReadsOfDoubtful && status == Status::no_record; ++i) {
    is_committed = false;
    status = each_record(newest_, [&](std::uint32_t at, ByteSpan bytes) {
      InventoryRecord candidate;
      if (parse_inventory_record(bytes, &candidate) == Status::ok &&
          candidate.manifest_digest == pending) {
        is_committed = true;
        index = at;
        record = candidate;
      }
      return Status::ok;
    });
  }
  if (status == Status::no_record) return Status::inventory_corrupt;
  if (status != Status::ok) return status;
  return is_committed ? repeat_update(index, record) : clear_other_half();
}

// The copy that the change makes is computed from the one before it, which is stable.
Status Inventory::settle(const RecordChange& change, bool* is_applied) {
  *is_applied = false;
  if (older_.header.sequence == 0 || older_.header.count == 0) return clear_other_half();
  const Revision revision{older_, 0, {}, 0, change};
  InventoryHeader header;
  const Status status = header_of(revision, &header);
  // The copy before a change is stable. One that reads otherwise now was being erased.
  if (status == Status::inventory_corrupt) return clear_other_half();
  if (status != Status::ok) return status;
  if (header.sequence != newest_.header.sequence || header.checksum != newest_.header.checksum) {
    return clear_other_half();
  }
  *is_applied = true;
  return write_copy(revision, newest_);
}

// Makes the newest copy again of the one before it and the record that the commit changed.
Status Inventory::repeat_update(std::uint32_t index, const InventoryRecord& record) {
  // There was no copy before: the other half gets one.
  if (older_.header.sequence == 0) return update(record);
  RecordBytes record_bytes;
  ByteWriter writer(record_bytes);
  encode_inventory_record(record, &writer);
  const Revision revision{older_, index, record_bytes, 0, {}};
  if (index > older_.header.count) return Status::ok;
  InventoryHeader header;
  const Status status = header_of(revision, &header);
  if (status != Status::ok) return status;
  // Another update followed: the newest copy is not of this commit, and good.
  if (header.sequence != newest_.header.sequence || header.checksum != newest_.header.checksum) {
    return Status::ok;
  }
  return write_copy(revision, newest_);
}

Status Inventory::clear_other_half() {
  const std::uint64_t other = half_offset(1 - newest_.half);
  older_ = {1 - newest_.half, {}};
  const FlashGeometry geometry = region_.geometry();
  if (geometry.erase_before_program) {
    const Status status = region_.erase(other, half_bytes_);
    return status == Status::ok ? region_.sync() : status;
  }
  const auto bytes =
      static_cast<std::size_t>(round_up(InventoryHeader::bytes, geometry.program_unit_bytes));
  const MutableByteSpan blank = buffer_.first(bytes);
  std::ranges::fill(blank, std::uint8_t{0xff});
  const Status status = region_.program(other, blank);
  return status == Status::ok ? region_.sync() : status;
}

}  // namespace romdelta
