#include "pkgtool/context_encoder.h"

#include <algorithm>
#include <memory>

#include "format/chunk.h"
#include "installer/context_model.h"
#include "pkgtool/range_encoder.h"

namespace romdelta::pkgtool {
namespace {

constexpr std::uint64_t kMarkBytes = 256;

// The mirror of ContextPatcher: the same walk over the same units, with the target known.
template <unsigned unit_bytes>
class ContextEncoder {
 public:
  ContextEncoder(ByteSpan source, ByteSpan target, TargetRange range)
      : source_(source),
        target_(target),
        range_(range),
        model_(std::make_unique<ContextModel>()),
        coder_(&chunk_.bytes) {
    model_->begin();
  }

  ContextChunk run(const Cover& cover) {
    auto match = std::ranges::partition_point(
        cover, [&](const Match& m) { return m.target_offset + m.bytes <= range_.begin; });
    const auto begins_in_range = [&] {
      return match != cover.end() && match->target_offset < range_.end;
    };
    put_header(begins_in_range() ? source_offset(*match, first_byte(*match)) : 0);
    std::uint64_t at = range_.begin;
    for (bool first = true; at < range_.end; first = false) {
      // A copy, unless literals come first; then the literals up to the next one.
      const bool copies = begins_in_range() && first_byte(*match) == at;
      const std::uint64_t copy_end =
          copies ? std::min(match->target_offset + match->bytes, range_.end) : at;
      if (!first) seek(copies ? source_offset(*match, at) : position_);
      model_->number(coder_, ContextModel::Number::copy_bytes, copy_end - at);
      if (copies) {
        copy(at, copy_end);
        ++match;
      }
      at = copy_end;
      if (at == range_.end) break;
      const std::uint64_t next = begins_in_range() ? match->target_offset : range_.end;
      model_->number(coder_, ContextModel::Number::extra_bytes, next - at);
      for (; at < next; ++at) literal(at);
    }
    coder_.finish();
    return std::move(chunk_);
  }

 private:
  std::uint64_t first_byte(const Match& match) const {
    return std::max(match.target_offset, range_.begin);
  }
  static std::uint64_t source_offset(const Match& match, std::uint64_t target_offset) {
    return match.source_offset + (target_offset - match.target_offset);
  }

  void put_header(std::uint64_t position) {
    chunk_.bytes.resize(context_chunk_header_bytes_max);
    ByteWriter writer(chunk_.bytes);
    encode_context_chunk_header({unit_bytes, position}, &writer);
    chunk_.bytes.resize(writer.offset());
    position_ = position;
  }

  void seek(std::uint64_t position) {
    const std::uint64_t distance = position - position_;
    const bool back = distance >> 63 != 0;
    model_->number(coder_, ContextModel::Number::seek,
                   distance << 1 ^ (back ? ~std::uint64_t{0} : 0));
    position_ = position;
  }

  // Requires: position_ is where `begin` comes from.
  void copy(std::uint64_t begin, std::uint64_t end) {
    for (std::uint64_t at = begin; at < end;) {
      const std::uint64_t past = position_ % ContextModel::block_bytes;
      const std::uint64_t step = std::min(end - at, ContextModel::block_bytes - past);
      const bool differs = !std::equal(target_.begin() + static_cast<std::ptrdiff_t>(at),
                                       target_.begin() + static_cast<std::ptrdiff_t>(at + step),
                                       source_.begin() + static_cast<std::ptrdiff_t>(position_));
      model_->block_differs(coder_, step == ContextModel::block_bytes, differs);
      if (differs) block(at, step);
      at += step;
      position_ += step;
      mark(at);
    }
  }

  void block(std::uint64_t target_at, std::uint64_t count) {
    for (std::uint64_t at = 0; at < count;) {
      const auto past = static_cast<std::size_t>((position_ + at) % unit_bytes);
      const std::size_t step = std::min(static_cast<std::size_t>(count - at), unit_bytes - past);
      const SourceUnit unit = unit_at(position_ + at - past, past, step);
      std::uint32_t wanted = 0;
      for (std::size_t i = 0; i < step; ++i) {
        wanted |= std::uint32_t{target_[target_at + at + i]} << (8 * (past + i));
      }
      model_->template change<unit_bytes>(coder_, unit,
                                          (wanted - (unit.word & unit.mask)) & unit.mask);
      at += step;
    }
  }

  // As the device sees it: zeros around the source.
  SourceUnit unit_at(std::uint64_t position, std::size_t past, std::size_t count) const {
    std::array<std::uint8_t, 1 + 8> around{};
    for (std::size_t i = 0; i < 1 + 2 * std::size_t{unit_bytes}; ++i) {
      const std::uint64_t at = position + i - 1;  // Wraps before the source: beyond its end.
      if (at < source_.size()) around[i] = source_[at];
    }
    return source_unit<unit_bytes>(around.data() + 1, past, count);
  }

  void literal(std::uint64_t at) {
    std::uint32_t recent = 0;
    for (std::uint64_t i = std::min<std::uint64_t>(4, at - range_.begin); i != 0; --i) {
      recent = recent << 8 | target_[at - i];
    }
    model_->literal(coder_, recent, static_cast<unsigned>((at - range_.begin) % 4), target_[at]);
    mark(at + 1);
  }

  void mark(std::uint64_t target_offset) {
    const std::uint64_t last = chunk_.marks.empty() ? 0 : chunk_.marks.back().coded_bytes;
    if (chunk_.bytes.size() < last + kMarkBytes) return;
    chunk_.marks.push_back({target_offset, chunk_.bytes.size()});
  }

  ByteSpan source_;
  ByteSpan target_;
  TargetRange range_;
  std::unique_ptr<ContextModel> model_;
  ContextChunk chunk_;
  RangeEncoder coder_;
  std::uint64_t position_ = 0;  // In the source.
};

}  // namespace

ContextChunk encode_context_chunk(ByteSpan source, ByteSpan target, const Cover& cover,
                                  TargetRange range, unsigned unit_bytes) {
  return unit_bytes == 2 ? ContextEncoder<2>(source, target, range).run(cover)
                         : ContextEncoder<4>(source, target, range).run(cover);
}

}  // namespace romdelta::pkgtool
