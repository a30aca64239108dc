// Writes the seeds of all fuzz targets below the directory given: small inputs that are good, and
// one step away from good. seeds/README.md.
#include <filesystem>
#include <fstream>
#include <iostream>

#include "installer/dm/dm_record.h"
#include "installer/script.h"
#include "pkgtool/key_file.h"
#include "pkgtool/packager.h"
#include "tests/fuzz/super_product.h"
#include "tests/support/keyring_maker.h"
#include "tests/support/manifest_maker.h"
#include "tests/support/map_stream.h"
#include "tests/support/package_maker.h"
#include "tests/support/plan_stream.h"
#include "tests/support/random_map.h"
#include "tests/support/spill_rig.h"
#include "tests/support/test_device.h"

namespace romdelta::test {
namespace {

std::filesystem::path seeds_directory;

void write_seed(const std::string& target, const std::string& name, ByteSpan bytes) {
  const std::filesystem::path directory = seeds_directory / target;
  std::filesystem::create_directories(directory);
  std::ofstream file(directory / name, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  if (!file.flush()) throw std::runtime_error("cannot write " + name);
}

Bytes little_endian(std::uint64_t value, std::size_t count) {
  Bytes bytes;
  for (std::size_t i = 0; i < count; ++i) {
    bytes.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
  }
  return bytes;
}

// The same as in fuzz_session.cc and fuzz_journal.cc.
PackagePlan small_plan() {
  PackagePlan plan;
  plan.source = make_image(5000, 31);
  plan.target = revise(plan.source, 5200, 32);
  return plan;
}

PackagePlan full_plan() {
  PackagePlan plan;
  plan.target = make_image(1500, 33);
  plan.chunk_bytes = 600;
  return plan;
}

PackagePlan deep_plan() {
  PackagePlan plan = small_plan();
  plan.target.resize(1400);
  plan.chunk_bytes = 20;
  return plan;
}

Bytes built_by_pkgtool() {
  const PackagePlan plan = small_plan();
  pkgtool::BuildRequest request;
  request.package_id = plan.package_id;
  request.source = pkgtool::SourceImage{plan.source, "1.0"};
  request.target = plan.target;
  request.target_version = "2.0";
  request.encoder.ram_bytes_max = 120'000;
  request.encoder.erase_block_bytes = 1024;
  request.codec = Codec::zstd;
  const pkgtool::UnsignedPackage package = pkgtool::build_package(request, {});
  SignatureList signatures;
  if (!signatures.insert(sign(test_key(1), package.digest()))) throw std::logic_error("sign");
  return pkgtool::assemble(package, signatures);
}

std::vector<std::pair<std::string, Bytes>> packages() {
  PackagePlan stored = small_plan();
  stored.coding = Coding::stored;
  PackagePlan context = small_plan();
  context.coding = Coding::context;
  PackagePlan mapped = context;
  mapped.map = plain_map(rules::x86 | rules::absolute32, 0, {{0, 16}, {2000, 0u - 8}});
  PackagePlan filtered = full_plan();
  (void)filtered.device.vendor.assign("example");
  (void)filtered.device.model.assign("x1");
  filtered.device.has_hardware_range = true;
  filtered.device.hardware_max = 9;
  filtered.order.security_counter = 3;
  PackagePlan empty = small_plan();
  empty.target.clear();
  return {{"delta", make_package(small_plan()).file},
          {"stored", make_package(stored).file},
          {"context", make_package(context).file},
          {"map", make_package(mapped).file},
          {"full", make_package(full_plan()).file},
          {"deep", make_package(deep_plan()).file},
          {"filtered", make_package(filtered).file},
          {"empty", make_package(empty).file},
          {"pkgtool", built_by_pkgtool()}};
}

void write_manifests_heads_and_sessions() {
  for (const auto& [name, file] : packages()) {
    PackageHead head;
    if (inspect_head(file, &head) != Status::ok) throw std::logic_error(name);
    write_seed("fuzz_manifest", name, encoded(head.manifest));
    write_seed("fuzz_head", name, ByteSpan(file).first(head.head_bytes));
    write_seed("fuzz_session", name, concat({Bytes{0}, little_endian(1, 8), file}));
    write_seed("fuzz_session", name + "-as-it-is", concat({Bytes{3}, little_endian(2, 8), file}));
  }
  Random random(34);
  for (int i = 0; i < 12; ++i) {
    write_seed("fuzz_manifest", "random-" + std::to_string(i), encoded(random_manifest(&random)));
  }
  std::vector<ManifestField> fields = split_fields(encoded(sample_manifest()));
  fields.push_back({0x8002, to_bytes("unknown")});
  write_seed("fuzz_manifest", "unknown-field", join_fields(fields));
  std::vector<TestKey> keys;
  for (std::uint8_t i = 1; i <= 8; ++i) keys.push_back(test_key(i));
  write_seed("fuzz_head", "eight-signatures", make_head(sample_manifest(), keys));
  write_seed("fuzz_head", "unsigned", make_head(sample_manifest(), {}));
}

void write_chunks() {
  const Bytes image = make_image(4096, 21);
  const Bytes target = revise(image, 3000, 35);
  const Piece pieces[] = {{100, 900, 100}, {0, 500, 0}, {3000, 1000, 500}};
  const ChunkContent delta = make_content(image, target, pieces);
  const Piece literal[] = {{0, 0, 3000}};
  const ChunkContent full = make_content({}, target, literal);
  const Bytes zeros(3000, 0);
  const ChunkContent run = make_content({}, zeros, literal);
  const auto write = [&](const std::string& name, const ChunkContent& content, Coding coding,
                         std::uint8_t source) {
    const Chunk chunk = encode_chunk(content, 3000, coding);
    write_seed("fuzz_chunk", name,
               concat({little_endian(3000 - 1, 2), little_endian(chunk.decoded_bytes, 2),
                       Bytes{source}, chunk.bytes}));
  };
  write("delta-zstd", delta, Coding::zstd, 0);
  write("delta-stored", delta, Coding::stored, 0);
  write("full-zstd", full, Coding::zstd, 1);
  write("run-zstd", run, Coding::zstd, 1);
}

void write_context_chunks() {
  const Bytes image = make_image(5000, 23);
  const Bytes target = revise(image, 3000, 37);
  const Piece pieces[] = {{100, 900, 100}, {0, 500, 0}, {3000, 1000, 500}};
  const Piece literal[] = {{0, 0, 3000}};
  const auto write = [&](const std::string& name, const Chunk& chunk, std::uint8_t source) {
    write_seed("fuzz_context", name,
               concat({little_endian(3000 - 1, 2), Bytes{3, source}, chunk.bytes}));
  };
  write("delta-2", encode_context_chunk(image, target, pieces, 2), 0);
  write("delta-4", encode_context_chunk(image, target, pieces, 4), 0);
  write("full", encode_context_chunk({}, target, literal, 4), 1);

  // The same from the source as a map rewrites it.
  ReferenceMap map = plain_map(rules::x86 | rules::absolute32, 0, {{0, 16}, {2000, 0u - 8}});
  map.regions.push_back({2500, rules::thumb | rules::relative32});
  const Bytes coded = coded_map(map);
  const Bytes rewritten = reference_rebase(image, map);
  for (const std::uint8_t unit_bytes : {std::uint8_t{2}, std::uint8_t{4}}) {
    const Chunk chunk = encode_context_chunk(rewritten, target, pieces, unit_bytes);
    write_seed(
        "fuzz_context", "map-" + std::to_string(unit_bytes),
        concat({little_endian(3000 - 1, 2), Bytes{3, 2}, little_endian(map.step_count() - 1, 2),
                little_endian(coded.size(), 2), coded, chunk.bytes}));
  }
}

// The same as in fuzz_map.cc.
Bytes tables_of(const ReferenceMap& map) {
  Bytes bytes = little_endian(map.base, 8);
  for (const auto* table : {&map.segments, &map.regions, &map.anchors, &map.shifts}) {
    append(&bytes, little_endian(table->size(), 1));
    std::uint64_t floor = 0;
    for (const MapStep& step : *table) {
      append(&bytes, little_endian(step.begin - floor, 2));
      append(&bytes, little_endian(step.value, 4));
      floor = std::uint64_t{step.begin} + 1;
    }
  }
  return bytes;
}

void write_maps() {
  Random random(38);
  for (std::uint32_t rule = 0; rule < rules::code_end; ++rule) {
    const ReferenceMap map =
        plain_map(rule | rules::absolute32, 0x08000000, {{0, 8}, {600, 0u - 20}, {900, 4096}});
    const auto image = static_cast<std::uint8_t>(rule);
    const std::string name = std::to_string(rule);
    write_seed(
        "fuzz_map", "coded-" + name,
        concat({Bytes{0, image, 30}, little_endian(map.step_count() - 1, 2), coded_map(map)}));
    write_seed("fuzz_map", "tables-" + name, concat({Bytes{1, image, 30}, tables_of(map)}));
    const ReferenceMap other = random_map(&random, 1500);
    write_seed(
        "fuzz_map", "random-" + name,
        concat({Bytes{0, 0, 200}, little_endian(other.step_count() - 1, 2), coded_map(other)}));
  }
}

// The numbers of the manifest as in fuzz_plan.cc: groups of 1024 bytes in a target of 8192.
Bytes plan_numbers(std::uint8_t steps, std::uint8_t chunk_steps, std::uint8_t holes,
                   std::uint8_t kept, std::uint8_t chunks, bool has_map) {
  return concat({Bytes{4, 0}, little_endian(8191, 2), little_endian(8192, 2),
                 Bytes{steps, chunk_steps, holes, kept}, little_endian(1024u * steps, 2),
                 Bytes{chunks, static_cast<std::uint8_t>(has_map ? 1 : 0)}});
}

void write_plans() {
  PlanStream one;
  one.chunk({1, 100, 7}, {3});
  one.step();
  write_seed("fuzz_plan", "one", concat({plan_numbers(1, 1, 0, 0, 1, false), one.finish()}));
  PlanStream holes;
  holes.hole(1, 0xff);
  holes.hole(6, 0);
  holes.chunk({3, 900, 1}, {5, 4, 3});
  holes.step({{0, 4}}, 2);
  holes.step();
  holes.step({{8, 8}}, 1);
  holes.chunk({1, 50, 2}, {7});
  holes.step();
  write_seed("fuzz_plan", "holes", concat({plan_numbers(4, 3, 2, 2, 2, false), holes.finish()}));
  PlanStream map;
  map.chunk({2, 900, 1}, {0, 1});
  map.step({{2, 3}, {18, 2}}, 1);
  map.step();
  write_seed("fuzz_plan", "map", concat({plan_numbers(2, 2, 0, 1, 1, true), map.finish()}));
}

struct ByteSink {
  Bytes bytes;
  Status append(ByteSpan more) {
    test::append(&bytes, more);
    return Status::ok;
  }
};

// Makes the group [256, 384) of the source that fuzz_script.cc has.
Bytes small_script(std::uint8_t unit_bytes) {
  const Bytes source = make_image(3000, 51);
  const std::uint32_t group = 2;
  ByteSink sink;
  sink.bytes.push_back(unit_bytes);
  ScriptWriter<ByteSink> writer(&sink, unit_bytes, {{&group, 1}, 128, 384});
  const auto part = [&](std::size_t begin, std::size_t count) {
    return ByteSpan(source).subspan(begin, count);
  };
  writer.copying(1000, 60);
  (void)writer.append(part(1000, 8));
  for (std::size_t at = 8; at < 56; at += unit_bytes) {
    Bytes changed = to_bytes(part(1000 + at, unit_bytes));
    changed[0] = static_cast<std::uint8_t>(changed[0] + 3 * (at % 5));
    changed[1] = static_cast<std::uint8_t>(changed[1] + at % 2);
    (void)writer.change(part(1000 + at, unit_bytes), changed);
  }
  (void)writer.append(part(1056, 4));
  writer.literals(20);
  (void)writer.append(part(5, 20));
  writer.copying(300, 48);
  (void)writer.append(part(300, 48));
  return sink.bytes;
}

void write_scripts() {
  const Bytes section = concat({little_endian(256, 2), Bytes{127}});
  for (const std::uint8_t unit_bytes : {std::uint8_t{2}, std::uint8_t{4}}) {
    const std::string name = std::to_string(unit_bytes);
    const Bytes script = small_script(unit_bytes);
    write_seed("fuzz_script", "script-" + name, concat({Bytes{0}, section, script}));
    SpillRig rig;
    rig.spill->begin_phase();
    if (rig.put(spill_key(SpillKind::script, 0), script) != Status::ok ||
        rig.put(spill_key(SpillKind::own, 0), Bytes(128, 1)) != Status::ok ||
        rig.spill->sync() != Status::ok) {
      throw std::logic_error("spill");
    }
    const ByteSpan used = ByteSpan(rig.scratch).first(512);
    write_seed("fuzz_script", "spill-" + name, concat({Bytes{0x11}, section, used}));
    write_seed("fuzz_script", "mended-" + name, concat({Bytes{0x33}, section, used}));
  }
}

void write_controls() {
  const Bytes image = make_image(3000, 22);
  const Bytes target = revise(image, 700, 36);
  const std::vector<std::vector<Piece>> covers = {{{0, 700, 0}},
                                                  {{0, 0, 700}},
                                                  {{1000, 200, 50}, {0, 250, 100}, {2900, 100, 0}},
                                                  {{2990, 1, 1}, {5, 1, 300}, {200, 397, 0}}};
  int number = 0;
  for (const std::vector<Piece>& cover : covers) {
    ChunkContent content = make_content(image, target, cover);
    Bytes seed =
        concat({little_endian(700 - 1, 2), Bytes{3}, little_endian(content.source_position, 8)});
    for (const Bytes& column : content.columns) append(&seed, little_endian(column.size(), 2));
    for (const Bytes& column : content.columns) append(&seed, column);
    write_seed("fuzz_control", "cover-" + std::to_string(number), seed);
    ++number;
  }
}

void write_journals() {
  const PackagePlan plan = small_plan();
  const MadePackage package = make_package(plan);
  DeviceShape shape;
  shape.slot_bytes = 8 * 1024;
  shape.journal_bytes = 2 * 1024;
  shape.inventory_bytes = 2 * 1024;
  for (const std::uint64_t percent : {0u, 40u, 70u, 99u, 100u}) {
    TestDevice device(shape);
    device.provision(plan.source, "1.0");
    RunOptions options;
    if (percent != 100) options.stop_at = package.file.size() * percent / 100;
    (void)run_session(&device, package.file, options);
    const std::uint64_t there = plan.target.size() * percent / 100;
    for (const std::uint8_t bits : {std::uint8_t{0x00}, std::uint8_t{0x03}, std::uint8_t{0x0f}}) {
      Bytes seed = concat({Bytes{bits}, little_endian(there, 2), device.journal_memory()});
      if ((bits & 0x04) != 0) append(&seed, device.inventory_memory());
      write_seed("fuzz_journal", "cut-" + std::to_string(percent) + "-" + std::to_string(bits),
                 seed);
    }
  }
}

void write_key_texts() {
  const TestKey key = test_key(1);
  Digest digest;
  write_seed("fuzz_key_text", "public", to_bytes(cli::format_public_key(key.public_key)));
  write_seed("fuzz_key_text", "signature", to_bytes(pkgtool::format_signature(sign(key, digest))));
  // An unprotected minisign key file: algorithms, salt and limits of zero, then id, key, checksum.
  Bytes secret = to_bytes("Ed");
  append(&secret, Bytes{0, 0});
  append(&secret, to_bytes("B2"));
  secret.resize(secret.size() + 48);
  append(&secret, key.public_key.id.value);
  append(&secret, key.secret);
  secret.resize(secret.size() + 32);
  write_seed("fuzz_key_text", "secret-wrong-checksum",
             to_bytes(cli::encode_key_text("romdelta secret key", secret)));
  write_seed("fuzz_key_text", "windows-line-end",
             to_bytes("untrusted comment: x\r\nRWQAAAAAAAAAAYqI4905pVRqRDOZ\r\n"));
}

// Steps of fuzz_dm_adapter.cc. Addresses are numbers of its table.
class DmSteps {
 public:
  explicit DmSteps(int options) : bytes_{static_cast<std::uint8_t>(options)} {}
  DmSteps& put(std::initializer_list<int> numbers) {
    for (const int number : numbers) bytes_.push_back(static_cast<std::uint8_t>(number));
    return *this;
  }
  DmSteps& put(const Bytes& bytes) {
    append(&bytes_, bytes);
    return *this;
  }
  DmSteps& put(const std::string& text) { return put(to_bytes(text)); }
  DmSteps& add(int uri, const std::string& value) {
    return put({0, uri, 0, static_cast<int>(value.size())}).put(value);
  }
  DmSteps& exec(int uri, const std::string& correlator = "") {
    const int length = correlator.empty() ? 0 : 80 + static_cast<int>(correlator.size());
    return put({5, uri, 0, length}).put(correlator);
  }
  const Bytes& bytes() const { return bytes_; }

 private:
  Bytes bytes_;
};

class DmBytes final : public DmSink {
 public:
  Status put(ByteSpan part) override {
    append(&bytes, part);
    return Status::ok;
  }
  Bytes bytes;
};

// A DownloadAndUpdate at the update agent.
Bytes dm_record_content() {
  DmRecord record;
  record.last_number = 3;
  record.object_count = 1;
  DmObject& object = record.objects[0];
  DmBytes content;
  object.state = DmState::ready;
  object.operation = DmOperation::download_and_update;
  object.phase = DmPhase::update;
  object.number = 3;
  const bool fits = object.id.assign("A") && object.both_url.assign("http://example.com/a.pku") &&
                    object.server_id.assign("srv1") && object.location.assign("/data/pkg");
  if (!fits || encode_dm_record(record, &content) != Status::ok) throw std::logic_error("record");
  return content.bytes;
}

void write_dm_adapters() {
  constexpr int download = 5, download_url = 6, update = 7, data = 8, both = 9, both_url = 10;
  const std::string url = "http://example.com/a.pku";
  const auto write = [](const std::string& name, const DmSteps& steps) {
    write_seed("fuzz_dm_adapter", name, steps.bytes());
  };
  for (const int options : {0, 1}) {
    const std::string flash = options == 0 ? "disk-" : "nor-";
    DmSteps both_steps(options);
    both_steps.add(both_url, url).exec(both, "abc123").put({11, 0, 16, 12, 13, 0, 0, 14, 1});
    write(flash + "download-and-update", both_steps);
    DmSteps cuts(options);
    cuts.add(download_url, url).put({18, 0}).exec(download).exec(download, "c");
    cuts.put({18, 0, 11, 0, 11, 0, 18, 0, 14, 1, 14, 1, 18, 0}).exec(update);
    cuts.put({18, 1, 12, 18, 0, 13, 0, 0, 13, 130, 1, 18, 1, 14, 1, 14, 1});
    write(flash + "cuts", cuts);
    DmSteps pieces(options);
    pieces.put({9, data, 0, 64 + 128 + 1 + 4}).put("bytes").put({12, 0});
    pieces.put({9, data, 0, 7}).put("of data").exec(update, "x").put({13, 0, 1, 14, 0, 14, 1});
    pieces.put({2, both_url, 0, 1}).put("u").put({4, 1, 0});
    write(flash + "pieces", pieces);
  }
  DmSteps requests(0);
  requests.put({0, 1, 0, 0, 15, 21}).put(std::string(21, 'r')).put({16, 14, 1, 8, 0, 205});
  requests.put({17, 4}).add(data, "package").put({17, 0, 16, 17, 8, 8, 1, 0, 17, 0, 19, 1, 0});
  write("requests-and-mishaps", requests);
  const Bytes content = dm_record_content();
  DmSteps forged(2);
  forged.put(little_endian(content.size(), 2)).put({1}).put(content).put({16, 13, 0, 0, 14, 1});
  write("record", forged);
}

void write_inventories() {
  const std::string empty = R"({"schema": 1, "packages": []})";
  const auto report = [](const std::string& version, const std::string& more) {
    return R"({"schema": 1, "device": {"vendor": "v", "model": "m", "hardware": 3, )"
           R"("ram_bytes": 100000, "scratch_bytes": 0}, "packages": [{"package_id": "a", )"
           R"("version": ")" +
           version + R"(", "active_slot": "A", "state": "installed", "security_counter": 1)" +
           more + "}]}";
  };
  const std::string slots = R"(, "slots": {"count": 2, "bytes": 4096, "rewrite_unit_bytes": 1024, )"
                            R"("program_unit_bytes": 16})";
  const auto digest = [](char build) {
    return R"(, "image_digest": ")" + std::string(63, '0') + build + '"';
  };
  write_seed("fuzz_inventory", "empty", to_bytes(empty));
  write_seed("fuzz_inventory", "factory", to_bytes(report("1", digest('0'))));
  write_seed("fuzz_inventory", "slots", to_bytes(report("1", digest('1') + slots)));
  write_seed("fuzz_inventory", "other-build", to_bytes(report("2", digest('2') + slots)));
  write_seed("fuzz_inventory", "other-device",
             to_bytes(report("1", slots).replace(report("1", slots).find("\"v\""), 3, "\"w\"")));
}

