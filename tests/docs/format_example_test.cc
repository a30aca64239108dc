// docs/format.md sections 2, 8 and 12: the vectors, the limits and the worked example are true.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "doc_file.h"
#include "example_package.h"
#include "format/inventory_record.h"
#include "format/journal_record.h"
#include "installer/port/flash_ram.h"
#include "installer/session.h"

namespace romdelta::docs_test {
namespace {

using Bytes = std::vector<std::uint8_t>;

std::string code_block(const std::string& text) { return "\n```text\n" + text + "```\n\n"; }

// A device in RAM that holds the example's source in slot A.
class ExampleDevice {
 public:
  explicit ExampleDevice(const ExamplePackage& package) : key_(package.public_key) {
    std::ranges::copy(bytes_of(example_source), slot_a_.begin());
    device_.vendor = "example";
    device_.model = "x1";
    device_.hardware = 2;
    device_.regions = {&region_, 1};
    device_.journal = {&journal_flash_, 0, journal_.size()};
    device_.inventory = {&inventory_flash_, 0, inventory_.size()};
    device_.trusted_keys = {&key_, 1};
  }

  void provision() {
    InventoryRecord record;
    ASSERT_TRUE(record.package_id.assign("com.example.boot"));
    ASSERT_TRUE(record.version.assign("1.0.0"));
    Inventory inventory;
    ASSERT_EQ(inventory.open(device_.inventory, buffer_), Status::ok);
    ASSERT_EQ(inventory.update(record), Status::ok);
  }

  const Device& device() const { return device_; }
  Device& device() { return device_; }
  RomRegion& region() { return region_; }
  MutableByteSpan slot_a() { return slot_a_; }
  // As if an earlier session had written `record`.
  void forge(const JournalRecord& record) {
    Journal journal;
    ASSERT_EQ(journal.open(device_.journal, buffer_), Status::ok);
    ASSERT_EQ(journal.append(record), Status::ok);
  }
  ByteSpan slot_b() const { return slot_b_; }
  ByteSpan journal() const { return journal_; }
  ByteSpan inventory() const { return inventory_; }

 private:
  static constexpr FlashGeometry kGeometry = {example_erase_block_bytes, 16, true};
  static Bytes blank(std::size_t blocks) {
    return Bytes(blocks * example_erase_block_bytes, std::uint8_t{0xff});
  }

