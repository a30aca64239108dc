// ContextRun: the walk over a chunk of codec 2 that makes target bytes of it. docs/format.md
// sections 7.7 and 7.8.
//
// `Sink` takes what is made, in order:
//
//   sink.append(bytes)           the next bytes of the target; ok, or the failure that ends the
//   walk
//
// and, if it has these functions, is told where they come from:
//
//   sink.copying(position, n)    the next n bytes are those of the source at `position`, changed
//   sink.literals(n)             the next n bytes are not from the source
//   sink.change(source, target)  in place of append(): a unit of a copy, before and after
//
// In a header, and for any coder that decodes: the engine runs it with RangeDecoder, and pkgtool
// with a coder that also counts what each decision cost. Such a coder is told what it decodes
// (announce() of context_model.h) and what became of it:
//
//   coder.made(source, target)   these bytes of the target were made of those of the source, which
//                                are as many, or none when they are literals
//
// Nothing is done for coders without that function.
#pragma once

#include <algorithm>

#include "format/chunk.h"
#include "format/limits.h"
#include "installer/context_model.h"
#include "installer/source_reader.h"

namespace romdelta {

template <unsigned unit_bytes, typename Coder, typename Sink>
class ContextRun {
  // A unit's contexts reach this far beyond the bytes that are copied.
  static constexpr std::size_t margin_bytes = 8;
  static constexpr std::size_t window_bytes = limits::source_window_bytes - 2 * margin_bytes;
  static_assert(window_bytes % ContextModel::block_bytes == 0);

 public:
  // The model has begun. All must outlive the run but the coder, which is at the stream's begin.
  // `window`: limits::source_window_bytes, where the part of the source is that is being copied.
  ContextRun(ContextModel* model, MutableByteSpan window, std::uint64_t position,
             const Coder& coder, SourceReader* source, Sink* sink)
      : model_(*model),
        window_(window),
        coder_(coder),
        source_(*source),
        source_position_(position),
        sink_(*sink) {}

  Status run(std::uint64_t target_bytes) {
    std::uint64_t left = target_bytes;
    for (bool first = true; left != 0; first = false) {
      if (!first) seek();
      const std::uint64_t copy = model_.number(coder_, ContextModel::Number::copy_bytes, 0);
      if (copy > left) return Status::malformed_chunk;
      left -= copy;
      Status status = copy_from_source(copy);
      if (status != Status::ok) return status;
      if (left == 0) break;
      const std::uint64_t extra = model_.number(coder_, ContextModel::Number::extra_bytes, 0);
      if (extra > left || (copy == 0 && extra == 0)) return Status::malformed_chunk;
      left -= extra;
      status = take_literals(extra);
      if (status != Status::ok) return status;
    }
    return coder_.done() ? Status::ok : Status::malformed_chunk;
  }

 private:
  void seek() {
    const std::uint64_t code = model_.number(coder_, ContextModel::Number::seek, 0);
    // Wraps like signed addition; a position outside the source is refused when it is read.
    source_position_ += (code >> 1) ^ (0 - (code & 1));
  }

  Status copy_from_source(std::uint64_t count) {
    if (count == 0) return Status::ok;
    if (!range_inside(source_position_, count, source_.bytes())) return Status::malformed_chunk;
    if constexpr (requires(Sink & sink) { sink.copying(count, count); }) {
      sink_.copying(source_position_, count);
    }
    while (count != 0) {
      // Windows end where blocks do.
      const std::size_t past = source_position_ % ContextModel::block_bytes;
      const auto step =
          static_cast<std::size_t>(std::min<std::uint64_t>(count, window_bytes - past));
      Status status = load_window(step);
      if (status == Status::ok) status = patch_window(step);
      if (status != Status::ok) return status;
      source_position_ += step;
      count -= step;
    }
    return Status::ok;
  }

  // The next `count` bytes of the source at margin_bytes of the window, what lies around them
  // beside them. There is nothing but zeros around the source.
  Status load_window(std::size_t count) {
    const std::uint64_t begin =
        source_position_ - std::min<std::uint64_t>(source_position_, margin_bytes);
    const std::uint64_t end =
        std::min<std::uint64_t>(source_position_ + count + margin_bytes, source_.bytes());
    const MutableByteSpan whole = window_.first(count + 2 * margin_bytes);
    const std::size_t skipped = margin_bytes - static_cast<std::size_t>(source_position_ - begin);
    const MutableByteSpan there = whole.subspan(skipped, static_cast<std::size_t>(end - begin));
    std::ranges::fill(whole.first(skipped), std::uint8_t{0});
    std::ranges::fill(whole.subspan(skipped + there.size()), std::uint8_t{0});
    return source_.read(begin, there);
  }

