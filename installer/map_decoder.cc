#include "installer/map_decoder.h"

#include <new>

#include "format/limits.h"
#include "installer/map_model.h"
#include "installer/range_decoder.h"

namespace romdelta {

static_assert(sizeof(MapModel) <= limits::context_model_bytes);
static_assert(sizeof(MapStep) == limits::map_step_bytes);

Status decode_map(ByteSpan bytes, MutableByteSpan scratch, std::span<MapStep> steps,
                  AddressMap* map) {
  auto* model = new (scratch.data()) MapModel;
  model->begin();
  RangeDecoder coder(bytes);
  AddressMap decoded;
  decoded.base = model->base(coder, 0);
  const std::array<std::span<const MapStep>*, MapModel::table_count> tables = {
      &decoded.segments, &decoded.regions, &decoded.anchors, &decoded.shifts};
  std::size_t used = 0;
  for (std::size_t i = 0; i < tables.size(); ++i) {
    const std::uint64_t count = model->count(coder, 0);
    if (count > steps.size() - used) return Status::malformed_chunk;
    const auto table = steps.subspan(used, static_cast<std::size_t>(count));
    if (!model->table(coder, static_cast<MapModel::Table>(i), table))
      return Status::malformed_chunk;
    *tables[i] = table;
    used += table.size();
  }
  if (used != steps.size() || !coder.done()) return Status::malformed_chunk;
  *map = decoded;
  return Status::ok;
}

}  // namespace romdelta
