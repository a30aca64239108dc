// FwUpdate: what there is to read, of the object and of the inventory.
#include "installer/dm/fw_update.h"

namespace romdelta {
namespace {

// Text composed in memory that is there already.
class TextWriter {
 public:
  explicit TextWriter(MutableByteSpan into) : into_(into) {}
  void put(std::string_view text) {
    if (text.size() > into_.size() - size_) {
      fits_ = false;
      return;
    }
    copy_bytes(into_.data() + size_,
               {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
    size_ += text.size();
  }
  void put_number(std::uint64_t number) {
    char digits[20];
    std::size_t at = sizeof(digits);
    do {
      digits[--at] = static_cast<char>('0' + number % 10);
      number /= 10;
    } while (number != 0);
    put({digits + at, sizeof(digits) - at});
  }
  bool fits() const { return fits_; }
  std::string_view text() const { return {reinterpret_cast<const char*>(into_.data()), size_}; }

 private:
  MutableByteSpan into_;
  std::size_t size_ = 0;
  bool fits_ = true;
};

constexpr std::string_view kProperty = "prop=";

bool is_rom(DmNode node) { return node >= DmNode::rom_root; }

// FUMO's numbers: what was updated, and what never was.
DmState rom_state(PackageState state) {
  return state == PackageState::factory ? DmState::idle : DmState::updated_no_data;
}

}  // namespace

// Where the items of an answer go.
struct FwUpdate::Visitor {
  romdelta_dm_visit visit;
  void* context;

