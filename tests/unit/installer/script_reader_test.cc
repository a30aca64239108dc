// ScriptWriter and ScriptReader: what the one writes the other makes, and nothing else is believed.
#include "installer/script_reader.h"

#include <gtest/gtest.h>

#include "tests/support/random.h"
#include "tests/support/spill_rig.h"

namespace romdelta::test {
namespace {

constexpr std::uint32_t kKey = 2;

struct ByteSink {
  Status append(ByteSpan more) {
    test::append(&bytes, more);
    return status;
  }
  Bytes bytes;
  Status status = Status::ok;
};

// What a section copies.
class CopyLog final : public CopyObserver {
 public:
  Status copies(std::uint64_t position, std::uint64_t count) override {
    positions.push_back(position);
    counts.push_back(count);
    return failure;
  }
  std::vector<std::uint64_t> positions;
  std::vector<std::uint64_t> counts;
  Status failure = Status::ok;
};

// A chunk of made-up copies and literals, and its script.
struct MadeScript {
  Bytes source;
  Bytes target;  // Only the groups that are written count.
  std::vector<std::uint32_t> groups;
  std::uint32_t group_bytes = 256;
  Bytes script;
  std::uint32_t checksum = 0;

  ScriptReader::Section section(std::size_t index) const {
    const ChunkGroups all{groups, group_bytes, target.size()};
    return {all.begin(index), all.bytes(index)};
  }
  ByteSpan group(std::size_t index) const {
    return ByteSpan(target).subspan(section(index).begin, section(index).bytes);
  }
};

class ScriptMaker {
 public:
  ScriptMaker(Random* random, unsigned unit_bytes) : random_(*random), unit_bytes_(unit_bytes) {}

  MadeScript make() {
    MadeScript made;
    made.group_bytes = static_cast<std::uint32_t>(64 * pick(&random_, 1, 6));
    made.source = random_bytes(&random_, pick(&random_, 100, 3000));
    const std::uint64_t target_bytes = pick(&random_, 1, 8 * made.group_bytes);
    made.target.resize(target_bytes);
    for (std::uint32_t group = 0; std::uint64_t{group} * made.group_bytes < target_bytes; ++group) {
      if (pick(&random_, 0, 2) != 0) made.groups.push_back(group);
    }
    if (made.groups.empty()) made.groups.push_back(0);
    ByteSink sink;
    sink.bytes.push_back(static_cast<std::uint8_t>(unit_bytes_));
    ScriptWriter<ByteSink> writer(&sink, unit_bytes_,
                                  {made.groups, made.group_bytes, made.target.size()});
    std::uint64_t left = 0;
    for (std::size_t i = 0; i < made.groups.size(); ++i) left += made.section(i).bytes;
    Bytes output;
    bool may_copy = true;
    while (left != 0) {
      const std::uint64_t count = std::min<std::uint64_t>(left, pick(&random_, 1, 500));
      if (may_copy && pick(&random_, 0, 2) != 0) {
        copy(&made, std::min<std::uint64_t>(count, made.source.size()), &writer, &output);
      } else {
        const Bytes bytes = random_bytes(&random_, count);
        writer.literals(count);
        EXPECT_EQ(writer.append(bytes), Status::ok);
        append(&output, bytes);
      }
      left -= std::min<std::uint64_t>(left, output.size() - made_);
      made_ = output.size();
    }
    made.checksum = writer.output_checksum();
    EXPECT_EQ(made.checksum, static_cast<std::uint32_t>(checksum_of(output).value));
    std::size_t at = 0;
    for (std::size_t i = 0; i < made.groups.size(); ++i) {
      const ScriptReader::Section section = made.section(i);
      std::copy_n(output.begin() + static_cast<std::ptrdiff_t>(at), section.bytes,
                  made.target.begin() + static_cast<std::ptrdiff_t>(section.begin));
      at += section.bytes;
    }
    made.script = sink.bytes;
    return made;
  }

