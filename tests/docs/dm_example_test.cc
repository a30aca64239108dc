// docs/dm.md: its tables and bytes are those of the code, and the plug-in that it prints works.
#include <gtest/gtest.h>

#include <cstring>
#include <set>

#include "doc_file.h"
#include "installer/dm/dm_c.h"
#include "installer/dm/dm_node.h"
#include "installer/dm/dm_record.h"

// What the snippet defines.
extern "C" {
typedef bool (*client_result)(void*, const char*, const char*, const char*, size_t);
struct client_plugin {
  bool (*owns)(const char*);
  bool (*is_node)(const char*);
  int (*get)(const char*, const char*, client_result, void*);
  int (*set)(const char*, const char*, bool, const char*, const uint8_t*, size_t, uint64_t, bool);
  int (*remove)(const char*, const char*);
  int (*exec)(const char*, const char*, const char*);
};
extern const client_plugin binding_plugin;
bool binding_start(void);
void binding_send_alerts(const char*, int (*)(void*, const romdelta_dm_alert*), void*);
bool binding_work(romdelta_status (*)(const char*, char*, size_t),
                  romdelta_status (*)(const char*));
}

namespace romdelta::docs_test {
namespace {

std::string commands_of(unsigned commands) {
  std::string text;
  const std::pair<unsigned, const char*> names[] = {{ROMDELTA_DM_GET, "Get"},
                                                    {ROMDELTA_DM_ADD, "Add"},
                                                    {ROMDELTA_DM_REPLACE, "Replace"},
                                                    {ROMDELTA_DM_DELETE, "Delete"},
                                                    {ROMDELTA_DM_EXEC, "Exec"}};
  for (const auto& [bit, name] : names) {
    if ((commands & bit) != 0) text += (text.empty() ? "" : ", ") + std::string(name);
  }
  return text;
}

TEST(DmTables, NodesAreThoseOfTheCode) {
  std::string table = "\n| node | format | type | commands |\n|---|---|---|---|\n";
  for (const DmNodeInfo& info : dm_nodes()) {
    const std::string uri = dm_uri(info.node, info.node < DmNode::rom_root ? "x" : "<id>").text;
    const std::string type = info.type;
    table += "| `" + uri + "` | " + info.format + " | " + (type.empty() ? "" : "`" + type + "`") +
             " | " + commands_of(info.commands) + " |\n";
  }
  expect_generated_block("dm.md", "node-table", table + "\n");
}

TEST(DmTables, ArrowsAreThoseOfTheCode) {
  std::set<std::pair<int, int>> documented;
  for (const std::vector<std::string>& row : table_after(read_doc("dm.md"), "## States")) {
    ASSERT_EQ(row.size(), 3u);
    documented.insert({std::stoi(row[0]), std::stoi(row[1])});
  }
  for (int from = 10; from <= 100; from += 10) {
    for (int to = 10; to <= 100; to += 10) {
      EXPECT_EQ(is_dm_arrow(static_cast<DmState>(from), static_cast<DmState>(to)),
                documented.contains({from, to}))
          << from << " -> " << to;
    }
  }
}

// A record with as many objects, each with all that it can have but URLs of this length.
std::size_t record_bytes(std::size_t objects, std::size_t url_bytes) {
  DmRecord record;
  record.object_count = static_cast<std::uint32_t>(objects);
  for (std::size_t i = 0; i < objects; ++i) {
    DmObject& object = record.objects[i];
    EXPECT_TRUE(object.id.assign(std::string(limits::dm_object_id_bytes_max, 'x')) &&
                object.name.assign(std::string(limits::dm_name_bytes_max, 'n')) &&
                object.version.assign(std::string(limits::dm_version_bytes_max, 'v')) &&
                object.download_url.assign(std::string(url_bytes, 'u')) &&
                object.both_url.assign(std::string(url_bytes, 'u')));
  }
  return dm_record_bytes_reserved(record);
}

TEST(DmTables, RegionSizesFollowFromTheRecords) {
  std::string table =
      "\n| objects | both URLs | record, reserved | region, 4 KiB blocks, 512-byte units |\n"
      "|---|---|---|---|\n";
  for (const std::size_t objects : {1u, 2u, 4u}) {
    for (const std::size_t url_bytes : {256u, 1024u}) {
      const std::uint64_t record = DmRecordHeader::bytes + record_bytes(objects, url_bytes);
      const std::uint64_t half = round_up(2 * round_up(record, 512), 4096);
      const std::uint64_t least =
          round_up(2 * round_up(DmRecordHeader::bytes + dm_one_object_bytes(), 512), 4096);
      table += "| " + std::to_string(objects) + " | " + grouped(url_bytes) + " | " +
               grouped(record) + " | " + std::to_string(2 * std::max(half, least) / 1024) +
               " KiB |\n";
    }
  }
  expect_generated_block("dm.md", "region-table", table + "\n");
}

class BytesSink final : public DmSink {
 public:
  Status put(ByteSpan part) override {
    bytes.insert(bytes.end(), part.begin(), part.end());
    return Status::ok;
  }
  std::vector<std::uint8_t> bytes;
};

TEST(DmRecordExample, IsListed) {
  DmRecord record;
  record.last_number = 1;
  record.object_count = 1;
  DmObject& object = record.objects[0];
  ASSERT_TRUE(object.id.assign("Pkg1") && object.name.assign("Shell") &&
              object.both_url.assign("http://a/b.pku") && object.correlator.assign("abc123") &&
              object.server_id.assign("srv"));
  object.has_name = object.has_correlator = object.added_both = true;
  object.state = DmState::downloading;
  object.operation = DmOperation::download_and_update;
  object.phase = DmPhase::download;
  object.number = 1;
  BytesSink content;
  ASSERT_EQ(encode_dm_record(record, &content), Status::ok);
  DmRecordHeader header{static_cast<std::uint32_t>(content.bytes.size()), 7, {}};
  ChecksumStream checksum = begin_dm_checksum(header);
  checksum.update(content.bytes);
  header.checksum = checksum.finish();
  std::vector<std::uint8_t> bytes(DmRecordHeader::bytes);
  ByteWriter writer(bytes);
  encode_dm_header(header, &writer);
  bytes.insert(bytes.end(), content.bytes.begin(), content.bytes.end());
  const std::string listing =
      hex_listing(bytes, {{4, "magic"},
                          {4, "content_bytes"},
                          {8, "sequence: 7"},
                          {8, "checksum"},
                          {4, "last_number: 1"},
                          {1, "request_kind: none"},
                          {4, "request_number"},
                          {2, "request_object: empty"},
                          {2, "request_data: empty"},
                          {1, "object_count: 1"},
                          {1, "flags: name, DownloadAndUpdate added, correlator"},
                          {1, "state: 30"},
                          {1, "operation: DownloadAndUpdate"},
                          {1, "phase: at the download agent"},
                          {2, "result: none"},
                          {4, "number: 1"},
                          {6, "id"},
                          {7, "name"},
                          {2, "version: empty"},
                          {2, "download_url: empty"},
                          {16, "both_url"},
                          {2, "location: empty"},
                          {8, "correlator"},
                          {5, "server_id"}});
  expect_generated_block("dm.md", "record-example", "\n```text\n" + listing + "```\n\n");
}

// A server of the made-up client.
bool append_result(void* message, const char* uri, const char*, const char* value, size_t count) {
  *static_cast<std::string*>(message) += std::string(uri) + "=" + std::string(value, count) + ";";
  return true;
}

std::string got(const char* uri) {
  std::string message;
  const int answer = binding_plugin.get("example", uri, append_result, &message);
  return answer == 200 ? message : std::to_string(answer);
}

int add(const char* server, const char* uri, const std::string& value, const char* format) {
  return binding_plugin.set(server, uri, true, format,
                            reinterpret_cast<const std::uint8_t*>(value.data()), value.size(), 0,
                            false);
}

std::string alerts(int status) {
  struct Session {
    std::string seen;
    int status;
  } session{"", status};
  binding_send_alerts(
      "example",
      [](void* context, const romdelta_dm_alert* alert) {
        auto* to = static_cast<Session*>(context);
        to->seen += std::string(alert->source_uri) + " " + alert->correlator + " " + alert->data;
        return to->status;
      },
      &session);
  return session.seen;
}

romdelta_status download(const char* url, char* location, size_t capacity) {
  if (std::strcmp(url, "http://a/b.pku") != 0) return ROMDELTA_BAD_URL;
  std::strncpy(location, "/data/b.pku", capacity - 1);
  return ROMDELTA_OK;
}

romdelta_status update(const char* location) {
  const bool is_known =
      std::strcmp(location, "/data/b.pku") == 0 || std::strcmp(location, "memory") == 0;
  return is_known ? ROMDELTA_OK : ROMDELTA_PACKAGE_MISSING;
}

TEST(DmExample, UpdatesByDownload) {
  ASSERT_TRUE(binding_start());
  EXPECT_TRUE(binding_plugin.owns("./FwUpdate/Pkg1"));
  EXPECT_EQ(add("other", "./FwUpdate/Pkg1/PkgName", "x", "chr"), 425);
  EXPECT_EQ(add("example", "./FwUpdate/Pkg1/DownloadAndUpdate/PkgURL", "http://a/b.pku", "chr"),
            200);
  EXPECT_TRUE(binding_plugin.is_node("./FwUpdate/Pkg1/State"));
  EXPECT_EQ(binding_plugin.exec("example", "./FwUpdate/Pkg1/DownloadAndUpdate", "abc123"), 202);
  EXPECT_EQ(got("./FwUpdate/Pkg1/State"), "./FwUpdate/Pkg1/State=30;");
  ASSERT_TRUE(binding_start()) << "a reboot";
  EXPECT_TRUE(binding_work(download, update));
  EXPECT_TRUE(binding_work(download, update));
  EXPECT_FALSE(binding_work(download, update));
  const std::string alert = "./FwUpdate/Pkg1/DownloadAndUpdate abc123 200";
  EXPECT_EQ(alerts(0), alert);
  ASSERT_TRUE(binding_start());
  EXPECT_EQ(alerts(200), alert);
  EXPECT_EQ(alerts(200), "");
  EXPECT_EQ(got("./FwUpdate/Pkg1/State"), "./FwUpdate/Pkg1/State=100;");
  EXPECT_EQ(binding_plugin.remove("example", "./FwUpdate/Pkg1"), 200);
}

TEST(DmExample, UpdatesByLargeObject) {
  ASSERT_TRUE(binding_start());
  const std::uint8_t bytes[] = {1, 2, 3, 4};
  const char* uri = "./FwUpdate/Pkg2/Update/PkgData";
  EXPECT_EQ(binding_plugin.set("example", uri, true, "bin", bytes, 3, 4, true), 213);
  EXPECT_EQ(binding_plugin.set("example", uri, true, nullptr, bytes + 3, 1, 0, false), 200);
  EXPECT_EQ(binding_plugin.exec("example", "./FwUpdate/Pkg2/Update", nullptr), 202);
  EXPECT_TRUE(binding_work(download, update));
  EXPECT_EQ(alerts(200), "./FwUpdate/Pkg2/Update  200");
  EXPECT_EQ(binding_plugin.remove("example", "./FwUpdate/Pkg2"), 200);
}

}  // namespace
}  // namespace romdelta::docs_test
