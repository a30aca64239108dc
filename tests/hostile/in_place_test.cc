// Updates in place that mean harm: plans that somebody signed without counting right, and scratch
// and slots that hold what an attacker put there while the update was interrupted. Whatever they
// do, nothing but the target is ever named active, and a full package repairs the device.
#include <gtest/gtest.h>

#include <algorithm>

#include "installer/spill_space.h"
#include "tests/hostile/tally.h"
#include "tests/in_place/cases.h"
#include "tests/support/package_maker.h"
#include "tests/support/plan_stream.h"
#include "tests/support/random.h"

namespace romdelta::test {
namespace {

class HostileInPlace : public ::testing::Test {
 protected:
  const Manifest& manifest() const { return package.manifest(); }
  std::size_t plan_at() const { return package.head.head_bytes + manifest().map.bytes; }
  Bytes plan() const {
    return to_bytes(ByteSpan(package.file).subspan(plan_at(), manifest().plan.bytes));
  }

  // The package with another plan, signed.
  template <typename Change>
  Bytes with_plan(ByteSpan plan_bytes, Change change) const {
    Manifest m = manifest();
    m.payload_bytes += plan_bytes.size();
    m.payload_bytes -= m.plan.bytes;
    m.plan.bytes = static_cast<std::uint32_t>(plan_bytes.size());
    m.plan.digest = digest_of(DigestDomain::plan, plan_bytes);
    change(&m);
    m.budgets.ram_bytes = arena_bytes_needed(m);
    const TestKey key = test_key(1);
    Bytes file = make_head(m, {&key, 1});
    append(&file, ByteSpan(package.file).subspan(package.head.head_bytes, manifest().map.bytes));
    append(&file, plan_bytes);
    append(&file, ByteSpan(package.file).subspan(plan_at() + manifest().plan.bytes));
    return file;
  }
  Bytes with_plan(ByteSpan plan_bytes) const {
    return with_plan(plan_bytes, [](Manifest*) {});
  }

  // Runs `file`; what must hold afterwards, whatever came of it.
  Status judge(TestDevice* device, ByteSpan file) {
    ++tally().tried;
    const Status status = run_session(device, file).status;
    if (status == Status::ok) {
      const bool is_right = device->active_image() == package.made_for.target;
      EXPECT_TRUE(is_right);
      ++(is_right ? tally().refused : tally().accepted);
      return status;
    }
    ++tally().refused;
    EXPECT_EQ(device->installed().version.view(), "1.0");
    EXPECT_EQ(run_session(device, full).status, Status::ok) << "after " << to_string(status);
    EXPECT_TRUE(device->active_image() == package.made_for.target);
    return status;
  }
  // The same for a fresh device. A plan that cannot be read is refused before anything is written.
  Status judge(ByteSpan file) {
    const auto device = device_for(package.made_for);
    return judge(device.get(), file);
  }

  // A device that was cut in the middle.
  std::unique_ptr<TestDevice> cut_device() {
    auto device = device_for(package.made_for);
    const auto groups =
        static_cast<std::uint32_t>(pick(&random, 1, manifest().plan.step_count - 1));
    EXPECT_TRUE(run_until_group(device.get(), package.file, groups));
    return device;
  }

  // A fragment as the engine would write it, but with any content.
  void forge_fragment(MutableByteSpan block, std::uint32_t key, std::uint32_t offset,
                      std::uint32_t sequence, ByteSpan content, std::uint32_t claimed_bytes) {
    Bytes header = written_by([&](ByteWriter* writer) {
      writer->u32(0x31534452);
      writer->u32(key);
      writer->u32(offset);
      writer->u32(claimed_bytes);
      writer->u32(sequence);
    });
    ChecksumStream checksum;
    checksum.update(package.head.manifest_digest.value);
    checksum.update(header);
    append(&header, written_by([&](ByteWriter* writer) {
      writer->u32(static_cast<std::uint32_t>(checksum.finish().value));
    }));
    const Bytes trailer =
        written_by([&](ByteWriter* writer) { writer->u64(checksum_of(content).value); });
    const Bytes all = concat({header, content, trailer});
    std::copy_n(all.begin(), std::min(all.size(), block.size()), block.begin());
  }

