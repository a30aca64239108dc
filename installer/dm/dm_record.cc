#include "installer/dm/dm_record.h"

namespace romdelta {
namespace {

constexpr std::uint32_t kMagic = 0x314d4452;  // "RDM1" in memory order.

enum Flag : std::uint8_t {
  kHasName = 1,
  kHasVersion = 2,
  kAddedDownload = 4,
  kAddedUpdate = 8,
  kAddedBoth = 16,
  kHasCorrelator = 32,
  kDiscardDue = 64,
};

class CountingSink final : public DmSink {
 public:
  Status put(ByteSpan bytes) override {
    count += bytes.size();
    return Status::ok;
  }
  std::size_t count = 0;
};

// Keeps the first failure, so that a structure is written and checked once.
class FieldWriter {
 public:
  explicit FieldWriter(DmSink* sink) : sink_(sink) {}
  template <typename Number>
  void number(Number value) {
    std::array<std::uint8_t, sizeof(Number)> bytes;
    ByteWriter writer(bytes);
    if constexpr (sizeof(Number) == 1) writer.u8(static_cast<std::uint8_t>(value));
    if constexpr (sizeof(Number) == 2) writer.u16(static_cast<std::uint16_t>(value));
    if constexpr (sizeof(Number) == 4) writer.u32(static_cast<std::uint32_t>(value));
    put(bytes);
  }
  // Its length in two bytes, then the text.
  template <std::size_t N>
  void text(const Text<N>& text) {
    number(static_cast<std::uint16_t>(text.bytes().size()));
    put(text.bytes());
  }
  Status status() const { return status_; }

 private:
  void put(ByteSpan bytes) {
    if (status_ == Status::ok) status_ = sink_->put(bytes);
  }
  DmSink* sink_;
  Status status_ = Status::ok;
};

class FieldReader {
 public:
  explicit FieldReader(DmSource* source) : source_(source) {}
  template <typename Number>
  Number number() {
    std::array<std::uint8_t, sizeof(Number)> bytes{};
    get(bytes);
    ByteReader reader(bytes);
    if constexpr (sizeof(Number) == 1) return reader.u8();
    if constexpr (sizeof(Number) == 2) return reader.u16();
    if constexpr (sizeof(Number) == 4) return reader.u32();
  }
  template <std::size_t N>
  void text(Text<N>* text) {
    const auto count = number<std::uint16_t>();
    require(count <= N);
    if (status_ != Status::ok) return;
    std::array<std::uint8_t, N> bytes;
    get(MutableByteSpan(bytes).first(count));
    const std::string_view view(reinterpret_cast<const char*>(bytes.data()), count);
    require(status_ == Status::ok && is_dm_text(view) && text->assign(view));
  }
  void require(bool holds) {
    if (!holds && status_ == Status::ok) status_ = Status::no_record;
  }
  Status status() const { return status_; }