  Bytes slot_a_ = blank(1);
  Bytes slot_b_ = blank(1);
  Bytes journal_ = blank(2);
  Bytes inventory_ = blank(2);
  RamFlash flash_a_{slot_a_, kGeometry};
  RamFlash flash_b_{slot_b_, kGeometry};
  RamFlash journal_flash_{journal_, kGeometry};
  RamFlash inventory_flash_{inventory_, kGeometry};
  RomRegion region_{"com.example.boot",
                    {&flash_a_, 0, example_erase_block_bytes},
                    {&flash_b_, 0, example_erase_block_bytes}};
  PublicKey key_;
  Device device_;
  std::array<std::uint8_t, limits::record_buffer_bytes> buffer_{};
};

// Pushes `bytes` in pieces of `piece_bytes` into a fresh session on `device`.
Status install(const Device& device, ByteSpan bytes, std::size_t piece_bytes,
               std::uint64_t arena_bytes) {
  Bytes arena(arena_bytes);
  Session session;
  Status status = session.begin(device, arena, {});
  for (std::size_t at = 0; status == Status::need_input && at < bytes.size(); at += piece_bytes) {
    status = session.push(at, bytes.subspan(at, std::min(piece_bytes, bytes.size() - at)));
  }
  return status == Status::ok ? session.finish() : status;
}

TEST(FormatExample, ListingIsThePackage) {
  const ExamplePackage package = make_example_package();
  expect_generated_block("format.md", "example-package",
                         code_block(hex_listing(package.bytes, example_package_notes())));
}

TEST(FormatExample, ListingReadBackIsThePackage) {
  const std::string listing = generated_block(read_doc("format.md"), "example-package");
  EXPECT_EQ(parse_hex_listing(listing), make_example_package().bytes);
}

TEST(FormatExample, NamedValuesAreTrue) {
  const ExamplePackage package = make_example_package();
  std::string table = "\n| value | bytes |\n|---|---|\n";
  const auto row = [&](const std::string& name, ByteSpan bytes) {
    table += "| " + name + " | `" + hex(bytes) + "` |\n";
  };
  row("Ed25519 seed", example_key_seed());
  row("Ed25519 public key", package.public_key.value);
  row("key id", package.public_key.id.value);
  row("source", bytes_of(example_source));
  row("target", bytes_of(example_target));
  row("source digest", package.manifest.sources[0].digest.value);
  row("target digest", package.manifest.target.digest.value);
  std::array<std::uint8_t, Checksum::bytes> checksum;
  ByteWriter writer(checksum);
  writer.u64(package.manifest.target_checksum.value);
  row("target checksum, as written", checksum);
  row("manifest digest", package.manifest_digest.value);
  row("tree root", package.manifest.tree_root.value);
  expect_generated_block("format.md", "example-values", table + "\n");
}

TEST(FormatExample, InstallsFromTheDocument) {
  const Bytes bytes = parse_hex_listing(generated_block(read_doc("format.md"), "example-package"));
  const ExamplePackage package = make_example_package();
  for (const std::size_t piece_bytes : {std::size_t{1}, std::size_t{7}, bytes.size()}) {
    ExampleDevice device(package);
    device.provision();
    ASSERT_EQ(install(device.device(), bytes, piece_bytes, package.manifest.budgets.ram_bytes),
              Status::ok);
    const ByteSpan target = device.slot_b().first(example_target.size());
    EXPECT_TRUE(std::ranges::equal(target, bytes_of(example_target)));
  }
}

TEST(FormatExample, DeclaresExactlyTheRamItNeeds) {
  const ExamplePackage package = make_example_package();
  ExampleDevice device(package);
  device.provision();
  EXPECT_EQ(install(device.device(), package.bytes, 64, package.manifest.budgets.ram_bytes - 1),
            Status::arena_too_small);
}

TEST(FormatExample, EveryFlippedBitIsRefused) {
  const ExamplePackage package = make_example_package();
  ExampleDevice device(package);
  device.provision();
  for (std::size_t bit = 0; bit < package.bytes.size() * 8; ++bit) {
    Bytes bytes = package.bytes;
    bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] ^ (1u << (bit % 8)));
    EXPECT_NE(install(device.device(), bytes, bytes.size(), 1 << 17), Status::ok) << "bit " << bit;
  }
}

TEST(FormatExample, EveryTruncationIsRefused) {
  const ExamplePackage package = make_example_package();
  for (std::size_t size = 0; size < package.bytes.size(); ++size) {
    ExampleDevice device(package);
    device.provision();
    Bytes arena(1 << 17);
    Session session;
    ASSERT_EQ(session.begin(device.device(), arena, {}), Status::need_input);
    ASSERT_EQ(session.push(0, ByteSpan(package.bytes).first(size)), Status::need_input);
    EXPECT_EQ(session.finish(), Status::truncated) << size << " bytes";
  }
}

TEST(FormatExample, OneByteMoreIsRefused) {
  const ExamplePackage package = make_example_package();
  ExampleDevice device(package);
  device.provision();
  Bytes bytes = package.bytes;
  bytes.push_back(0);
  EXPECT_EQ(install(device.device(), bytes, bytes.size(), 1 << 17), Status::trailing_bytes);
}

