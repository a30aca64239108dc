// Bits that change on the flash between two sessions: they do no harm or are noticed, and nothing
// that is not the target is ever named active.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/in_place/cases.h"
#include "tests/support/random.h"

namespace romdelta::test {
namespace {

class InPlaceDamage : public ::testing::TestWithParam<const InPlacePackage*> {
 protected:
  const InPlaceCase& the_case() const { return GetParam()->made_for; }
  const Bytes& file() const { return GetParam()->file; }

  // Damages a device that was cut, and judges what becomes of it.
  template <typename Damage>
  void expect_noticed(TestDevice* device, Damage damage) {
    damage();
    const Status status = run_session(device, file()).status;
    if (status == Status::ok) {
      ++harmless;
      ASSERT_TRUE(device->active_image() == the_case().target) << "accepted";
      return;
    }
    ++noticed;
    ASSERT_TRUE(status == Status::source_damaged || status == Status::target_mismatch ||
                status == Status::wrong_source || status == Status::malformed_chunk ||
                status == Status::scratch_too_small)  // What is saved again needs room again.
        << to_string(status);
    ASSERT_EQ(device->installed().version.view(), "1.0");
    ASSERT_EQ(run_session(device, full).status, Status::ok) << "after " << to_string(status);
    ASSERT_TRUE(device->active_image() == the_case().target);
  }
  void flip(Bytes* memory) {
    (*memory)[pick(&random, 0, memory->size() - 1)] ^=
        static_cast<std::uint8_t>(1u << pick(&random, 0, 7));
  }
  std::unique_ptr<TestDevice> cut_device() {
    auto device = device_for(the_case());
    Status status = Status::internal;
    // Not before the first group and not after the last.
    do {
      device->provision(the_case().source, "1.0");
      std::ranges::fill(device->journal_memory(), std::uint8_t{0xff});
      (void)run_until_cut(device.get(), file(), pick(&random, operations / 4, operations - 1),
                          static_cast<FaultPlan::Effect>(pick(&random, 0, 2)), &status);
    } while (status == Status::ok || !device->newest_record() ||
             device->installed().version.view() != "1.0");
    return device;
  }

  Random random = seeded_random();
  Bytes full = full_package(GetParam()->made_for);
  std::uint64_t operations = operation_count(*GetParam());
  int harmless = 0;
  int noticed = 0;
};

TEST_P(InPlaceDamage, OfTheScratchIsHarmlessOrNoticed) {
  for (int round = 0; round < 60; ++round) {
    const auto device = cut_device();
    expect_noticed(device.get(), [&] { flip(&device->scratch_memory()); });
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(harmless, 0);
}

TEST_P(InPlaceDamage, OfTheSlotIsHarmlessOrNoticed) {
  for (int round = 0; round < 60; ++round) {
    const auto device = cut_device();
    expect_noticed(device.get(), [&] { flip(&device->slot_memory(Slot::a)); });
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(noticed, 0);
}

TEST_P(InPlaceDamage, OfEverythingIsHarmlessOrNoticed) {
  for (int round = 0; round < 40; ++round) {
    const auto device = cut_device();
    expect_noticed(device.get(), [&] {
      for (int i = 0; i < 20; ++i) flip(&device->scratch_memory());
      for (int i = 0; i < 20; ++i) flip(&device->slot_memory(Slot::a));
    });
    if (HasFatalFailure()) return;
  }
}

TEST_P(InPlaceDamage, OfTheScratchWithoutAJournalIsHarmlessOrNoticed) {
  for (int round = 0; round < 60; ++round) {
    const auto device = cut_device();
    expect_noticed(device.get(), [&] {
      std::ranges::fill(device->journal_memory(), std::uint8_t{0xff});
      flip(&device->scratch_memory());
    });
    if (HasFatalFailure()) return;
  }
}

TEST_P(InPlaceDamage, ThatErasesTheScratchIsHarmlessOrNoticed) {
  for (int round = 0; round < 40; ++round) {
    const auto device = cut_device();
    const bool forgets = pick(&random, 0, 1) == 1;
    expect_noticed(device.get(), [&] {
      std::ranges::fill(device->scratch_memory(), std::uint8_t{0xff});
      if (forgets) std::ranges::fill(device->journal_memory(), std::uint8_t{0xff});
    });
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(noticed, 0);
}

// An older content of the scratch: good fragments, but of a state that is over.
TEST_P(InPlaceDamage, ThatBringsAnOldScratchBackIsHarmlessOrNoticed) {
  for (int round = 0; round < 30; ++round) {
    const auto early = cut_device();
    const auto device = cut_device();
    expect_noticed(device.get(), [&] {
      std::ranges::copy(early->scratch_memory(), device->scratch_memory().begin());
    });
    if (HasFatalFailure()) return;
  }
}

std::string case_name(const ::testing::TestParamInfo<const InPlacePackage*>& info) {
  return info.param->made_for.name;
}
INSTANTIATE_TEST_SUITE_P(Of, InPlaceDamage, ::testing::ValuesIn(in_place_packages()), case_name);

// A chunk is held against the plan when it was unpacked, not when its groups are written.
TEST(InPlaceDamageOfTheSource, IsNoticedBeforeAGroupIsWritten) {
  const InPlacePackage& package = in_place_package("moved");
  std::unique_ptr<TestDevice> device;
  Status status = Status::internal;
  for (std::uint64_t at = 0;; ++at) {
    device = device_for(package.made_for);
    ASSERT_TRUE(run_until_cut(device.get(), package.file, at, FaultPlan::Effect::all, &status));
    if (device->newest_record()) break;
  }
  ASSERT_EQ(device->newest_record()->kind, JournalKind::intent);
  device->faults.reset();
  const MutableByteSpan slot = device->slot_memory(Slot::a);
  for (std::size_t i = 0; i < package.made_for.source.size(); i += 97) slot[i] ^= 1;
  const Bytes before(slot.begin(), slot.end());
  EXPECT_EQ(run_session(device.get(), package.file).status, Status::source_damaged);
  EXPECT_TRUE(std::ranges::equal(slot, before));
}

}  // namespace
}  // namespace romdelta::test
