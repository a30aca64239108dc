#include "installer/dm/dm_state.h"

namespace romdelta {
namespace {

struct Arrow {
  DmState from;
  DmState to;
};

using S = DmState;

constexpr Arrow kArrows[] = {
    {S::idle, S::downloading},                   // Exec of Download or DownloadAndUpdate.
    {S::idle, S::ready},                         // PkgData is complete.
    {S::downloading, S::download_failed},        //
    {S::downloading, S::downloaded},             //
    {S::downloaded, S::ready},                   // At once.
    {S::ready, S::idle},                         // Replace: the package is withdrawn.
    {S::ready, S::updating},                     // Exec of Update; or after a download.
    {S::updating, S::failed_have_data},          //
    {S::updating, S::updated_have_data},         //
    {S::failed_have_data, S::failed_no_data},    // The package was discarded.
    {S::updated_have_data, S::updated_no_data},  // The same.
    {S::updated_have_data, S::idle},             // Replace, before it was discarded.
    {S::download_failed, S::idle},               // The server begins anew.
    {S::failed_no_data, S::idle},                //
    {S::updated_no_data, S::idle},               //
};

}  // namespace

bool is_dm_state(std::uint8_t number) { return number >= 10 && number <= 100 && number % 10 == 0; }

bool is_dm_arrow(DmState from, DmState to) {
  for (const Arrow& arrow : kArrows) {
    if (arrow.from == from && arrow.to == to) return true;
  }
  return false;
}

}  // namespace romdelta
