#include "installer/dm/dm_log.h"

#include <algorithm>
#include <array>

namespace romdelta {
namespace {

constexpr int kReadsOfDoubtful = 16;
// Far from the numbers that a header may not have.
constexpr std::uint64_t kSequenceMax = limits::record_sequence_max - 1024;

class ChecksumSink final : public DmSink {
 public:
  explicit ChecksumSink(ChecksumStream* checksum) : checksum_(checksum) {}
  Status put(ByteSpan bytes) override {
    checksum_->update(bytes);
    return Status::ok;
  }

 private:
  ChecksumStream* checksum_;
};

}  // namespace

// The content of a record, checksummed as it is read: it is used only if the checksum is right.
class DmLog::Reader final : public DmSource {
 public:
  Reader(const DmLog& log, const Place& place)
      : log_(log),
        at_(log.half_offset(place.half) + place.at + DmRecordHeader::bytes),
        left_(place.header.content_bytes),
        checksum_(begin_dm_checksum(place.header)) {}
  Status get(MutableByteSpan into) override {
    if (into.size() > left_) return Status::no_record;
    const Status status = log_.region_.read(at_, into);
    if (status != Status::ok) return status;
    checksum_.update(into);
    at_ += into.size();
    left_ -= into.size();
    return Status::ok;
  }
  std::uint64_t left() const { return left_; }
  Checksum checksum() const { return checksum_.finish(); }

 private:
  const DmLog& log_;
  std::uint64_t at_;
  std::uint64_t left_;
  ChecksumStream checksum_;
};

// Programs through the buffer, whole units at a time.
class DmLog::Writer final : public DmSink {
 public:
  Writer(const DmLog& log, std::uint64_t offset) : log_(log), offset_(offset) {
    const std::size_t unit = log.region_.geometry().program_unit_bytes;
    buffer_ = log.buffer_.first(log.buffer_.size() / unit * unit);
  }
  Status put(ByteSpan bytes) override {
    while (!bytes.empty()) {
      const std::size_t count = std::min(bytes.size(), buffer_.size() - filled_);
      copy_bytes(buffer_.data() + filled_, bytes.first(count));
      filled_ += count;
      bytes = bytes.subspan(count);
      if (filled_ == buffer_.size()) {
        const Status status = program();
        if (status != Status::ok) return status;
      }
    }
    return Status::ok;
  }
  Status flush() {
    const Status status = filled_ == 0 ? Status::ok : program();
    return status == Status::ok ? log_.region_.sync() : status;
  }

