#include "installer/super_session.h"

#include <algorithm>

#include "installer/confirm.h"

namespace romdelta {
const char* to_string(MemberState state) {
  switch (state) {
    case MemberState::unused: return "unused";
    case MemberState::present: return "present";
    case MemberState::waiting: return "waiting";
    case MemberState::ready: return "ready";
    case MemberState::working: return "working";
    case MemberState::complete: return "complete";
    case MemberState::failed: return "failed";
  }
  return "unknown";
}

Status SuperSession::begin(const Device& device, MutableByteSpan arena,
                           const SessionOptions& options) {
  if (stage_ != Stage::idle) return fail(Status::out_of_order);
  if (reinterpret_cast<std::uintptr_t>(arena.data()) % 8 != 0) return fail(Status::out_of_order);
  device_ = device;
  options_ = options;
  arena_ = arena;
  if (device.trusted_keys.empty()) return fail(Status::no_trusted_key);
  if (arena.size() < arena_bytes_min) return fail(Status::arena_too_small);
  stage_ = Stage::head;
  head_buffer_ = arena.first(std::min(arena.size(), limits::super_head_bytes_max));
  head_bytes_needed_ = package_header_bytes;
  return Status::need_input;
}

Status SuperSession::fail(Status status) {
  if (stage_ != Stage::failed) failure_ = status;
  stage_ = Stage::failed;
  return failure_;
}

std::uint64_t SuperSession::next_offset_bytes() const {
  if (session_) return head_.head_bytes + member_.offset_bytes + session_->next_offset_bytes();
  return head_known_ ? head_.file_bytes() : have_bytes_;
}

// --- Stream: pieces of any size, of whatever is wanted next. ---

Status SuperSession::push(std::uint64_t offset_bytes, ByteSpan bytes) {
  if (stage_ == Stage::failed) return failure_;
  if (stage_ == Stage::idle || stage_ == Stage::finished) return fail(Status::out_of_order);
  for (bool has_taken = false;; has_taken = true) {
    const std::uint64_t next = next_offset_bytes();
    if (offset_bytes > next) {
      if (!has_taken) return fail(Status::out_of_order);
      break;  // It went back: what is left of this piece is not wanted now.
    }
    const std::uint64_t skipped = next - offset_bytes;
    if (skipped >= bytes.size()) break;
    bytes = bytes.subspan(static_cast<std::size_t>(skipped));
    offset_bytes = next;
    Status status = Status::trailing_bytes;
    if (stage_ == Stage::head) {
      const std::size_t before = bytes.size();
      status = take_head(&bytes);
      offset_bytes += before - bytes.size();
    } else if (stage_ != Stage::complete) {
      status = take_member(offset_bytes, bytes);
    }
    if (status != Status::ok) return fail(status);
  }
  return stage_ == Stage::complete ? Status::ok : Status::need_input;
}

Status SuperSession::take_head(ByteSpan* bytes) {
  const std::size_t count = std::min(bytes->size(), head_bytes_needed_ - have_bytes_);
  copy_bytes(head_buffer_.data() + have_bytes_, bytes->first(count));
  *bytes = bytes->subspan(count);
  have_bytes_ += count;
  if (have_bytes_ < head_bytes_needed_) return Status::ok;
  std::size_t needed = 0;
  const Status status = super_head_bytes_needed(head_buffer_.first(have_bytes_), &needed);
  if (status != Status::ok) return status;
  if (needed > head_buffer_.size()) return Status::arena_too_small;
  head_bytes_needed_ = needed;
  return needed > have_bytes_ ? Status::ok : accept_head();
}

Status SuperSession::take_member(std::uint64_t offset_bytes, ByteSpan bytes) {
  const std::uint64_t begin = head_.head_bytes + member_.offset_bytes;
  const std::uint64_t left = begin + member_.file_bytes - offset_bytes;
  const ByteSpan own =
      bytes.first(static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), left)));
  const Status status = session_->push(offset_bytes - begin, own);
  journal_ = session_->journal();
  if (status == Status::need_input) return Status::ok;
  return status == Status::ok ? end_member() : fail_member(status);
}

// --- The head: what is needed, and whether it may be. ---

