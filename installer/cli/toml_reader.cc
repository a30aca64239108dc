#include "installer/cli/toml_reader.h"

#include <algorithm>
#include <limits>

#include "installer/cli/error.h"

namespace romdelta::cli {
namespace {

std::string place(const std::string& path, const toml::source_region& source) {
  if (source.begin.line == 0) return path;  // It could not be opened.
  return path + ':' + std::to_string(source.begin.line) + ':' + std::to_string(source.begin.column);
}

}  // namespace

const toml::table& TomlReader::parse() {
  try {
    root_ = toml::parse_file(path_);
    return root_;
  } catch (const toml::parse_error& error) {
    throw Error(Exit::bad_input, std::string(error.description()), place(path_, error.source()));
  }
}

void TomlReader::fail(const std::string& what, const toml::node& where) const {
  throw Error(Exit::bad_input, what, position(where), hint_);
}

std::string TomlReader::position(const toml::node& node) const {
  return &node == &root_ ? path_ : place(path_, node.source());
}

void TomlReader::reject_unknown(const toml::table& parent,
                                std::initializer_list<std::string_view> known,
                                const std::string& name) const {
  for (const auto& [key, node] : parent) {
    const bool is_known = std::ranges::find(known, std::string_view(key)) != known.end();
    if (!is_known) fail("unknown key '" + name + std::string(key.str()) + "'", node);
  }
}

const toml::table& TomlReader::table(const toml::node& node, const std::string& name) const {
  if (const toml::table* result = node.as_table()) return *result;
  fail("'" + name + "' must be a table", node);
}

const toml::table& TomlReader::table_of(const toml::table& parent, const std::string& key) const {
  const toml::node* node = parent.get(key);
  if (node == nullptr) fail("the table [" + key + "] is missing", parent);
  return table(*node, key);
}

const toml::array& TomlReader::tables_of(const toml::table& parent, const std::string& key) const {
  const toml::node* node = parent.get(key);
  const toml::array* entries = node == nullptr ? nullptr : node->as_array();
  if (entries == nullptr || entries->empty()) fail("there is no [[" + key + "]]", parent);
  return *entries;
}

std::string TomlReader::text(const toml::table& parent, const std::string& key) const {
  const toml::node* node = parent.get(key);
  if (node == nullptr) fail("'" + key + "' is missing", parent);
  const std::optional<std::string> value = node->value_exact<std::string>();
  if (!value || value->empty()) fail("'" + key + "' must be text", *node);
  return *value;
}

std::string TomlReader::text(const toml::table& parent, const std::string& key,
                             const std::string& otherwise) const {
  return parent.contains(key) ? text(parent, key) : otherwise;
}

bool TomlReader::flag(const toml::table& parent, const std::string& key, bool otherwise) const {
  const toml::node* node = parent.get(key);
  if (node == nullptr) return otherwise;
  const std::optional<bool> value = node->value_exact<bool>();
  if (!value) fail("'" + key + "' must be true or false", *node);
  return *value;
}

std::uint64_t TomlReader::number(const toml::table& parent, const std::string& key,
                                 std::optional<std::uint64_t> otherwise) const {
  const toml::node* node = parent.get(key);
  if (node == nullptr && otherwise) return *otherwise;
  if (node == nullptr) fail("'" + key + "' is missing", parent);
  const std::optional<std::int64_t> value = node->value_exact<std::int64_t>();
  if (!value || *value < 0) fail("'" + key + "' must be a whole number, not negative", *node);
  return static_cast<std::uint64_t>(*value);
}

std::uint32_t TomlReader::number32(const toml::table& parent, const std::string& key,
                                   std::optional<std::uint32_t> otherwise) const {
  const std::uint64_t value = number(parent, key, otherwise);
  if (value > std::numeric_limits<std::uint32_t>::max()) {
    fail("'" + key + "' is too large", *parent.get(key));
  }
  return static_cast<std::uint32_t>(value);
}

}  // namespace romdelta::cli