 private:
  Status program() {
    const std::uint64_t unit = log_.region_.geometry().program_unit_bytes;
    const auto padded = static_cast<std::size_t>(round_up(filled_, unit));
    std::ranges::fill(buffer_.subspan(filled_, padded - filled_), std::uint8_t{0xff});
    const Status status = log_.region_.program(offset_, buffer_.first(padded));
    offset_ += padded;
    filled_ = 0;
    return status;
  }
  const DmLog& log_;
  std::uint64_t offset_;
  MutableByteSpan buffer_;
  std::size_t filled_ = 0;
};

std::uint64_t DmLog::stride(std::size_t content_bytes) const {
  return round_up(DmRecordHeader::bytes + content_bytes, region_.geometry().program_unit_bytes);
}

Status DmLog::open(const FlashRegion& region, MutableByteSpan buffer, DmRecord* record) {
  *this = DmLog{};
  if (!region.present() || !region.is_usable()) return Status::journal_too_small;
  const std::uint64_t block = region.geometry().erase_block_bytes;
  region_ = region;
  buffer_ = buffer;
  half_bytes_ = region.size_bytes() / 2 / block * block;
  if (region.geometry().program_unit_bytes > buffer.size() || !fits(dm_one_object_bytes())) {
    return Status::journal_too_small;
  }
  Status status = load(record);
  if (status == Status::ok && newest_.header.sequence > kSequenceMax) status = forget(record);
  return status == Status::ok ? append(*record) : status;
}

// Only a forged record counts so far that those after it would not be read back.
Status DmLog::forget(DmRecord* record) {
  const FlashGeometry geometry = region_.geometry();
  const auto bytes =
      static_cast<std::size_t>(round_up(DmRecordHeader::bytes, geometry.program_unit_bytes));
  const MutableByteSpan blank = buffer_.first(bytes);
  std::ranges::fill(blank, std::uint8_t{0xff});
  for (unsigned half = 0; half < 2; ++half) {
    Status status = region_.erase(half_offset(half), half_bytes_);
    if (status == Status::ok && !geometry.erase_before_program) {
      status = region_.program(half_offset(half), blank);
    }
    if (status != Status::ok) return status;
  }
  newest_ = {};
  *record = {};
  return region_.sync();
}

// ok when the content of `place` has its checksum.
Status DmLog::check(const Place& place) const {
  Reader reader(*this, place);
  while (reader.left() != 0) {
    const auto count =
        static_cast<std::size_t>(std::min<std::uint64_t>(reader.left(), buffer_.size()));
    const Status status = reader.get(buffer_.first(count));
    if (status != Status::ok) return status;
  }
  return reader.checksum() == place.header.checksum ? Status::ok : Status::no_record;
}

// Records lie behind each other and count on by one. What follows the first that does not is older,
// or was being written when power failed.
Status DmLog::scan_half(unsigned half, Place* last) const {
  *last = {half, 0, {}};
  Place place{half, 0, {}};
  while (range_inside(place.at, DmRecordHeader::bytes, half_bytes_)) {
    std::array<std::uint8_t, DmRecordHeader::bytes> bytes;
    Status status = region_.read(half_offset(half) + place.at, bytes);
    if (status != Status::ok) return status;
    if (parse_dm_header(bytes, &place.header) != Status::ok) return Status::ok;
    if (last->header.sequence != 0 && place.header.sequence != last->header.sequence + 1) {
      return Status::ok;
    }
    const std::uint64_t room = half_bytes_ - place.at - DmRecordHeader::bytes;
    if (place.header.content_bytes > room) return Status::ok;
    status = check(place);
    if (status == Status::no_record) return Status::ok;
    if (status != Status::ok) return status;
    *last = place;
    place.at += stride(place.header.content_bytes);
  }
  return Status::ok;
}

// What reads well now may not a moment later: then it is looked for again.
Status DmLog::load(DmRecord* record) {
  for (int i = 0; i < kReadsOfDoubtful; ++i) {
    std::array<Place, 2> last;
    for (unsigned half = 0; half < 2; ++half) {
      const Status status = scan_half(half, &last[half]);
      if (status != Status::ok) return status;
    }
    const unsigned half = last[1].header.sequence > last[0].header.sequence ? 1 : 0;
    newest_ = last[half];
    other_has_records_ = last[1 - half].header.sequence != 0;
    *record = {};
    if (newest_.header.sequence == 0) return Status::ok;
    Reader reader(*this, newest_);
    // Content that is not read to its end has another checksum.
    const Status status = parse_dm_record(&reader, record);
    if (status == Status::ok && reader.checksum() == newest_.header.checksum) return Status::ok;
    if (status != Status::ok && status != Status::no_record) return status;
  }
  // Not unstable but foreign: nobody can have been promised anything by it. What follows counts on.
  *record = {};
  return Status::ok;
}

// The half of the newest record holds a durable one before it, and is kept; unless the newest is
// alone there: it was about to be repeated when power failed, nobody has seen it, and the durable
// one is in the other half - if that half has any.
unsigned DmLog::next_half() const {
  if (newest_.header.sequence == 0) return 0;
  const bool is_alone = !appended_ && newest_.at == 0 && other_has_records_;
  return is_alone ? newest_.half : 1 - newest_.half;
}

Status DmLog::append(const DmRecord& record) {
  if (failed_) return Status::out_of_order;
  const std::size_t content_bytes = dm_record_bytes(record);
  if (!fits(content_bytes)) return Status::inventory_full;
  failed_ = true;
  const bool begins = !appended_ || !range_inside(cursor_, stride(content_bytes), half_bytes_);
  const Status status = begins ? begin_half(record) : write(record);
  if (status != Status::ok) return status;
  failed_ = false;
  appended_ = true;
  return Status::ok;
}

// The record goes into the half twice: when one of the two is torn the other is durable, and nobody
// has to know which. The second also outranks a record that was found unreadable and may turn up.
Status DmLog::begin_half(const DmRecord& record) {
  newest_.half = next_half();
  cursor_ = 0;
  Status status = region_.erase(half_offset(newest_.half), half_bytes_);
  if (status == Status::ok) status = region_.sync();
  if (status == Status::ok) status = write(record);
  return status == Status::ok ? write(record) : status;
}

Status DmLog::write(const DmRecord& record) {
  Place place{newest_.half, cursor_, {}};
  place.header.content_bytes = static_cast<std::uint32_t>(dm_record_bytes(record));
  place.header.sequence = newest_.header.sequence + 1;
  ChecksumStream checksum = begin_dm_checksum(place.header);
  ChecksumSink checksum_sink(&checksum);
  Status status = encode_dm_record(record, &checksum_sink);
  place.header.checksum = checksum.finish();

  std::array<std::uint8_t, DmRecordHeader::bytes> header_bytes;
  ByteWriter header_writer(header_bytes);
  encode_dm_header(place.header, &header_writer);
  Writer writer(*this, half_offset(place.half) + place.at);
  if (status == Status::ok) status = writer.put(header_bytes);
  if (status == Status::ok) status = encode_dm_record(record, &writer);
  if (status == Status::ok) status = writer.flush();
  if (status != Status::ok) return status;
  newest_ = place;
  cursor_ += stride(place.header.content_bytes);
  return Status::ok;
}

}  // namespace romdelta
