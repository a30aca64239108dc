#include "pkgtool/size_account.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace romdelta::pkgtool {
namespace {

struct StreamRow {
  const char* name;
  Purpose purpose;
};

constexpr std::array<StreamRow, stream_count> kStreams = {{
    {"address_map", Purpose::structure},
    {"plan", Purpose::structure},
    {"tree_nodes", Purpose::structure},
    {"chunk_headers", Purpose::structure},
    {"copy_lengths", Purpose::control},
    {"extra_lengths", Purpose::control},
    {"source_seeks", Purpose::control},
    {"block_flags", Purpose::changes},
    {"word_flags", Purpose::changes},
    {"spelled_changes", Purpose::changes},
    {"diff_values", Purpose::changes},
    {"zero_runs", Purpose::changes},
    {"literals", Purpose::literals},
}};

}  // namespace

const char* to_string(Stream stream) { return kStreams[static_cast<std::size_t>(stream)].name; }

Purpose purpose_of(Stream stream) { return kStreams[static_cast<std::size_t>(stream)].purpose; }

const char* to_string(Purpose purpose) {
  switch (purpose) {
    case Purpose::structure: return "structure";
    case Purpose::control: return "control";
    case Purpose::changes: return "changes";
    case Purpose::literals: return "literals";
  }
  return "";
}

std::uint64_t Spending::of(Purpose purpose) const {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < stream_count; ++i) {
    if (kStreams[i].purpose == purpose) sum += stream_bytes[i];
  }
  return sum;
}

std::uint64_t Spending::payload_bytes() const {
  return std::accumulate(stream_bytes.begin(), stream_bytes.end(), std::uint64_t{0});
}

Spending& Spending::operator+=(const Spending& other) {
  for (std::size_t i = 0; i < stream_count; ++i) stream_bytes[i] += other.stream_bytes[i];
  new_bytes += other.new_bytes;
  changed_bytes += other.changed_bytes;
  return *this;
}

SizeAccount::SizeAccount(std::vector<std::uint64_t> region_ends)
    : region_ends_(std::move(region_ends)),
      settled_(region_ends_.size(), Shares{}),
      counts_(region_ends_.size()),
      pending_(1, Shares{}) {}

void SizeAccount::advance(std::uint64_t bytes) {
  at_ += bytes;
  while (region_ + 1 < region_ends_.size() && at_ >= region_ends_[region_]) {
    ++region_;
    pending_.push_back({});
  }
}

void SizeAccount::move_to(std::uint64_t position) {
  if (position < at_) at_ = region_ = 0;
  advance(position - at_);
}

void SizeAccount::copied(std::uint64_t bytes, std::uint64_t changed) {
  counts_[region_].changed_bytes += changed;
  advance(bytes);
}

void SizeAccount::made_new(std::uint64_t bytes) {
  while (bytes != 0) {
    const std::uint64_t room = std::max(region_ends_[region_], at_ + 1) - at_;
    const std::uint64_t step = std::min(bytes, room);
    counts_[region_].new_bytes += step;
    advance(step);
    bytes -= step;
  }
}

void SizeAccount::settle(std::uint64_t stored_bytes) {
  double sum = 0;
  for (const Shares& shares : pending_) sum = std::accumulate(shares.begin(), shares.end(), sum);
  if (sum > 0) {
    const double worth = static_cast<double>(stored_bytes) / sum;
    const std::size_t first = region_ + 1 - pending_.size();
    for (std::size_t i = 0; i < pending_.size(); ++i) {
      for (std::size_t stream = 0; stream < stream_count; ++stream) {
        settled_[first + i][stream] += pending_[i][stream] * worth;
      }
    }
  } else {
    // Nothing was asked of them.
    charge_structure(Stream::chunk_headers, stored_bytes);
  }
  pending_.assign(1, Shares{});
}

std::vector<Spending> SizeAccount::rounded() const {
  std::vector<Spending> result = counts_;
  double sum = 0;
  std::uint64_t given = 0;
  // One sum through all streams, so that the last of them is exact, too.
  for (std::size_t stream = 0; stream < stream_count; ++stream) {
    for (std::size_t region = 0; region < result.size(); ++region) {
      sum += settled_[region][stream];
      const auto wanted = static_cast<std::uint64_t>(std::llround(sum));
      result[region].stream_bytes[stream] = wanted - given;
      given = wanted;
    }
  }
  return result;
}

}  // namespace romdelta::pkgtool