Status SuperSession::accept_head() {
  Status status = verify_super_head(head_buffer_.first(have_bytes_), device_.trusted_keys, &head_);
  if (status != Status::ok) return status;
  head_known_ = true;
  if (head_.vouchers.count(signing_role()) == 0) return Status::wrong_role;
  // What is signed stays; the signatures have done their work.
  constexpr std::uint64_t line = Arena::line_bytes;
  const auto kept = static_cast<std::size_t>(round_up(head_.signed_bytes, line));
  if (arena_.size() < kept + limits::record_buffer_bytes) return Status::arena_too_small;
  record_buffer_ = arena_.subspan(kept, limits::record_buffer_bytes);
  member_arena_ = arena_.subspan(kept + limits::record_buffer_bytes);
  arena_used_bytes_ = kept + limits::record_buffer_bytes;
  if (!is_for(head_.manifest.facts.device, device_)) return Status::wrong_device;
  status = open_records();
  if (status == Status::ok) status = check_pending();
  if (status == Status::ok && own_index_ == head_.manifest.member_count) status = resume_commit();
  if (status != Status::ok || already_installed_) return status;
  status = check_device();
  if (status == Status::ok) status = check_requirements();
  if (status == Status::ok) status = select_members();
  if (status != Status::ok) return status;
  credit_members();
  stage_ = Stage::check;
  return advance();
}

// Development keys do where they do for packages: never on a production device.
KeyRole SuperSession::signing_role() const {
  const bool is_released = head_.vouchers.count(KeyRole::release) != 0;
  return is_released || device_.production ? KeyRole::release : KeyRole::development;
}

Status SuperSession::open_records() {
  Status status = inventory_.open(device_.inventory, record_buffer_);
  if (status == Status::ok) status = journal_.open(device_.journal, record_buffer_);
  if (status != Status::ok) return status;
  // As Session::settle_trust().
  const bool is_keyring = journal_.has_record() && journal_.newest().kind == JournalKind::keyring;
  if (is_keyring && device_.keyring.present()) return Status::out_of_order;
  status = settle_confirm(&inventory_, &journal_);
  if (status != Status::ok) return status;
  if (!journal_.can_hold_in_place()) return Status::journal_too_small;
  if (!is_pending()) return Status::ok;
  for (std::size_t i = 0; i <= head_.manifest.member_count; ++i) {
    if (transaction_digest(head_.manifest_digest, i) != journal_.newest().manifest_digest) continue;
    own_index_ = i;
    break;
  }
  return Status::ok;
}

// As Session::check_pending().
Status SuperSession::check_pending() {
  const JournalRecord& newest = journal_.newest();
  if (!is_pending() || newest.layout != Layout::in_place || own_index_ != no_member) {
    return Status::ok;
  }
  for (std::uint32_t i = 0; i < inventory_.count(); ++i) {
    InventoryRecord record;
    const Status status = inventory_.at(i, &record);
    if (status != Status::ok) return status;
    if (record.manifest_digest == newest.manifest_digest) return Status::ok;
  }
  return Status::update_pending;
}

const RomRegion* SuperSession::region_of(const PackageId& id) const {
  for (const RomRegion& region : device_.regions) {
    if (region.package_id == id.view()) return &region;
  }
  return nullptr;
}

// Every ROM package that is listed: whether it is there and may be set to this release.
Status SuperSession::check_device() {
  SuperMembers list = head_.manifest.members();
  SuperMember member;
  for (std::size_t i = 0; list.next(&member); ++i) {
    members_[i].is_in_place = member.layout == Layout::in_place;
    Status status = Status::ok;
    InventoryRecord record;
    if (region_of(member.package_id) == nullptr) status = Status::unknown_package;
    if (status == Status::ok) status = inventory_.find(member.package_id.view(), &record);
    if (status == Status::ok && head_.manifest.facts.security_counter < record.security_counter) {
      status = Status::rollback;
    }
    if (status == Status::ok) continue;
    members_[i] = {MemberState::failed, status, members_[i].is_in_place, false, false};
    return status;
  }
  return Status::ok;
}

