// Writes the golden packages of the current format version into a directory that does not exist
// yet. README.md says when: once for each format version.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>
#include <utility>
#include <vector>

#include "installer/cli/key_text.h"
#include "pkgtool/packager.h"
#include "tests/golden/description.h"
#include "tests/support/linked_image.h"
#include "tests/support/package_maker.h"
#include "tests/support/random.h"

namespace romdelta::test {
namespace {

namespace fs = std::filesystem;

void write_file(const fs::path& path, ByteSpan bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  if (!file.flush()) throw std::runtime_error("cannot write " + path.string());
}

struct Request {
  Request(const char* a_name, std::optional<Bytes> a_source, Bytes a_target)
      : name(a_name), source(std::move(a_source)), target(std::move(a_target)) {}

  const char* name;
  std::optional<Bytes> source;
  Bytes target;
  std::uint64_t ram_bytes = 1 << 20;
  std::vector<TestKey> keys = {test_key(1)};
  DeviceFilter device;
  std::uint64_t security_counter = 0;
  Layout layout = Layout::ab;
  std::uint64_t scratch_bytes = 0;
};

Bytes build(const Request& request) {
  pkgtool::BuildRequest build;
  build.package_id = "com.example.app";
  if (request.source) build.source = pkgtool::SourceImage{*request.source, "1.0"};
  build.target = request.target;
  build.target_version = "2.0";
  build.device = request.device;
  build.order.security_counter = request.security_counter;
  build.encoder.ram_bytes_max = request.ram_bytes;
  build.encoder.erase_block_bytes = 1024;
  build.full_if_smaller = false;
  build.layout = request.layout;
  build.encoder.scratch_bytes = request.scratch_bytes;
  const bool is_delta_in_place = request.source && request.layout == Layout::in_place;
  build.codec = is_delta_in_place ? Codec::context : Codec::zstd;
  const pkgtool::UnsignedPackage package = pkgtool::build_package(build, {});
  SignatureList signatures;
  for (const TestKey& key : request.keys) {
    if (!signatures.insert(sign(key, package.digest()))) throw std::logic_error("sign");
  }
  return pkgtool::assemble(package, signatures);
}

// The test suite's own encoder, with the budgets that docs/format.md section 4.3 asks for.
Bytes build_by_hand(const PackagePlan& plan) {
  const MadePackage made = make_package(plan);
  Manifest manifest = made.manifest;
  const std::uint64_t target_bytes = manifest.target.bytes;
  manifest.budgets.journal_bytes = 64 * (2 + std::uint64_t{manifest.chunk_count} - 1);
  manifest.budgets.flash_write_bytes = round_up(target_bytes, manifest.group_bytes);
  manifest.budgets.erase_count =
      round_up(target_bytes, manifest.erase_block_bytes) / manifest.erase_block_bytes;
  manifest.budgets.redo_bytes = target_bytes;
  const TestKey key = test_key(1);
  return assemble(manifest, made.payload, {&key, 1}).file;
}

void write_golden(const fs::path& directory, const std::string& name,
                  const std::optional<Bytes>& source, const Bytes& target, const Bytes& package) {
  PackageHead head;
  if (inspect_head(package, &head) != Status::ok) throw std::logic_error(name);
  write_file(directory / (name + ".pku"), package);
  if (source) write_file(directory / (name + ".source"), *source);
  write_file(directory / (name + ".target"), target);
  write_file(directory / (name + ".txt"), to_bytes(describe(head)));
}

void write_all(const fs::path& directory) {
  const Bytes source = make_image(6000, 41);
  const Bytes target = revise(source, 6300, 42);
  DeviceFilter filter;
  (void)filter.vendor.assign("example");
  (void)filter.model.assign("x1");
  filter.has_hardware_range = true;
  filter.hardware_min = 2;
  filter.hardware_max = 5;
  const Bytes wide_source = make_image(24'000, 44);
  const Bytes wide_target = revise(wide_source, 25'000, 45);
  std::vector<Request> requests = {
      {"full", {}, make_image(3000, 43)},   {"delta", source, target},
      {"chunks", wide_source, wide_target}, {"empty", source, {}},
      {"unchanged", source, source},        {"two-keys", source, target},
      {"filtered", source, target}};
  requests[0].ram_bytes = 116'000;
  requests[2].ram_bytes = 116'000;
  requests[5].keys = {test_key(1), test_key(2)};
  requests[6].device = filter;
  requests[6].security_counter = 9;
  // Both halves change places, around a hole that is lent.
  Bytes before = make_image(20'480, 46);
  std::fill_n(before.begin() + 10'240, 2048, std::uint8_t{0xff});
  Bytes after = before;
  std::rotate(after.begin(), after.begin() + 5000, after.begin() + 10'240);
  std::rotate(after.begin() + 12'288, after.begin() + 15'000, after.end());
  after.resize(20'000);
  requests.emplace_back("in-place", before, after);
  requests.back().layout = Layout::in_place;
  requests.back().scratch_bytes = 4096;
  requests.emplace_back("in-place-full", std::nullopt, after);
  requests.back().layout = Layout::in_place;
  for (const Request& request : requests) {
    write_golden(directory, request.name, request.source, request.target, build(request));
  }
  PackagePlan plan;
  plan.source = source;
  plan.target = target;
  plan.chunk_bytes = 90;
  write_golden(directory, "deep", source, target, build_by_hand(plan));
  plan.chunk_bytes = 2048;
  plan.coding = Coding::context;
  write_golden(directory, "context", source, target, build_by_hand(plan));
  plan.source = link_image({});
  plan.map = ReferenceMap{0x08000000,
                          {{0, 0}},
                          {{0, rules::absolute64}, {8 * 200, rules::a64}},
                          {},
                          {{0, 0}, {5000, 16}, {9000, 0u - 8}, {20'000, 4096}}};
  plan.target = reference_rebase(plan.source, *plan.map);
  for (std::size_t i = 100; i < plan.target.size(); i += 3000) plan.target[i] ^= 0x55;
  plan.chunk_bytes = 8192;
  write_golden(directory, "map", plan.source, plan.target, build_by_hand(plan));
  plan.map.reset();
  plan.source = source;
  plan.target = target;
  plan.chunk_bytes = 2048;
  plan.coding = Coding::stored;
  write_golden(directory, "stored", source, target, build_by_hand(plan));
  const std::string one = cli::format_public_key(test_key(1).public_key);
  const std::string two = cli::format_public_key(test_key(2).public_key);
  write_file(directory.parent_path() / "one.pub", to_bytes(one));
  write_file(directory.parent_path() / "two.pub", to_bytes(two));
}

}  // namespace
}  // namespace romdelta::test

int main(int argc, char** argv) {
  if (argc != 2 || std::filesystem::exists(argv[1])) {
    std::cerr << "usage: make_golden DIRECTORY\nThe directory must not exist.\n";
    return 2;
  }
  std::filesystem::create_directories(argv[1]);
  romdelta::test::write_all(argv[1]);
  return 0;
}
