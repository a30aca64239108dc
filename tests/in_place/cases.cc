#include "tests/in_place/cases.h"

#include <algorithm>
#include <memory>
#include <stdexcept>

#include "pkgtool/packager.h"
#include "tests/support/linked_image.h"

namespace romdelta::test {
namespace {

// Blocks of 3000 bytes in the other order: each is needed where another one is written.
Bytes turned_around(ByteSpan image) {
  Bytes turned;
  for (std::size_t end = image.size(); end != 0;) {
    const std::size_t begin = end - std::min<std::size_t>(end, 3000);
    append(&turned, image.subspan(begin, end - begin));
    end = begin;
  }
  return turned;
}

std::vector<InPlaceCase> make_cases() {
  std::vector<InPlaceCase> cases;
  const auto add = [&](const char* name, Bytes source, Bytes target) -> InPlaceCase& {
    cases.push_back({name, std::move(source), std::move(target)});
    return cases.back();
  };
  const Bytes image = make_image(20'000, 1);
  add("small", image, revise(image, 20'000, 2));
  Bytes moved = turned_around(image);
  add("moved", image, moved);
  InPlaceCase& tight = add("tight", image, revise(turned_around(image), 20'000, 3));
  tight.scratch_bytes = 4 * 1024;

  Bytes with_holes = make_image(48 * 1024, 4);
  for (const std::size_t group : {3u, 4u, 17u, 30u, 31u}) {
    std::fill_n(with_holes.begin() + static_cast<std::ptrdiff_t>(group * 1024), 1024,
                group == 17 ? std::uint8_t{0} : std::uint8_t{0xff});
  }
  // Everything but the holes turns around.
  Bytes turned = turned_around(with_holes);
  for (const std::size_t group : {3u, 4u, 17u, 30u, 31u}) {
    std::fill_n(turned.begin() + static_cast<std::ptrdiff_t>(group * 1024), 1024,
                group == 17 ? std::uint8_t{0} : std::uint8_t{0xff});
  }
  add("holes", with_holes, turned).scratch_bytes = 3 * 1024;

  Bytes grown = revise(image, 31'000, 5);
  grown.insert(grown.begin() + 5000, 700, std::uint8_t{0x33});
  add("larger", image, grown).scratch_bytes = 8 * 1024;
  Bytes shrunk(image.begin() + 2500, image.end() - 6000);
  add("smaller", image, shrunk);
  Bytes last = image;
  last.resize(19'457);  // One byte beyond a group.
  last[19'456] ^= 1;
  last[100] ^= 1;
  add("short", image, last);

  LinkPlan plan;
  plan.function_count = 600;
  const Bytes linked = link_image(plan);
  plan.grown_words.assign(600, 0);
  for (const std::size_t function : {40u, 200u, 350u, 500u}) plan.grown_words[function] = 24;
  InPlaceCase& map = add("map", linked, link_image(plan));
  map.scratch_bytes = 5 * 1024;
  map.ram_bytes = 512 * 1024;

  const Bytes large = make_image(150'000, 6);
  InPlaceCase& nand = add("nand", large, revise(turned_around(large), 155'000, 7));
  nand.flash = nand_geometry;
  nand.erase_block_bytes = 8192;
  nand.program_unit_bytes = 2048;
  nand.scratch_bytes = 5 * 8192;
  nand.ram_bytes = 512 * 1024;
  InPlaceCase& disk = add("disk", image, revise(turned_around(image), 21'000, 8));
  disk.flash = disk_geometry;
  disk.erase_block_bytes = 2048;
  disk.program_unit_bytes = 512;
  disk.scratch_bytes = 4 * 2048;
  return cases;
}

struct Cancel {
  std::uint32_t groups_left = 0;
  static bool progress(void* context, const Progress& progress) {
    auto* self = static_cast<Cancel*>(context);
    if (progress.stage != Progress::Stage::apply) return true;
    return self->groups_left-- > 1;
  }
};

}  // namespace

void PrintTo(const InPlacePackage* package, std::ostream* out) { *out << package->made_for.name; }

Bytes build_package(const InPlaceCase& the_case, const BuildOptions& options) {
  pkgtool::BuildRequest request;
  request.package_id = options.package_id;
  if (!the_case.source.empty()) {
    request.source = pkgtool::SourceImage{the_case.source, options.source_version};
  }
  request.target = the_case.target;
  request.target_version = options.target_version;
  request.order.security_counter = options.security_counter;
  request.layout = options.layout;
  request.encoder.ram_bytes_max = the_case.ram_bytes;
  request.encoder.erase_block_bytes = the_case.erase_block_bytes;
  request.encoder.program_unit_bytes = the_case.program_unit_bytes;
  request.encoder.scratch_bytes = the_case.scratch_bytes;
  request.full_if_smaller = false;
  const pkgtool::UnsignedPackage package = pkgtool::build_package(request, {});
  SignatureList signatures;
  if (!signatures.insert(sign(test_key(1), package.digest()))) throw std::logic_error("sign");
  return pkgtool::assemble(package, signatures);
}

Bytes full_package(const InPlaceCase& the_case) {
  InPlaceCase full = the_case;
  full.source.clear();
  full.ram_bytes = 200 * 1024;
  BuildOptions options;
  options.target_version = "3.0";
  return build_package(full, options);
}

const std::vector<const InPlacePackage*>& in_place_packages() {
  static const auto all = [] {
    std::vector<const InPlacePackage*> packages;
    for (InPlaceCase& each : make_cases()) {
      // Kept for as long as the program runs: tests are parametrised with it.
      static std::vector<std::unique_ptr<InPlacePackage>> kept;
      auto* package = kept.emplace_back(std::make_unique<InPlacePackage>()).get();
      package->file = build_package(each);
      package->made_for = std::move(each);
      if (inspect_head(package->file, &package->head) != Status::ok) {
        throw std::logic_error(package->made_for.name);
      }
      packages.push_back(package);
    }
    return packages;
  }();
  return all;
}

const InPlacePackage& in_place_package(const std::string& name) {
  for (const InPlacePackage* each : in_place_packages()) {
    if (each->made_for.name == name) return *each;
  }
  throw std::logic_error("no case is called " + name);
}

std::unique_ptr<TestDevice> device_for(const InPlaceCase& the_case) {
  DeviceShape shape;
  shape.slots = the_case.flash;
  shape.scratch_bytes = the_case.scratch_bytes;
  shape.has_slot_b = false;
  const std::size_t image_bytes = std::max(the_case.source.size(), the_case.target.size());
  shape.slot_bytes = round_up(image_bytes, the_case.erase_block_bytes);
  auto device = std::make_unique<TestDevice>(shape);
  device->provision(the_case.source, "1.0");
  return device;
}

bool run_until_cut(TestDevice* device, ByteSpan file, std::uint64_t operations,
                   FaultPlan::Effect effect, Status* status) {
  device->faults.reset();
  device->faults.fail_at = operations;
  device->faults.for_good = true;
  device->faults.effect = effect;
  *status = run_session(device, file).status;
  const bool fired = device->faults.fired;
  device->faults.reset();
  return fired;
}

bool run_until_group(TestDevice* device, ByteSpan file, std::uint32_t groups) {
  Cancel cancel{groups};
  RunOptions options;
  options.session.progress = &Cancel::progress;
  options.session.progress_context = &cancel;
  return run_session(device, file, options).status == Status::cancelled;
}

std::uint64_t operation_count(const InPlacePackage& package) {
  const auto device = device_for(package.made_for);
  if (run_session(device.get(), package.file).status != Status::ok) {
    throw std::logic_error("the package cannot be installed");
  }
  return device->faults.total();
}

FlashContent content_of(TestDevice* device) {
  return {device->slot_memory(Slot::a), device->scratch_memory(), device->journal_memory(),
          device->inventory_memory()};
}

// The flashes refer to these very buffers.
void set_content(TestDevice* device, const FlashContent& content) {
  std::ranges::copy(content.slot, device->slot_memory(Slot::a).begin());
  std::ranges::copy(content.scratch, device->scratch_memory().begin());
  std::ranges::copy(content.journal, device->journal_memory().begin());
  std::ranges::copy(content.inventory, device->inventory_memory().begin());
}

}  // namespace romdelta::test