Status SuperSession::check_requirements() {
  for (std::size_t i = 0; i < head_.manifest.requirement_count; ++i) {
    const SuperRequirement requirement = head_.manifest.requirement(i);
    InventoryRecord record;
    const Status status = inventory_.find(requirement.package_id.view(), &record);
    if (status == Status::not_provisioned) return Status::requirement_unmet;
    if (status != Status::ok) return status;
    if (record.state == PackageState::broken || !requirement.allows(record.version)) {
      return Status::requirement_unmet;
    }
  }
  return Status::ok;
}

Status SuperSession::select_members() {
  already_installed_ = true;
  for (std::uint32_t i = 0; i < inventory_.count(); ++i) {
    InventoryRecord record;
    const Status status = inventory_.at(i, &record);
    if (status != Status::ok) return status;
    const SuperChoice choice = choose_member(head_.manifest, record);
    if (choice.kind == SuperChoice::Kind::no_member) continue;
    Member& member = members_[choice.index];
    if (choice.kind == SuperChoice::Kind::none_fits) {
      member.state = MemberState::failed;
      member.status = Status::wrong_source;
      return Status::wrong_source;
    }
    if (choice.kind == SuperChoice::Kind::present) {
      member.state = MemberState::present;
      member.status = check_present(record, choice.member);
      if (member.status == Status::ok) continue;
      member.state = MemberState::failed;
      return member.status;
    }
    member.state = MemberState::waiting;
    already_installed_ = false;
  }
  return Status::ok;
}

// When a package of its own ended in place with a failure, what the inventory names may be ruined.
Status SuperSession::check_present(const InventoryRecord& record, const SuperMember& member) {
  const JournalRecord& newest = journal_.newest();
  const bool is_doubtful = journal_.has_record() && newest.kind == JournalKind::done &&
                           newest.layout == Layout::in_place && newest.outcome != Status::ok;
  if (!is_doubtful || member.layout != Layout::in_place) return Status::ok;
  const FlashRegion& slot = region_of(member.package_id)->slot(record.active_slot);
  if (!slot.is_usable() || member.target.bytes > slot.size_bytes()) return Status::wrong_source;
  DigestStream digest(DigestDomain::image);
  const Status status =
      slot.read_pieces(0, member.target.bytes, record_buffer_, [&](std::uint64_t, ByteSpan piece) {
        digest.update(piece);
        return Status::ok;
      });
  if (status != Status::ok) return status;
  return digest.finish() == member.target.digest ? Status::ok : Status::wrong_source;
}

// Of a record that names a member of this super package: those before it are said to be done.
void SuperSession::credit_members() {
  if (own_index_ == no_member) return;
  const bool is_whole = own_index_ == head_.manifest.member_count;
  is_record_refused_ = !is_whole && members_[own_index_].state != MemberState::waiting;
  if (!is_record_refused_) resumed_ = own_index_;
}

// --- One member after the other: first all are checked, then all are installed. ---

Status SuperSession::advance() {
  session_.reset();
  current_ = no_member;
  if (stage_ == Stage::check) {
    for (std::size_t i = 0; i < head_.manifest.member_count; ++i) {
      if (members_[i].state == MemberState::waiting) return start(i, MemberRole::Work::check);
    }
    const Status status = begin_installing();
    if (status != Status::ok) return status;
    stage_ = Stage::install;
  }
  const std::size_t next = next_to_install();
  if (next != no_member) return start(next, MemberRole::Work::install);
  stage_ = Stage::complete;
  return Status::ok;
}

// --- From here on the flash is written. ---

Status SuperSession::begin_installing() {
  const JournalRecord newest = journal_.newest();
  const bool is_in_place = is_pending() && newest.layout == Layout::in_place;
  is_forward_ = is_forward_ || (is_in_place && own_index_ != no_member);
  // The whole was settled before.
  if (is_pending() && own_index_ != head_.manifest.member_count) {
    const Status status = inventory_.settle(newest.manifest_digest);
    if (status != Status::ok) return status;
  }
  // As Journal::append() requires, where no member says it again.
  return is_in_place && is_record_refused_ ? journal_.append(newest) : Status::ok;
}

std::size_t SuperSession::next_to_install() const {
  std::size_t other = no_member;
  for (std::size_t i = 0; i < head_.manifest.member_count; ++i) {
    if (members_[i].state != MemberState::ready) continue;
    if (members_[i].is_in_place == is_forward_) return i;
    if (other == no_member) other = i;
  }
  return other;
}

