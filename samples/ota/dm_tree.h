// DmTree: all nodes of a device. DevInfo and DevDetail are kept here; FwUpdate and ROMPackage are
// the adapter's (installer/dm), to which commands go through its C interface.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "installer/dm/dm_c.h"
#include "samples/ota/message.h"

namespace romdelta::ota {

// What a device says about itself. DM 1.2 wants them all.
struct DeviceFacts {
  std::string id;  // "IMEI:...": a URI.
  std::string manufacturer;
  std::string model;
  std::string language = "en";
  std::string hardware_version = "1";
  std::string software_version;  // Of this client: ROM versions are in ROMPackage.
};

class DmTree {
 public:
  // Requires: `dm` was begun, and outlives this object.
  DmTree(romdelta_dm* dm, const DeviceFacts& facts);

  // Each carries out one item of a command and returns the status to answer. Values of the server
  // may come in pieces: 213 until the last.
  int get(const std::string& server_id, const std::string& uri, std::vector<Item>* results);
  int add(const std::string& server_id, const Item& item);
  int replace(const std::string& server_id, const Item& item);
  int remove(const std::string& server_id, const Item& item);
  int exec(const std::string& server_id, const Item& item, const std::string& correlator);

  bool is_inside_object() const { return romdelta_dm_object_is_open(dm_); }
  void drop_object();

  // The Replace of package 1: every leaf of DevInfo.
  Command device_info() const;

 private:
  int put(const std::string& server_id, const Item& item, bool is_add);
  // Names of the children of an interior node, "" when it has none.
  std::string children_of(const std::string& uri) const;
  bool is_node(const std::string& uri) const;

  romdelta_dm* dm_;
  std::map<std::string, std::string> leaves_;  // "./DevInfo/DevId" -> value
  std::string base64_rest_;  // Digits at the end of a piece that make no whole byte yet.
};

}  // namespace romdelta::ota
