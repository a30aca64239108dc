#include "pkgtool/in_place_encoder.h"

#include <algorithm>
#include <mutex>
#include <numeric>
#include <optional>

#include "format/hash_tree.h"
#include "installer/spill_space.h"
#include "pkgtool/chunk_output.h"
#include "pkgtool/chunks.h"
#include "pkgtool/context_encoder.h"
#include "pkgtool/parallel.h"
#include "pkgtool/plan_encoder.h"
#include "pkgtool/spill_model.h"
#include "pkgtool/vanishing_source.h"

namespace romdelta::pkgtool {
namespace {

// The group where erase blocks are smaller: each step costs a journal record and three syncs.
constexpr std::uint32_t kGroupBytesMin = 1024;

constexpr std::uint32_t kReserveBlocksMax = 4;

// What the halves of a journal hold at least where the budget is kept, beside the first record.
constexpr std::uint64_t kRecordsOfHalf = 31;

// Beyond what an uninterrupted installation needs at once.
constexpr std::uint32_t kSpareFragments = 4;

class InPlaceEncoder {
 public:
  InPlaceEncoder(const InPlaceInput& input, const EncoderOptions& options,
                 const InPlaceOptions& plan_options, const StageProgress& progress)
      : input_(input), options_(options), plan_options_(plan_options), progress_(progress) {}

  // Nothing when scratch or RAM are too small for this way to share them.
  std::optional<Payload> run() {
    plan_ = plan_in_place(input_.raw_source, input_.source, input_.target, input_.cover,
                          plan_options_, progress_);
    section_bytes_ = section_sizes(input_.source, input_.target, plan_, plan_options_.group_bytes,
                                   options_.unit_bytes);
    stored_bytes_max_ = limits::chunk_stored_bytes_max;
    for (int attempt = 0; attempt < 8; ++attempt) {
      if (!encode_chunks()) return std::nullopt;
      std::optional<Payload> payload = make_payload();
      if (!payload) return std::nullopt;
      const std::uint64_t needed =
          arena_of(Codec::context, *payload, options_, input_.source.size(), input_.target.size());
      if (needed <= options_.ram_bytes_max) return payload;
      // Chunks must be so much smaller, and a little more: there will be more of them.
      const std::uint64_t excess = needed - options_.ram_bytes_max + 1024;
      if (payload->chunk_stored_bytes_max <= excess) return std::nullopt;
      stored_bytes_max_ = payload->chunk_stored_bytes_max - excess;
    }
    return std::nullopt;
  }

 private:
  // Steps [first, end) in one chunk.
  struct Piece {
    std::size_t first = 0;
    std::size_t end = 0;
    std::uint64_t script_bytes = 0;
    std::uint32_t checksum = 0;  // Of what it makes,
    std::uint64_t output_bytes = 0;
    Bytes bytes;
  };

  bool encode_chunks() {
    pieces_.clear();
    VanishingSource source(input_.source, plan_, plan_options_);
    for (std::size_t step = 0; step < plan_.steps.size();) {
      Piece piece;
      if (!encode_piece(step, source.before(step), &piece)) return false;
      step = piece.end;
      if (progress_) progress_("encode", step, plan_.steps.size());
      pieces_.push_back(std::move(piece));
    }
    return pieces_.size() <= limits::chunk_count_max;
  }

  // As many steps as script and RAM allow.
  bool encode_piece(std::size_t first, ByteSpan source, Piece* piece) const {
    // The size of its words stands before the sections.
    std::uint64_t script_bytes = 1;
    std::size_t count = 0;
    for (; first + count < section_bytes_.size(); ++count) {
      if (script_bytes + section_bytes_[first + count] > plan_options_.script_bytes) break;
      script_bytes += section_bytes_[first + count];
    }
    while (count != 0) {
      const ChunkOutput output =
          make_chunk_output(input_.target, plan_, first, count, plan_options_.group_bytes);
      ContextChunk chunk = encode_context_chunk(source, output.bytes, output.cover,
                                                {0, output.bytes.size()}, options_.unit_bytes);
      if (chunk.bytes.size() <= stored_bytes_max_ && output.bytes.size() <= kChunkTargetBytesMax) {
        *piece = {first,
                  first + count,
                  script_bytes,
                  static_cast<std::uint32_t>(checksum_of(output.bytes).value),
                  output.bytes.size(),
                  std::move(chunk.bytes)};
        return true;
      }
      const std::uint64_t most = std::min(count * stored_bytes_max_ / chunk.bytes.size(),
                                          count * kChunkTargetBytesMax / output.bytes.size());
      const std::size_t fewer = std::min(static_cast<std::size_t>(most), count - 1);
      for (; count > fewer; --count) script_bytes -= section_bytes_[first + count - 1];
    }
    return false;
  }

