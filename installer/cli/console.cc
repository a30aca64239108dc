#include "installer/cli/console.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace romdelta::cli {
namespace {

constexpr unsigned kBarCells = 30;

}  // namespace

ProgressPrinter::ProgressPrinter(ProgressMode mode, std::ostream& err) : mode_(mode), err_(err) {
  if (mode_ != ProgressMode::automatic) return;
  const bool on_terminal = ::isatty(STDERR_FILENO) == 1 && std::getenv("CI") == nullptr;
  mode_ = on_terminal ? ProgressMode::bar : ProgressMode::none;
}

void ProgressPrinter::update(const std::string& stage, std::uint64_t done, std::uint64_t total) {
  if (mode_ == ProgressMode::none) return;
  const bool new_stage = stage != stage_;
  const auto percent =
      static_cast<unsigned>(total == 0 ? 100 : std::min<std::uint64_t>(100, done * 100 / total));
  if (!new_stage && percent == percent_) return;
  stage_ = stage;
  percent_ = percent;
  switch (mode_) {
    case ProgressMode::bar: print_bar(stage, percent); break;
    case ProgressMode::plain:
      if (new_stage) err_ << stage << '\n' << std::flush;
      break;
    case ProgressMode::json:
      err_ << "{\"schema\":1,\"stage\":\"" << stage << "\",\"done\":" << done
           << ",\"total\":" << total << "}\n"
           << std::flush;
      break;
    case ProgressMode::automatic:
    case ProgressMode::none: break;
  }
}

void ProgressPrinter::finish() {
  if (bar_shown_) err_ << "\r\x1b[K" << std::flush;
  bar_shown_ = false;
}

void ProgressPrinter::print_bar(const std::string& stage, unsigned percent) {
  const unsigned filled = kBarCells * percent / 100;
  err_ << "\r\x1b[K" << std::string(filled, '=') << std::string(kBarCells - filled, ' ') << "  "
       << percent << " %  " << stage << std::flush;
  bar_shown_ = true;
}

}  // namespace romdelta::cli
