#include "installer/dm/dm_node.h"

#include <array>

namespace romdelta {
namespace {

using N = DmNode;

constexpr unsigned kGet = ROMDELTA_DM_GET;
constexpr unsigned kMake = ROMDELTA_DM_GET | ROMDELTA_DM_ADD;
constexpr unsigned kLeaf = kMake | ROMDELTA_DM_REPLACE | ROMDELTA_DM_DELETE;
constexpr unsigned kData = ROMDELTA_DM_ADD | ROMDELTA_DM_REPLACE;
constexpr unsigned kExec = ROMDELTA_DM_EXEC;
constexpr unsigned kDelete = ROMDELTA_DM_DELETE;

constexpr const char* kFumo = "urn:oma:mo:oma-fumo:1.0";
constexpr const char* kText = "text/plain";
constexpr const char* kBinary = "application/octet-stream";

// In the order of the enumerators.
constexpr std::array<DmNodeInfo, 17> kNodes = {{
    {N::root, N::root, "FwUpdate", true, "node", "", kGet},
    {N::object, N::root, "", true, "node", kFumo, kMake | kDelete},
    {N::pkg_name, N::object, "PkgName", false, "chr", kText, kLeaf},
    {N::pkg_version, N::object, "PkgVersion", false, "chr", kText, kLeaf},
    {N::download, N::object, "Download", true, "node", "", kMake | kDelete | kExec},
    {N::download_url, N::download, "PkgURL", false, "chr", kText, kLeaf},
    {N::update, N::object, "Update", true, "node", "", kMake | kExec},
    {N::pkg_data, N::update, "PkgData", false, "bin", kBinary, kData},
    {N::download_and_update, N::object, "DownloadAndUpdate", true, "node", "",
     kMake | kDelete | kExec},
    {N::download_and_update_url, N::download_and_update, "PkgURL", false, "chr", kText, kLeaf},
    {N::state, N::object, "State", false, "int", kText, kGet},
    {N::ext, N::object, "Ext", true, "node", "", kGet},
    {N::rom_root, N::rom_root, "Vendor/MSFT/ROMPackage", true, "node", "", kGet},
    {N::rom_package, N::rom_root, "", true, "node", "", kGet},
    {N::rom_name, N::rom_package, "PkgName", false, "chr", kText, kGet},
    {N::rom_version, N::rom_package, "PkgVersion", false, "chr", kText, kGet},
    {N::rom_state, N::rom_package, "State", false, "int", kText, kGet},
}};

constexpr bool nodes_follow_their_numbers() {
  for (std::size_t i = 0; i < kNodes.size(); ++i) {
    if (static_cast<std::size_t>(kNodes[i].node) != i || kNodes[i].parent > kNodes[i].node) {
      return false;
    }
  }
  return true;
}
static_assert(nodes_follow_their_numbers());

constexpr std::string_view kHere = "./";

std::string_view without_here(std::string_view uri) {
  if (uri.starts_with(kHere)) uri.remove_prefix(kHere.size());
  return uri;
}

// Whether `path` is the root or lies below it; `rest` is what follows the root's name.
bool is_below(std::string_view path, DmNode root, std::string_view* rest) {
  const std::string_view name = dm_node_info(root).name;
  if (!path.starts_with(name)) return false;
  path.remove_prefix(name.size());
  if (!path.empty() && path.front() != '/' && path.front() != '?') return false;
  *rest = path;
  return true;
}

// The next segment of `rest`, which begins with '/'; empty when the address breaks a rule.
std::string_view next_segment(std::string_view* rest) {
  rest->remove_prefix(1);
  const std::string_view segment = text_before(*rest, rest->find('/'));
  rest->remove_prefix(segment.size());
  return segment;
}

// The child of `parent` that is called `name`, or `parent` itself.
DmNode child_of(DmNode parent, std::string_view name) {
  for (const DmNodeInfo& info : kNodes) {
    if (info.parent == parent && info.node != parent && info.name == name) return info.node;
  }
  return parent;
}

// The length of the UTF-8 sequence that `text` begins with; 0 when it is none, or a character that
// XML does not have.
std::size_t sequence_bytes(std::string_view text) {
  const auto at = [&](std::size_t i) -> unsigned {
    return i < text.size() ? static_cast<std::uint8_t>(text[i]) : 0u;
  };
  const auto follows = [&](std::size_t i) { return (at(i) & 0xc0) == 0x80; };
  const unsigned first = at(0);
  if (first < 0x80) return first >= 0x20 && first != 0x7f ? 1 : 0;
  if (first >= 0xc2 && first < 0xe0) return follows(1) ? 2 : 0;
  if ((first & 0xf0) == 0xe0 && follows(1) && follows(2)) {
    const unsigned value = (first & 0x0f) << 12 | (at(1) & 0x3f) << 6 | (at(2) & 0x3f);
    const bool is_surrogate = value >= 0xd800 && value < 0xe000;
    return value >= 0x800 && !is_surrogate && value < 0xfffe ? 3 : 0;
  }
  if ((first & 0xf8) == 0xf0 && follows(1) && follows(2) && follows(3)) {
    const unsigned value = (first & 0x07) << 18 | (at(1) & 0x3f) << 12;
    return value >= 0x10000 && value < 0x110000 ? 4 : 0;
  }
  return 0;
}

class UriWriter {
 public:
  explicit UriWriter(DmUri* uri) : uri_(uri) { uri_->text[0] = 0; }
  void put(std::string_view part) {
    for (const char c : part) {
      if (size_ + 1 < sizeof(uri_->text)) uri_->text[size_++] = c;
    }
    uri_->text[size_] = 0;
  }

