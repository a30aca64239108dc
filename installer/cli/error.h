// Error: the only exception that the tools throw, caught in their main.cc only.
#pragma once

#include <exception>
#include <string>

namespace romdelta::cli {

// Exit statuses of pkgtool and installer: a contract with scripts (docs/pkgtool.md).
enum class Exit : int {
  done = 0,
  negative_answer = 1,  // The answer is no: not verified, refused.
  usage = 2,
  bad_input = 3,
  key_or_signature = 4,
  io = 5,
  internal = 70,
};

class Error : public std::exception {
 public:
  // `what`: what is wrong, one sentence without a full stop. `where`: file, offset, field; may be
  // empty. `hint`: what to do; may be empty.
  Error(Exit exit, std::string what, std::string where = {}, std::string hint = {})
      : exit_(exit), what_(std::move(what)), where_(std::move(where)), hint_(std::move(hint)) {}

  const char* what() const noexcept override { return what_.c_str(); }
  Exit exit() const { return exit_; }
  const std::string& where() const { return where_; }
  const std::string& hint() const { return hint_; }

 private:
  Exit exit_;
  std::string what_;
  std::string where_;
  std::string hint_;
};

}  // namespace romdelta::cli