TEST(FormatExample, OtherDevicesRefuseIt) {
  const ExamplePackage package = make_example_package();
  const auto status_on = [&](auto&& change) {
    ExampleDevice device(package);
    device.provision();
    change(&device);
    return install(device.device(), package.bytes, 64, 1 << 17);
  };
  EXPECT_EQ(status_on([](ExampleDevice* d) { d->device().vendor = "other"; }),
            Status::wrong_device);
  EXPECT_EQ(status_on([](ExampleDevice* d) { d->device().model = "x2"; }), Status::wrong_device);
  EXPECT_EQ(status_on([](ExampleDevice* d) { d->device().hardware = 4; }), Status::wrong_device);
  EXPECT_EQ(status_on([](ExampleDevice* d) { d->region().package_id = "com.example.radio"; }),
            Status::unknown_package);
  EXPECT_EQ(status_on([](ExampleDevice* d) { d->device().trusted_keys = {}; }),
            Status::no_trusted_key);
}

TEST(FormatExample, OtherSourcesAreRefused) {
  const ExamplePackage package = make_example_package();
  for (std::size_t i = 0; i < example_source.size(); ++i) {
    ExampleDevice device(package);
    device.provision();
    device.slot_a()[i] ^= 1;
    EXPECT_EQ(install(device.device(), package.bytes, 64, 1 << 17), Status::wrong_source);
  }
}

TEST(FormatExample, ForgedCheckpointIsFoundByTheDigest) {
  const ExamplePackage package = make_example_package();
  ExampleDevice device(package);
  device.provision();
  JournalRecord record;
  record.kind = JournalKind::checkpoint;
  record.target_slot = Slot::b;
  record.next = 1;  // All of it, says the forger; slot B is blank.
  record.manifest_digest = package.manifest_digest;
  device.forge(record);
  EXPECT_EQ(install(device.device(), package.bytes, 64, 1 << 17), Status::target_mismatch);
  EXPECT_EQ(install(device.device(), package.bytes, 64, 1 << 17), Status::ok);
}

TEST(FormatExample, RecordsOnFlashAreListed) {
  const ExamplePackage package = make_example_package();
  ExampleDevice device(package);
  device.provision();
  ASSERT_EQ(install(device.device(), package.bytes, 64, 1 << 17), Status::ok);

  const auto journal_notes = [](const std::string& kind, std::vector<HexNote>* notes) {
    for (const HexNote& note : std::vector<HexNote>{{4, "magic \"RDJ1\""},
                                                    {1, "kind: " + kind},
                                                    {1, "target_slot 1, B"},
                                                    {1, "outcome 0, ok"},
                                                    {1, "layout 0, ab"},
                                                    {4, "next 0"},
                                                    {8, "sequence"},
                                                    {32, "manifest digest"},
                                                    {4, "spill_sequence 0"},
                                                    {8, "checksum"}}) {
      notes->push_back(note);
    }
  };
  std::vector<HexNote> notes;
  journal_notes("1, intent", &notes);
  journal_notes("3, done", &notes);
  expect_generated_block(
      "format.md", "example-journal",
      code_block(hex_listing(device.journal().first(2 * JournalRecord::bytes), notes)));

  constexpr std::size_t copy_bytes_count = InventoryHeader::bytes + InventoryRecord::bytes;
  expect_generated_block("format.md", "example-inventory",
                         code_block(hex_listing(device.inventory().subspan(
                                                    example_erase_block_bytes, copy_bytes_count),
                                                {{4, "magic \"RDI2\""},
                                                 {4, "count 1"},
                                                 {8, "sequence 2"},
                                                 {8, "security_counter 0"},
                                                 {8, "keyring_version 0"},
                                                 {8, "checksum"},
                                                 {64, "package_id, zeros after it"},
                                                 {48, "version, zeros after it"},
                                                 {1, "active_slot 1, B"},
                                                 {1, "state 2, installed"},
                                                 {6, "reserved"},
                                                 {8, "security_counter"},
                                                 {8, "image_bytes 20"},
                                                 {32, "image digest"},
                                                 {32, "manifest digest"},
                                                 {8, "vouching_keys: the example's"},
                                                 {24, "and nobody else"},
                                                 {8, "release: security_counter 0"},
                                                 {8, "device_counter 0"},
                                                 {8, "release_number 0"}})));
}