Status SuperSession::start(std::size_t index, MemberRole::Work work) {
  Member& state = members_[index];
  member_ = head_.manifest.member(index);
  const Status status = inventory_.find(member_.package_id.view(), &installed_);
  if (status != Status::ok) return status;
  current_ = index;
  state.state = MemberState::working;
  role_ = {};
  role_.work = work;
  role_.member = &member_;
  role_.super_name = head_.manifest.facts.name.view();
  role_.journal_digest = transaction_digest(head_.manifest_digest, index);
  role_.installed = &installed_;
  role_.device_counter = inventory_.security_counter();
  role_.journal = &journal_;
  role_.record_buffer = record_buffer_;
  role_.may_resume = !is_record_refused_;
  role_.is_credited = resumed_ != no_member && index < resumed_;
  role_.source_is_whole = state.source_is_whole;
  role_.writes_journal = state.is_in_place || !is_forward_;
  session_.emplace();
  const Status begun = session_->begin_member(device_, member_arena_, options_, role_);
  return begun == Status::need_input ? Status::ok : fail_member(begun);
}

Status SuperSession::end_member() {
  if (stage_ == Stage::check) return end_check();
  const Status status = session_->finish();
  journal_ = session_->journal();
  if (status != Status::ok) return fail_member(status);
  const std::size_t used = arena_.size() - member_arena_.size() + session_->arena_used_bytes();
  arena_used_bytes_ = std::max(arena_used_bytes_, used);
  members_[current_].state = MemberState::complete;
  if (members_[current_].is_in_place) is_forward_ = true;
  return advance();
}

Status SuperSession::end_check() {
  Member& member = members_[current_];
  const MemberFinding finding = session_->finding();
  member.source_is_whole = session_->source_is_whole();
  member.is_half_way = finding == MemberFinding::half_way;
  member.state = finding == MemberFinding::done ? MemberState::complete : MemberState::ready;
  // In place there is no way back from either.
  if (member.is_in_place && finding != MemberFinding::to_do) is_forward_ = true;
  if (member.is_in_place && role_.is_credited && finding != MemberFinding::done) {
    is_record_refused_ = true;
    resumed_ = no_member;
  }
  return advance();
}

Status SuperSession::fail_member(Status status) {
  members_[current_].state = MemberState::failed;
  members_[current_].status = status;
  return end_broken(status);
}

// --- The journal and the end. ---

bool SuperSession::is_pending() const {
  return journal_.has_record() && journal_.newest().is_pending();
}

// In place, whatever the members are: the rules for such records find it again after every cut, and
// nobody else may go on until the inventory is settled.
JournalRecord SuperSession::record_of_whole(JournalKind kind, Status outcome) const {
  JournalRecord record;
  record.kind = kind;
  record.layout = Layout::in_place;
  record.outcome = outcome;
  record.manifest_digest = transaction_digest(head_.manifest_digest, head_.manifest.member_count);
  return record;
}

bool SuperSession::change_to_target(const void* session, InventoryRecord* record) {
  const auto& self = *static_cast<const SuperSession*>(session);
  const SuperChoice choice = choose_member(self.head_.manifest, *record);
  if (choice.kind != SuperChoice::Kind::member) return false;
  const SuperMember& member = choice.member;
  record->version = member.target.version;
  if (member.layout == Layout::ab) record->active_slot = other_slot(record->active_slot);
  record->state = PackageState::installed;
  record->image_bytes = member.target.bytes;
  record->image_digest = member.target.digest;
  record->manifest_digest = member.manifest_digest;
  record->release = member.order;
  self.head_.vouchers.copy_ids(self.signing_role(), record->vouching_keys);
  return true;
}

bool SuperSession::change_to_broken(const void* breakage, InventoryRecord* record) {
  const auto& broken = *static_cast<const Breakage*>(breakage);
  const SuperChoice choice = choose_member(broken.session->head_.manifest, *record);
  if (choice.kind != SuperChoice::Kind::member || choice.member.layout != Layout::in_place ||
      choice.index >= broken.member_end || record->state == PackageState::broken) {
    return false;
  }
  record->state = PackageState::broken;
  return true;
}

