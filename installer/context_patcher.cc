#include "installer/context_patcher.h"

#include <algorithm>
#include <new>

#include "format/chunk.h"
#include "format/limits.h"
#include "installer/map_decoder.h"

namespace romdelta {
namespace {

// A unit's contexts reach this far beyond the bytes that are copied.
constexpr std::size_t kMarginBytes = 8;
constexpr std::size_t kWindowBytes = limits::source_window_bytes - 2 * kMarginBytes;
static_assert(kWindowBytes % ContextModel::block_bytes == 0);
static_assert(sizeof(ContextModel) <= limits::context_model_bytes);
// An arena begins at a multiple of 8, its allocations at multiples of 64 from there.
static_assert(alignof(ContextModel) <= 8);

static_assert(limits::rebase_window_bytes ==
              limits::source_window_bytes + 2 * Rebaser::margin_bytes);

// The part of the source that is being copied.
struct Windows {
  const Rebaser& rebaser;
  MutableByteSpan copied;
  MutableByteSpan raw;
};

}  // namespace

// One chunk.
template <unsigned unit_bytes>
class ContextPatcher::Run {
 public:
  Run(ContextModel* model, const Windows& windows, std::uint64_t position, ByteSpan stream,
      const Source& source, FlashWriter* writer)
      : model_(*model),
        windows_(windows),
        coder_(stream),
        source_(source),
        source_position_(position),
        writer_(*writer) {}

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
    if (!range_inside(source_position_, count, source_.bytes)) return Status::malformed_chunk;
    while (count != 0) {
      // Windows end where blocks do.
      const std::size_t past = source_position_ % ContextModel::block_bytes;
      const auto step =
          static_cast<std::size_t>(std::min<std::uint64_t>(count, kWindowBytes - past));
      Status status = load_window(step);
      if (status == Status::ok) status = patch_window(step);
      if (status != Status::ok) return status;
      source_position_ += step;
      count -= step;
    }
    return Status::ok;
  }

  // The next `count` bytes of the source at kMarginBytes of the window, what lies around them
  // beside them. There is nothing but zeros around the source.
  Status load_window(std::size_t count) {
    const Extent wanted = around(count, kMarginBytes);
    const MutableByteSpan whole = windows_.copied.first(count + 2 * kMarginBytes);
    const std::size_t skipped =
        kMarginBytes - static_cast<std::size_t>(source_position_ - wanted.begin);
    std::ranges::fill(whole.first(skipped), std::uint8_t{0});
    std::ranges::fill(whole.subspan(skipped + wanted.bytes), std::uint8_t{0});
    const MutableByteSpan there = whole.subspan(skipped, wanted.bytes);
    if (windows_.rebaser.changes_nothing()) return source_.region.read(wanted.begin, there);

    const Extent needed = around(count, kMarginBytes + Rebaser::margin_bytes);
    const MutableByteSpan raw = windows_.raw.first(needed.bytes);
    const Status status = source_.region.read(needed.begin, raw);
    if (status != Status::ok) return status;
    copy_bytes(there.data(),
               raw.subspan(static_cast<std::size_t>(wanted.begin - needed.begin), wanted.bytes));
    windows_.rebaser.rewrite(raw, needed.begin, there, wanted.begin);
    return Status::ok;
  }

  // The next `count` bytes of the source and `margin` more on each side, where there are any.
  struct Extent {
    std::uint64_t begin = 0;
    std::size_t bytes = 0;
  };
  Extent around(std::size_t count, std::size_t margin) const {
    const std::uint64_t begin =
        source_position_ - std::min<std::uint64_t>(source_position_, margin);
    const std::uint64_t end =
        std::min<std::uint64_t>(source_position_ + count + margin, source_.bytes);
    return {begin, static_cast<std::size_t>(end - begin)};
  }