  Answer item(const DmAddress& address, const char* format, const char* type,
              std::string_view value) const {
    const DmUri uri = dm_uri(address.node, address.id);
    const romdelta_dm_item item = {uri.text, format, type, value.data(), value.size()};
    return visit(context, &item) ? ROMDELTA_DM_OK : ROMDELTA_DM_TOO_LARGE;
  }
};

bool FwUpdate::has_node(const DmObject& object, DmNode node) const {
  if (node == DmNode::pkg_name) return object.has_name;
  if (node == DmNode::pkg_version) return object.has_version;
  return true;
}

Status FwUpdate::open_inventory(Inventory* inventory) {
  const romdelta_region& region = host_->inventory;
  if (region.flash == nullptr) return Status::not_provisioned;
  return inventory->open({&inventory_flash_, region.offset_bytes, region.size_bytes}, scratch_);
}

bool FwUpdate::exists(const DmAddress& address) {
  if (address.node == DmNode::root || address.node == DmNode::rom_root) return true;
  if (is_rom(address.node)) {
    Inventory inventory;
    InventoryRecord record;
    return open_inventory(&inventory) == Status::ok &&
           inventory.find(address.id, &record) == Status::ok;
  }
  const DmObject* object = find(address.id);
  return object != nullptr && has_node(*object, address.node);
}

bool FwUpdate::is_node(std::string_view uri) {
  DmAddress address;
  return failure_ == Status::ok && parse_dm_address(uri, &address) == ROMDELTA_DM_OK &&
         exists(address);
}

FwUpdate::Answer FwUpdate::describe(std::string_view uri, romdelta_dm_node* node) {
  DmAddress address;
  if (failure_ != Status::ok) return ROMDELTA_DM_STORE_FAILED;
  const Answer parsed = parse_dm_address(uri, &address);
  if (parsed != ROMDELTA_DM_OK) return parsed;
  if (!exists(address)) return ROMDELTA_DM_NOT_FOUND;
  const DmNodeInfo& info = dm_node_info(address.node);
  *node = {info.is_interior, info.format, info.type, info.commands};
  return ROMDELTA_DM_OK;
}

FwUpdate::Answer FwUpdate::get(std::string_view server_id, std::string_view uri,
                               romdelta_dm_visit visit, void* visit_context) {
  DmAddress address;
  const Answer entered = enter(ROMDELTA_DM_GET, server_id, uri, &address);
  if (entered != ROMDELTA_DM_OK) return entered;
  if (!exists(address)) return ROMDELTA_DM_NOT_FOUND;
  Visitor visitor{visit, visit_context};
  if (!address.has_query) return item(address, &visitor);
  if (address.query == "list=StructData") return list(address, true, &visitor);
  if (address.query == "list=Struct") return list(address, false, &visitor);
  if (address.query.starts_with(kProperty)) {
    return property(address, text_from(address.query, kProperty.size()), &visitor);
  }
  return ROMDELTA_DM_NOT_SUPPORTED;
}

FwUpdate::Answer FwUpdate::property(const DmAddress& address, std::string_view name,
                                    Visitor* visitor) {
  const DmNodeInfo& info = dm_node_info(address.node);
  std::string_view value;
  if (name == "Format") {
    value = info.format;
  } else if (name == "Type") {
    value = info.type;
  } else if (name == "Name") {
    value = info.name.empty() ? address.id : text_from(info.name, info.name.rfind('/') + 1);
  } else if (name == "Size" && !info.is_interior && (info.commands & ROMDELTA_DM_GET) != 0) {
    const Answer answer = value_of(address, &value);
    if (answer != ROMDELTA_DM_OK) return answer;
    TextWriter writer(scratch_);
    writer.put_number(value.size());
    value = writer.text();
  } else {
    return ROMDELTA_DM_NOT_SUPPORTED;
  }
  return visitor->item(address, "chr", "text/plain", value);
}

FwUpdate::Answer FwUpdate::item(const DmAddress& address, Visitor* visitor) {
  const DmNodeInfo& info = dm_node_info(address.node);
  if ((info.commands & ROMDELTA_DM_GET) == 0) return ROMDELTA_DM_NOT_ALLOWED;
  std::string_view value;
  const Answer answer = info.is_interior ? children_of(address, &value) : value_of(address, &value);
  return answer == ROMDELTA_DM_OK ? visitor->item(address, info.format, info.type, value) : answer;
}

// At most root, object, operation, leaf deep.
FwUpdate::Answer FwUpdate::list(const DmAddress& address, bool with_values, Visitor* visitor) {
  const DmNodeInfo& info = dm_node_info(address.node);
  std::string_view value;
  if (with_values && !info.is_interior && (info.commands & ROMDELTA_DM_GET) != 0) {
    const Answer answer = value_of(address, &value);
    if (answer != ROMDELTA_DM_OK) return answer;
  }
  const Answer shown = visitor->item(address, info.format, info.type, value);
  return shown == ROMDELTA_DM_OK && info.is_interior ? list_children(address, with_values, visitor)
                                                     : shown;
}

FwUpdate::Answer FwUpdate::list_children(const DmAddress& address, bool with_values,
                                         Visitor* visitor) {
  Answer answer = ROMDELTA_DM_OK;
  if (address.node == DmNode::root) {
    for (std::uint32_t i = 0; i < record_.object_count && answer == ROMDELTA_DM_OK; ++i) {
      answer = list({DmNode::object, record_.objects[i].id.view()}, with_values, visitor);
    }
    return answer;
  }
  if (address.node == DmNode::rom_root) {
    Inventory inventory;
    if (host_->inventory.flash == nullptr) return ROMDELTA_DM_OK;
    if (open_inventory(&inventory) != Status::ok) return ROMDELTA_DM_STORE_FAILED;
    for (std::uint32_t i = 0; i < inventory.count() && answer == ROMDELTA_DM_OK; ++i) {
      InventoryRecord record;
      if (inventory.at(i, &record) != Status::ok) return ROMDELTA_DM_STORE_FAILED;
      answer = list({DmNode::rom_package, record.package_id.view()}, with_values, visitor);
    }
    return answer;
  }
  const DmObject* object = is_rom(address.node) ? nullptr : find(address.id);
  for (const DmNodeInfo& info : dm_nodes()) {
    if (info.parent != address.node || info.node == address.node) continue;
    if (object != nullptr && !has_node(*object, info.node)) continue;
    answer = list({info.node, address.id}, with_values, visitor);
    if (answer != ROMDELTA_DM_OK) return answer;
  }
  return answer;
}

// The value is a part of the record, or made in scratch_.
FwUpdate::Answer FwUpdate::value_of(const DmAddress& address, std::string_view* value) {
  if (is_rom(address.node)) return leaf_of_package(address, value);
  const DmObject* object = find(address.id);
  if (object == nullptr) return ROMDELTA_DM_NOT_FOUND;
  switch (address.node) {
    case DmNode::pkg_name: *value = object->name.view(); break;
    case DmNode::pkg_version: *value = object->version.view(); break;
    case DmNode::download_url: *value = object->download_url.view(); break;
    case DmNode::download_and_update_url: *value = object->both_url.view(); break;
    case DmNode::state: {
      TextWriter writer(scratch_);
      writer.put_number(static_cast<std::uint64_t>(object->state));
      *value = writer.text();
      break;
    }
    default: return ROMDELTA_DM_NOT_ALLOWED;
  }
  return ROMDELTA_DM_OK;
}

FwUpdate::Answer FwUpdate::leaf_of_package(const DmAddress& address, std::string_view* value) {
  Inventory inventory;
  InventoryRecord record;
  Status status = open_inventory(&inventory);
  if (status == Status::ok) status = inventory.find(address.id, &record);
  if (status == Status::not_provisioned) return ROMDELTA_DM_NOT_FOUND;
  if (status != Status::ok) return ROMDELTA_DM_STORE_FAILED;
  TextWriter writer(scratch_);
  if (address.node == DmNode::rom_name) writer.put(record.package_id.view());
  if (address.node == DmNode::rom_version) writer.put(record.version.view());
  if (address.node == DmNode::rom_state) {
    writer.put_number(static_cast<std::uint64_t>(rom_state(record.state)));
  }
  *value = writer.text();
  return ROMDELTA_DM_OK;
}

FwUpdate::Answer FwUpdate::children_of(const DmAddress& address, std::string_view* value) {
  TextWriter writer(scratch_);
  const auto add = [&writer](std::string_view name) {
    if (!writer.text().empty()) writer.put("/");
    writer.put(name);
  };
  if (address.node == DmNode::root) {
    for (std::uint32_t i = 0; i < record_.object_count; ++i) add(record_.objects[i].id.view());
  } else if (address.node == DmNode::rom_root) {
    Inventory inventory;
    if (host_->inventory.flash != nullptr && open_inventory(&inventory) != Status::ok) {
      return ROMDELTA_DM_STORE_FAILED;
    }
    for (std::uint32_t i = 0; i < inventory.count(); ++i) {
      InventoryRecord record;
      if (inventory.at(i, &record) != Status::ok) return ROMDELTA_DM_STORE_FAILED;
      add(record.package_id.view());
    }
  } else {
    const DmObject* object = is_rom(address.node) ? nullptr : find(address.id);
    for (const DmNodeInfo& info : dm_nodes()) {
      if (info.parent != address.node || info.node == address.node) continue;
      if (object == nullptr || has_node(*object, info.node)) add(info.name);
    }
  }
  *value = writer.text();
  return writer.fits() ? ROMDELTA_DM_OK : ROMDELTA_DM_TOO_LARGE;
}

}  // namespace romdelta
