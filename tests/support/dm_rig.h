// DmRig: the management object with everything around it - flash, a package store, a server's
// commands - in memory, and able to lose power.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "format/status.h"
#include "installer/dm/dm_c.h"
#include "tests/support/bytes.h"
#include "tests/support/unstable_flash.h"

namespace romdelta::test {

// A C caller's flash over any Flash, which must outlive it.
romdelta_flash c_flash_of(Flash* flash);

// What a Get brought.
struct DmItem {
  std::string uri;
  std::string format;
  std::string type;
  std::string value;
};
struct DmMove {
  std::string object_id;
  int from = 0;
  int to = 0;
};

inline constexpr FlashGeometry dm_disk = {4096, 512, false};
inline constexpr FlashGeometry dm_nor = {4096, 16, true};

class DmRig {
 public:
  explicit DmRig(const FlashGeometry& geometry = dm_disk, std::uint64_t bytes = 64 * 1024);
  DmRig(const DmRig&) = delete;
  DmRig& operator=(const DmRig&) = delete;

  // Starts the device again: nothing is left but flash and stored packages.
  Status restart();

  // Commands of the server `server`; each returns the OMA status.
  int add(const std::string& uri, const std::string& value = "", const char* format = nullptr);
  int replace(const std::string& uri, const std::string& value, const char* format = nullptr);
  // A piece of a value. `total` 0: not told.
  int piece(romdelta_dm_command command, const std::string& uri, const std::string& bytes,
            bool more, std::uint64_t total = 0);
  int remove(const std::string& uri);
  int exec(const std::string& uri, const char* correlator = nullptr);
  // The answer, and what came with it.
  int get(const std::string& uri, std::vector<DmItem>* items);
  int get(const std::string& uri);
  // The value of a node that can be read; "(<answer>)" otherwise.
  std::string value(const std::string& uri);
  int state(const std::string& object_id = "Pkg1");

  // The operation under way, by what the adapter says is to be done.
  std::optional<romdelta_dm_task> task();
  Status download_done(Status status = Status::ok, const std::string& location = "/data/pkg");
  Status update_started();
  Status update_done(Status status = Status::ok, bool keep = false);
  std::optional<romdelta_dm_alert> alert(const char* server_id = nullptr, std::uint32_t after = 0);
  std::size_t alert_count();
  // Answers the first alert.
  Status answer(int status = 200);

  // An object with a URL for DownloadAndUpdate and one for Download.
  void make_object(const std::string& id = "Pkg1");
  // Its package, by large object: state 50.
  void give_package(const std::string& id = "Pkg1", const std::string& bytes = "a package");

  Random random{1};
  UnstableFlash flash;
  std::string server = "srv1";
  std::unique_ptr<romdelta_dm> dm = std::make_unique<romdelta_dm>();
  romdelta_dm_host host{};
  std::function<int(const std::string& server_id, const std::string& uri, romdelta_dm_command)>
      access;

  // The package store. Locations are "/store/<object id>"; downloads are put here by the tests.
  std::set<std::string> packages;
  std::map<std::string, std::string> incoming;
  std::vector<std::string> discarded;
  bool store_is_full = false;
  bool commit_fails = false;
  bool discard_fails = false;
  std::vector<DmMove> moves;

 private:
  romdelta_flash c_flash_;
};

}  // namespace romdelta::test