  std::vector<ChunkPlan> chunk_plans() const {
    std::vector<ChunkPlan> chunks;
    for (const Piece& piece : pieces_) {
      ChunkPlan chunk;
      chunk.step_count = static_cast<std::uint32_t>(piece.end - piece.first);
      chunk.script_bytes = static_cast<std::uint32_t>(piece.script_bytes);
      chunk.checksum = piece.checksum;
      chunks.push_back(chunk);
    }
    return chunks;
  }

  std::optional<Payload> make_payload() const {
    const std::vector<ChunkPlan> chunks = chunk_plans();
    const std::vector<StashDemand> demands = find_demands();
    // The fewest blocks in reserve that suffice: each is one that holds nothing.
    std::optional<SpillUse> spill;
    std::uint32_t reserve = 0;
    while (!spill && reserve < kReserveBlocksMax) spill = foresee_spill(chunks, demands, ++reserve);
    if (!spill) return std::nullopt;

    Payload payload;
    payload.group_bytes = plan_options_.group_bytes;
    payload.scratch_bytes = plan_options_.scratch_bytes;
    payload.unit_bytes = options_.unit_bytes;
    payload.redo_bytes = plan_options_.group_bytes;
    if (options_.map != nullptr) {
      payload.map = options_.map->identity;
      payload.bytes = options_.map->bytes;
    }
    const Bytes plan = encode_plan(plan_, chunks, plan_options_);
    if (plan.size() > limits::plan_bytes_max) return std::nullopt;
    payload.bytes.insert(payload.bytes.end(), plan.begin(), plan.end());
    payload.plan = identify(plan, *spill, reserve);
    payload.in_place = budget(*spill);
    payload.chunk_count = static_cast<std::uint32_t>(pieces_.size());
    std::vector<Bytes> bytes;
    std::vector<std::uint64_t> output_bytes;
    for (const Piece& piece : pieces_) {
      payload.chunk_stored_bytes_max =
          std::max(payload.chunk_stored_bytes_max, static_cast<std::uint32_t>(piece.bytes.size()));
      bytes.push_back(piece.bytes);
      output_bytes.push_back(piece.output_bytes);
    }
    lay_out_chunks(bytes, output_bytes, &payload);
    return payload;
  }

  // As the device's engine finds out.
  std::vector<StashDemand> find_demands() const {
    const std::vector<std::uint32_t> own =
        count_own_grains(plan_, plan_options_, input_.source.size(), input_.target.size());
    std::vector<StashDemand> demands;
    for (std::size_t i = 0; i < own.size(); ++i) {
      const InPlaceStep& step = plan_.steps[i];
      const auto kept = static_cast<std::uint32_t>(step.kept.size());
      StashDemand demand{own[i] * limits::grain_bytes, {}};
      if (kept != 0) demand.kept.push_back({kept * limits::grain_bytes, step.kept_last_use});
      demands.push_back(std::move(demand));
    }
    return demands;
  }

  // Nothing when at some step no block is free.
  std::optional<SpillUse> foresee_spill(const std::vector<ChunkPlan>& chunks,
                                        const std::vector<StashDemand>& demands,
                                        std::uint32_t reserve) const {
    const std::uint64_t block = plan_options_.erase_block_bytes;
    const std::uint64_t blocks = plan_options_.scratch_bytes / block +
                                 plan_.holes.size() * (plan_options_.group_bytes / block);
    SpillModel spill({plan_options_.erase_block_bytes, static_cast<std::uint32_t>(blocks)}, reserve,
                     plan_options_.program_unit_bytes);
    std::uint32_t step = 0;
    for (std::uint32_t chunk = 0; chunk < chunks.size(); ++chunk) {
      const std::uint32_t end = step + chunks[chunk].step_count;
      if (!spill.begin_chunk(chunk, chunks[chunk].script_bytes, step, end - 1)) return std::nullopt;
      for (; step < end; ++step) {
        if (!spill.write(step, demands[step])) return std::nullopt;
      }
    }
    return spill.use();
  }

  PlanIdentity identify(const Bytes& plan, const SpillUse& spill, std::uint32_t reserve) const {
    PlanIdentity identity;
    identity.bytes = static_cast<std::uint32_t>(plan.size());
    identity.step_count = static_cast<std::uint32_t>(plan_.steps.size());
    identity.hole_count = static_cast<std::uint32_t>(plan_.holes.size());
    identity.kept_count_max = spill.kept_count_max;
    identity.fragment_count_max = spill.fragment_count_max + kSpareFragments;
    identity.reserve_blocks = reserve;
    identity.program_unit_bytes = plan_options_.program_unit_bytes;
    // A group is erased once; a hole once more when it gets its bytes back.
    identity.block_erase_count = spill.block_erase_count + 1;
    for (const Piece& piece : pieces_) {
      identity.rewritten_bytes += piece.output_bytes;
      identity.chunk_steps_max =
          std::max(identity.chunk_steps_max, static_cast<std::uint32_t>(piece.end - piece.first));
    }
    identity.digest = digest_of(DigestDomain::plan, plan);
    return identity;
  }

