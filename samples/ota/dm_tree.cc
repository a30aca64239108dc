#include "samples/ota/dm_tree.h"

#include <set>

#include "samples/ota/auth.h"

namespace romdelta::ota {
namespace {

constexpr const char* kListQuery = "?list=StructData";

// Without query and with "./" in front, as every address here.
std::string canonical(const std::string& uri) {
  std::string path = uri.substr(0, uri.find('?'));
  if (!path.starts_with("./") && path != ".") path = "./" + path;
  while (path.size() > 2 && path.back() == '/') path.pop_back();
  return path == "./" ? "." : path;
}

std::string query_of(const std::string& uri) {
  const std::size_t at = uri.find('?');
  return at == std::string::npos ? "" : uri.substr(at);
}

Item result_item(const std::string& uri, const std::string& format, const std::string& type,
                 const std::string& data) {
  Item item;
  item.source = uri;
  item.meta.format = format;
  item.meta.type = type;
  item.data = data;
  return item;
}

bool collect(void* results, const romdelta_dm_item* item) {
  static_cast<std::vector<Item>*>(results)->push_back(
      result_item(item->uri, item->format, item->type, {item->value, item->value_bytes}));
  return true;
}

}  // namespace

DmTree::DmTree(romdelta_dm* dm, const DeviceFacts& facts) : dm_(dm) {
  leaves_ = {{"./DevInfo/DevId", facts.id},
             {"./DevInfo/Man", facts.manufacturer},
             {"./DevInfo/Mod", facts.model},
             {"./DevInfo/DmV", "1.2"},
             {"./DevInfo/Lang", facts.language},
             {"./DevDetail/URI/MaxDepth", "0"},
             {"./DevDetail/URI/MaxTotLen", std::to_string(ROMDELTA_DM_URI_SIZE - 1)},
             {"./DevDetail/URI/MaxSegLen", std::to_string(ROMDELTA_DM_ID_SIZE - 1)},
             {"./DevDetail/DevTyp", facts.model},
             {"./DevDetail/OEM", facts.manufacturer},
             {"./DevDetail/FwV", facts.software_version},
             {"./DevDetail/SwV", facts.software_version},
             {"./DevDetail/HwV", facts.hardware_version},
             {"./DevDetail/LrgObj", "true"}};
}

bool DmTree::is_node(const std::string& uri) const {
  return leaves_.contains(uri) || !children_of(uri).empty();
}

std::string DmTree::children_of(const std::string& uri) const {
  std::set<std::string> names;
  const std::string prefix = uri + '/';
  for (const auto& [leaf, value] : leaves_) {
    if (leaf.starts_with(prefix)) {
      names.insert(leaf.substr(prefix.size(), leaf.find('/', prefix.size()) - prefix.size()));
    }
  }
  // Where the adapter's roots hang.
  for (const std::string root : {"./FwUpdate", "./Vendor/MSFT/ROMPackage"}) {
    if (root.starts_with(prefix)) {
      names.insert(root.substr(prefix.size(), root.find('/', prefix.size()) - prefix.size()));
    }
  }
  std::string joined;
  for (const std::string& name : names) joined += (joined.empty() ? "" : "/") + name;
  return joined;
}

int DmTree::get(const std::string& server_id, const std::string& uri, std::vector<Item>* results) {
  if (romdelta_dm_owns(uri.c_str())) {
    std::vector<Item> items;
    const int answer = romdelta_dm_get(dm_, server_id.c_str(), uri.c_str(), &collect, &items);
    if (answer == ROMDELTA_DM_OK) results->insert(results->end(), items.begin(), items.end());
    return answer;
  }
  const std::string path = canonical(uri);
  const std::string query = query_of(uri);
  if (!is_node(path)) return status::not_found;
  if (!query.empty() && query != kListQuery) return status::optional_feature;
  if (const auto leaf = leaves_.find(path); leaf != leaves_.end()) {
    const bool is_flag = path == "./DevDetail/LrgObj";
    results->push_back(result_item(path, is_flag ? "bool" : "chr", "text/plain", leaf->second));
    return status::ok;
  }
  const std::string names = children_of(path);
  results->push_back(result_item(path, "node", "", names));
  if (query.empty()) return status::ok;
  for (std::size_t begin = 0; begin <= names.size();) {
    const std::size_t end = std::min(names.find('/', begin), names.size());
    std::string child = path;
    child.append("/").append(names, begin, end - begin).append(kListQuery);
    const int answer = get(server_id, child, results);
    if (answer != status::ok) return answer;
    begin = end + 1;
  }
  return status::ok;
}

int DmTree::add(const std::string& server_id, const Item& item) {
  return put(server_id, item, true);
}

int DmTree::replace(const std::string& server_id, const Item& item) {
  return put(server_id, item, false);
}

int DmTree::put(const std::string& server_id, const Item& item, bool is_add) {
  if (!romdelta_dm_owns(item.target.c_str())) {
    if (is_node(canonical(item.target))) {
      return is_add ? status::already_exists : status::not_allowed;
    }
    return is_add ? status::not_allowed : status::not_found;
  }
  std::string bytes = item.data.value_or("");
  if (item.meta.format == "b64") {
    if (!is_inside_object()) base64_rest_.clear();
    bytes = base64_rest_ + bytes;
    const std::size_t whole = item.more_data ? bytes.size() / 4 * 4 : bytes.size();
    base64_rest_ = bytes.substr(whole);
    const auto decoded = base64_decoded(bytes.substr(0, whole));
    if (!decoded) {
      drop_object();
      return status::unsupported_media;
    }
    bytes = *decoded;
  }
  romdelta_dm_data data{};
  data.format = item.meta.format.empty() ? nullptr : item.meta.format.c_str();
  data.bytes = reinterpret_cast<const std::uint8_t*>(bytes.data());
  data.count = bytes.size();
  data.total_bytes = item.meta.size.value_or(0);
  data.more = item.more_data;
  return is_add ? romdelta_dm_add(dm_, server_id.c_str(), item.target.c_str(), &data)
                : romdelta_dm_replace(dm_, server_id.c_str(), item.target.c_str(), &data);
}

int DmTree::remove(const std::string& server_id, const Item& item) {
  if (romdelta_dm_owns(item.target.c_str())) {
    return romdelta_dm_delete(dm_, server_id.c_str(), item.target.c_str());
  }
  return is_node(canonical(item.target)) ? status::not_allowed : status::not_found;
}

int DmTree::exec(const std::string& server_id, const Item& item, const std::string& correlator) {
  if (romdelta_dm_owns(item.target.c_str())) {
    return romdelta_dm_exec(dm_, server_id.c_str(), item.target.c_str(),
                            correlator.empty() ? nullptr : correlator.c_str());
  }
  return is_node(canonical(item.target)) ? status::not_allowed : status::not_found;
}

void DmTree::drop_object() {
  romdelta_dm_drop_object(dm_);
  base64_rest_.clear();
}

Command DmTree::device_info() const {
  Command command;
  command.verb = Verb::replace;
  for (const auto& [leaf, value] : leaves_) {
    if (leaf.starts_with("./DevInfo/")) {
      command.items.push_back(result_item(leaf, "chr", "text/plain", value));
    }
  }
  return command;
}

}  // namespace romdelta::ota
