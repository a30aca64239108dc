#include "pkgtool/parallel.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace romdelta::pkgtool {
namespace {

TEST(ParallelFor, CallsOnceForEach) {
  for (const unsigned threads : {0u, 1u, 2u, 7u, 100u}) {
    std::vector<std::atomic<int>> calls(57);
    parallel_for(calls.size(), threads, [&](std::size_t i) { ++calls[i]; });
    for (const std::atomic<int>& count : calls) EXPECT_EQ(count, 1) << threads << " threads";
  }
}

TEST(ParallelFor, DoesNothingForNothing) {
  parallel_for(0, 4, [](std::size_t) { FAIL(); });
}

TEST(ParallelFor, UsesNoMoreThreadsThanToldTo) {
  std::atomic<int> running{0};
  std::atomic<int> most{0};
  parallel_for(200, 3, [&](std::size_t) {
    const int now = ++running;
    int seen = most;
    while (now > seen && !most.compare_exchange_weak(seen, now)) {
    }
    std::this_thread::yield();
    --running;
  });
  EXPECT_LE(most, 3);
}

TEST(ParallelFor, PassesAnExceptionOn) {
  for (const unsigned threads : {1u, 4u}) {
    const auto work = [](std::size_t i) {
      if (i == 20) throw std::runtime_error("twenty");
    };
    try {
      parallel_for(1000, threads, work);
      FAIL() << "nothing was thrown";
    } catch (const std::runtime_error& error) {
      EXPECT_STREQ(error.what(), "twenty");
    }
  }
}

TEST(ParallelFor, StopsSoonAfterAnException) {
  std::atomic<std::size_t> calls{0};
  const auto work = [&](std::size_t) {
    ++calls;
    throw std::runtime_error("at once");
  };
  EXPECT_THROW(parallel_for(100000, 4, work), std::runtime_error);
  EXPECT_LE(calls, 4u);
}

TEST(ParallelFor, ThrowsOnlyWhenAllThreadsHaveStopped) {
  std::atomic<int> running{0};
  const auto work = [&](std::size_t i) {
    ++running;
    if (i == 3) {
      --running;
      throw std::runtime_error("three");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    --running;
  };
  EXPECT_THROW(parallel_for(8, 4, work), std::runtime_error);
  EXPECT_EQ(running, 0);
}

}  // namespace
}  // namespace romdelta::pkgtool
