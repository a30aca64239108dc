// What the management object remembers, and its bytes on flash. docs/dm.md, "What lies on flash".
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "format/bytes.h"
#include "format/digest.h"
#include "format/limits.h"
#include "format/status.h"
#include "format/text.h"
#include "installer/dm/dm_node.h"
#include "installer/dm/dm_state.h"

namespace romdelta {

using DmUrl = Text<limits::dm_url_bytes_max>;
using DmLocation = Text<limits::dm_location_bytes_max>;
using DmServerId = Text<limits::dm_server_id_bytes_max>;
using DmCorrelator = Text<limits::dm_correlator_bytes_max>;

// One x of ./FwUpdate/x.
struct DmObject {
  DmObjectId id;
  bool has_name = false;
  bool has_version = false;
  // Which of the nodes that are always there a server has added itself.
  bool added_download = false;
  bool added_update = false;
  bool added_both = false;
  Text<limits::dm_name_bytes_max> name;
  Text<limits::dm_version_bytes_max> version;
  DmUrl download_url;  // Download/PkgURL; empty: not set.
  DmUrl both_url;      // DownloadAndUpdate/PkgURL
  DmState state = DmState::idle;

  // Where the package is; empty: there is none. To be deleted before anything else is stored.
  DmLocation location;
  bool is_discard_due = false;

  // The operation of the last Exec, until its final alert was answered.
  DmOperation operation = DmOperation::none;
  DmPhase phase = DmPhase::none;
  std::uint16_t result = 0;  // Of the final alert.
  std::uint32_t number = 0;
  bool has_correlator = false;
  DmCorrelator correlator;
  DmServerId server_id;

  bool is_at_work() const { return phase == DmPhase::download || phase == DmPhase::update; }
  bool has_package() const { return !location.empty() && !is_discard_due; }
};

// An update that the device or its user asks for; kind 0: none.
struct DmRequest {
  std::uint8_t kind = 0;
  std::uint32_t number = 0;
  DmObjectId object_id;  // Empty: all firmware.
  Text<limits::dm_request_bytes_max> data;
};

// More than any device executes: a larger one was forged, and leaves no room to count on.
inline constexpr std::uint32_t dm_number_max = 0x7fffffff;

struct DmRecord {
  std::uint32_t last_number = 0;  // Of operations and requests; 0: there was none.
  DmRequest request;
  std::uint32_t object_count = 0;
  std::array<DmObject, limits::dm_object_count_max> objects;
};

// Where a record goes, or comes from, piece by piece: it is never in memory twice.
class DmSink {
 public:
  virtual Status put(ByteSpan bytes) = 0;

 protected:
  ~DmSink() = default;
};
class DmSource {
 public:
  // Fills `into`; no_record when there are not so many bytes.
  virtual Status get(MutableByteSpan into) = 0;

 protected:
  ~DmSource() = default;
};

// Before each record: magic, bytes that follow, sequence, checksum.
struct DmRecordHeader {
  static constexpr std::size_t bytes = 24;
  std::uint32_t content_bytes = 0;
  std::uint64_t sequence = 0;
  Checksum checksum;  // Of content_bytes, sequence and the content.
};
void encode_dm_header(const DmRecordHeader& header, ByteWriter* writer);
// no_record when `bytes` (exactly DmRecordHeader::bytes) is no header.
Status parse_dm_header(ByteSpan bytes, DmRecordHeader* header);
ChecksumStream begin_dm_checksum(const DmRecordHeader& header);

Status encode_dm_record(const DmRecord& record, DmSink* sink);
// The bytes that encode_dm_record() makes.
std::size_t dm_record_bytes(const DmRecord& record);
// The same with everything that an Exec and a request may add: what has to fit at any time, so that
// no operation ends for want of room.
std::size_t dm_record_bytes_reserved(const DmRecord& record);
// What one object more takes of that, without name, version and URLs.
std::size_t dm_object_bytes_reserved();
// The largest record that has one object.
std::size_t dm_one_object_bytes();

// no_record when a rule is broken; `record` is then undefined. Reads to the last byte of the
// record.
Status parse_dm_record(DmSource* source, DmRecord* record);

}  // namespace romdelta
