// TomlReader: strict reading of the TOML files that the tools take. Every complaint is an Error
// (bad_input) with file, line and column; keys that nobody reads are refused, for a mistyped key
// would be silently ignored.
#pragma once

#include <toml++/toml.h>

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace romdelta::cli {

class TomlReader {
 public:
  // `hint`: where the reader of an error message finds a good file.
  TomlReader(std::string path, std::string hint) : path_(std::move(path)), hint_(std::move(hint)) {}

  const std::string& path() const { return path_; }
  // The root table. It lives as long as this object.
  const toml::table& parse();

  [[noreturn]] void fail(const std::string& what, const toml::node& where) const;
  // "ROM.toml:3:10"; of the root the file alone.
  std::string position(const toml::node& node) const;

  // `name`: what precedes the keys in messages, "device.".
  void reject_unknown(const toml::table& parent, std::initializer_list<std::string_view> known,
                      const std::string& name) const;
  const toml::table& table(const toml::node& node, const std::string& name) const;
  const toml::table& table_of(const toml::table& parent, const std::string& key) const;
  // The tables [[key]]; at least one.
  const toml::array& tables_of(const toml::table& parent, const std::string& key) const;
  std::string text(const toml::table& parent, const std::string& key) const;
  std::string text(const toml::table& parent, const std::string& key,
                   const std::string& otherwise) const;
  bool flag(const toml::table& parent, const std::string& key, bool otherwise) const;
  std::uint64_t number(const toml::table& parent, const std::string& key,
                       std::optional<std::uint64_t> otherwise = std::nullopt) const;
  std::uint32_t number32(const toml::table& parent, const std::string& key,
                         std::optional<std::uint32_t> otherwise = std::nullopt) const;

 private:
  std::string path_;
  std::string hint_;
  toml::table root_;
};

}  // namespace romdelta::cli
