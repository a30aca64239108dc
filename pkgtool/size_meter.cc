#include "pkgtool/size_meter.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "format/hash_tree.h"
#include "format/result_code.h"
#include "installer/context_run.h"
#include "installer/port/flash_ram.h"
#include "installer/range_decoder.h"
#include "installer/script.h"
#include "installer/source_reader.h"
#include "pkgtool/vanishing_source.h"

namespace romdelta::pkgtool {
namespace {

Stream stream_of(Subject subject) {
  switch (subject) {
    case Subject::copy_bytes: return Stream::copy_lengths;
    case Subject::extra_bytes: return Stream::extra_lengths;
    case Subject::seek: return Stream::source_seeks;
    case Subject::block: return Stream::block_flags;
    case Subject::word: return Stream::word_flags;
    case Subject::spelling: return Stream::spelled_changes;
    case Subject::literal: return Stream::literals;
  }
  return Stream::literals;
}

// A RangeDecoder that charges each decision its -log2(chance).
class MeteredDecoder {
 public:
  // `groups`: where in the target the chunk's output goes; none: to where the last one ended.
  MeteredDecoder(ByteSpan stream, const ChunkGroups& groups, SizeAccount* account)
      : decoder_(stream), groups_(groups), account_(account) {
    begin_group();
  }

  bool code(std::uint32_t chance, bool bit) {
    bit = decoder_.code(chance, bit);
    account_->charge(stream_, 16 - std::log2(static_cast<double>(bit ? chance : 65536 - chance)));
    return bit;
  }
  bool ok() const { return decoder_.ok(); }
  bool done() const { return decoder_.done(); }

  void announce(Subject subject) { stream_ = stream_of(subject); }
  void made(ByteSpan source, ByteSpan target) {
    while (!groups_.groups.empty() && target.size() >= group_left_) {
      const std::size_t count = group_left_;
      count_made(source.first(std::min(count, source.size())), target.first(count));
      target = target.subspan(count);
      source = source.subspan(std::min(count, source.size()));
      if (++group_ == groups_.groups.size()) return;
      begin_group();
    }
    group_left_ -= static_cast<std::uint32_t>(target.size());
    count_made(source, target);
  }

 private:
  void begin_group() {
    if (groups_.groups.empty()) return;
    group_left_ = groups_.bytes(group_);
    account_->move_to(groups_.begin(group_));
  }

  void count_made(ByteSpan source, ByteSpan target) {
    if (source.empty()) {
      account_->made_new(target.size());
      return;
    }
    std::uint64_t changed = 0;
    for (std::size_t i = 0; i < target.size(); ++i) changed += source[i] != target[i] ? 1 : 0;
    account_->copied(target.size(), changed);
  }

  RangeDecoder decoder_;
  ChunkGroups groups_;
  std::size_t group_ = 0;
  std::uint32_t group_left_ = 0;
  SizeAccount* account_;
  Stream stream_ = Stream::copy_lengths;
};

// An image in memory as a source.
class ImageSource final : public SourceReader {
 public:
  explicit ImageSource(ByteSpan image) : image_(image) {}
  std::uint64_t bytes() const override { return image_.size(); }
  Status read(std::uint64_t begin, MutableByteSpan out) override {
    copy_bytes(out.data(), image_.subspan(static_cast<std::size_t>(begin), out.size()));
    return Status::ok;
  }

 private:
  ByteSpan image_;
};

// Takes the output of a chunk to its groups in the target.
class GroupSink {
 public:
  GroupSink(const ChunkGroups& groups, Bytes* target) : groups_(groups), target_(*target) {}

  Status append(ByteSpan bytes) {
    while (!bytes.empty()) {
      const std::uint64_t begin = groups_.begin(group_) + done_;
      const std::size_t count = std::min<std::size_t>(bytes.size(), groups_.bytes(group_) - done_);
      copy_bytes(target_.data() + begin, bytes.first(count));
      bytes = bytes.subspan(count);
      done_ += static_cast<std::uint32_t>(count);
      if (done_ != groups_.bytes(group_)) continue;
      ++group_;
      done_ = 0;
    }
    return Status::ok;
  }

 private:
  ChunkGroups groups_;
  Bytes& target_;
  std::size_t group_ = 0;
  std::uint32_t done_ = 0;  // Of it.
};

// Charges the columns of a chunk of codec zstd, value by value in the order of their use: each
// value the same part of its column as stored that it is of the column's content. The columns were
// applied before, so they are consistent.
class ColumnMeter {
 public:
  ColumnMeter(const ChunkHeader& header, const Columns& columns, SizeAccount* account)
      : header_(header),
        copies_(columns[Column::copy_lengths]),
        extras_(columns[Column::extra_lengths]),
        seeks_(columns[Column::source_seeks]),
        values_(columns[Column::diff_values]),
        runs_(columns[Column::zero_runs]),
        account_(*account) {}

