#include "tests/fuzz/resign.h"

#include <algorithm>

#include "format/hash_tree.h"
#include "format/package.h"

namespace romdelta::test {
namespace {

// Gives every node and chunk of a payload a size that fits, and every node its digests.
class TreeMender {
 public:
  TreeMender(std::uint32_t chunk_count, Bytes* payload)
      : chunk_count_(chunk_count), payload_(payload) {}

  // The entry that vouches for the whole payload. Requires: it has room for the tree and a byte a
  // chunk.
  TreeEntry mend() { return mend_node(tree_depth(chunk_count_) - 1, 0, 0, payload_->size()); }

 private:
  // The least bytes of child `index` below a node of `level`.
  std::uint64_t least_bytes(unsigned level, std::uint64_t index) const {
    if (level == 0) return 1;
    std::uint64_t bytes = tree_node_bytes(chunk_count_, level - 1, index);
    const std::size_t children = tree_child_count(chunk_count_, level - 1, index);
    for (std::size_t i = 0; i < children; ++i) {
      bytes += least_bytes(level - 1, index * limits::tree_fanout + i);
    }
    return bytes;
  }

  TreeEntry mend_node(unsigned level, std::uint64_t index, std::size_t begin, std::uint64_t bytes) {
    const std::size_t children = tree_child_count(chunk_count_, level, index);
    const std::size_t node_bytes = children * TreeEntry::bytes;
    std::size_t at = begin + node_bytes;
    std::uint64_t spare = bytes - node_bytes;
    for (std::size_t i = 0; i < children; ++i) {
      spare -= least_bytes(level, index * limits::tree_fanout + i);
    }
    TreeEntry whole;
    Bytes node;
    for (std::size_t i = 0; i < children; ++i) {
      const std::uint64_t child = index * limits::tree_fanout + i;
      const ByteSpan given = ByteSpan(*payload_).subspan(begin, node_bytes);
      TreeEntry entry = tree_entry(given, i);
      const std::uint64_t least = least_bytes(level, child);
      const std::uint64_t wanted = entry.payload_bytes > least ? entry.payload_bytes - least : 0;
      const std::uint64_t extra = i + 1 == children ? spare : std::min(wanted, spare);
      spare -= extra;
      entry.payload_bytes = least + extra;
      if (level == 0) {
        const ByteSpan chunk = ByteSpan(*payload_).subspan(at, entry.payload_bytes);
        entry.digest = chunk_digest(chunk, static_cast<std::uint32_t>(child));
      } else {
        const TreeEntry below = mend_node(level - 1, child, at, entry.payload_bytes);
        entry.digest = below.digest;
        entry.target_bytes = below.target_bytes;
      }
      at += static_cast<std::size_t>(entry.payload_bytes);
      whole.target_bytes += entry.target_bytes;
      append(&node, written_by([&](ByteWriter* writer) { encode_tree_entry(entry, writer); }));
    }
    std::ranges::copy(node, payload_->begin() + static_cast<std::ptrdiff_t>(begin));
    whole.payload_bytes = bytes;
    whole.digest = tree_node_digest(node, level, index);
    return whole;
  }

  std::uint32_t chunk_count_;
  Bytes* payload_;
};

void fit(const TreeEntry& whole, Manifest* manifest) {
  if (whole.target_bytes <= limits::image_bytes_max) manifest->target.bytes = whole.target_bytes;
  manifest->budgets.ram_bytes =
      std::max(manifest->budgets.ram_bytes, arena_bytes_needed(*manifest));
}

}  // namespace

Bytes resign(ByteSpan input, const TestKey& key, const ResignOptions& options) {
  std::uint32_t manifest_bytes = 0;
  if (input.size() >= package_header_bytes) {
    ByteReader reader(input.subspan(12, 4));
    manifest_bytes = reader.u32() % (limits::manifest_bytes_max + 1);
    input = input.subspan(package_header_bytes);
  }
  Bytes manifest_text = to_bytes(input.first(std::min<std::size_t>(manifest_bytes, input.size())));
  input = input.subspan(manifest_text.size());
  // One signature was there and one will be.
  constexpr std::size_t kListBytes = signature_list_header_bytes + signature_entry_bytes;
  Bytes payload = to_bytes(input.subspan(std::min(kListBytes, input.size())));

  Manifest manifest;
  const bool parses = parse_manifest(manifest_text, &manifest) == Status::ok;
  const std::size_t map_bytes =
      parses ? std::min<std::size_t>(manifest.map.bytes, payload.size()) : 0;
  const Bytes map = to_bytes(ByteSpan(payload).first(map_bytes));
  payload.erase(payload.begin(), payload.begin() + static_cast<std::ptrdiff_t>(map_bytes));
  if (!map.empty()) manifest.map.digest = digest_of(DigestDomain::map, map);
  if (parses && options.source != nullptr && manifest.source_count == 1) {
    manifest.sources[0] = *options.source;
  }
  if (parses && manifest.chunk_count != 0 &&
      payload.size() >= tree_bytes_total(manifest.chunk_count) + manifest.chunk_count) {
    const TreeEntry whole = TreeMender(manifest.chunk_count, &payload).mend();
    manifest.payload_bytes = map.size() + payload.size();
    manifest.tree_root = whole.digest;
    if (options.fit_manifest) fit(whole, &manifest);
  }
  if (parses) {
    manifest_text = written_by([&](ByteWriter* writer) { encode_manifest(manifest, writer); });
  }
  // The header of an empty manifest, with the right size.
  Bytes file = written_by([](ByteWriter* writer) { encode_signed_part(Manifest{}, writer); });
  file.resize(package_header_bytes - 4);
  append(&file, written_by([&](ByteWriter* writer) {
    writer->u32(static_cast<std::uint32_t>(manifest_text.size()));
  }));
  append(&file, manifest_text);
  SignatureList list;
  (void)list.insert(sign(key, signed_part_digest(file)));
  append(&file, written_by([&](ByteWriter* writer) { encode_signature_list(list, writer); }));
  append(&file, map);
  append(&file, payload);
  return file;
}

}  // namespace romdelta::test
