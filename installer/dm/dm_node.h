// The nodes of the two trees, and the addresses that name them. docs/dm.md has them as a table.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "format/text.h"
#include "installer/dm/dm_c.h"

namespace romdelta {

enum class DmNode : std::uint8_t {
  // ./FwUpdate
  root,
  object,
  pkg_name,
  pkg_version,
  download,
  download_url,
  update,
  pkg_data,
  download_and_update,
  download_and_update_url,
  state,
  ext,
  // ./Vendor/MSFT/ROMPackage
  rom_root,
  rom_package,
  rom_name,
  rom_version,
  rom_state,
};

struct DmNodeInfo {
  DmNode node;
  DmNode parent;          // Of a root: itself.
  std::string_view name;  // Empty where each node has its own.
  bool is_interior;
  const char* format;
  const char* type;
  unsigned commands;  // romdelta_dm_command, or'ed.
};

const DmNodeInfo& dm_node_info(DmNode node);
// All of them, parents before children.
std::span<const DmNodeInfo> dm_nodes();

using DmObjectId = Text<limits::dm_object_id_bytes_max>;

struct DmAddress {
  DmNode node = DmNode::root;
  std::string_view id;  // x, or the id of the ROM package; a part of the address that was parsed.
  std::string_view query{};  // What follows '?'.
  bool has_query = false;
};

// True when `uri` is one of the two roots, or may lie below one.
bool is_dm_address(std::string_view uri);
// OK; 400 for an address that breaks a rule, 404 for one that no node can have, 414.
romdelta_dm_answer parse_dm_address(std::string_view uri, DmAddress* address);

// An address in its one canonical form, as a C string.
struct DmUri {
  char text[ROMDELTA_DM_URI_SIZE];
};
// Requires: `id` is one that an address can have.
DmUri dm_uri(DmNode node, std::string_view id);

// A part of `text`; std::string_view::substr() could throw. Requires: `at` is inside.
inline std::string_view text_from(std::string_view text, std::size_t at) {
  text.remove_prefix(at);
  return text;
}
inline std::string_view text_before(std::string_view text, std::size_t end) {
  return {text.data(), end < text.size() ? end : text.size()};
}

// x of ./FwUpdate/x: 1 to 48 letters, digits and -_.~+@{}():= and no dot at the beginning.
bool is_dm_object_id(std::string_view id);

// Text that may go into an XML document: UTF-8 without control characters.
bool is_dm_text(std::string_view text);
// A URL as far as it matters here: visible ASCII.
bool is_dm_url(std::string_view text);

}  // namespace romdelta