 private:
  // As ContextRun tells it: runs that did not change, and units one by one.
  void copy(MadeScript* made, std::uint64_t count, ScriptWriter<ByteSink>* writer, Bytes* output) {
    const std::uint64_t position = pick(&random_, 0, made->source.size() - count);
    writer->copying(position, count);
    for (std::uint64_t at = 0; at < count;) {
      const std::uint64_t past = (position + at) % unit_bytes_;
      const std::uint64_t step = std::min(count - at, unit_bytes_ - past);
      const ByteSpan source = ByteSpan(made->source).subspan(position + at, step);
      Bytes target = to_bytes(source);
      if (pick(&random_, 0, 5) == 0) add(&target);
      if (pick(&random_, 0, 1) == 0 && target == to_bytes(source)) {
        EXPECT_EQ(writer->append(target), Status::ok);
      } else {
        EXPECT_EQ(writer->change(source, target), Status::ok);
      }
      append(output, target);
      at += step;
    }
  }

  // Few different changes, of all sizes, so that some are met again.
  void add(Bytes* bytes) {
    static constexpr std::uint32_t changes[] = {4,      0u - 4,     127,        0u - 128, 128,
                                                0x1234, 0u - 32768, 0x12345678, 32768,    0};
    std::uint32_t by = changes[pick(&random_, 0, std::size(changes) - 1)];
    if (pick(&random_, 0, 4) == 0) by = static_cast<std::uint32_t>(random_());
    std::uint32_t value = script::little_endian(*bytes) + by;
    for (std::uint8_t& byte : *bytes) {
      byte = static_cast<std::uint8_t>(value);
      value >>= 8;
    }
  }

  Random& random_;
  unsigned unit_bytes_;
  std::size_t made_ = 0;
};

// A script in a spill.
class StoredScript {
 public:
  explicit StoredScript(ByteSpan script)
      : bytes_(static_cast<std::uint32_t>(script.size())), window_(limits::script_window_bytes) {
    SpillShape shape;
    shape.scratch_blocks = 64;
    rig_ = std::make_unique<SpillRig>(shape);
    EXPECT_EQ(rig_->put_phase(kKey, script), Status::ok);
  }
  ScriptReader reader(std::uint32_t more_bytes = 0) {
    return {&*rig_->spill, kKey, bytes_ + more_bytes, window_};
  }
  SpillRig& rig() { return *rig_; }

 private:
  std::uint32_t bytes_;
  Bytes window_;
  std::unique_ptr<SpillRig> rig_;
};

// Bytes of a script, written down one by one.
class Writing {
 public:
  explicit Writing(std::uint8_t unit_bytes = 4) { bytes_.push_back(unit_bytes); }
  Writing& varint(std::uint64_t value) {
    append(&bytes_, written_by([&](ByteWriter* writer) { writer->varint(value); }));
    return *this;
  }
  Writing& raw(const Bytes& bytes) {
    append(&bytes_, bytes);
    return *this;
  }
  Writing& checksum(ByteSpan group) {
    append(&bytes_, written_by([&](ByteWriter* writer) {
      writer->u32(static_cast<std::uint32_t>(checksum_of(group).value));
    }));
    return *this;
  }
  const Bytes& bytes() const { return bytes_; }