 private:
  DmUri* uri_;
  std::size_t size_ = 0;
};

}  // namespace

const DmNodeInfo& dm_node_info(DmNode node) { return kNodes[static_cast<std::size_t>(node)]; }

std::span<const DmNodeInfo> dm_nodes() { return kNodes; }

bool is_dm_address(std::string_view uri) {
  std::string_view rest;
  const std::string_view path = without_here(uri);
  return is_below(path, DmNode::root, &rest) || is_below(path, DmNode::rom_root, &rest);
}

romdelta_dm_answer parse_dm_address(std::string_view uri, DmAddress* address) {
  if (uri.size() > limits::dm_uri_bytes_max) return ROMDELTA_DM_URI_TOO_LONG;
  DmAddress parsed;
  std::string_view rest;
  const std::string_view path = without_here(uri);
  if (is_below(path, DmNode::rom_root, &rest)) {
    parsed.node = DmNode::rom_root;
  } else if (!is_below(path, DmNode::root, &rest)) {
    return ROMDELTA_DM_NOT_FOUND;
  }
  const std::size_t mark = rest.find('?');
  if (mark != std::string_view::npos) {
    parsed.has_query = true;
    parsed.query = text_from(rest, mark + 1);
    rest = text_before(rest, mark);
  }
  if (!rest.empty()) {
    parsed.id = next_segment(&rest);
    const bool is_rom = parsed.node == DmNode::rom_root;
    if (is_rom ? !is_valid_package_id(parsed.id) : !is_dm_object_id(parsed.id)) {
      return ROMDELTA_DM_BAD_REQUEST;
    }
    parsed.node = is_rom ? DmNode::rom_package : DmNode::object;
  }
  while (!rest.empty()) {
    const std::string_view segment = next_segment(&rest);
    if (segment.empty()) return ROMDELTA_DM_BAD_REQUEST;
    const DmNode child = child_of(parsed.node, segment);
    if (child == parsed.node) return ROMDELTA_DM_NOT_FOUND;
    parsed.node = child;
  }
  *address = parsed;
  return ROMDELTA_DM_OK;
}

DmUri dm_uri(DmNode node, std::string_view id) {
  DmUri uri;
  UriWriter writer(&uri);
  // From the root down: at most root, x, an operation, a leaf.
  std::array<DmNode, 4> way{};
  std::size_t count = 0;
  for (DmNode at = node;; at = dm_node_info(at).parent) {
    way[count++] = at;
    if (dm_node_info(at).parent == at || count == way.size()) break;
  }
  writer.put(".");
  while (count > 0) {
    const DmNodeInfo& info = dm_node_info(way[--count]);
    writer.put("/");
    writer.put(info.name.empty() ? id : info.name);
  }
  return uri;
}

bool is_dm_object_id(std::string_view id) {
  if (id.empty() || id.size() > limits::dm_object_id_bytes_max || id.front() == '.') return false;
  for (const char c : id) {
    const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool is_digit = c >= '0' && c <= '9';
    if (!is_letter && !is_digit &&
        std::string_view("-_.~+@{}():=").find(c) == std::string_view::npos)
      return false;
  }
  return true;
}

bool is_dm_text(std::string_view text) {
  while (!text.empty()) {
    const std::size_t bytes = sequence_bytes(text);
    if (bytes == 0) return false;
    text.remove_prefix(bytes);
  }
  return true;
}

bool is_dm_url(std::string_view text) {
  for (const char c : text) {
    if (c < 0x21 || c > 0x7e) return false;
  }
  return !text.empty();
}

}  // namespace romdelta
