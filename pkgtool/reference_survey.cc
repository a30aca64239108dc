#include "pkgtool/reference_survey.h"

#include <algorithm>

namespace romdelta::pkgtool {
namespace {

// What samples consist of.
constexpr std::uint64_t kPieceBytes = 4096;

constexpr std::uint64_t kMoveBytesMax = 1 << 27;

}  // namespace

bool is_plausible_move(std::uint64_t move) { return move + kMoveBytesMax < 2 * kMoveBytesMax; }

ReferenceSurvey::ReferenceSurvey(ByteSpan source, ByteSpan target, const Cover& cover,
                                 const ImageLayouts& layouts)
    : cover_(cover),
      layouts_(layouts),
      source_(source.data(), 0, source.size()),
      target_(target.data(), 0, target.size()) {}

void ReferenceSurvey::collect(std::uint32_t rule, const AddressMap& map, bool sample,
                              std::vector<Candidate>* candidates) {
  for (const Match& match : cover_) {
    const std::uint64_t end = match.source_offset + match.bytes;
    for (std::uint64_t at = match.source_offset; at < end;) {
      const std::uint64_t piece = at / kPieceBytes;
      std::uint64_t piece_end = std::min(end, (piece + 1) * kPieceBytes);
      const Table* table = table_at(at, &piece_end);
      const auto address = layouts_.source.address(at);
      const bool is_wanted = address && (!sample || piece % sample_every == 0) &&
                             (rule != rules::anchored32 || table != nullptr);
      const auto add = [&](const Reference& found) {
        Candidate candidate;
        if (!examine(found, match, rule, table, &candidate)) return;
        const std::uint64_t to = found.offset - match.source_offset + match.target_offset;
        candidate.is_repeat = is_repeat(found.offset, to, references::size_bytes(found.kind));
        candidates->push_back(candidate);
      };
      if (is_wanted) {
        const std::uint64_t anchor = table == nullptr ? 0 : table->source_address;
        references::visit_all(source_, at, piece_end, *address, anchor, rule, map, add);
      }
      at = piece_end;
    }
  }
}

// The table that an offset of the source lies in, if any; `*end` becomes at most where that ends.
const Table* ReferenceSurvey::table_at(std::uint64_t offset, std::uint64_t* end) const {
  const auto& tables = layouts_.tables;
  const auto after = std::ranges::partition_point(
      tables, [&](const Table& table) { return table.offset <= offset; });
  if (after != tables.end()) *end = std::min(*end, after->offset);
  if (after == tables.begin() || offset >= (after - 1)->end) return nullptr;
  *end = std::min(*end, (after - 1)->end);
  return &*(after - 1);
}

// False when the reference was not copied as a whole, or is none in the target.
bool ReferenceSurvey::examine(const Reference& found, const Match& match, std::uint32_t rule,
                              const Table* table, Candidate* candidate) const {
  const std::uint64_t size = references::size_bytes(found.kind);
  const std::uint64_t past = found.offset - match.source_offset;
  if (past + size > match.bytes) return false;
  const std::uint64_t to = match.target_offset + past;
  const auto partner = static_cast<std::uint64_t>(std::int64_t{found.partner});
  if (found.partner != 0 && !target_.has(to + partner, 4)) return false;
  const auto source_address = layouts_.source.address(found.offset);
  const auto target_address = layouts_.target.address(to);
  if (!source_address || !target_address) return false;
  const std::uint64_t place = rule == rules::anchored32
                                  ? table->target_address
                                  : *target_address + (found.place - *source_address);
  const auto target =
      references::read(found.kind, target_, to, found.partner, place, layouts_.base);
  if (!target || !is_plausible_move(*target - found.target) ||
      !is_plausible_move(place - found.place)) {
    return false;
  }
  candidate->offset = static_cast<std::uint32_t>(found.offset);
  candidate->target = static_cast<std::uint32_t>(found.target);
  candidate->place = static_cast<std::uint32_t>(found.place);
  candidate->target_move = static_cast<std::uint32_t>(*target - found.target);
  candidate->place_move = static_cast<std::uint32_t>(place - found.place);
  candidate->rule = static_cast<std::uint8_t>(rule);
  candidate->is_relative = references::is_relative(found, source_);
  candidate->is_same =
      std::equal(source_.at(found.offset), source_.at(found.offset) + size, target_.at(to));
  return true;
}

// Whether the codec would have known the change from the reference before, or from the same word.
bool ReferenceSurvey::is_repeat(std::uint64_t source_offset, std::uint64_t target_offset,
                                unsigned size) {
  std::uint32_t word = 0;
  std::uint32_t changed = 0;
  for (std::uint64_t i = std::min(size, 4u); i-- != 0;) {
    word = word << 8 | source_.u8(source_offset + i);
    changed = changed << 8 | target_.u8(target_offset + i);
  }
  const std::uint32_t change = changed - word;
  KnownChange& known = known_changes_[(word * 0x9e3779b1u) >> (32 - known_bits)];
  const bool result =
      change != 0 && (change == last_change_ || (known.word == word && known.change == change));
  known = {word, change};
  if (change != 0) last_change_ = change;
  return result;
}

}  // namespace romdelta::pkgtool
