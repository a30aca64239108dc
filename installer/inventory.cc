#include "installer/inventory.h"

#include <array>

#include "installer/flash_writer.h"

namespace romdelta {
namespace {

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
  bool found = false;
  for (unsigned half = 0; half < 2; ++half) {
    InventoryHeader header;
    const Status status = read_copy(half, &header);
    if (status == Status::no_record) continue;
    if (status != Status::ok) return status;
    if (found && header.sequence <= header_.sequence) continue;
    found = true;
    header_ = header;
    half_ = half;
  }
  return Status::ok;
}

std::uint32_t Inventory::capacity() const {
  if (half_bytes_ < InventoryHeader::bytes) return 0;
  return static_cast<std::uint32_t>((half_bytes_ - InventoryHeader::bytes) /
                                    InventoryRecord::bytes);
}

Status Inventory::read_copy(unsigned half, InventoryHeader* header) const {
  std::array<std::uint8_t, InventoryHeader::bytes> header_bytes;
  Status status = region_.read(half_offset(half), header_bytes);
  if (status != Status::ok) return status;
  InventoryHeader parsed;
  status = parse_inventory_header(header_bytes, &parsed);
  if (status != Status::ok) return status;
  if (parsed.count > capacity()) return Status::no_record;
  ChecksumStream checksum = begin_inventory_checksum(parsed);
  RecordBytes bytes;
  std::uint64_t at = half_offset(half) + InventoryHeader::bytes;
  for (std::uint32_t i = 0; i < parsed.count; ++i, at += bytes.size()) {
    status = region_.read(at, bytes);
    if (status != Status::ok) return status;
    checksum.update(bytes);
  }
  if (checksum.finish() != parsed.checksum) return Status::no_record;
  *header = parsed;
  return Status::ok;
}

Status Inventory::read_raw(std::uint32_t index, MutableByteSpan bytes) const {
  const std::uint64_t at = InventoryHeader::bytes + std::uint64_t{index} * InventoryRecord::bytes;
  return region_.read(half_offset(half_) + at, bytes);
}

Status Inventory::at(std::uint32_t index, InventoryRecord* record) const {
  RecordBytes bytes;
  const Status status = read_raw(index, bytes);
  if (status != Status::ok) return status;
  return parse_inventory_record(bytes, record) == Status::ok ? Status::ok
                                                             : Status::inventory_corrupt;
}

Status Inventory::find(std::string_view package_id, InventoryRecord* record,
                       std::uint32_t* index) const {
  for (std::uint32_t i = 0; i < count(); ++i) {
    InventoryRecord candidate;
    const Status status = at(i, &candidate);
    if (status != Status::ok) return status;
    if (candidate.package_id.view() != package_id) continue;
    *record = candidate;
    if (index != nullptr) *index = i;
    return Status::ok;
  }
  return Status::not_provisioned;
}

Status Inventory::update(const InventoryRecord& record) {
  InventoryRecord before;
  std::uint32_t index = count();
  const Status found = find(record.package_id.view(), &before, &index);
  if (found != Status::ok && found != Status::not_provisioned) return found;
  if (index == count() && count() == capacity()) return Status::inventory_full;
  // Only a forged copy counts so far that the next one would not be read back.
  if (header_.sequence >= limits::record_sequence_max) return Status::inventory_corrupt;

  RecordBytes record_bytes;
  ByteWriter writer(record_bytes);
  encode_inventory_record(record, &writer);

  InventoryHeader header;
  header.count = index == count() ? count() + 1 : count();
  header.sequence = header_.sequence + 1;
  ChecksumStream checksum = begin_inventory_checksum(header);
  RecordBytes bytes;
  for (std::uint32_t i = 0; i < header.count; ++i) {
    if (i != index) {
      const Status status = read_raw(i, bytes);
      if (status != Status::ok) return status;
    }
    checksum.update(i == index ? record_bytes : bytes);
  }
  header.checksum = checksum.finish();

  const unsigned half = header_.sequence == 0 ? 0 : 1 - half_;
  const Status status = write_copy(half, header, index, record_bytes);
  if (status != Status::ok) return status;
  half_ = half;
  header_ = header;
  return Status::ok;
}

Status Inventory::write_copy(unsigned half, const InventoryHeader& header, std::uint32_t changed,
                             ByteSpan changed_bytes) {
  std::array<std::uint8_t, InventoryHeader::bytes> header_bytes;
  ByteWriter header_writer(header_bytes);
  encode_inventory_header(header, &header_writer);
  const std::uint64_t unit = region_.geometry().program_unit_bytes;
  const std::size_t usable = static_cast<std::size_t>(buffer_.size() / unit * unit);
  FlashWriter writer(region_, half_offset(half), buffer_.first(usable), best_kernels());
  Status status = writer.append(header_bytes);
  RecordBytes bytes;
  for (std::uint32_t i = 0; status == Status::ok && i < header.count; ++i) {
    if (i != changed) {
      status = read_raw(i, bytes);
      if (status != Status::ok) return status;
    }
    status = writer.append(i == changed ? changed_bytes : ByteSpan(bytes));
  }
  return status == Status::ok ? writer.flush() : status;
}

}  // namespace romdelta
