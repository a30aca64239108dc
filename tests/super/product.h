// A product of six ROM packages on simulated flash, and a super package that brings it from one
// release to the next: A/B and in place, deltas and full packages.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "installer/super_session.h"
#include "pkgtool/flash_simulator.h"
#include "tests/support/super_maker.h"

namespace romdelta::test {

// One ROM package and its two releases.
struct RomPart {
  std::string id;
  Layout layout = Layout::ab;
  bool is_delta = true;
  Bytes source;
  Bytes target;
  std::uint64_t slot_bytes = 0;
  std::uint64_t slot_a_at = 0;  // In the simulator's part slot_a, and for A/B in slot_b.
  std::uint64_t slot_b_at = 0;
  Bytes package;  // Source to target.
};

struct ProductOptions {
  pkgtool::SimulatedGeometry geometry;
  double scale = 1;  // Of the images.
  std::string member_of;
  std::vector<std::size_t> only;  // Which parts; empty: all.
};

// Everything that does not depend on what lies on flash.
class Product {
 public:
  explicit Product(const ProductOptions& options);

  const std::vector<RomPart>& parts() const { return parts_; }
  const pkgtool::SimulatedShape& shape() const { return shape_; }
  const MadeSuper& super() const { return super_; }
  std::uint64_t ram_bytes() const { return ram_bytes_; }
  // A package for one ROM package, of any layout; an empty source: a full one.
  Bytes build(const RomPart& part, ByteSpan source, ByteSpan target, std::string_view version,
              std::string_view source_version = "1.0") const;
  // Members in the order of their parts, all alternatives of one beside each other.
  MadeSuper super_of(const std::vector<Bytes>& members, const SuperFacts& facts) const;
  SuperFacts facts() const;

 private:
  void add(const char* id, Layout layout, bool is_delta, double blocks, std::uint64_t seed);
  void place();

  ProductOptions options_;
  std::vector<RomPart> parts_;
  pkgtool::SimulatedShape shape_;
  MadeSuper super_;
  std::uint64_t ram_bytes_ = 0;
};

// Which release the inventory says that all ROM packages have.
enum class ProductSet { source, target, other };

struct InstallResult {
  Status status = Status::internal;
  bool already_installed = false;
  std::size_t resumed_at_member = SuperSession::no_member;
  std::vector<MemberState> states;
  std::vector<Status> statuses;
  std::uint64_t fetched_bytes = 0;  // That the session wanted.
  std::size_t arena_used_bytes = 0;
};

// A device of this product. What lies on its flash is simulator().storage().
class ProductDevice {
 public:
  explicit ProductDevice(const Product& product);
  ProductDevice(const ProductDevice&) = delete;
  ProductDevice& operator=(const ProductDevice&) = delete;

  // The first release everywhere; other bytes wherever nothing is promised.
  const pkgtool::SimulatedStorage& provisioned();
  pkgtool::FlashSimulator& simulator() { return simulator_; }
  const Product& product() const { return product_; }
  Device& device() { return device_; }

  void boot(pkgtool::SimulatedStorage storage) { simulator_.boot(std::move(storage)); }
  // One boot: installs with a SuperSession, or a Session, in memory that held something else.
  InstallResult install_super(ByteSpan file, std::size_t arena_bytes = 0,
                              std::size_t piece_bytes = ~std::size_t{0});
  Status install_package(ByteSpan file);

  // What the inventory names, and whether what it names is there. Reads without an engine.
  std::vector<InventoryRecord> records(const pkgtool::SimulatedStorage& storage);
  std::optional<JournalRecord> newest(const pkgtool::SimulatedStorage& storage);
  ProductSet set_of(const pkgtool::SimulatedStorage& storage);
  // Empty: the inventory names one release, and every slot that may be started holds it. With
  // `is_idle` those in place, too.
  std::string fault_of(const pkgtool::SimulatedStorage& storage, bool is_idle);
  Bytes image(const pkgtool::SimulatedStorage& storage, const RomPart& part, Slot slot,
              std::size_t bytes);

 private:
  const Product& product_;
  pkgtool::FlashSimulator simulator_;
  pkgtool::FlashSimulator inspector_;
  std::vector<RomRegion> regions_;
  Device device_;
  TestKey key_ = test_key(1);
  std::optional<pkgtool::SimulatedStorage> provisioned_;
  std::vector<std::uint64_t> arena_;
  Bytes record_buffer_;
};

}  // namespace romdelta::test
