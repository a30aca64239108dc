#include "tests/support/context_stream.h"

#include <algorithm>

#include "installer/context_model.h"
#include "pkgtool/range_encoder.h"

namespace romdelta::test {

struct ContextStream::State {
  State(ByteSpan source_bytes, const ContextChunkHeader& chunk_header)
      : source(source_bytes), header(chunk_header), position(chunk_header.source_position) {
    model->begin();
  }

  template <unsigned unit_bytes>
  void change(std::uint64_t past, ByteSpan target) {
    std::array<std::uint8_t, 9> around{};
    for (std::size_t i = 0; i < 1 + 2 * unit_bytes; ++i) {
      const std::uint64_t at = position - past + i - 1;
      if (at < source.size()) around[i] = source[at];
    }
    const SourceUnit unit =
        source_unit<unit_bytes>(around.data() + 1, static_cast<std::size_t>(past), target.size());
    std::uint32_t wanted = 0;
    for (std::size_t i = 0; i < target.size(); ++i) {
      wanted |= std::uint32_t{target[i]} << (8 * (past + i));
    }
    model->change<unit_bytes>(coder, unit, (wanted - (unit.word & unit.mask)) & unit.mask);
  }

  void part(ByteSpan target) {
    const ByteSpan bytes = source.subspan(static_cast<std::size_t>(position), target.size());
    const bool differs = !std::ranges::equal(bytes, target);
    model->block_differs(coder, target.size() == ContextModel::block_bytes, differs);
    while (!target.empty()) {
      const std::uint64_t past = position % header.unit_bytes;
      const auto step = static_cast<std::size_t>(
          std::min<std::uint64_t>(target.size(), header.unit_bytes - past));
      if (differs && header.unit_bytes == 2) change<2>(past, target.first(step));
      if (differs && header.unit_bytes == 4) change<4>(past, target.first(step));
      position += step;
      target = target.subspan(step);
    }
  }

  void remember(ByteSpan target) {
    for (const std::uint8_t byte : target) recent = recent << 8 | byte;
    produced += target.size();
  }

  ByteSpan source;
  ContextChunkHeader header;
  std::uint64_t position;
  std::uint32_t recent = 0;
  std::uint64_t produced = 0;
  pkgtool::Bytes coded;
  pkgtool::RangeEncoder coder{&coded};
  std::unique_ptr<ContextModel> model = std::make_unique<ContextModel>();
};

ContextStream::ContextStream(ByteSpan source, const ContextChunkHeader& header)
    : state_(std::make_unique<State>(source, header)) {}

ContextStream::~ContextStream() = default;

void ContextStream::seek(std::uint64_t position) {
  const std::uint64_t distance = position - state_->position;
  const bool back = distance >> 63 != 0;
  state_->model->number(state_->coder, ContextModel::Number::seek,
                        distance << 1 ^ (back ? ~std::uint64_t{0} : 0));
  state_->position = position;
}

void ContextStream::copy(ByteSpan target) {
  copy_bytes(target.size());
  state_->remember(target);
  while (!target.empty()) {
    const std::uint64_t past = state_->position % ContextModel::block_bytes;
    const auto step = static_cast<std::size_t>(
        std::min<std::uint64_t>(target.size(), ContextModel::block_bytes - past));
    state_->part(target.first(step));
    target = target.subspan(step);
  }
}

void ContextStream::literals(ByteSpan target) {
  extra_bytes(target.size());
  for (const std::uint8_t& byte : target) {
    state_->model->literal(state_->coder, state_->recent,
                           static_cast<unsigned>(state_->produced % 4), byte);
    state_->remember({&byte, 1});
  }
}

void ContextStream::copy_bytes(std::uint64_t count) {
  state_->model->number(state_->coder, ContextModel::Number::copy_bytes, count);
}

void ContextStream::extra_bytes(std::uint64_t count) {
  state_->model->number(state_->coder, ContextModel::Number::extra_bytes, count);
}

Bytes ContextStream::finish() {
  state_->coder.finish();
  Bytes chunk =
      written_by([&](ByteWriter* writer) { encode_context_chunk_header(state_->header, writer); });
  append(&chunk, state_->coded);
  return chunk;
}

}  // namespace romdelta::test