 private:
  Bytes bytes_;
};

constexpr std::uint8_t kEnd = script::end_of_copy;
constexpr ScriptReader::Section kSection = {64, 32};

// Makes the group [64, 96) of a target from 200 bytes of source.
Status make(const Bytes& bytes, Bytes* group) {
  StoredScript stored(bytes);
  ScriptReader reader = stored.reader();
  const Status status = reader.begin();
  if (status != Status::ok) return status;
  MemorySource source(make_image(200, 1));
  group->assign(kSection.bytes, 0xee);
  return reader.make(kSection, &source, *group);
}
Status make(const Writing& writing) {
  Bytes group;
  return make(writing.bytes(), &group);
}
Status skip(const Writing& writing) {
  StoredScript stored(writing.bytes());
  ScriptReader reader = stored.reader();
  std::uint32_t checksum = 0;
  const Status status = reader.begin();
  return status == Status::ok ? reader.skip(kSection, &checksum) : status;
}

TEST(Script, MakesWhatItWasWrittenFor) {
  Random random = seeded_random();
  for (int round = 0; round < 400; ++round) {
    const MadeScript made = ScriptMaker(&random, round % 2 == 0 ? 2 : 4).make();
    StoredScript stored(made.script);
    ScriptReader reader = stored.reader();
    ASSERT_EQ(reader.begin(), Status::ok);
    std::vector<std::uint32_t> offsets;
    for (std::size_t i = 0; i < made.groups.size(); ++i) {
      offsets.push_back(reader.offset());
      std::uint32_t checksum = 0;
      ASSERT_EQ(reader.skip(made.section(i), &checksum), Status::ok);
      ASSERT_EQ(checksum, static_cast<std::uint32_t>(checksum_of(made.group(i)).value));
    }
    ASSERT_EQ(reader.offset(), made.script.size()) << "nothing is left";
    MemorySource source(made.source);
    // In any order.
    for (int again = 0; again < 20; ++again) {
      const std::size_t i = pick(&random, 0, made.groups.size() - 1);
      Bytes group(made.section(i).bytes);
      reader.seek(offsets[i]);
      ASSERT_EQ(reader.make(made.section(i), &source, group), Status::ok);
      ASSERT_EQ(group, to_bytes(made.group(i)));
    }
  }
}

TEST(Script, TellsWhichPartsOfTheSourceAreCopied) {
  const Bytes source = make_image(200, 1);
  Writing writing;
  writing.varint(10).varint(2 * 20).raw({kEnd});  // From 64 + 20.
  writing.varint(2).raw({1, 2});
  writing.varint(20).varint(2 * 94 - 1).raw({kEnd});  // From the very beginning.
  StoredScript stored(writing.bytes());
  ScriptReader reader = stored.reader();
  ASSERT_EQ(reader.begin(), Status::ok);
  CopyLog log;
  ASSERT_EQ(reader.report_copies(kSection, &log), Status::ok);
  EXPECT_EQ(log.positions, (std::vector<std::uint64_t>{84, 0}));
  EXPECT_EQ(log.counts, (std::vector<std::uint64_t>{10, 20}));
  log.failure = Status::cancelled;
  reader.seek(1);
  EXPECT_EQ(reader.report_copies(kSection, &log), Status::cancelled);
}

TEST(Script, WriterStopsWhenItsBytesAreNotTaken) {
  const std::uint32_t group = 0;
  ByteSink sink;
  sink.status = Status::scratch_too_small;
  ScriptWriter<ByteSink> writer(&sink, 4, {{&group, 1}, 64, 64});
  writer.literals(10);
  EXPECT_EQ(writer.append(Bytes(10)), Status::scratch_too_small);
  EXPECT_EQ(writer.change(Bytes(4, 1), Bytes(4, 2)), Status::scratch_too_small);
}

TEST(Script, RefusesOtherUnits) {
  for (const unsigned unit : {0u, 1u, 3u, 5u, 8u, 255u}) {
    EXPECT_EQ(make(Writing(static_cast<std::uint8_t>(unit)).varint(0)), Status::malformed_chunk);
  }
  StoredScript stored(Bytes{4});
  SpillRig& rig = stored.rig();
  Bytes window(512);
  EXPECT_EQ(ScriptReader(&*rig.spill, kKey, 0, window).begin(), Status::malformed_chunk);
}

TEST(Script, RefusesSectionsThatMakeTooMuch) {
  EXPECT_EQ(make(Writing().varint(33).varint(0).raw({kEnd})), Status::malformed_chunk);
  EXPECT_EQ(make(Writing().varint(0).varint(33)), Status::malformed_chunk);
  EXPECT_EQ(make(Writing().varint(~std::uint64_t{0})), Status::malformed_chunk);
  EXPECT_EQ(make(Writing().varint(30).varint(0).raw({kEnd}).varint(3)), Status::malformed_chunk);
  EXPECT_EQ(make(Writing().varint(0).varint(~std::uint64_t{0})), Status::malformed_chunk);
}

TEST(Script, RefusesToStandStill) {
  EXPECT_EQ(make(Writing().varint(0).varint(0)), Status::malformed_chunk);
  EXPECT_EQ(skip(Writing().varint(0).varint(0)), Status::malformed_chunk);
}

TEST(Script, RefusesCopiesOutsideTheSource) {
  const auto from = [](std::uint64_t distance) {
    return make(Writing().varint(32).varint(distance).raw({kEnd}).raw(Bytes(4)));
  };
  EXPECT_EQ(from(2 * (168 - 64)), Status::source_damaged) << "read, but of another checksum";
  EXPECT_EQ(from(2 * (169 - 64)), Status::malformed_chunk);
  EXPECT_EQ(from(2 * 65 - 1), Status::malformed_chunk);
  EXPECT_EQ(from(~std::uint64_t{0}), Status::malformed_chunk);
}

TEST(Script, RefusesChangesOutsideTheirCopy) {
  const auto with_gap = [](std::uint64_t gap) {
    Writing writing;
    writing.varint(32).varint(0);
    if (gap < 7) {
      writing.raw({static_cast<std::uint8_t>(gap << 5 | script::change_8), 1});
    } else {
      writing.raw({static_cast<std::uint8_t>(7 << 5 | script::change_8)}).varint(gap - 7).raw({1});
    }
    return make(writing.raw({kEnd}).raw(Bytes(4)));
  };
  EXPECT_EQ(with_gap(0), Status::source_damaged);
  EXPECT_EQ(with_gap(7), Status::source_damaged);
  EXPECT_EQ(with_gap(8), Status::malformed_chunk);
  EXPECT_EQ(with_gap(1000), Status::malformed_chunk);
  EXPECT_EQ(with_gap(std::uint64_t{1} << 62), Status::malformed_chunk);
}

TEST(Script, RefusesChangesThatWereNotMet) {
  EXPECT_EQ(make(Writing().varint(32).varint(0).raw({0})), Status::malformed_chunk);
  EXPECT_EQ(make(Writing().varint(32).varint(0).raw({script::change_8, 1, 1})),
            Status::malformed_chunk);
  EXPECT_EQ(make(Writing().varint(32).varint(0).raw({script::change_8, 1, 0, kEnd}).raw(Bytes(4))),
            Status::source_damaged);
}

TEST(Script, RefusesVarintsThatDoNotEnd) {
  EXPECT_EQ(make(Writing().raw(Bytes(9, 0x80)).raw({2})), Status::malformed_chunk);
  EXPECT_EQ(make(Writing().raw(Bytes(9, 0x80)).raw({0x81})), Status::malformed_chunk);
  EXPECT_EQ(make(Writing().raw(Bytes(20, 0xff))), Status::malformed_chunk);
}

TEST(Script, IsRefusedWhenItEndsEarly) {
  const Bytes source = make_image(200, 1);
  Bytes group(source.begin() + 64, source.begin() + 96);
  group[30] = group[31] = 9;
  // Unit 2 changes by 1, unit 4 by a large number.
  for (const auto& [at, by] : {std::pair{8u, 1u}, std::pair{16u, 0x12345678u}}) {
    const std::uint32_t value = script::little_endian(ByteSpan(group).subspan(at, 4)) + by;
    for (std::size_t i = 0; i < 4; ++i) group[at + i] = static_cast<std::uint8_t>(value >> (8 * i));
  }
  Writing writing;
  writing.varint(30).varint(0);
  writing.raw({2 << 5 | script::change_8, 1, 1 << 5 | script::change_32, 0x78, 0x56, 0x34, 0x12});
  writing.raw({kEnd}).varint(2).raw({9, 9}).checksum(group);
  Bytes made;
  ASSERT_EQ(make(writing.bytes(), &made), Status::ok);
  EXPECT_EQ(made, group);
  for (std::size_t count = 0; count < writing.bytes().size(); ++count) {
    const Bytes cut(writing.bytes().begin(),
                    writing.bytes().begin() + static_cast<std::ptrdiff_t>(count));
    if (count == 0) continue;
    EXPECT_EQ(make(cut, &made), Status::malformed_chunk) << count;
    StoredScript stored(cut);
    // What the plan promised is not there.
    ScriptReader reader = stored.reader(100);
    Status longer = reader.begin();
    MemorySource memory(source);
    if (longer == Status::ok) longer = reader.make(kSection, &memory, made);
    EXPECT_EQ(longer, Status::source_damaged) << count;
    ScriptReader skipper = stored.reader();
    std::uint32_t checksum = 0;
    longer = skipper.begin();
    if (longer == Status::ok) longer = skipper.skip(kSection, &checksum);
    EXPECT_EQ(longer, Status::malformed_chunk) << count;
  }
}

TEST(Script, GivesTheFailureOfItsSource) {
  StoredScript stored(Writing().varint(32).varint(0).raw({kEnd}).raw(Bytes(4)).bytes());
  ScriptReader reader = stored.reader();
  ASSERT_EQ(reader.begin(), Status::ok);
  MemorySource source(make_image(200, 1));
  source.failure = Status::flash_read_failed;
  Bytes group(32);
  EXPECT_EQ(reader.make(kSection, &source, group), Status::flash_read_failed);
}

TEST(Script, NeverMakesAnotherGroupWhenAnyByteIsWrong) {
  Random random = seeded_random();
  int damaged = 0;
  for (int round = 0; round < 3000; ++round) {
    MadeScript made = ScriptMaker(&random, round % 2 == 0 ? 2 : 4).make();
    for (auto flips = pick(&random, 1, 3); flips != 0; --flips) {
      made.script[pick(&random, 0, made.script.size() - 1)] = static_cast<std::uint8_t>(random());
    }
    StoredScript stored(made.script);
    ScriptReader reader = stored.reader();
    Status status = reader.begin();
    MemorySource source(made.source);
    for (std::size_t i = 0; status == Status::ok && i < made.groups.size(); ++i) {
      const std::uint32_t offset = reader.offset();
      CopyLog log;
      status = reader.report_copies(made.section(i), &log);
      if (status != Status::ok) break;
      reader.seek(offset);
      Bytes group(made.section(i).bytes);
      status = reader.make(made.section(i), &source, group);
      ASSERT_TRUE(status != Status::ok || group == to_bytes(made.group(i)));
    }
    ASSERT_TRUE(status == Status::ok || status == Status::malformed_chunk ||
                status == Status::source_damaged)
        << to_string(status);
    damaged += status == Status::source_damaged ? 1 : 0;
  }
  EXPECT_GT(damaged, 0);
}

TEST(RecentChanges, ComeBackByTheirPlace) {
  RecentChanges recent;
  std::uint32_t change = 0;
  EXPECT_FALSE(recent.take(0, &change));
  for (std::uint32_t i = 1; i <= 30; ++i) EXPECT_EQ(recent.find(i), RecentChanges::count_max);
  EXPECT_EQ(recent.find(30), 0u);
  EXPECT_EQ(recent.find(3), 27u);
  EXPECT_EQ(recent.find(2), RecentChanges::count_max) << "forgotten";
  EXPECT_EQ(recent.find(3), 1u);
  ASSERT_TRUE(recent.take(2, &change));
  EXPECT_EQ(change, 30u);
  EXPECT_FALSE(recent.take(28, &change));
}

}  // namespace
}  // namespace romdelta::test
