#include "installer/plan_reader.h"

#include <gtest/gtest.h>

#include <functional>

#include "tests/support/manifest_maker.h"
#include "tests/support/plan_stream.h"

namespace romdelta::test {
namespace {

constexpr Status kBad = Status::malformed_chunk;

// Four steps in two chunks, and two holes, of ten groups.
Manifest small_manifest() {
  Manifest m = sample_in_place_manifest();
  m.target.bytes = 20'000;
  m.sources[0].bytes = 19'000;
  m.chunk_count = 2;
  m.plan.step_count = 4;
  m.plan.chunk_steps_max = 3;
  m.plan.hole_count = 2;
  return m;
}

// What a plan says, all of it.
struct ReadPlan {
  Status status = Status::internal;
  std::vector<Hole> holes;
  std::vector<ChunkPlan> chunks;
  std::vector<std::uint32_t> groups;
  std::vector<std::vector<std::uint32_t>> kept;
  std::vector<std::uint32_t> kept_until;
  bool is_done = false;
};

ReadPlan read_plan(const Manifest& m, ByteSpan bytes) {
  ReadPlan plan;
  PlanModel model;
  PlanReader reader(m, bytes, &model);
  plan.holes.resize(m.plan.hole_count);
  plan.status = reader.holes(plan.holes);
  std::vector<std::uint32_t> words((grains_of_group(m) + 31) / 32);
  GrainSet kept(words, static_cast<std::uint32_t>(grains_of_group(m)));
  while (plan.status == Status::ok && reader.chunks_read() < m.chunk_count) {
    ChunkPlan chunk;
    std::vector<std::uint32_t> groups(m.plan.chunk_steps_max);
    plan.status = reader.chunk(&chunk, groups);
    if (plan.status != Status::ok) break;
    plan.chunks.push_back(chunk);
    plan.groups.insert(plan.groups.end(), groups.begin(), groups.begin() + chunk.step_count);
    while (plan.status == Status::ok && reader.steps_left() != 0) {
      std::uint32_t until = 0;
      plan.status = reader.step(&kept, &until);
      if (plan.status != Status::ok) break;
      plan.kept.emplace_back();
      for (std::uint32_t i = 0; i < kept.grain_count(); ++i) {
        if (kept.contains(i)) plan.kept.back().push_back(i);
      }
      plan.kept_until.push_back(until);
    }
  }
  plan.is_done = plan.status == Status::ok && reader.done();
  return plan;
}

void write_good(PlanStream* s) {
  s->hole(2, 0xff);
  s->hole(5, 0);
  s->chunk({3, 700, 0xdeadbeef}, {9, 8, 0});
  s->step({{0, 2}, {30, 2}}, 2);
  s->step();
  s->step({{31, 1}}, 1);
  s->chunk({1, 1, 0}, {1});
  s->step();
}

Bytes stream_of(const std::function<void(PlanStream*)>& write) {
  PlanStream stream;
  write(&stream);
  return stream.finish();
}

Status status_of(const Manifest& m, const std::function<void(PlanStream*)>& write) {
  return read_plan(m, stream_of(write)).status;
}

TEST(PlanReader, ReadsWhatWasWritten) {
  const ReadPlan plan = read_plan(small_manifest(), stream_of(write_good));
  ASSERT_EQ(plan.status, Status::ok);
  EXPECT_TRUE(plan.is_done);
  EXPECT_EQ(plan.holes[0].group, 2u);
  EXPECT_EQ(plan.holes[0].fill, 0xffu);
  EXPECT_EQ(plan.holes[1].group, 5u);
  EXPECT_EQ(plan.holes[1].fill, 0u);
  ASSERT_EQ(plan.chunks.size(), 2u);
  EXPECT_EQ(plan.chunks[0].step_count, 3u);
  EXPECT_EQ(plan.chunks[0].script_bytes, 700u);
  EXPECT_EQ(plan.chunks[0].checksum, 0xdeadbeefu);
  EXPECT_EQ(plan.chunks[1].checksum, 0u);
  EXPECT_EQ(plan.groups, (std::vector<std::uint32_t>{9, 8, 0, 1}));
  EXPECT_EQ(plan.kept[0], (std::vector<std::uint32_t>{0, 1, 30, 31}));
  EXPECT_EQ(plan.kept_until[0], 2u);
  EXPECT_TRUE(plan.kept[1].empty());
  EXPECT_EQ(plan.kept[2], (std::vector<std::uint32_t>{31}));
  EXPECT_EQ(plan.kept_until[2], 3u);
}

// A regression: the group that was read last was remembered by the model. The plans of two steps 0,
// 1 were good when they were checked, and malformed when they were read again.
TEST(PlanReader, ReadsAPlanAgainWithTheSameMemory) {
  Manifest m = small_manifest();
  m.plan.hole_count = 0;
  m.chunk_count = 1;
  m.plan.step_count = m.plan.chunk_steps_max = 2;
  const Bytes bytes = stream_of([](PlanStream* s) {
    s->chunk({2, 1, 2}, {0, 1});
    s->step();
    s->step();
  });
  PlanModel model;
  for (int round = 0; round < 2; ++round) {
    PlanReader reader(m, bytes, &model);
    ChunkPlan chunk;
    std::vector<std::uint32_t> groups(2);
    ASSERT_EQ(reader.holes({}), Status::ok) << round;
    ASSERT_EQ(reader.chunk(&chunk, groups), Status::ok) << round;
    EXPECT_EQ(groups, (std::vector<std::uint32_t>{0, 1})) << round;
  }
}

TEST(PlanReader, ReadsGroupsInAnyOrder) {
  Random random = seeded_random();
  Manifest m = small_manifest();
  m.target.bytes = std::uint64_t{1000} * m.group_bytes;
  m.plan.hole_count = 0;
  m.chunk_count = 1;
  for (int round = 0; round < 50; ++round) {
    std::vector<std::uint32_t> groups(pick(&random, 1, 40));
    for (std::uint32_t& group : groups) {
      const bool goes_on = &group != groups.data() && pick(&random, 0, 3) != 0;
      group = goes_on ? (&group)[-1] + static_cast<std::uint32_t>(pick(&random, 0, 2)) - 1
                      : static_cast<std::uint32_t>(pick(&random, 1, 998));
      group %= 1000;
    }
    const auto count = static_cast<std::uint32_t>(groups.size());
    m.plan.step_count = m.plan.chunk_steps_max = count;
    const ReadPlan plan = read_plan(m, stream_of([&](PlanStream* s) {
                                      s->chunk({count, 1, 2}, groups);
                                      for (std::uint32_t i = 0; i < count; ++i) s->step();
                                    }));
    ASSERT_EQ(plan.status, Status::ok);
    ASSERT_TRUE(plan.is_done);
    ASSERT_EQ(plan.groups, groups);
  }
}

TEST(PlanReader, RefusesHolesThatAreNotWhole) {
  Manifest m = small_manifest();
  m.plan.hole_count = 1;
  const auto with_hole = [&](std::uint32_t group) {
    return status_of(m, [&](PlanStream* s) {
      s->hole(group, 1);
      s->chunk({3, 1, 0}, {0, 1, 2});
      for (int i = 0; i < 3; ++i) s->step();
      s->chunk({1, 1, 0}, {3});
      s->step();
    });
  };
  EXPECT_EQ(with_hole(8), Status::ok);
  EXPECT_EQ(with_hole(9), kBad) << "only the source reaches so far";
  EXPECT_EQ(with_hole(10), kBad);
  EXPECT_EQ(with_hole(0xfffffffe), kBad);
  m.sources[0].bytes = 17'000;
  EXPECT_EQ(with_hole(7), Status::ok);
  EXPECT_EQ(with_hole(8), kBad) << "the source ends inside";
}

TEST(PlanReader, RefusesHolesThatDoNotAscend) {
  for (const std::uint32_t second : {0u, 1u, 2u}) {
    EXPECT_EQ(status_of(small_manifest(),
                        [&](PlanStream* s) {
                          s->hole(2, 1);
                          s->hole(second, 1);
                        }),
              kBad)
        << second;
  }
}

TEST(PlanReader, RefusesChunksOfNoSteps) {
  EXPECT_EQ(status_of(small_manifest(),
                      [](PlanStream* s) {
                        s->hole(2, 1);
                        s->hole(3, 1);
                        s->chunk({0, 1, 0}, {});
                      }),
            kBad);
}

TEST(PlanReader, RefusesMoreStepsThanTheManifestSays) {
  const auto with_steps = [](std::uint32_t in_chunk, std::uint32_t step_count,
                             std::uint32_t chunk_steps_max) {
    Manifest m = small_manifest();
    m.plan.hole_count = 0;
    m.plan.step_count = step_count;
    m.plan.chunk_steps_max = chunk_steps_max;
    m.chunk_count = 1;
    std::vector<std::uint32_t> groups;
    for (std::uint32_t i = 0; i < std::min(in_chunk, 8u); ++i) groups.push_back(i);
    return status_of(m, [&](PlanStream* s) {
      s->chunk({in_chunk, 1, 0}, groups);
      for (std::size_t i = 0; i < groups.size(); ++i) s->step();
    });
  };
  EXPECT_EQ(with_steps(4, 4, 4), Status::ok);
  EXPECT_EQ(with_steps(5, 4, 5), kBad);
  EXPECT_EQ(with_steps(5, 5, 4), kBad);
  EXPECT_EQ(with_steps(0xffffffff, 4, 4), kBad);
}

TEST(PlanReader, RefusesScriptsWithoutASize) {
  const auto with_script = [](std::uint32_t bytes) {
    Manifest m = small_manifest();
    m.plan.hole_count = 0;
    m.plan.step_count = 1;
    m.chunk_count = 1;
    return status_of(m, [&](PlanStream* s) {
      s->chunk({1, bytes, 0}, {0});
      s->step();
    });
  };
  EXPECT_EQ(with_script(0), kBad);
  EXPECT_EQ(with_script(1), Status::ok);
  EXPECT_EQ(with_script(0xfffffffe), Status::ok);
  EXPECT_EQ(with_script(0xffffffff), kBad);
}

TEST(PlanReader, RefusesGroupsOutsideTheTarget) {
  const auto with_group = [](std::uint32_t group) {
    Manifest m = small_manifest();
    m.plan.hole_count = 0;
    m.plan.step_count = 1;
    m.chunk_count = 1;
    return status_of(m, [&](PlanStream* s) {
      s->chunk({1, 1, 0}, {group});
      s->step();
    });
  };
  EXPECT_EQ(with_group(9), Status::ok);
  EXPECT_EQ(with_group(10), kBad);
  EXPECT_EQ(with_group(0xffffffff), kBad);
  EXPECT_EQ(with_group(0x80000000), kBad);
}

// A group has 2048 bytes, 32 grains.
TEST(PlanReader, RefusesToKeepWhatIsNotAroundTheGroup) {
  const auto with_kept = [](const std::vector<PlanStream::Run>& kept, std::uint32_t kept_for) {
    Manifest m = small_manifest();
    m.plan.hole_count = 0;
    m.chunk_count = 1;
    m.plan.chunk_steps_max = 4;
    return status_of(m, [&](PlanStream* s) {
      s->chunk({4, 1, 0}, {0, 1, 2, 3});
      s->step(kept, kept_for);
      for (int i = 0; i < 3; ++i) s->step();
    });
  };
  EXPECT_EQ(with_kept({{0, 32}}, 3), Status::ok);
  EXPECT_EQ(with_kept({{0, 33}}, 3), kBad);
  EXPECT_EQ(with_kept({{32, 1}}, 3), kBad);
  EXPECT_EQ(with_kept({{30, 1}, {31, 2}}, 3), kBad);
  EXPECT_EQ(with_kept({{0xfffffffe, 1}}, 3), kBad);
  EXPECT_EQ(with_kept({{5, 0xffffffff}}, 3), kBad);
  EXPECT_EQ(with_kept({{0, 32}}, 4), kBad) << "there is no fifth step";
  EXPECT_EQ(with_kept({{0, 32}}, 0xffffffff), kBad);
  EXPECT_EQ(with_kept({{0, 32}}, 0), kBad) << "a count that wrapped";
}

TEST(PlanReader, RefusesMoreRunsThanGrains) {
  for (const std::uint32_t count : {33u, 0xffffffffu}) {
    EXPECT_EQ(status_of(small_manifest(),
                        [&](PlanStream* s) {
                          s->hole(2, 1);
                          s->hole(3, 1);
                          s->chunk({1, 1, 0}, {0});
                          s->run_count(count);
                        }),
              kBad);
  }
}

TEST(PlanReader, GivesNoStepOrChunkThatIsNotThere) {
  const Manifest m = small_manifest();
  const Bytes bytes = stream_of(write_good);
  PlanModel model;
  PlanReader reader(m, bytes, &model);
  std::vector<Hole> holes(2);
  ASSERT_EQ(reader.holes(holes), Status::ok);
  std::vector<std::uint32_t> words(1);
  GrainSet kept(words, 32);
  std::uint32_t until = 0;
  EXPECT_EQ(reader.step(&kept, &until), kBad) << "before its chunk";
  ChunkPlan chunk;
  std::vector<std::uint32_t> groups(3);
  ASSERT_EQ(reader.chunk(&chunk, groups), Status::ok);
  EXPECT_EQ(reader.steps_left(), 3u);
  EXPECT_EQ(reader.chunk(&chunk, groups), kBad) << "before the steps of the one before";
  for (int i = 0; i < 3; ++i) ASSERT_EQ(reader.step(&kept, &until), Status::ok);
  EXPECT_EQ(reader.steps_read(), 3u);
  ASSERT_EQ(reader.chunk(&chunk, groups), Status::ok);
  EXPECT_FALSE(reader.done());
  ASSERT_EQ(reader.step(&kept, &until), Status::ok);
  EXPECT_TRUE(reader.done());
  EXPECT_EQ(reader.chunk(&chunk, groups), kBad) << "after the last one";
}

TEST(PlanReader, IsNotDoneBeforeTheEnd) {
  Bytes bytes = stream_of(write_good);
  bytes.push_back(0);
  const ReadPlan plan = read_plan(small_manifest(), bytes);
  EXPECT_EQ(plan.status, Status::ok);
  EXPECT_FALSE(plan.is_done);
  Manifest m = small_manifest();
  m.plan.step_count = 5;
  EXPECT_FALSE(read_plan(m, stream_of(write_good)).is_done) << "a step is missing";
}

TEST(PlanReader, RefusesAPlanThatEndsEarly) {
  const Bytes bytes = stream_of(write_good);
  for (std::size_t count = 0; count < bytes.size(); ++count) {
    const Bytes cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(count));
    EXPECT_FALSE(read_plan(small_manifest(), cut).is_done) << count;
  }
}

TEST(PlanReader, ReadsNothingOutsideItsBoundsFromAnyBytes) {
  Random random = seeded_random();
  Manifest m = small_manifest();
  int good = 0;
  for (int round = 0; round < 20'000; ++round) {
    Bytes bytes = stream_of(write_good);
    if (round % 2 == 0) {
      bytes = random_bytes(&random, pick(&random, 0, 60));
    } else {
      bytes[pick(&random, 0, bytes.size() - 1)] ^= static_cast<std::uint8_t>(pick(&random, 1, 255));
    }
    const ReadPlan plan = read_plan(m, bytes);
    if (plan.status != Status::ok) {
      ASSERT_EQ(plan.status, kBad);
      continue;
    }
    ++good;
    for (const std::uint32_t group : plan.groups) ASSERT_LT(group, 10u);
    for (const std::uint32_t until : plan.kept_until) ASSERT_LT(until, 4u);
  }
  EXPECT_GT(good, 0);
}

}  // namespace
}  // namespace romdelta::test