  const InPlacePackage& package = in_place_package("holes");
  Bytes full = full_package(package.made_for);
  Random random{63};
};

TEST_F(HostileInPlace, PlanOfWhichAnyByteWasChangedIsRefusedOrDoesWhatItSays) {
  const Bytes good = plan();
  ASSERT_EQ(judge(with_plan(good)), Status::ok);
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (const unsigned by : {0x01u, 0x80u, 0xffu}) {
      Bytes bad = good;
      bad[i] ^= static_cast<std::uint8_t>(by);
      (void)judge(with_plan(bad));
    }
  }
}

TEST_F(HostileInPlace, PlanOfAnyBytesIsRefused) {
  for (int round = 0; round < 300; ++round) {
    EXPECT_NE(judge(with_plan(random_bytes(&random, pick(&random, 1, 200)))), Status::ok);
  }
}

// Well-formed, but made up: other orders, holes and stashes than the chunks were made for.
TEST_F(HostileInPlace, PlanThatIsMadeUpIsRefusedOrNoticed) {
  const Manifest& m = manifest();
  const auto groups = static_cast<std::uint32_t>(m.group_count());
  for (int round = 0; round < 200; ++round) {
    std::vector<std::uint32_t> order(groups);
    for (std::uint32_t i = 0; i < groups; ++i) order[i] = i;
    std::ranges::shuffle(order, random);
    std::vector<std::uint32_t> holes(order.end() - m.plan.hole_count, order.end());
    std::ranges::sort(holes);
    order.resize(m.plan.step_count);
    PlanStream stream;
    for (const std::uint32_t hole : holes) {
      stream.hole(hole, static_cast<std::uint8_t>(pick(&random, 0, 255)));
    }
    std::uint64_t rewritten = 0;
    for (const std::uint32_t group : order) {
      rewritten += std::min<std::uint64_t>(m.group_bytes,
                                           m.target.bytes - std::uint64_t{group} * m.group_bytes);
    }
    ASSERT_EQ(m.chunk_count, 1u);
    stream.chunk({m.plan.step_count, static_cast<std::uint32_t>(pick(&random, 1, 4000)),
                  static_cast<std::uint32_t>(random())},
                 order);
    for (std::uint32_t i = 0; i < m.plan.step_count; ++i) {
      const bool keeps = i + 3 < m.plan.step_count && pick(&random, 0, 3) == 0;
      if (keeps) {
        const auto first = static_cast<std::uint32_t>(pick(&random, 0, 15));
        stream.step({{first, static_cast<std::uint32_t>(pick(&random, 1, 16 - first))}},
                    static_cast<std::uint32_t>(pick(&random, 1, 3)));
      } else {
        stream.step();
      }
    }
    const Bytes bytes = stream.finish();
    EXPECT_NE(judge(with_plan(bytes,
                              [&](Manifest* changed) {
                                changed->plan.rewritten_bytes = rewritten;
                                changed->plan.kept_count_max = 100;
                              })),
              Status::ok);
  }
}

TEST_F(HostileInPlace, NumbersOfThePlanFieldAreRefusedOrKept) {
  const auto change = [&](auto number) {
    for (const std::uint32_t value : {0u, 1u, 2u, 3u, 1000u, 65'536u, 0xffffffffu}) {
      (void)judge(with_plan(plan(), [&](Manifest* m) { m->plan.*number = value; }));
      if (HasFailure()) ADD_FAILURE() << value;
    }
  };
  change(&PlanIdentity::step_count);
  change(&PlanIdentity::chunk_steps_max);
  change(&PlanIdentity::hole_count);
  change(&PlanIdentity::kept_count_max);
  change(&PlanIdentity::fragment_count_max);
  change(&PlanIdentity::reserve_blocks);
  change(&PlanIdentity::program_unit_bytes);
  change(&PlanIdentity::block_erase_count);
}

TEST_F(HostileInPlace, FragmentsThatAreForgedAreHarmlessOrNoticed) {
  for (int round = 0; round < 300; ++round) {
    const auto device = cut_device();
    const JournalRecord record = *device->newest_record();
    Bytes& scratch = device->scratch_memory();
    for (auto count = pick(&random, 1, 3); count != 0; --count) {
      const std::size_t block = pick(&random, 0, scratch.size() / 1024 - 1) * 1024;
      const auto kind = static_cast<SpillKind>(pick(&random, 0, 3));  // Also one there is not.
      const std::uint32_t index = kind == SpillKind::script ? 0 : record.next;
      const Bytes content = random_bytes(&random, pick(&random, 0, 992));
      const auto claimed = pick(&random, 0, 4) == 0 ? static_cast<std::uint32_t>(random())
                                                    : static_cast<std::uint32_t>(content.size());
      const auto offset = pick(&random, 0, 2) == 0 ? static_cast<std::uint32_t>(random())
                                                   : static_cast<std::uint32_t>(0);
      const auto sequence = record.spill_sequence -
                            static_cast<std::uint32_t>(pick(&random, 0, 1)) +
                            static_cast<std::uint32_t>(pick(&random, 0, 1));
      forge_fragment(MutableByteSpan(scratch).subspan(block, 1024), spill_key(kind, index), offset,
                     sequence, content, claimed);
    }
    if (pick(&random, 0, 2) == 0) {
      std::ranges::fill(device->journal_memory(), std::uint8_t{0xff});
    }
    (void)judge(device.get(), package.file);
    if (HasFailure()) return;
  }
}

// Every key that there is, each in a block of its own or many in one.
TEST_F(HostileInPlace, ScratchFullOfForgedFragmentsIsHarmlessOrNoticed) {
  for (int round = 0; round < 100; ++round) {
    const auto device = cut_device();
    const JournalRecord record = *device->newest_record();
    Bytes& scratch = device->scratch_memory();
    const std::size_t content_bytes = 8 * pick(&random, 0, 30);
    for (std::size_t block = 0; block < scratch.size(); block += 1024) {
      std::uint32_t offset = 0;
      for (std::size_t at = 0; at + content_bytes + 32 <= 1024; at += content_bytes + 32) {
        forge_fragment(MutableByteSpan(scratch).subspan(block + at, 1024 - at),
                       spill_key(SpillKind::script, 0), offset, record.spill_sequence,
                       random_bytes(&random, content_bytes),
                       static_cast<std::uint32_t>(content_bytes));
        offset += static_cast<std::uint32_t>(pick(&random, 1, content_bytes + 1));
      }
    }
    (void)judge(device.get(), package.file);
    if (HasFailure()) return;
  }
}

TEST_F(HostileInPlace, SlotThatSomebodyChangedMeanwhileIsNoticed) {
  for (int round = 0; round < 100; ++round) {
    const auto device = cut_device();
    Bytes& slot = device->slot_memory(Slot::a);
    const std::size_t group = pick(&random, 0, slot.size() / 1024 - 1) * 1024;
    std::ranges::copy(random_bytes(&random, 1024),
                      slot.begin() + static_cast<std::ptrdiff_t>(group));
    (void)judge(device.get(), package.file);
    if (HasFailure()) return;
  }
}

// The target is there already, but for the journal and the inventory.
TEST_F(HostileInPlace, SlotThatHoldsTheTargetIsTakenForWhatItIs) {
  const auto device = device_for(package.made_for);
  std::ranges::copy(package.made_for.target, device->slot_memory(Slot::a).begin());
  EXPECT_EQ(judge(device.get(), package.file), Status::ok);
}

}  // namespace
}  // namespace romdelta::test
