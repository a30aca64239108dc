// Codec 2: how the target is cut into chunks. context_encoder.h makes each.
#include <algorithm>
#include <mutex>

#include "pkgtool/chunks.h"
#include "pkgtool/context_encoder.h"
#include "pkgtool/parallel.h"

namespace romdelta::pkgtool {
namespace {

// Every chunk begins its statistics anew, so they are made as large as the device's RAM allows: all
// of the target first, and what does not fit is cut where its code is.
class ContextChunks {
 public:
  explicit ContextChunks(const ChunkInput& input) : input_(input) {}

  std::vector<EncodedChunk> run() {
    // Tree nodes take RAM, too: how many follows from how many chunks there are in the end.
    std::size_t count_expected = 1;
    while (true) {
      stored_bytes_max_ = std::min<std::uint64_t>(arena_left(input_, count_expected),
                                                  limits::chunk_stored_bytes_max);
      std::vector<EncodedChunk> chunks = encode_all();
      if (arena_needed(input_, chunks) <= input_.options.ram_bytes_max) return chunks;
      if (chunks.size() <= count_expected) throw_no_room(input_.options);
      count_expected = chunks.size();
    }
  }

 private:
  struct Piece {
    TargetRange range;
    ContextChunk chunk;
    unsigned unit_bytes = 0;  // 0: not coded yet.
  };

  std::vector<EncodedChunk> encode_all() {
    std::vector<Piece> pieces = first_pieces();
    for (bool fits = false; !fits;) {
      encode(&pieces);
      fits = cut(&pieces);
      if (pieces.size() > limits::chunk_count_max) throw_no_room(input_.options);
    }
    std::vector<EncodedChunk> chunks;
    chunks.reserve(pieces.size());
    for (Piece& piece : pieces)
      chunks.push_back({piece.range, std::move(piece.chunk.bytes), 0, piece.unit_bytes});
    return chunks;
  }

  std::vector<Piece> first_pieces() const {
    const std::uint64_t most = std::max<std::uint64_t>(
        kChunkTargetBytesMax / input_.group_bytes * input_.group_bytes, input_.group_bytes);
    std::vector<Piece> pieces;
    for (std::uint64_t at = 0; at < input_.target.size(); at += most) {
      pieces.push_back({{at, std::min<std::uint64_t>(at + most, input_.target.size())}, {}, 0});
    }
    return pieces;
  }

  // Codes the pieces that are not coded yet, taking the words of the source for as long as asked,
  // or for 2 and for 4 bytes, and keeps what is shorter.
  void encode(std::vector<Piece>* pieces) {
    std::vector<Piece*> todo;
    for (Piece& piece : *pieces) {
      if (piece.unit_bytes == 0) todo.push_back(&piece);
    }
    std::vector<unsigned> sizes = {4, 2};
    if (input_.options.unit_bytes != 0) sizes = {input_.options.unit_bytes};
    const std::size_t total = sizes.size() * todo.size();
    std::vector<ContextChunk> chunks(total);
    std::size_t done = 0;
    std::mutex progress_mutex;
    parallel_for(total, input_.options.thread_count, [&](std::size_t i) {
      chunks[i] = encode_context_chunk(input_.source, input_.target, input_.cover,
                                       todo[i / sizes.size()]->range, sizes[i % sizes.size()]);
      const std::lock_guard lock(progress_mutex);
      if (input_.progress) input_.progress("encode", ++done, total);
    });
    for (std::size_t i = 0; i < total; ++i) {
      Piece& piece = *todo[i / sizes.size()];
      if (piece.unit_bytes != 0 && piece.chunk.bytes.size() <= chunks[i].bytes.size()) continue;
      piece.chunk = std::move(chunks[i]);
      piece.unit_bytes = sizes[i % sizes.size()];
    }
  }

  // Replaces pieces that are too large by parts of about equal code. True when there were none.
  bool cut(std::vector<Piece>* pieces) const {
    std::vector<Piece> result;
    bool fits = true;
    for (Piece& piece : *pieces) {
      if (piece.chunk.bytes.size() <= stored_bytes_max_) {
        result.push_back(std::move(piece));
        continue;
      }
      fits = false;
      std::uint64_t begin = piece.range.begin;
      for (const std::uint64_t end : cuts(piece)) {
        result.push_back({{begin, end}, {}, 0});
        begin = end;
      }
    }
    *pieces = std::move(result);
    return fits;
  }

  // Where the parts of a piece end.
  std::vector<std::uint64_t> cuts(const Piece& piece) const {
    if (stored_bytes_max_ == 0) throw_no_room(input_.options);
    const std::uint64_t bytes = piece.chunk.bytes.size();
    // Each part learns anew and gets a little longer for it.
    const std::uint64_t count = std::max<std::uint64_t>(
        2, (bytes + bytes / 16 + stored_bytes_max_ - 1) / stored_bytes_max_);
    const std::uint64_t unit = cut_unit_bytes(input_, piece.range.bytes() / (2 * count));
    std::vector<std::uint64_t> ends;
    std::uint64_t last = piece.range.begin;
    for (std::uint64_t i = 1; i < count; ++i) {
      const std::uint64_t wanted = bytes / count * i;
      const auto mark = std::ranges::find_if(
          piece.chunk.marks, [&](const ContextChunk::Mark& m) { return m.coded_bytes >= wanted; });
      if (mark == piece.chunk.marks.end()) break;
      const std::uint64_t end = mark->target_offset / unit * unit;
      if (end <= last) continue;
      ends.push_back(end);
      last = end;
    }
    if (ends.empty()) {
      const std::uint64_t next = (piece.range.begin / unit + 1) * unit;
      if (next >= piece.range.end) throw_no_room(input_.options);
      ends.push_back(next);
    }
    ends.push_back(piece.range.end);
    return ends;
  }

  const ChunkInput& input_;
  std::uint64_t stored_bytes_max_ = 0;
};

}  // namespace

std::vector<EncodedChunk> encode_context_chunks(const ChunkInput& input) {
  return ContextChunks(input).run();
}

}  // namespace romdelta::pkgtool