  void run() {
    for (bool first = true; copies_.remaining() != 0; first = false) {
      if (!first) varint(&seeks_, Column::source_seeks, Stream::source_seeks);
      const std::uint64_t copy = varint(&copies_, Column::copy_lengths, Stream::copy_lengths);
      const std::uint64_t extra = varint(&extras_, Column::extra_lengths, Stream::extra_lengths);
      copied(copy);
      for (std::uint64_t i = 0; i < extra; ++i) {
        charge(Column::extra, Stream::literals, 1);
        account_.made_new(1);
      }
    }
  }

 private:
  void charge(Column column, Stream stream, std::uint64_t raw_bytes) {
    const ColumnSize& size = header_[column];
    account_.charge(stream, static_cast<double>(raw_bytes) * size.stored_bytes / size.raw_bytes);
  }

  std::uint64_t varint(ByteReader* reader, Column column, Stream stream) {
    const std::size_t before = reader->offset();
    const std::uint64_t value = reader->varint();
    charge(column, stream, reader->offset() - before);
    return value;
  }

  void copied(std::uint64_t count) {
    while (count != 0) {
      if (zero_run_ != 0) {
        const std::uint64_t equal = std::min(zero_run_, count);
        account_.copied(equal, 0);
        zero_run_ -= equal;
        count -= equal;
        continue;
      }
      charge(Column::diff_values, Stream::diff_values, 1);
      if (values_.u8() == 0) {
        zero_run_ = varint(&runs_, Column::zero_runs, Stream::zero_runs) + 1;
      } else {
        account_.copied(1, 1);
        --count;
      }
    }
  }

  const ChunkHeader& header_;
  ByteReader copies_;
  ByteReader extras_;
  ByteReader seeks_;
  ByteReader values_;
  ByteReader runs_;
  std::uint64_t zero_run_ = 0;
  SizeAccount& account_;
};

// Memory that an image is read from or written to as if it were flash that needs no erase.
class ImageMemory {
 public:
  explicit ImageMemory(Bytes content)
      : bytes_(std::move(content)), flash_(bytes_, {kBlockBytes, 1, false}) {}
  FlashRegion region() { return {&flash_, 0, bytes_.size()}; }
  Bytes take() { return std::move(bytes_); }

 private:
  static constexpr std::uint32_t kBlockBytes = 4096;

  Bytes bytes_;
  RamFlash flash_;
};

class PackageMeter {
 public:
  PackageMeter(ByteSpan package, const VerifyResult& verified, ByteSpan source,
               SizeAccount* account)
      : package_(package),
        verified_(verified),
        manifest_(verified.head->manifest),
        source_image_({source.begin(), source.end()}),
        source_{source_image_.region(), source.size()},
        target_image_(Bytes(static_cast<std::size_t>(manifest_.target.bytes))),
        group_(kGroupBytes),
        writer_(target_image_.region(), 0, group_, best_kernels()),
        account_(*account) {}

  Bytes run() {
    account_.charge_structure(Stream::address_map, manifest_.map.bytes);
    account_.charge_structure(Stream::plan, manifest_.plan.bytes);
    account_.charge_structure(Stream::tree_nodes, tree_bytes_total(manifest_.chunk_count));
    begin();
    Bytes target = manifest_.plan.present() ? meter_in_place() : meter_in_order();
    if (digest_of(DigestDomain::image, target) != manifest_.target.digest) {
      throw Error(Exit::bad_input, "the package does not make the target that it promises");
    }
    return target;
  }

 private:
  static constexpr std::size_t kGroupBytes = 64 << 10;

  static void check(Status status, std::uint64_t offset) {
    if (status == Status::ok) return;
    throw Error(Exit::bad_input, result_row(status).meaning, "offset " + std::to_string(offset),
                result_row(status).action);
  }

  void begin() {
    if (manifest_.codec == Codec::zstd) {
      decoder_memory_.resize(limits::zstd_context_bytes + manifest_.chunk_decoded_bytes_max +
                             2 * Arena::line_bytes);
      Arena arena(decoder_memory_);
      check(decoder_.begin(manifest_, &arena), 0);
      return;
    }
    rebased_.set_source(source_);
    if (!manifest_.map.present()) return;
    decoder_memory_.resize(manifest_.map.step_count * limits::map_step_bytes +
                           limits::rebase_window_bytes + 2 * Arena::line_bytes);
    Arena arena(decoder_memory_);
    check(rebased_.begin(manifest_.map, &arena), 0);
    Bytes scratch(limits::context_model_bytes);
    const std::size_t begin = verified_.head->head_bytes;
    check(rebased_.load_map(package_.subspan(begin, manifest_.map.bytes), scratch), begin);
  }

