#include "pkgtool/map_encoder.h"

#include "installer/map_model.h"
#include "pkgtool/range_encoder.h"

namespace romdelta::pkgtool {

EncodedMap encode_map(const AddressMap& map) {
  EncodedMap encoded;
  if (map.empty()) return encoded;
  MapModel model;
  model.begin();
  RangeEncoder coder(&encoded.bytes);
  model.base(coder, map.base);
  std::size_t step_count = 0;
  std::size_t table = 0;
  for (const auto& steps : {map.segments, map.regions, map.anchors, map.shifts}) {
    model.count(coder, steps.size());
    std::vector<MapStep> copy(steps.begin(), steps.end());
    model.table(coder, static_cast<MapModel::Table>(table++), copy);
    step_count += steps.size();
  }
  coder.finish();
  encoded.identity = {static_cast<std::uint32_t>(encoded.bytes.size()),
                      static_cast<std::uint32_t>(step_count),
                      digest_of(DigestDomain::map, encoded.bytes)};
  return encoded;
}

}  // namespace romdelta::pkgtool