  Status patch_window(std::size_t count) {
    const std::uint8_t* bytes = windows_.copied.data() + kMarginBytes;
    std::size_t equal_begin = 0;  // Blocks that do not differ are written together.
    for (std::size_t at = 0; at < count;) {
      const std::size_t past = (source_position_ + at) % ContextModel::block_bytes;
      const std::size_t step = std::min(count - at, ContextModel::block_bytes - past);
      if (model_.block_differs(coder_, step == ContextModel::block_bytes, false)) {
        Status status = append({bytes + equal_begin, at - equal_begin});
        if (status == Status::ok) status = patch_block(bytes + at, source_position_ + at, step);
        if (status != Status::ok) return status;
        equal_begin = at + step;
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
      at += step;
    }
    return append(ByteSpan(target).first(count));
  }

  Status take_literals(std::uint64_t count) {
    std::array<std::uint8_t, 256> literals;
    while (count != 0) {
      const auto step = static_cast<std::size_t>(std::min<std::uint64_t>(count, literals.size()));
      std::uint32_t recent = recent_;
      for (std::size_t i = 0; i < step; ++i) {
        const auto phase = static_cast<unsigned>((produced_ + i) % 4);
        literals[i] = model_.literal(coder_, recent, phase, 0);
        recent = recent << 8 | literals[i];
      }
      if (!coder_.ok()) return Status::malformed_chunk;
      const Status status = append(ByteSpan(literals).first(step));
      if (status != Status::ok) return status;
      count -= step;
    }
    return Status::ok;
  }

  Status append(ByteSpan bytes) {
    const std::size_t known = std::min<std::size_t>(bytes.size(), 4);
    for (const std::uint8_t byte : bytes.last(known)) recent_ = recent_ << 8 | byte;
    produced_ += bytes.size();
    return writer_.append(bytes);
  }

  ContextModel& model_;
  const Windows& windows_;
  RangeDecoder coder_;
  const Source& source_;
  std::uint64_t source_position_;
  FlashWriter& writer_;
  std::uint32_t recent_ = 0;    // The last four target bytes, the last in the low byte.
  std::uint64_t produced_ = 0;  // Target bytes of this chunk so far.
};

Status ContextPatcher::begin(const MapIdentity& map, Arena* arena) {
  if (!arena->allocate(limits::context_model_bytes, &model_memory_) ||
      !arena->allocate(limits::source_window_bytes, &window_)) {
    return Status::arena_too_small;
  }
  if (!map.present()) return Status::ok;
  MutableByteSpan steps;
  if (!arena->allocate(map.step_count * limits::map_step_bytes, &steps) ||
      !arena->allocate(limits::rebase_window_bytes, &raw_window_)) {
    return Status::arena_too_small;
  }
  auto* first = new (steps.data()) MapStep[map.step_count];
  steps_ = {first, map.step_count};
  return Status::ok;
}

Status ContextPatcher::load_map(ByteSpan bytes) {
  // The model has no other use before the first chunk.
  AddressMap map;
  const Status status = decode_map(bytes, model_memory_, steps_, &map);
  if (status == Status::ok) rebaser_ = Rebaser(map);
  return status;
}

Status ContextPatcher::patch(ByteSpan chunk, const Source& source, std::uint64_t target_bytes,
                             FlashWriter* writer) {
  ContextChunkHeader header;
  std::size_t header_bytes = 0;
  const Status status = parse_context_chunk_header(chunk, &header, &header_bytes);
  if (status != Status::ok) return status;
  auto* model = new (model_memory_.data()) ContextModel;
  model->begin();
  const ByteSpan stream = chunk.subspan(header_bytes);
  const Windows windows = {rebaser_, window_, raw_window_};
  const std::uint64_t position = header.source_position;
  return header.unit_bytes == 2
             ? Run<2>(model, windows, position, stream, source, writer).run(target_bytes)
             : Run<4>(model, windows, position, stream, source, writer).run(target_bytes);
}

}  // namespace romdelta
