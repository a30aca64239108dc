#include "installer/cli/pending_update.h"

#include <array>
#include <fstream>

#include "installer/cli/command_line.h"

namespace romdelta::cli {
namespace {

std::string slot_name(Slot slot) { return slot == Slot::a ? "A" : "B"; }

std::string of(std::uint64_t done, std::optional<std::uint64_t> all, const std::string& what) {
  if (!all) return std::to_string(done) + ' ' + what + (done == 1 ? "" : "s");
  return std::to_string(done) + " of " + std::to_string(*all) + ' ' + what + (*all == 1 ? "" : "s");
}

}  // namespace

std::optional<PackageHead> read_head(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::array<char, limits::head_bytes_max> bytes;
  file.read(bytes.data(), bytes.size());
  const auto count = static_cast<std::size_t>(file.gcount());
  PackageHead head;
  const Status status =
      inspect_head({reinterpret_cast<const std::uint8_t*>(bytes.data()), count}, &head);
  return status == Status::ok ? std::optional(head) : std::nullopt;
}

PendingUpdate::PendingUpdate(const JournalRecord& newest,
                             const std::optional<std::string>& package_path)
    : newest_(newest), package_path_(package_path) {
  if (package_path) super_ = SuperFile::read(*package_path);
  if (super_) {
    const std::optional<std::size_t> index = super_->index_of(newest);
    if (index) member_index_ = *index;
    if (!index) super_.reset();
    return;
  }
  if (package_path) head_ = read_head(*package_path);
  if (head_ && head_->manifest_digest != newest.manifest_digest) head_.reset();
}

std::optional<SuperMember> PendingUpdate::member() const {
  if (!super_ || member_index_ == super_->head()->manifest.member_count) return std::nullopt;
  return super_->head()->manifest.member(member_index_);
}

std::optional<std::string> PendingUpdate::package_id() const {
  if (const std::optional<SuperMember> member = this->member()) {
    return std::string(member->package_id.view());
  }
  if (!head_) return std::nullopt;
  return std::string(head_->manifest.package_id.view());
}

// A full package begins to write after the intent, and a delta may do so to holes.
bool PendingUpdate::is_untouched() const {
  return newest_.kind == JournalKind::intent && head_ && head_->manifest.plan.present() &&
         head_->manifest.plan.hole_count == 0;
}

bool PendingUpdate::is_runnable() const { return !is_in_place() || is_untouched(); }

const char* PendingUpdate::phase() const {
  switch (newest_.kind) {
    case JournalKind::intent: return "intent";
    case JournalKind::checkpoint: return "chunk";
    case JournalKind::done:
    case JournalKind::confirm:
    case JournalKind::keyring: return "done";
    case JournalKind::commit: return "commit";
    case JournalKind::step: break;
  }
  return head_ && newest_.next >= head_->manifest.plan.step_count ? "fill" : "step";
}

std::string PendingUpdate::progress_text() const {
  const std::uint32_t next = newest_.next;
  std::optional<std::uint64_t> chunks;
  std::optional<std::uint64_t> steps;
  if (head_) {
    chunks = head_->manifest.chunk_count;
    steps = head_->manifest.plan.step_count;
  }
  if (newest_.kind == JournalKind::intent) return "no group is known to be written";
  if (newest_.kind == JournalKind::checkpoint) return of(next, chunks, "chunk") + " written";
  if (steps && next >= *steps) {
    return "all " + std::to_string(*steps) + " groups written, " +
           of(next - *steps, head_->manifest.plan.hole_count, "hole") + " filled again";
  }
  return of(next, steps, "group") + " written";
}

std::string PendingUpdate::super_text() const {
  const SuperManifest& manifest = super_->head()->manifest;
  const std::string name(manifest.facts.name.view());
  const std::optional<SuperMember> member = this->member();
  if (!member) {
    return "pending: all members of " + name +
           " are written, the inventory is being updated; `resume` finishes it";
  }
  return "pending: the installation of " + name + " was interrupted at member " +
         std::to_string(member_index_ + 1) + " of " + std::to_string(manifest.member_count) + ", " +
         *package_id() + (is_in_place() ? " in place" : "") + " in slot " +
         slot_name(newest_.target_slot) + "; " +
         (is_in_place() ? progress_text() +
                              "; what is updated in place cannot run until `resume` has finished"
                        : "`resume` continues at chunk " + std::to_string(newest_.next) +
                              ", until then the device runs what it ran before");
}

std::string PendingUpdate::text() const {
  if (super_) return super_text();
  if (newest_.kind == JournalKind::commit) {
    return "pending: the inventory is being updated for a super package; `resume` finishes it";
  }
  if (!is_in_place()) {
    return "pending: an installation into slot " + slot_name(newest_.target_slot) +
           " was interrupted; `resume` continues at chunk " + std::to_string(newest_.next) +
           ", until then the device runs what it ran before";
  }
  const std::string text = "pending: " + package_id().value_or("a ROM package") +
                           " is being updated in place in slot " + slot_name(newest_.target_slot) +
                           "; ";
  if (is_untouched()) {
    return text + "no group is written, the image is what it was; `resume` continues";
  }
  return text + progress_text() + "; the image cannot run until `resume` has finished";
}

void PendingUpdate::add_to(nlohmann::ordered_json* json) const {
  nlohmann::ordered_json& out = *json;
  out["layout"] = to_string(newest_.layout);
  out["target_slot"] = slot_name(newest_.target_slot);
  out["runnable"] = is_runnable();
  if (is_in_place()) {
    out["phase"] = phase();
    const bool is_step = newest_.kind == JournalKind::step;
    out["step"] = is_step ? nlohmann::ordered_json(newest_.next) : nullptr;
    out["chunk"] = is_step ? nullptr : nlohmann::ordered_json(newest_.next);
    if (head_) {
      out["package_id"] = *package_id();
      out["steps"] = head_->manifest.plan.step_count;
      out["holes"] = head_->manifest.plan.hole_count;
      out["chunks"] = head_->manifest.chunk_count;
    }
  } else {
    out["next_chunk"] = newest_.next;
  }
  if (super_) {
    out["super_package"] = std::string(super_->head()->manifest.facts.name.view());
    const std::optional<SuperMember> member = this->member();
    out["member"] = member ? nlohmann::ordered_json(member_index_) : nullptr;
    out["members"] = super_->head()->manifest.member_count;
    if (member) out["package_id"] = *package_id();
  }
  out["manifest_digest"] = to_hex(newest_.manifest_digest.value);
  out["package"] = package_path_ ? nlohmann::ordered_json(*package_path_) : nullptr;
}

}  // namespace romdelta::cli