  InPlaceBudget budget(const SpillUse& spill) const {
    InPlaceBudget budget;
    const std::uint64_t block = plan_options_.erase_block_bytes;
    const std::uint64_t holes = plan_.holes.size();
    budget.flash_write_bytes = spill.written_bytes + holes * plan_options_.group_bytes;
    budget.erase_count = spill.erase_count + holes * (plan_options_.group_bytes / block);
    for (const InPlaceStep& step : plan_.steps) {
      const std::uint64_t begin = std::uint64_t{step.group} * plan_options_.group_bytes;
      const std::uint64_t bytes =
          std::min<std::uint64_t>(plan_options_.group_bytes, input_.target.size() - begin);
      budget.flash_write_bytes += round_up(bytes, plan_options_.program_unit_bytes);
      budget.erase_count += round_up(bytes, block) / block;
    }
    // Intent and done; each step and each hole; where each chunk ends.
    budget.record_count = written_records(2 + plan_.steps.size() + holes + pieces_.size());
    return budget;
  }

  const InPlaceInput& input_;
  const EncoderOptions& options_;
  const InPlaceOptions& plan_options_;
  const StageProgress& progress_;
  InPlacePlan plan_;
  std::vector<std::uint32_t> section_bytes_;  // Of each step, in a script.
  std::uint64_t stored_bytes_max_ = 0;
  std::vector<Piece> pieces_;
};

// How many blocks the script of a chunk may take.
std::vector<std::uint64_t> script_shares(std::uint64_t blocks) {
  std::vector<std::uint64_t> shares;
  for (const std::uint64_t share : {blocks / 2, blocks / 4, blocks / 8}) {
    const std::uint64_t least = std::max<std::uint64_t>(share, 1);
    if (shares.empty() || shares.back() != least) shares.push_back(least);
  }
  return shares;
}

}  // namespace

std::uint32_t in_place_group_bytes(std::uint32_t erase_block_bytes) {
  const std::uint64_t unit =
      std::lcm(std::uint64_t{erase_block_bytes}, std::uint64_t{limits::grain_bytes});
  return static_cast<std::uint32_t>(round_up(std::max<std::uint64_t>(kGroupBytesMin, unit), unit));
}

bool is_program_unit(std::uint64_t unit_bytes, std::uint64_t erase_block_bytes) {
  return unit_bytes != 0 && unit_bytes <= limits::program_unit_bytes_max &&
         erase_block_bytes % unit_bytes == 0;
}

std::uint64_t written_records(std::uint64_t record_count) {
  return record_count + record_count / kRecordsOfHalf + 1;
}

Payload encode_in_place(const InPlaceInput& input, const EncoderOptions& options,
                        const StageProgress& progress) {
  InPlaceOptions plan_options;
  plan_options.group_bytes = in_place_group_bytes(options.erase_block_bytes);
  plan_options.erase_block_bytes = options.erase_block_bytes;
  plan_options.program_unit_bytes = options.program_unit_bytes;
  plan_options.margin_bytes =
      options.map != nullptr ? static_cast<std::uint32_t>(limits::rebase_margin_bytes) : 0;
  plan_options.scratch_bytes =
      options.scratch_bytes / options.erase_block_bytes * options.erase_block_bytes;
  const std::vector<std::uint64_t> shares =
      script_shares(plan_options.scratch_bytes / options.erase_block_bytes);
  std::mutex progress_mutex;
  const StageProgress one_at_a_time = [&](const char* stage, std::uint64_t done,
                                          std::uint64_t total) {
    const std::lock_guard lock(progress_mutex);
    if (progress) progress(stage, done, total);
  };
  std::vector<std::optional<Payload>> payloads(shares.size());
  parallel_for(shares.size(), options.thread_count, [&](std::size_t i) {
    InPlaceOptions share = plan_options;
    share.script_bytes = shares[i] * (options.erase_block_bytes - SpillSpace::frame_bytes);
    payloads[i] = InPlaceEncoder(input, options, share, one_at_a_time).run();
  });
  std::optional<Payload> best;
  for (std::optional<Payload>& payload : payloads) {
    if (payload && (!best || payload->bytes.size() < best->bytes.size())) best = std::move(payload);
  }
  if (!best) {
    throw Error(Exit::usage,
                "an update in place does not fit into " + std::to_string(options.scratch_bytes) +
                    " bytes of scratch and " + std::to_string(options.ram_bytes_max) +
                    " bytes of device RAM",
                "--scratch", "give at least 8 erase blocks of --scratch and 192 KiB of --ram");
  }
  return *std::move(best);
}

}  // namespace romdelta::pkgtool