TEST(FormatDigests, VectorsAreTrue) {
  const Bytes none;
  const Bytes abc = {'a', 'b', 'c'};
  std::string table =
      "\n| function | domain | level | index | input | result |\n|---|---|---|---|---|---|\n";
  const auto digest_row = [&](DigestDomain domain, const char* name, std::uint64_t level,
                              std::uint64_t index, ByteSpan bytes, const char* input) {
    table += std::string("| digest | ") + name + " | " + std::to_string(level) + " | " +
             std::to_string(index) + " | " + input + " | `" +
             hex(digest_of(domain, bytes, index, level).value) + "` |\n";
  };
  digest_row(DigestDomain::image, "image", 0, 0, none, "empty");
  digest_row(DigestDomain::image, "image", 0, 0, abc, "`abc`");
  digest_row(DigestDomain::manifest, "manifest", 0, 0, abc, "`abc`");
  digest_row(DigestDomain::tree_node, "tree_node", 0, 0, abc, "`abc`");
  digest_row(DigestDomain::tree_node, "tree_node", 1, 2, abc, "`abc`");
  digest_row(DigestDomain::chunk, "chunk", 0, 0, abc, "`abc`");
  digest_row(DigestDomain::chunk, "chunk", 0, 258, abc, "`abc`");
  digest_row(DigestDomain::map, "map", 0, 0, abc, "`abc`");
  digest_row(DigestDomain::plan, "plan", 0, 0, abc, "`abc`");
  digest_row(DigestDomain::super_manifest, "super_manifest", 0, 0, abc, "`abc`");
  digest_row(DigestDomain::transaction, "transaction", 0, 3, abc, "`abc`");
  digest_row(DigestDomain::keyring, "keyring", 0, 0, abc, "`abc`");
  for (const auto& [bytes, input] : {std::pair(none, "empty"), std::pair(abc, "`abc`")}) {
    std::array<std::uint8_t, Checksum::bytes> written;
    ByteWriter writer(written);
    writer.u64(checksum_of(bytes).value);
    table += std::string("| checksum | - | - | - | ") + input + " | `" + hex(written) + "` |\n";
  }
  expect_generated_block("format.md", "digest-vectors", table + "\n");
}

