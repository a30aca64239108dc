// ProgressPrinter: how far a long job is, on standard error, for people or for programs.
#pragma once

#include <array>
#include <cstdint>
#include <ostream>
#include <string>

namespace romdelta::cli {

enum class ProgressMode { automatic, bar, plain, json, none };

// The modes in the order of the enumeration, as options spell them.
inline constexpr std::array<const char*, 5> kProgressModeNames = {"auto", "bar", "plain", "json",
                                                                  "none"};

class ProgressPrinter {
 public:
  // automatic: a bar on a terminal, else nothing.
  ProgressPrinter(ProgressMode mode, std::ostream& err);
  ~ProgressPrinter() { finish(); }
  ProgressPrinter(const ProgressPrinter&) = delete;
  ProgressPrinter& operator=(const ProgressPrinter&) = delete;

  // Prints at most once for each percent of a stage.
  void update(const std::string& stage, std::uint64_t done, std::uint64_t total);
  // Removes the bar.
  void finish();

 private:
  void print_bar(const std::string& stage, unsigned percent);

  ProgressMode mode_;
  std::ostream& err_;
  std::string stage_;
  unsigned percent_ = ~0u;
  bool bar_shown_ = false;
};

}  // namespace romdelta::cli
