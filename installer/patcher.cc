#include "installer/patcher.h"

#include <algorithm>

namespace romdelta {
namespace {

// Runs of difference values shorter than this are added byte by byte: a kernel call costs more.
constexpr std::size_t kKernelRunBytes = 16;

// The difference of a chunk: values, where a zero stands for a run of equal bytes.
class DifferenceReader {
 public:
  DifferenceReader(const Columns& columns, const Kernels& kernels)
      : values_(columns[Column::diff_values]),
        runs_(columns[Column::zero_runs]),
        kernels_(kernels) {}

  // Adds the next target.size() differences to `target`.
  Status add_to(MutableByteSpan target) {
    while (!target.empty()) {
      if (zero_run_ != 0) {
        const std::uint64_t skipped = std::min<std::uint64_t>(zero_run_, target.size());
        zero_run_ -= skipped;
        target = target.subspan(static_cast<std::size_t>(skipped));
        continue;
      }
      const std::size_t added = add_values(target);
      target = target.subspan(added);
      if (target.empty()) break;
      const Status status = take_zero_run();
      if (status != Status::ok) return status;
    }
    return Status::ok;
  }

  bool done() const { return at_ == values_.size() && runs_.done() && zero_run_ == 0; }

 private:
  // Adds values up to the next zero, the end of the target or the end of the column.
  std::size_t add_values(MutableByteSpan target) {
    const std::size_t most = std::min(target.size(), values_.size() - at_);
    const std::uint8_t* values = values_.data() + at_;
    const std::size_t near = std::min(most, kKernelRunBytes);
    std::size_t count = 0;
    while (count < near && values[count] != 0) {
      target[count] = static_cast<std::uint8_t>(target[count] + values[count]);
      ++count;
    }
    if (count == kKernelRunBytes) {
      const std::size_t more = kernels_.find_byte(values + count, most - count, 0);
      kernels_.add_bytes(target.data() + count, values + count, more);
      count += more;
    }
    at_ += count;
    return count;
  }

  Status take_zero_run() {
    if (at_ == values_.size()) return Status::malformed_chunk;
    ++at_;
    if (!checked_add(runs_.varint(), 1, &zero_run_) || !runs_.ok()) return Status::malformed_chunk;
    return Status::ok;
  }

  ByteSpan values_;
  std::size_t at_ = 0;  // In values_.
  ByteReader runs_;
  std::uint64_t zero_run_ = 0;  // What is left of the current run.
  const Kernels& kernels_;
};

class ChunkPatcher {
 public:
  ChunkPatcher(const ChunkHeader& header, const Columns& columns, const Source& source,
               const Kernels& kernels, FlashWriter* writer)
      : copies_(columns[Column::copy_lengths]),
        extras_(columns[Column::extra_lengths]),
        seeks_(columns[Column::source_seeks]),
        difference_(columns, kernels),
        literals_(columns[Column::extra]),
        source_(source),
        source_position_(header.source_position),
        writer_(writer) {}

  Status run(std::uint64_t target_bytes) {
    std::uint64_t left = target_bytes;
    for (bool first = true; left != 0; first = false) {
      if (!first && !seek()) return Status::malformed_chunk;
      const std::uint64_t copy = copies_.varint();
      const std::uint64_t extra = extras_.varint();
      std::uint64_t both = 0;
      if (!copies_.ok() || !extras_.ok() || !checked_add(copy, extra, &both)) {
        return Status::malformed_chunk;
      }
      if (both == 0 || both > left) return Status::malformed_chunk;
      left -= both;
      Status status = copy_from_source(copy);
      if (status != Status::ok) return status;
      if (extra > literals_.remaining()) return Status::malformed_chunk;
      status = writer_->append(literals_.bytes(static_cast<std::size_t>(extra)));
      if (status != Status::ok) return status;
    }
    const bool consumed =
        copies_.done() && extras_.done() && seeks_.done() && literals_.done() && difference_.done();
    return consumed ? Status::ok : Status::malformed_chunk;
  }

 private:
  bool seek() {
    const auto distance = static_cast<std::uint64_t>(seeks_.zigzag());
    // Wraps like signed addition; a position outside the source is refused when it is read.
    source_position_ += distance;
    return seeks_.ok();
  }

  Status copy_from_source(std::uint64_t count) {
    if (count == 0) return Status::ok;
    if (!range_inside(source_position_, count, source_.bytes)) return Status::malformed_chunk;
    while (count != 0) {
      // The source is read straight to where the target is built.
      const MutableByteSpan space = writer_->room();
      const auto step = static_cast<std::size_t>(std::min<std::uint64_t>(count, space.size()));
      const MutableByteSpan bytes = space.first(step);
      Status status = source_.region.read(source_position_, bytes);
      if (status == Status::ok) status = difference_.add_to(bytes);
      if (status == Status::ok) status = writer_->advance(step);
      if (status != Status::ok) return status;
      source_position_ += step;
      count -= step;
    }
    return Status::ok;
  }

  ByteReader copies_;
  ByteReader extras_;
  ByteReader seeks_;
  DifferenceReader difference_;
  ByteReader literals_;
  const Source& source_;
  std::uint64_t source_position_;
  FlashWriter* writer_;
};

}  // namespace

Status patch_chunk(const ChunkHeader& header, const Columns& columns, const Source& source,
                   std::uint64_t target_bytes, const Kernels& kernels, FlashWriter* writer) {
  return ChunkPatcher(header, columns, source, kernels, writer).run(target_bytes);
}

}  // namespace romdelta
