// The bytes of a record of the management object: docs/dm.md, "What lies on flash".
#include "installer/dm/dm_record.h"

#include <gtest/gtest.h>

#include <functional>

#include "tests/support/random.h"

namespace romdelta::test {
namespace {

class BytesSink final : public DmSink {
 public:
  Status put(ByteSpan part) override {
    bytes.insert(bytes.end(), part.begin(), part.end());
    return Status::ok;
  }
  Bytes bytes;
};

class BytesSource final : public DmSource {
 public:
  explicit BytesSource(ByteSpan bytes) : bytes_(bytes) {}
  Status get(MutableByteSpan into) override {
    if (into.size() > bytes_.size()) return Status::no_record;
    copy_bytes(into.data(), bytes_.first(into.size()));
    bytes_ = bytes_.subspan(into.size());
    return Status::ok;
  }
  std::size_t left() const { return bytes_.size(); }

 private:
  ByteSpan bytes_;
};

Bytes encoded(const DmRecord& record) {
  BytesSink sink;
  EXPECT_EQ(encode_dm_record(record, &sink), Status::ok);
  return sink.bytes;
}

Status parsed(ByteSpan bytes, DmRecord* record) {
  BytesSource source(bytes);
  const Status status = parse_dm_record(&source, record);
  return status == Status::ok && source.left() != 0 ? Status::no_record : status;
}

template <std::size_t N>
void put(Text<N>* text, std::string_view value) {
  ASSERT_TRUE(text->assign(value));
}

// Two objects: one whose operation waits for an answer, one at work, and a request.
DmRecord sample() {
  DmRecord record;
  record.last_number = 7;
  record.request.kind = 2;
  record.request.number = 6;
  put(&record.request.object_id, "Pkg1");
  put(&record.request.data, "please");
  record.object_count = 2;
  DmObject& first = record.objects[0];
  put(&first.id, "Pkg1");
  first.has_name = first.has_version = first.added_both = true;
  put(&first.name, "Shell");
  put(&first.version, "2.1");
  put(&first.both_url, "http://example.com/a");
  first.state = DmState::failed_have_data;
  first.operation = DmOperation::download_and_update;
  first.phase = DmPhase::alert;
  first.result = 404;
  first.number = 5;
  first.has_correlator = true;
  put(&first.correlator, "abc123");
  put(&first.server_id, "srv1");
  put(&first.location, "/data/pkg");
  first.is_discard_due = true;
  DmObject& second = record.objects[1];
  put(&second.id, "Pkg2");
  put(&second.download_url, "http://example.com/b");
  second.state = DmState::downloading;
  second.operation = DmOperation::download;
  second.phase = DmPhase::download;
  second.number = 7;
  return record;
}

TEST(DmRecord, ReadsBackAsWritten) {
  const Bytes bytes = encoded(sample());
  EXPECT_EQ(bytes.size(), dm_record_bytes(sample()));
  DmRecord read;
  ASSERT_EQ(parsed(bytes, &read), Status::ok);
  EXPECT_EQ(encoded(read), bytes);
  EXPECT_EQ(read.request.data.view(), "please");
  EXPECT_EQ(read.objects[0].correlator.view(), "abc123");
  EXPECT_EQ(read.objects[1].download_url.view(), "http://example.com/b");
}

TEST(DmRecord, IsRefusedWhenItEndsEarlyOrLate) {
  const Bytes bytes = encoded(sample());
  DmRecord read;
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(parsed(ByteSpan(bytes).first(size), &read), Status::no_record) << size;
  }
  Bytes longer = bytes;
  longer.push_back(0);
  EXPECT_EQ(parsed(longer, &read), Status::no_record);
}

TEST(DmRecord, ThatBreaksARuleIsRefused) {
  using Change = std::function<void(DmRecord*)>;
  const std::pair<const char*, Change> changes[] = {
      {"two objects of one name", [](DmRecord* r) { r->objects[1].id = r->objects[0].id; }},
      {"no name", [](DmRecord* r) { r->objects[0].id = {}; }},
      {"a name that is no segment", [](DmRecord* r) { put(&r->objects[0].id, "a/b"); }},
      {"a URL with a blank", [](DmRecord* r) { put(&r->objects[1].download_url, "a b"); }},
      {"text that is no UTF-8", [](DmRecord* r) { put(&r->objects[0].name, "\xff"); }},
      {"a request without a number", [](DmRecord* r) { r->request.number = 0; }},
      {"a number without a request", [](DmRecord* r) { r->request.kind = 0; }},
      {"a kind of request that is not known", [](DmRecord* r) { r->request.kind = 3; }},
      {"an operation without a number", [](DmRecord* r) { r->objects[1].number = 0; }},
      {"a number that was not given out", [](DmRecord* r) { r->objects[1].number = 8; }},
      {"two operations of one number", [](DmRecord* r) { r->objects[1].number = 5; }},
      {"a request with an operation's number", [](DmRecord* r) { r->request.number = 5; }},
      {"more numbers than there are", [](DmRecord* r) { r->last_number = dm_number_max + 1; }},
      {"a request about no segment", [](DmRecord* r) { put(&r->request.object_id, "a/b"); }},
      {"a result while at work", [](DmRecord* r) { r->objects[1].result = 200; }},
      {"an alert without a result", [](DmRecord* r) { r->objects[0].result = 0; }},
      {"a result that is none", [](DmRecord* r) { r->objects[0].result = 600; }},
      {"a state that is none", [](DmRecord* r) { r->objects[0].state = static_cast<DmState>(75); }},
      {"a state between two others",
       [](DmRecord* r) { r->objects[0].state = DmState::downloaded; }},
      {"a download in another state", [](DmRecord* r) { r->objects[1].state = DmState::idle; }},
      {"a download with a package", [](DmRecord* r) { put(&r->objects[1].location, "/p"); }},
      {"an operation without a phase",
       [](DmRecord* r) { r->objects[1].operation = DmOperation::none; }},
      {"a download by Update", [](DmRecord* r) { r->objects[1].operation = DmOperation::update; }},
      {"a phase that is none", [](DmRecord* r) { r->objects[1].phase = static_cast<DmPhase>(4); }},
      {"a correlator that was not given",
       [](DmRecord* r) { r->objects[0].has_correlator = false; }},
      {"a value that was not set", [](DmRecord* r) { r->objects[0].has_name = false; }},
      {"data that is not there", [](DmRecord* r) { r->objects[0].location = {}; }},
      {"two tasks",
       [](DmRecord* r) {
         DmObject& first = r->objects[0];
         first.phase = DmPhase::download;
         first.state = DmState::downloading;
         first.result = 0;
         first.location = {};
         first.is_discard_due = false;
       }},
  };
  DmRecord read;
  for (const auto& [what, change] : changes) {
    DmRecord record = sample();
    change(&record);
    EXPECT_EQ(parsed(encoded(record), &read), Status::no_record) << what;
  }
}

// Whatever is accepted has one encoding, so a record is never changed by being read.
TEST(DmRecord, HasOneEncodingWhateverTheBytesSay) {
  Random random = seeded_random();
  const Bytes good = encoded(sample());
  DmRecord read;
  unsigned accepted = 0;
  for (int i = 0; i < 20000; ++i) {
    Bytes bytes = good;
    const std::uint64_t count = pick(&random, 1, 3);
    for (std::uint64_t j = 0; j < count; ++j) {
      bytes[pick(&random, 0, bytes.size() - 1)] = static_cast<std::uint8_t>(random());
    }
    if (parsed(bytes, &read) != Status::ok) continue;
    ++accepted;
    ASSERT_EQ(encoded(read), bytes);
  }
  EXPECT_GT(accepted, 0u);
}

TEST(DmRecord, ReservesWhatAnOperationAdds) {
  DmRecord record;
  record.object_count = 1;
  put(&record.objects[0].id, std::string(limits::dm_object_id_bytes_max, 'x'));
  const std::size_t reserved = dm_record_bytes_reserved(record);
  DmObject& object = record.objects[0];
  put(&object.location, std::string(limits::dm_location_bytes_max, 'l'));
  put(&object.correlator, std::string(limits::dm_correlator_bytes_max, 'c'));
  put(&object.server_id, std::string(limits::dm_server_id_bytes_max, 's'));
  put(&record.request.object_id, std::string(limits::dm_object_id_bytes_max, 'x'));
  put(&record.request.data, std::string(limits::dm_request_bytes_max, 'd'));
  EXPECT_EQ(dm_record_bytes(record), reserved);
  EXPECT_EQ(dm_record_bytes_reserved(DmRecord{}) + dm_object_bytes_reserved(), reserved);
  put(&object.name, std::string(limits::dm_name_bytes_max, 'n'));
  put(&object.version, std::string(limits::dm_version_bytes_max, 'v'));
  put(&object.download_url, std::string(limits::dm_url_bytes_max, 'u'));
  put(&object.both_url, std::string(limits::dm_url_bytes_max, 'u'));
  EXPECT_EQ(dm_record_bytes(record), dm_one_object_bytes());
}

TEST(DmRecordHeader, IsRefusedUnlessMagicAndSequenceAreRight) {
  DmRecordHeader header{12, 5, {0x1122334455667788}};
  std::array<std::uint8_t, DmRecordHeader::bytes> bytes;
  const auto encode = [&] {
    ByteWriter writer(bytes);
    encode_dm_header(header, &writer);
  };
  DmRecordHeader read;
  encode();
  ASSERT_EQ(parse_dm_header(bytes, &read), Status::ok);
  EXPECT_EQ(read.content_bytes, 12u);
  EXPECT_EQ(read.sequence, 5u);
  EXPECT_EQ(read.checksum, header.checksum);
  bytes[0] ^= 1;
  EXPECT_EQ(parse_dm_header(bytes, &read), Status::no_record);
  header.sequence = 0;
  encode();
  EXPECT_EQ(parse_dm_header(bytes, &read), Status::no_record);
  header.sequence = limits::record_sequence_max + 1;
  encode();
  EXPECT_EQ(parse_dm_header(bytes, &read), Status::no_record);
  EXPECT_EQ(parse_dm_header(ByteSpan(bytes).first(23), &read), Status::no_record);
}

}  // namespace
}  // namespace romdelta::test