// Power may have failed while the inventory was written.
Status SuperSession::resume_commit() {
  const JournalRecord newest = journal_.newest();
  resumed_ = own_index_;
  const Breakage breakage{this, newest.next};
  const bool is_commit = newest.outcome == Status::ok;
  const RecordChange change =
      is_commit ? RecordChange{&SuperSession::change_to_target, nullptr, this}
                : RecordChange{&SuperSession::change_to_broken, nullptr, &breakage};
  Status status = journal_.append(newest);
  bool is_applied = false;
  if (status == Status::ok) status = inventory_.settle(change, &is_applied);
  if (status != Status::ok) return status;
  // The targets have to be verified again before they are named.
  if (is_commit && !is_applied) return Status::ok;
  if (!is_applied) status = inventory_.change(change);
  if (status == Status::ok) {
    status = journal_.append(record_of_whole(JournalKind::done, newest.outcome));
  }
  if (status == Status::ok) status = newest.outcome;
  already_installed_ = status == Status::ok;
  if (already_installed_) stage_ = Stage::complete;
  return status;
}

Status SuperSession::commit() {
  const bool is_announced = own_index_ == head_.manifest.member_count && !is_record_refused_ &&
                            journal_.newest().kind == JournalKind::commit;
  Status status = Status::ok;
  if (!is_announced) {
    JournalRecord record = record_of_whole(JournalKind::commit, Status::ok);
    record.next = static_cast<std::uint32_t>(head_.manifest.member_count);
    status = journal_.append(record);
  }
  if (status == Status::ok)
    status = inventory_.change({&SuperSession::change_to_target, nullptr, this});
  return status == Status::ok ? journal_.append(record_of_whole(JournalKind::done, Status::ok))
                              : status;
}

// What cannot be finished any more must not keep other packages away. What was begun in place is
// neither what it was nor what was signed with the rest: the inventory says so, that no mixture
// passes for a release.
Status SuperSession::end_broken(Status status) {
  const JournalRecord newest = journal_.newest();
  bool is_begun = false;
  std::size_t begun_end = 0;
  for (std::size_t i = 0; i < head_.manifest.member_count; ++i) {
    const Digest digest = transaction_digest(head_.manifest_digest, i);
    const bool is_named = digest == newest.manifest_digest;
    is_begun = is_begun || is_named;
    const bool is_done = members_[i].is_in_place && members_[i].state == MemberState::complete;
    if (is_named || is_done) begun_end = i + 1;
  }
  is_begun = is_begun && is_pending() && newest.layout == Layout::in_place;
  if (!is_begun || !is_final_in_place(status)) return status;
  // First what is there already, as Journal::append() requires.
  Status written = journal_.append(newest);
  JournalRecord record = record_of_whole(JournalKind::commit, status);
  record.next = static_cast<std::uint32_t>(begun_end);
  if (written == Status::ok) written = journal_.append(record);
  const Breakage breakage{this, begun_end};
  if (written == Status::ok) {
    written = inventory_.change({&SuperSession::change_to_broken, nullptr, &breakage});
  }
  if (written == Status::ok) written = journal_.append(record_of_whole(JournalKind::done, status));
  return written == Status::ok ? status : written;
}

// The records after one of an installation that was committed may have been lost.
Status SuperSession::close_journal() {
  if (!is_pending() || own_index_ == no_member) return Status::ok;
  const Status status = journal_.append(journal_.newest());
  return status == Status::ok ? journal_.append(record_of_whole(JournalKind::done, Status::ok))
                              : status;
}

Status SuperSession::finish() {
  if (stage_ == Stage::failed) return failure_;
  if (stage_ == Stage::finished) return Status::ok;
  if (stage_ == Stage::head || stage_ == Stage::check || stage_ == Stage::install) {
    return fail(Status::truncated);
  }
  if (stage_ != Stage::complete) return fail(Status::out_of_order);
  const Status status = already_installed_ ? close_journal() : commit();
  if (status != Status::ok) return fail(status);
  stage_ = Stage::finished;
  return Status::ok;
}

}  // namespace romdelta