// Every constant of limits.h, by name.
const std::map<std::string, std::uint64_t>& all_limits() {
#define ROMDELTA_LIMIT(name) \
  { #name, limits::name }
  static const std::map<std::string, std::uint64_t> values = {
      ROMDELTA_LIMIT(head_bytes_max),
      ROMDELTA_LIMIT(signature_count_max),
      ROMDELTA_LIMIT(manifest_bytes_max),
      ROMDELTA_LIMIT(package_id_bytes_max),
      ROMDELTA_LIMIT(version_bytes_max),
      ROMDELTA_LIMIT(identity_bytes_max),
      ROMDELTA_LIMIT(encoder_bytes_max),
      ROMDELTA_LIMIT(source_count_max),
      ROMDELTA_LIMIT(image_bytes_max),
      ROMDELTA_LIMIT(tree_fanout),
      ROMDELTA_LIMIT(tree_depth_max),
      ROMDELTA_LIMIT(chunk_count_max),
      ROMDELTA_LIMIT(chunk_stored_bytes_max),
      ROMDELTA_LIMIT(chunk_decoded_bytes_max),
      ROMDELTA_LIMIT(erase_block_bytes_max),
      ROMDELTA_LIMIT(program_unit_bytes_max),
      ROMDELTA_LIMIT(group_bytes_max),
      ROMDELTA_LIMIT(zstd_context_bytes),
      ROMDELTA_LIMIT(context_model_bytes),
      ROMDELTA_LIMIT(source_window_bytes),
      ROMDELTA_LIMIT(map_step_count_max),
      ROMDELTA_LIMIT(map_step_bytes),
      ROMDELTA_LIMIT(map_bytes_max),
      ROMDELTA_LIMIT(rebase_margin_bytes),
      ROMDELTA_LIMIT(rebase_window_bytes),
      ROMDELTA_LIMIT(grain_bytes),
      ROMDELTA_LIMIT(group_count_max),
      ROMDELTA_LIMIT(plan_bytes_max),
      ROMDELTA_LIMIT(spill_block_count_max),
      ROMDELTA_LIMIT(spill_block_bytes_min),
      ROMDELTA_LIMIT(fragment_count_max),
      ROMDELTA_LIMIT(kept_count_max),
      ROMDELTA_LIMIT(plan_model_bytes),
      ROMDELTA_LIMIT(script_window_bytes),
      ROMDELTA_LIMIT(record_buffer_bytes),
      ROMDELTA_LIMIT(record_sequence_max),
      ROMDELTA_LIMIT(trusted_key_count_max),
      ROMDELTA_LIMIT(vouching_key_count_max),
      ROMDELTA_LIMIT(counter_step_max),
      ROMDELTA_LIMIT(keyring_bytes_max),
      ROMDELTA_LIMIT(keyring_body_bytes_max),
      ROMDELTA_LIMIT(keyring_key_count_max),
      ROMDELTA_LIMIT(revoked_key_count_max),
      ROMDELTA_LIMIT(counter_reset_count_max),
      ROMDELTA_LIMIT(dm_correlator_bytes_max),
      ROMDELTA_LIMIT(dm_object_count_max),
      ROMDELTA_LIMIT(dm_object_id_bytes_max),
      ROMDELTA_LIMIT(dm_uri_bytes_max),
      ROMDELTA_LIMIT(dm_url_bytes_max),
      ROMDELTA_LIMIT(dm_name_bytes_max),
      ROMDELTA_LIMIT(dm_version_bytes_max),
      ROMDELTA_LIMIT(dm_location_bytes_max),
      ROMDELTA_LIMIT(dm_server_id_bytes_max),
      ROMDELTA_LIMIT(dm_request_bytes_max),
      ROMDELTA_LIMIT(super_head_bytes_max),
      ROMDELTA_LIMIT(super_manifest_bytes_max),
      ROMDELTA_LIMIT(super_member_count_max),
      ROMDELTA_LIMIT(super_requirement_count_max),
      ROMDELTA_LIMIT(requirement_version_count_max),
      ROMDELTA_LIMIT(member_bytes_max),
  };
#undef ROMDELTA_LIMIT
  return values;
}

TEST(FormatLimits, TestKnowsEveryConstantOfTheHeader) {
  std::ifstream file(ROMDELTA_LIMITS_HEADER);
  std::stringstream text;
  text << file.rdbuf();
  const std::string header = text.str();
  const std::regex constant("inline constexpr [a-z0-9_:]+ ([a-z0-9_]+) =");
  std::set<std::string> names;
  for (std::sregex_iterator it(header.begin(), header.end(), constant), end; it != end; ++it) {
    names.insert((*it)[1]);
  }
  std::set<std::string> known;
  for (const auto& [name, value] : all_limits()) known.insert(name);
  EXPECT_EQ(names, known);
}

TEST(FormatLimits, TableEqualsTheHeader) {
  std::map<std::string, std::uint64_t> documented;
  for (const std::vector<std::string>& row : table_after(read_doc("format.md"), "## 8 Limits")) {
    ASSERT_GE(row.size(), 2u);
    std::string digits = row[1];
    std::erase(digits, ',');
    documented[row[0]] = std::stoull(digits);
  }
  EXPECT_EQ(documented, all_limits());
}

}  // namespace
}  // namespace romdelta::docs_test