// [who signs u8][document, or its fields].
void write_keyrings() {
  Keyring next = sample_keyring();
  next.version = 2;
  const auto write = [](const char* name, unsigned signers, const Keyring& keyring) {
    Bytes seed = {static_cast<std::uint8_t>(signers)};
    const Bytes signed_part = encoded(keyring);
    append(&seed, ByteSpan(signed_part).subspan(package_header_bytes));
    write_seed("fuzz_keyring", name, seed);
  };
  write("next", 0x06, next);
  write("too-few", 0x02, next);
  write("same", 0x06, sample_keyring());
  next.expires_seconds = 5;
  next.reset_count = 2;
  next.resets[0].counter = 1;
  (void)next.resets[1].package_id.assign("com.example.app");
  (void)next.revoke(test_key(90).public_key.id);
  write("every-field", 0x0e, next);
  next.roots.erase(test_key(3).public_key.id);
  (void)next.roots.insert(key_in_role(4, KeyRole::any));
  next.releases.erase(test_key(11).public_key.id);
  write("rotated", 0x16, next);
  Bytes document = {0};
  append(&document, signed_keyring(next, {1, 2}));
  write_seed("fuzz_keyring", "document", document);
}

// [options u8][cut u16][super package]: as they are; with a requirement; one member twice.
void write_supers() {
  const Product& product = fuzz_product();
  const auto write = [](const std::string& name, std::uint8_t options, std::uint8_t cut,
                        ByteSpan file) {
    write_seed("fuzz_super", name, concat({Bytes{options, cut, 0}, file}));
  };
  const Bytes& whole = product.super().file;
  write("whole", 0, 9, whole);
  write("whole-cut-late", 0, 70, whole);
  write("liar", 1, 20, whole);
  write("unmended", 3, 40, whole);
  SuperPlan plan;
  plan.facts = product.facts();
  (void)plan.facts.release.assign("2");
  const std::string_view versions[] = {"1.0", "2.0"};
  plan.requirements = {requirement_of("com.example.kernel", versions)};
  plan.members = {product.parts()[1].package};
  write("required", 0, 30, make_super(plan).file);
  const RomPart& kernel = product.parts()[0];
  plan.requirements.clear();
  plan.members = {kernel.package, product.build(kernel, {}, kernel.target, "2.0")};
  write("alternatives", 2, 5, make_super(plan).file);
}

}  // namespace
}  // namespace romdelta::test

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: make_fuzz_seeds DIRECTORY\n";
    return 2;
  }
  using namespace romdelta::test;
  seeds_directory = argv[1];
  write_manifests_heads_and_sessions();
  write_chunks();
  write_context_chunks();
  write_maps();
  write_plans();
  write_scripts();
  write_controls();
  write_inventories();
  write_journals();
  write_key_texts();
  write_dm_adapters();
  write_keyrings();
  write_supers();
  return 0;
}
