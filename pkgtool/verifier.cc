#include "pkgtool/verifier.h"

#include <algorithm>

#include "installer/chunk_tree.h"
#include "installer/map_decoder.h"

namespace romdelta::pkgtool {
namespace {

class Verifier {
 public:
  explicit Verifier(ByteSpan package) : package_(package) {}

  VerifyResult run(std::optional<TrustedKeys> keys) {
    result_.structure = "head";
    result_.status = read_head(keys);
    if (result_.status != Status::ok) return std::move(result_);
    result_.status = check_length();
    if (result_.status == Status::ok) result_.status = check_payload();
    return std::move(result_);
  }

 private:
  Status read_head(std::optional<TrustedKeys> keys) {
    const ByteSpan front = package_.first(std::min(package_.size(), limits::head_bytes_max));
    PackageHead head;
    const Status status = keys ? verify_head(front, *keys, &head) : inspect_head(front, &head);
    if (status == Status::ok) result_.head = head;
    return status;
  }

  Status check_length() {
    result_.structure = "end of file";
    const std::uint64_t expected = result_.head->file_bytes();
    result_.offset_bytes = std::min<std::uint64_t>(expected, package_.size());
    if (package_.size() < expected) return Status::truncated;
    return package_.size() > expected ? Status::trailing_bytes : Status::ok;
  }

  Status check_payload() {
    const Manifest& manifest = result_.head->manifest;
    if (manifest.chunk_count == 0) return Status::ok;
    // Sized by the file, which is all there: the manifest need not be authentic here.
    const std::uint64_t decoded =
        std::min<std::uint64_t>(manifest.chunk_decoded_bytes_max, limits::chunk_decoded_bytes_max);
    Bytes memory(limits::zstd_context_bytes + static_cast<std::size_t>(decoded) +
                 limits::tree_depth_max * tree_node_bytes_max(manifest.chunk_count) +
                 8 * Arena::line_bytes);
    Arena arena(memory);
    ChunkTree tree;
    Decoder decoder;
    Status status = tree.begin(manifest, result_.head->head_bytes, &arena);
    if (status == Status::ok) status = decoder.begin(manifest, &arena);
    if (status == Status::ok && manifest.map.present()) status = check_map();
    if (status == Status::ok && manifest.plan.present()) status = check_plan();
    while (status == Status::ok && !tree.done()) status = check_next(&tree, &decoder);
    return status;
  }

  Status check_map() {
    const MapIdentity& identity = result_.head->manifest.map;
    result_.structure = "address map";
    result_.offset_bytes = result_.head->head_bytes;
    // Inside the file: the manifest's payload has room for it, and the file for the payload.
    const ByteSpan bytes = package_.subspan(result_.head->head_bytes, identity.bytes);
    if (digest_of(DigestDomain::map, bytes) != identity.digest) return Status::corrupt_chunk;
    Bytes scratch(limits::context_model_bytes);
    std::vector<MapStep> steps(identity.step_count);
    AddressMap map;
    const Status status = decode_map(bytes, scratch, steps, &map);
    if (status != Status::ok) return status;
    result_.map = {result_.offset_bytes, map.base,           map.segments.size(),
                   map.regions.size(),   map.anchors.size(), map.shifts.size()};
    return Status::ok;
  }

  Status check_plan() {
    const Manifest& manifest = result_.head->manifest;
    result_.structure = "plan";
    result_.offset_bytes = result_.head->head_bytes + manifest.map.bytes;
    // Inside the file, as the map is.
    const ByteSpan bytes =
        package_.subspan(static_cast<std::size_t>(result_.offset_bytes), manifest.plan.bytes);
    if (digest_of(DigestDomain::plan, bytes) != manifest.plan.digest) return Status::corrupt_chunk;
    DecodedPlan plan;
    const Status status = decode_plan(manifest, bytes, &plan);
    if (status != Status::ok) return status;
    result_.plan_offset_bytes = result_.offset_bytes;
    result_.plan = std::move(plan);
    return Status::ok;
  }

  Status check_next(ChunkTree* tree, Decoder* decoder) {
    const Manifest& manifest = result_.head->manifest;
    const ChunkTree::Wanted wanted = tree->wanted();
    result_.structure = wanted.is_node ? "tree node" : "chunk " + std::to_string(tree->chunk());
    result_.offset_bytes = wanted.offset_bytes;
    if (!range_inside(wanted.offset_bytes, wanted.bytes, package_.size())) {
      return Status::malformed_chunk;
    }
    const ByteSpan bytes = package_.subspan(static_cast<std::size_t>(wanted.offset_bytes),
                                            static_cast<std::size_t>(wanted.bytes));
    if (wanted.is_node) {
      copy_bytes(tree->node_buffer(wanted.level).data(), bytes);
      return tree->accept_node(wanted);
    }
    if (bytes.size() > manifest.chunk_stored_bytes_max) return Status::malformed_chunk;
    Status status = tree->accept_chunk(bytes);
    if (status != Status::ok) return status;
    ChunkReport report{wanted.offset_bytes, wanted.bytes, wanted.target_offset,
                       wanted.target_bytes, {},           {}};
    if (manifest.codec == Codec::zstd) {
      Columns columns;
      status = decoder->decode(manifest, bytes, &report.header, &columns);
    } else {
      // What the stream says depends on the source: `apply` decodes it.
      std::size_t header_bytes = 0;
      status = parse_context_chunk_header(bytes, &report.context, &header_bytes);
    }
    if (status == Status::ok) result_.chunks.push_back(report);
    return status;
  }

  ByteSpan package_;
  VerifyResult result_;
};

}  // namespace

VerifyResult verify_package(ByteSpan package, std::optional<TrustedKeys> keys) {
  return Verifier(package).run(keys);
}

}  // namespace romdelta::pkgtool
