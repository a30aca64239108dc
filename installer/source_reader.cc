#include "installer/source_reader.h"

#include <algorithm>

#include "installer/map_decoder.h"

namespace romdelta {

Status RebasedSource::begin(const MapIdentity& map, Arena* arena) {
  if (!map.present()) return Status::ok;
  const bool fits = arena->allocate_objects(map.step_count, &steps_) &&
                    arena->allocate(limits::rebase_window_bytes, &raw_window_);
  return fits ? Status::ok : Status::arena_too_small;
}

Status RebasedSource::load_map(ByteSpan bytes, MutableByteSpan scratch) {
  AddressMap map;
  const Status status = decode_map(bytes, scratch, steps_, &map);
  if (status == Status::ok) rebaser_ = Rebaser(map);
  return status;
}

Status RebasedSource::read(std::uint64_t begin, MutableByteSpan out) {
  if (rebaser_.changes_nothing()) return source_.region.read(begin, out);
  const std::uint64_t raw_begin = begin - std::min<std::uint64_t>(begin, Rebaser::margin_bytes);
  const std::uint64_t raw_end =
      std::min<std::uint64_t>(begin + out.size() + Rebaser::margin_bytes, source_.bytes);
  const MutableByteSpan raw = raw_window_.first(static_cast<std::size_t>(raw_end - raw_begin));
  const Status status = source_.region.read(raw_begin, raw);
  if (status != Status::ok) return status;
  copy_bytes(out.data(), raw.subspan(static_cast<std::size_t>(begin - raw_begin), out.size()));
  rebaser_.rewrite(raw, raw_begin, out, begin);
  return Status::ok;
}

}  // namespace romdelta
