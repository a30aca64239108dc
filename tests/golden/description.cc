#include "tests/golden/description.h"

#include <sstream>

#include "tests/support/bytes.h"

namespace romdelta::test {
namespace {

void describe_image(const char* name, const ImageIdentity& image, std::ostream& out) {
  out << name << ".version " << image.version.view() << "\n"
      << name << ".image_bytes " << image.bytes << "\n"
      << name << ".digest " << to_hex(image.digest.value) << "\n";
}

void describe_device(const Manifest& m, std::ostream& out) {
  if (!m.device.vendor.empty()) out << "vendor " << m.device.vendor.view() << "\n";
  if (!m.device.model.empty()) out << "model " << m.device.model.view() << "\n";
  if (m.device.has_hardware_range) {
    out << "hardware " << m.device.hardware_min << " to " << m.device.hardware_max << "\n";
  }
  out << "security_counter " << m.order.security_counter << "\n";
  if (m.role != KeyRole::release) out << "role " << to_string(m.role) << "\n";
  if (m.order.device_counter != 0) out << "device_counter " << m.order.device_counter << "\n";
  if (m.order.number != 0) out << "release_number " << m.order.number << "\n";
  if (m.may_downgrade) out << "may_downgrade\n";
}

void describe_budgets(const Budgets& budgets, std::ostream& out) {
  out << "ram_bytes " << budgets.ram_bytes << "\n"
      << "scratch_bytes " << budgets.scratch_bytes << "\n"
      << "journal_bytes " << budgets.journal_bytes << "\n"
      << "flash_write_bytes " << budgets.flash_write_bytes << "\n"
      << "erase_count " << budgets.erase_count << "\n"
      << "redo_bytes " << budgets.redo_bytes << "\n";
}

void describe_plan(const PlanIdentity& plan, std::ostream& out) {
  out << "plan_bytes " << plan.bytes << "\n"
      << "plan.step_count " << plan.step_count << "\n"
      << "plan.chunk_steps_max " << plan.chunk_steps_max << "\n"
      << "plan.hole_count " << plan.hole_count << "\n"
      << "plan.kept_count_max " << plan.kept_count_max << "\n"
      << "plan.fragment_count_max " << plan.fragment_count_max << "\n"
      << "plan.reserve_blocks " << plan.reserve_blocks << "\n"
      << "plan.program_unit_bytes " << plan.program_unit_bytes << "\n"
      << "plan.block_erase_count " << plan.block_erase_count << "\n"
      << "plan.rewritten_bytes " << plan.rewritten_bytes << "\n"
      << "plan.digest " << to_hex(plan.digest.value) << "\n";
}

}  // namespace

std::string describe(const PackageHead& head) {
  const Manifest& m = head.manifest;
  std::ostringstream out;
  out << "package_id " << m.package_id.view() << "\n"
      << "layout " << to_string(m.layout) << "\n"
      << "codec " << to_string(m.codec) << "\n";
  describe_image("target", m.target, out);
  out << "target.checksum " << m.target_checksum.value << "\n";
  for (std::size_t i = 0; i < m.source_count; ++i) describe_image("source", m.sources[i], out);
  out << "payload_bytes " << m.payload_bytes << "\n";
  if (m.map.present()) {
    out << "map_bytes " << m.map.bytes << "\n"
        << "step_count " << m.map.step_count << "\n"
        << "map.digest " << to_hex(m.map.digest.value) << "\n";
  }
  if (m.plan.present()) describe_plan(m.plan, out);
  out << "chunk_count " << m.chunk_count << "\n"
      << "tree_root " << to_hex(m.tree_root.value) << "\n"
      << "chunk_stored_bytes_max " << m.chunk_stored_bytes_max << "\n"
      << "chunk_decoded_bytes_max " << m.chunk_decoded_bytes_max << "\n"
      << "group_bytes " << m.group_bytes << "\n"
      << "erase_block_bytes " << m.erase_block_bytes << "\n";
  describe_budgets(m.budgets, out);
  describe_device(m, out);
  out << "encoder " << m.encoder.view() << "\n";
  for (const Signature& signature : head.signatures.view()) {
    out << "signature.key_id " << to_hex(signature.key_id.value) << "\n";
  }
  out << "manifest_digest " << to_hex(head.manifest_digest.value) << "\n"
      << "head_bytes " << head.head_bytes << "\n"
      << "file_bytes " << head.file_bytes() << "\n";
  return out.str();
}

}  // namespace romdelta::test