  Status patch_window(std::size_t count) {
    const std::uint8_t* bytes = window_.data() + margin_bytes;
    std::size_t equal_begin = 0;  // Blocks that do not differ are written together.
    for (std::size_t at = 0; at < count;) {
      const std::size_t past = (source_position_ + at) % ContextModel::block_bytes;
      const std::size_t step = std::min(count - at, ContextModel::block_bytes - past);
      if (model_.block_differs(coder_, step == ContextModel::block_bytes, false)) {
        Status status = append({bytes + equal_begin, at - equal_begin});
        if (status == Status::ok) status = patch_block(bytes + at, source_position_ + at, step);
        if (status != Status::ok) return status;
        equal_begin = at + step;
      } else {
        note(bytes + at, bytes + at, step);
      }
      at += step;
    }
    if (!coder_.ok()) return Status::malformed_chunk;
    return append({bytes + equal_begin, count - equal_begin});
  }

  Status patch_block(const std::uint8_t* bytes, std::uint64_t position, std::size_t count) {
    std::array<std::uint8_t, ContextModel::block_bytes> target;
    for (std::size_t at = 0; at < count;) {
      const auto past = static_cast<std::size_t>((position + at) % unit_bytes);
      const std::size_t step = std::min(count - at, unit_bytes - past);
      const SourceUnit unit = source_unit<unit_bytes>(bytes + at - past, past, step);
      std::uint32_t word =
          (unit.word & unit.mask) + model_.template change<unit_bytes>(coder_, unit, 0);
      word >>= 8 * past;
      for (std::size_t i = 0; i < step; ++i) {
        target[at + i] = static_cast<std::uint8_t>(word >> (8 * i));
      }
      note(bytes + at, target.data() + at, step);
      if constexpr (takes_changes()) {
        const Status status = append({bytes + at, step}, ByteSpan(target).subspan(at, step));
        if (status != Status::ok) return status;
      }
      at += step;
    }
    return takes_changes() ? Status::ok : append(ByteSpan(target).first(count));
  }

  Status take_literals(std::uint64_t count) {
    if constexpr (requires(Sink & sink) { sink.literals(count); }) sink_.literals(count);
    std::array<std::uint8_t, 256> literals;
    while (count != 0) {
      const auto step = static_cast<std::size_t>(std::min<std::uint64_t>(count, literals.size()));
      std::uint32_t recent = recent_;
      for (std::size_t i = 0; i < step; ++i) {
        const auto phase = static_cast<unsigned>((produced_ + i) % 4);
        literals[i] = model_.literal(coder_, recent, phase, 0);
        recent = recent << 8 | literals[i];
        note(nullptr, &literals[i], 1);
      }
      if (!coder_.ok()) return Status::malformed_chunk;
      const Status status = append(ByteSpan(literals).first(step));
      if (status != Status::ok) return status;
      count -= step;
    }
    return Status::ok;
  }

  // Tells a coder that wants to know what was made. `source`: nullptr of literals.
  void note([[maybe_unused]] const std::uint8_t* source,
            [[maybe_unused]] const std::uint8_t* target, [[maybe_unused]] std::size_t count) {
    if constexpr (requires { coder_.made(ByteSpan(), ByteSpan()); }) {
      coder_.made(ByteSpan(source, source == nullptr ? 0 : count), ByteSpan(target, count));
    }
  }

  Status append(ByteSpan bytes) {
    remember(bytes);
    return sink_.append(bytes);
  }

  // A unit that may have changed.
  Status append(ByteSpan source, ByteSpan target) {
    remember(target);
    return sink_.change(source, target);
  }

  void remember(ByteSpan bytes) {
    const std::size_t known = std::min<std::size_t>(bytes.size(), 4);
    for (const std::uint8_t byte : bytes.last(known)) recent_ = recent_ << 8 | byte;
    produced_ += bytes.size();
  }

  static constexpr bool takes_changes() {
    return requires(Sink & sink, ByteSpan bytes) { sink.change(bytes, bytes); };
  }

  ContextModel& model_;
  MutableByteSpan window_;
  Coder coder_;
  SourceReader& source_;
  std::uint64_t source_position_;
  Sink& sink_;
  std::uint32_t recent_ = 0;    // The last four target bytes, the last in the low byte.
  std::uint64_t produced_ = 0;  // Target bytes of this chunk so far.
};

// A whole chunk, whose header was parsed. `coder`: at the begin of its stream. `model` is begun
// here. Makes `target_bytes` into `sink`. malformed_chunk, or the failure of source or sink.
template <typename Coder, typename Sink>
Status run_context_chunk(const ContextChunkHeader& header, const Coder& coder, ContextModel* model,
                         MutableByteSpan window, SourceReader* source, std::uint64_t target_bytes,
                         Sink* sink) {
  model->begin();
  const std::uint64_t position = header.source_position;
  return header.unit_bytes == 2
             ? ContextRun<2, Coder, Sink>(model, window, position, coder, source, sink)
                   .run(target_bytes)
             : ContextRun<4, Coder, Sink>(model, window, position, coder, source, sink)
                   .run(target_bytes);
}

}  // namespace romdelta