  ByteSpan bytes_of(const ChunkReport& chunk) const {
    return package_.subspan(static_cast<std::size_t>(chunk.offset_bytes),
                            static_cast<std::size_t>(chunk.bytes));
  }

  Bytes meter_in_order() {
    for (const ChunkReport& chunk : verified_.chunks) {
      const ByteSpan bytes = bytes_of(chunk);
      check(manifest_.codec == Codec::zstd ? meter_columns(chunk, bytes)
                                           : meter_stream(chunk, bytes, {}, &rebased_, &writer_),
            chunk.offset_bytes);
    }
    check(writer_.flush(), 0);
    return target_image_.take();
  }

  // What no step writes is in the source already.
  Bytes meter_in_place() {
    const DecodedPlan& plan = *verified_.plan;
    const InPlaceOptions options = in_place_options(manifest_);
    VanishingSource source(rebased_image(), plan.plan, options);
    Bytes target = source_image_.take();
    target.resize(static_cast<std::size_t>(manifest_.target.bytes));
    std::size_t step = 0;
    for (std::size_t i = 0; i < verified_.chunks.size(); ++i) {
      ImageSource left(source.before(step));
      std::vector<std::uint32_t> groups;
      for (const std::size_t end = step + plan.chunks[i].step_count; step < end; ++step) {
        groups.push_back(plan.plan.steps[step].group);
      }
      std::ranges::sort(groups);
      const ChunkGroups output{groups, manifest_.group_bytes, manifest_.target.bytes};
      GroupSink sink(output, &target);
      const ChunkReport& chunk = verified_.chunks[i];
      check(output_bytes(output) == chunk.target_bytes
                ? meter_stream(chunk, bytes_of(chunk), output, &left, &sink)
                : Status::malformed_chunk,
            chunk.offset_bytes);
    }
    return target;
  }

  static std::uint64_t output_bytes(const ChunkGroups& groups) {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < groups.groups.size(); ++i) sum += groups.bytes(i);
    return sum;
  }

  Bytes rebased_image() {
    Bytes image(static_cast<std::size_t>(source_.bytes));
    for (std::size_t at = 0; at < image.size(); at += limits::source_window_bytes) {
      const std::size_t count = std::min(image.size() - at, limits::source_window_bytes);
      check(rebased_.read(at, MutableByteSpan(image).subspan(at, count)), 0);
    }
    return image;
  }

  Status meter_columns(const ChunkReport& chunk, ByteSpan bytes) {
    ChunkHeader header;
    Columns columns;
    Status status = decoder_.decode(manifest_, bytes, &header, &columns);
    if (status == Status::ok) {
      status = patch_chunk(header, columns, source_, chunk.target_bytes, best_kernels(), &writer_);
    }
    if (status != Status::ok) return status;
    ColumnMeter(header, columns, &account_).run();
    std::uint64_t stored_bytes = 0;
    for (const ColumnSize& size : header.columns) stored_bytes += size.stored_bytes;
    account_.charge_structure(Stream::chunk_headers, bytes.size() - stored_bytes);
    account_.settle(stored_bytes);
    return Status::ok;
  }

  template <typename Sink>
  Status meter_stream(const ChunkReport& chunk, ByteSpan bytes, const ChunkGroups& groups,
                      SourceReader* source, Sink* sink) {
    ContextChunkHeader header;
    std::size_t header_bytes = 0;
    Status status = parse_context_chunk_header(bytes, &header, &header_bytes);
    if (status != Status::ok) return status;
    const ByteSpan stream = bytes.subspan(header_bytes);
    status = run_context_chunk(header, MeteredDecoder(stream, groups, &account_), model_.get(),
                               window_, source, chunk.target_bytes, sink);
    if (status != Status::ok) return status;
    account_.charge_structure(Stream::chunk_headers, header_bytes);
    account_.settle(stream.size());
    return Status::ok;
  }

  ByteSpan package_;
  const VerifyResult& verified_;
  const Manifest& manifest_;
  ImageMemory source_image_;
  Source source_;
  ImageMemory target_image_;
  Bytes group_;
  FlashWriter writer_;
  SizeAccount& account_;
  Bytes decoder_memory_;
  // Codec zstd.
  Decoder decoder_;
  // Codec context.
  std::unique_ptr<ContextModel> model_ = std::make_unique<ContextModel>();
  Bytes window_ = Bytes(limits::source_window_bytes);
  RebasedSource rebased_;
};

}  // namespace

Bytes meter_package(ByteSpan package, const VerifyResult& verified, ByteSpan source,
                    SizeAccount* account) {
  return PackageMeter(package, verified, source, account).run();
}

}  // namespace romdelta::pkgtool