 private:
  void get(MutableByteSpan into) {
    if (status_ == Status::ok) status_ = source_->get(into);
  }
  DmSource* source_;
  Status status_ = Status::ok;
};

void write_object(const DmObject& object, FieldWriter* writer) {
  unsigned flags = 0;
  if (object.has_name) flags |= kHasName;
  if (object.has_version) flags |= kHasVersion;
  if (object.added_download) flags |= kAddedDownload;
  if (object.added_update) flags |= kAddedUpdate;
  if (object.added_both) flags |= kAddedBoth;
  if (object.has_correlator) flags |= kHasCorrelator;
  if (object.is_discard_due) flags |= kDiscardDue;
  writer->number(static_cast<std::uint8_t>(flags));
  writer->number(static_cast<std::uint8_t>(object.state));
  writer->number(static_cast<std::uint8_t>(object.operation));
  writer->number(static_cast<std::uint8_t>(object.phase));
  writer->number(object.result);
  writer->number(object.number);
  writer->text(object.id);
  writer->text(object.name);
  writer->text(object.version);
  writer->text(object.download_url);
  writer->text(object.both_url);
  writer->text(object.location);
  writer->text(object.correlator);
  writer->text(object.server_id);
}

// The states that an object may have at this point of this operation.
bool has_right_state(const DmObject& object) {
  using S = DmState;
  const S state = object.state;
  const bool rests = state != S::downloading && state != S::downloaded && state != S::updating;
  switch (object.phase) {
    case DmPhase::none: return object.operation == DmOperation::none && rests;
    case DmPhase::download:
      return state == S::downloading && object.operation != DmOperation::update;
    case DmPhase::update:
      return object.operation == DmOperation::update
                 ? state == S::updating
                 : object.operation == DmOperation::download_and_update &&
                       (state == S::ready || state == S::updating);
    case DmPhase::alert: return rests && state != S::idle;
  }
  return false;
}

// A package is there exactly where the state says so; one that is to be deleted may outlive it.
bool has_right_location(const DmObject& object) {
  const bool is_stored = !object.location.empty();
  if (object.is_discard_due && (!is_stored || object.is_at_work())) return false;
  switch (object.state) {
    case DmState::idle: return !is_stored || object.is_discard_due;
    case DmState::ready:
    case DmState::updating: return is_stored && !object.is_discard_due;
    case DmState::failed_have_data:
    case DmState::updated_have_data: return is_stored;
    default: return !is_stored;
  }
}

bool is_consistent(const DmObject& object) {
  const bool is_idle = object.phase == DmPhase::none;
  const bool has_result = object.phase == DmPhase::alert;
  if (is_idle != (object.operation == DmOperation::none)) return false;
  if (is_idle && (object.has_correlator || !object.server_id.empty() || object.number != 0)) {
    return false;
  }
  if (!is_idle && object.number == 0) return false;
  if (has_result != (object.result != 0) || object.result >= 600) return false;
  if (!object.has_correlator && !object.correlator.empty()) return false;
  if (!object.has_name && !object.name.empty()) return false;
  if (!object.has_version && !object.version.empty()) return false;
  if (!has_right_location(object)) return false;
  for (const DmUrl* url : {&object.download_url, &object.both_url}) {
    if (!url->empty() && !is_dm_url(url->view())) return false;
  }
  return has_right_state(object);
}

void read_object(FieldReader* reader, DmObject* object) {
  *object = {};
  const auto flags = reader->number<std::uint8_t>();
  object->has_name = (flags & kHasName) != 0;
  object->has_version = (flags & kHasVersion) != 0;
  object->added_download = (flags & kAddedDownload) != 0;
  object->added_update = (flags & kAddedUpdate) != 0;
  object->added_both = (flags & kAddedBoth) != 0;
  object->has_correlator = (flags & kHasCorrelator) != 0;
  object->is_discard_due = (flags & kDiscardDue) != 0;
  const auto state = reader->number<std::uint8_t>();
  const auto operation = reader->number<std::uint8_t>();
  const auto phase = reader->number<std::uint8_t>();
  reader->require((flags & 0x80) == 0 && is_dm_state(state) && operation <= 3 && phase <= 3);
  if (reader->status() != Status::ok) return;
  object->state = static_cast<DmState>(state);
  object->operation = static_cast<DmOperation>(operation);
  object->phase = static_cast<DmPhase>(phase);
  object->result = reader->number<std::uint16_t>();
  object->number = reader->number<std::uint32_t>();
  reader->text(&object->id);
  reader->text(&object->name);
  reader->text(&object->version);
  reader->text(&object->download_url);
  reader->text(&object->both_url);
  reader->text(&object->location);
  reader->text(&object->correlator);
  reader->text(&object->server_id);
  reader->require(is_dm_object_id(object->id.view()) && is_consistent(*object));
}

// Ids and numbers differ, numbers were given out, and there is one task at most.
bool are_compatible(const DmRecord& record) {
  const std::uint32_t last = record.last_number;
  unsigned at_work = 0;
  if (last > dm_number_max || record.request.number > last) return false;
  for (std::uint32_t i = 0; i < record.object_count; ++i) {
    const DmObject& object = record.objects[i];
    if (object.is_at_work()) ++at_work;
    if (object.number > last) return false;
    if (object.number != 0 && object.number == record.request.number) return false;
    for (std::uint32_t j = 0; j < i; ++j) {
      const DmObject& other = record.objects[j];
      if (object.id == other.id) return false;
      if (object.number != 0 && object.number == other.number) return false;
    }
  }
  return at_work <= 1;
}

}  // namespace

void encode_dm_header(const DmRecordHeader& header, ByteWriter* writer) {
  writer->u32(kMagic);
  writer->u32(header.content_bytes);
  writer->u64(header.sequence);
  writer->u64(header.checksum.value);
}

Status parse_dm_header(ByteSpan bytes, DmRecordHeader* header) {
  if (bytes.size() != DmRecordHeader::bytes) return Status::no_record;
  ByteReader reader(bytes);
  const std::uint32_t magic = reader.u32();
  DmRecordHeader parsed;
  parsed.content_bytes = reader.u32();
  parsed.sequence = reader.u64();
  parsed.checksum.value = reader.u64();
  if (magic != kMagic || parsed.sequence == 0 || parsed.sequence > limits::record_sequence_max) {
    return Status::no_record;
  }
  *header = parsed;
  return Status::ok;
}

ChecksumStream begin_dm_checksum(const DmRecordHeader& header) {
  std::array<std::uint8_t, 12> bytes;
  ByteWriter writer(bytes);
  writer.u32(header.content_bytes);
  writer.u64(header.sequence);
  ChecksumStream checksum;
  checksum.update(bytes);
  return checksum;
}

Status encode_dm_record(const DmRecord& record, DmSink* sink) {
  FieldWriter writer(sink);
  writer.number(record.last_number);
  writer.number(record.request.kind);
  writer.number(record.request.number);
  writer.text(record.request.object_id);
  writer.text(record.request.data);
  writer.number(static_cast<std::uint8_t>(record.object_count));
  for (std::uint32_t i = 0; i < record.object_count; ++i) write_object(record.objects[i], &writer);
  return writer.status();
}

std::size_t dm_record_bytes(const DmRecord& record) {
  CountingSink sink;
  // Counting cannot fail.
  const Status status = encode_dm_record(record, &sink);
  return status == Status::ok ? sink.count : 0;
}

std::size_t dm_record_bytes_reserved(const DmRecord& record) {
  std::size_t bytes = dm_record_bytes(record);
  bytes += limits::dm_object_id_bytes_max - record.request.object_id.bytes().size();
  bytes += limits::dm_request_bytes_max - record.request.data.bytes().size();
  for (std::uint32_t i = 0; i < record.object_count; ++i) {
    const DmObject& object = record.objects[i];
    bytes += limits::dm_location_bytes_max - object.location.bytes().size();
    bytes += limits::dm_correlator_bytes_max - object.correlator.bytes().size();
    bytes += limits::dm_server_id_bytes_max - object.server_id.bytes().size();
  }
  return bytes;
}

std::size_t dm_object_bytes_reserved() {
  constexpr std::size_t numbers = 4 + 2 + 4;
  constexpr std::size_t lengths = 8 * 2;
  return numbers + lengths + limits::dm_object_id_bytes_max + limits::dm_location_bytes_max +
         limits::dm_correlator_bytes_max + limits::dm_server_id_bytes_max;
}

std::size_t dm_one_object_bytes() {
  constexpr std::size_t record = 4 + 1 + 4 + 1;
  constexpr std::size_t request =
      2 * 2 + limits::dm_object_id_bytes_max + limits::dm_request_bytes_max;
  return record + request + dm_object_bytes_reserved() + limits::dm_name_bytes_max +
         limits::dm_version_bytes_max + 2 * limits::dm_url_bytes_max;
}

Status parse_dm_record(DmSource* source, DmRecord* record) {
  FieldReader reader(source);
  record->last_number = reader.number<std::uint32_t>();
  record->request.kind = reader.number<std::uint8_t>();
  record->request.number = reader.number<std::uint32_t>();
  reader.text(&record->request.object_id);
  reader.text(&record->request.data);
  const auto count = reader.number<std::uint8_t>();
  const bool has_request = record->request.kind != 0;
  const std::string_view about = record->request.object_id.view();
  reader.require((has_request && (about.empty() || is_dm_object_id(about))) ||
                 (about.empty() && record->request.data.empty()));
  reader.require(record->request.kind <= 2 && has_request == (record->request.number != 0) &&
                 count <= limits::dm_object_count_max);
  if (reader.status() != Status::ok) return reader.status();
  record->object_count = count;
  for (std::uint32_t i = 0; i < record->object_count; ++i) {
    read_object(&reader, &record->objects[i]);
    if (reader.status() != Status::ok) return reader.status();
  }
  return are_compatible(*record) ? Status::ok : Status::no_record;
}

}  // namespace romdelta
