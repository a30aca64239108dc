#include "installer/session.h"

#include <algorithm>

#include "installer/confirm.h"

namespace romdelta {
namespace {

// Alignment that zstd's context needs; every arena allocation keeps the arena's own.
constexpr std::uintptr_t kArenaAlignment = 8;

}  // namespace

bool is_final_in_place(Status status) {
  return status == Status::source_damaged || status == Status::target_mismatch ||
         status == Status::wrong_source || status == Status::malformed_chunk ||
         status == Status::scratch_too_small;
}

const char* to_string(Progress::Stage stage) {
  switch (stage) {
    case Progress::Stage::check_source: return "check source";
    case Progress::Stage::apply: return "apply";
    case Progress::Stage::verify_target: return "verify target";
  }
  return "unknown";
}

Status Session::begin_member(const Device& device, MutableByteSpan arena,
                             const SessionOptions& options, const MemberRole& role) {
  role_ = &role;
  journal_ = *role.journal;
  installed_ = *role.installed;
  record_buffer_ = role.record_buffer;
  return begin(device, arena, options);
}

Status Session::begin(const Device& device, MutableByteSpan arena, const SessionOptions& options) {
  if (stage_ != Stage::idle) return fail(Status::out_of_order);
  if (reinterpret_cast<std::uintptr_t>(arena.data()) % kArenaAlignment != 0) {
    return fail(Status::out_of_order);
  }
  device_ = device;
  options_ = options;
  kernels_ = options.kernels != nullptr ? options.kernels : &best_kernels();
  arena_ = Arena(arena);
  if (device.trusted_keys.empty()) return fail(Status::no_trusted_key);
  if (!arena_.allocate(limits::head_bytes_max, &head_buffer_) ||
      (role_ == nullptr && !arena_.allocate(limits::record_buffer_bytes, &record_buffer_))) {
    return fail(Status::arena_too_small);
  }
  stage_ = Stage::head;
  collected_ = head_buffer_;
  collect_bytes_ = package_header_bytes;
  return Status::need_input;
}

Status Session::fail(Status status) {
  if (stage_ != Stage::failed) failure_ = status;
  stage_ = Stage::failed;
  return failure_;
}

// --- Stream: pieces of any size into whole structures. ---

Status Session::push(std::uint64_t offset_bytes, ByteSpan bytes) {
  if (stage_ == Stage::failed) return failure_;
  if (stage_ == Stage::idle || stage_ == Stage::finished) return fail(Status::out_of_order);
  while (true) {
    if (offset_bytes > next_offset_) return fail(Status::out_of_order);
    const std::uint64_t skipped = next_offset_ - offset_bytes;
    if (skipped >= bytes.size()) break;
    bytes = bytes.subspan(static_cast<std::size_t>(skipped));
    offset_bytes = next_offset_;
    if (stage_ == Stage::complete) return fail(Status::trailing_bytes);
    const std::size_t size_before = bytes.size();
    const Status status = take(&bytes);
    if (status != Status::ok) return fail(end_in_place(status));
    offset_bytes += size_before - bytes.size();
    // Back to the first chunk: what is left of this piece is not wanted now.
    if (next_offset_ < offset_bytes) break;
  }
  return stage_ == Stage::complete ? Status::ok : Status::need_input;
}

Status Session::take(ByteSpan* bytes) {
  const std::size_t count = std::min(bytes->size(), collect_bytes_ - have_bytes_);
  copy_bytes(collected_.data() + have_bytes_, bytes->first(count));
  *bytes = bytes->subspan(count);
  have_bytes_ += count;
  next_offset_ += count;
  if (have_bytes_ < collect_bytes_) return Status::ok;
  return stage_ == Stage::head ? take_head() : take_payload();
}

Status Session::take_head() {
  const ByteSpan given = head_buffer_.first(have_bytes_);
  std::size_t needed = 0;
  Status status = head_bytes_needed(given, &needed);
  if (status != Status::ok) return status;
  if (needed > have_bytes_) {
    collect_bytes_ = needed;
    return Status::ok;
  }
  status = accept_head(given);
  return status == Status::ok ? want_next() : status;
}

Status Session::take_payload() {
  const ByteSpan bytes = collected_.first(collect_bytes_);
  Status status = Status::ok;
  if (stage_ == Stage::map) {
    status = accept_map(bytes);
  } else if (stage_ == Stage::plan) {
    status = accept_plan(bytes);
  } else {
    status = wanted_.is_node ? tree_.accept_node(wanted_) : accept_chunk(wanted_);
  }
  return status == Status::ok ? want_next() : status;
}

void Session::collect(Stage stage, MutableByteSpan buffer, std::size_t bytes) {
  stage_ = stage;
  collected_ = buffer;
  collect_bytes_ = bytes;
  have_bytes_ = 0;
}

Status Session::want_next() {
  have_bytes_ = 0;
  const Manifest& manifest = head_.manifest;
  if (is_settled()) {
    stage_ = Stage::complete;
    next_offset_ = head_.file_bytes();
    return Status::ok;
  }
  if (manifest.map.present() && !map_loaded_) {
    collect(Stage::map, chunk_buffer_, manifest.map.bytes);
    next_offset_ = head_.head_bytes;
    return Status::ok;
  }
  if (manifest.plan.present() && !plan_loaded_) {
    collect(Stage::plan, in_place_.plan_buffer(), manifest.plan.bytes);
    next_offset_ = head_.head_bytes + manifest.map.bytes;
    return Status::ok;
  }
  if (tree_.done()) {
    stage_ = Stage::complete;
    next_offset_ = head_.file_bytes();
    return Status::ok;
  }
  wanted_ = tree_.wanted();
  if (!wanted_.is_node && !is_delta_in_place() && tree_.chunk() == resumed_at_chunk_) {
    const Status status = check_resume_point();
    if (status != Status::ok) return status;
  }
  if (!wanted_.is_node && wanted_.bytes > manifest.chunk_stored_bytes_max)
    return Status::malformed_chunk;
  collect(Stage::payload, wanted_.is_node ? tree_.node_buffer(wanted_.level) : chunk_buffer_,
          static_cast<std::size_t>(wanted_.bytes));
  next_offset_ = wanted_.offset_bytes;
  return Status::ok;
}

// --- Everything that can be refused is refused before the first write. ---

Status Session::accept_head(ByteSpan head_bytes) {
  Status status = verify_head(head_bytes, device_.trusted_keys, &head_);
  if (status != Status::ok) return status;
  head_known_ = true;
  if (device_.production && head_.manifest.role != KeyRole::release) return Status::wrong_role;
  status = check_membership();
  if (status == Status::ok) status = check_device();
  if (status == Status::ok) status = role_ == nullptr ? check_inventory() : check_release();
  if (status != Status::ok || already_installed_) return status;
  status = prepare();
  if (role_ != nullptr) return status == Status::ok ? accept_member() : status;
  if (is_delta_in_place()) {
    // What is written already is no source any more; that it is the right one was checked before.
    if (status == Status::ok && !is_resuming_in_place()) status = check_source();
    // The journal may be lost: the plan tells whether the slot is half-way.
    source_is_whole_ = status == Status::ok && !is_resuming_in_place();
    return status == Status::wrong_source && source_version_fits() ? Status::ok : status;
  }
  if (status == Status::ok) status = check_source();
  if (status == Status::ok && is_pending()) {
    status = inventory_.settle(journal_.newest().manifest_digest);
  }
  if (status == Status::ok) status = resume_from_journal();
  return status;
}

Status Session::check_device() {
  const Manifest& manifest = head_.manifest;
  for (const RomRegion& region : device_.regions) {
    if (region.package_id == manifest.package_id.view()) region_ = &region;
  }
  if (region_ == nullptr) return Status::unknown_package;
  if (!is_for(manifest.device, device_)) return Status::wrong_device;
  const std::size_t lent_bytes = role_ != nullptr ? record_buffer_.size() : 0;
  if (manifest.budgets.ram_bytes > arena_.size_bytes() + lent_bytes) return Status::arena_too_small;
  if (manifest.source_count > 1) return Status::unsupported_field;
  const std::uint64_t scratch_bytes = device_.scratch.present() ? device_.scratch.size_bytes() : 0;
  if (manifest.budgets.scratch_bytes > scratch_bytes) return Status::scratch_too_small;
  return Status::ok;
}

Status Session::check_inventory() {
  Status status = inventory_.open(device_.inventory, record_buffer_);
  if (status == Status::ok) status = journal_.open(device_.journal, record_buffer_);
  if (status == Status::ok) status = settle_trust();
  if (status == Status::ok) status = inventory_.find(head_.manifest.package_id.view(), &installed_);
  if (status != Status::ok) return status;

  bool is_blocked = false;
  status = check_pending(&is_blocked);
  if (status != Status::ok) return status;
  if (is_blocked) return Status::update_pending;
  if (is_from_installer(installed_.state) && !failed_in_place() &&
      installed_.manifest_digest == head_.manifest_digest) {
    already_installed_ = true;
    target_slot_ = installed_.active_slot;
    return Status::ok;
  }
  return check_release();
}

// What is to be installed, against what is installed and where it goes.
Status Session::check_release() {
  const Manifest& manifest = head_.manifest;
  target_slot_ = manifest.layout == Layout::in_place ? installed_.active_slot
                                                     : other_slot(installed_.active_slot);
  Status status = check_order();
  if (status == Status::ok) status = check_slot();
  return status == Status::ok && is_delta_in_place() ? check_scratch() : status;
}

// What a cut of power left of confirm() comes first: counters are compared below. A keyring that
// was being written is for KeyringStore::open(), which says whom this session may trust.
Status Session::settle_trust() {
  const bool is_keyring = journal_.has_record() && journal_.newest().kind == JournalKind::keyring;
  if (is_keyring && device_.keyring.present()) return Status::out_of_order;
  return settle_confirm(&inventory_, &journal_);
}

// Counters hold for ever; the order of releases only for packages that do not say otherwise.
Status Session::check_order() const {
  const ReleaseOrder& order = head_.manifest.order;
  const std::uint64_t package_floor = installed_.security_counter;
  const std::uint64_t device_floor =
      role_ == nullptr ? inventory_.security_counter() : role_->device_counter;
  if (order.security_counter < package_floor || order.device_counter < device_floor) {
    return Status::rollback;
  }
  if (order.security_counter - package_floor > limits::counter_step_max ||
      order.device_counter - device_floor > limits::counter_step_max) {
    return Status::counter_jump;
  }
  const ReleaseOrder& active = installed_.release;
  const bool is_before = order.number < active.number ||
                         order.security_counter < active.security_counter ||
                         order.device_counter < active.device_counter;
  return is_before && !head_.manifest.may_downgrade ? Status::downgrade : Status::ok;
}

// Once a source is being overwritten, only the package that does it can finish. A record of a
// package that the inventory has is old: later ones were lost with what they were about.
Status Session::check_pending(bool* is_blocked) {
  const JournalRecord& newest = journal_.newest();
  *is_blocked = is_pending() && newest.layout == Layout::in_place &&
                newest.manifest_digest != head_.manifest_digest;
  for (std::uint32_t i = 0; *is_blocked && i < inventory_.count(); ++i) {
    InventoryRecord record;
    const Status status = inventory_.at(i, &record);
    if (status != Status::ok) return status;
    *is_blocked = record.manifest_digest != newest.manifest_digest;
  }
  return Status::ok;
}

// The last update in place left a slot that is neither: what the inventory names may be ruined.
bool Session::failed_in_place() const {
  const JournalRecord& newest = journal_.newest();
  return journal_.has_record() && newest.kind == JournalKind::done &&
         newest.layout == Layout::in_place && newest.outcome != Status::ok;
}

Status Session::check_slot() const {
  const Manifest& manifest = head_.manifest;
  const FlashRegion& target = region_->slot(target_slot_);
  if (!target.is_usable()) return Status::unsupported_layout;
  if (manifest.layout == Layout::in_place && !journal_.can_hold_in_place()) {
    return Status::journal_too_small;
  }
  if (manifest.target.bytes > target.size_bytes()) return Status::slot_too_small;
  // The budgets were computed for the manifest's erase block: larger ones would break them.
  if (manifest.group_bytes % target.geometry().program_unit_bytes != 0 ||
      manifest.erase_block_bytes % target.rewrite_unit_bytes() != 0) {
    return Status::unsupported_geometry;
  }
  return Status::ok;
}

Status Session::check_scratch() const {
  const PlanIdentity& plan = head_.manifest.plan;
  const FlashRegion& slot = region_->slot(target_slot_);
  if (head_.manifest.sources[0].bytes > slot.size_bytes()) return Status::wrong_source;
  if (plan.program_unit_bytes % slot.geometry().program_unit_bytes != 0) {
    return Status::unsupported_geometry;
  }
  if (head_.manifest.budgets.scratch_bytes == 0) return Status::ok;
  if (!device_.scratch.is_usable() ||
      plan.program_unit_bytes % device_.scratch.geometry().program_unit_bytes != 0 ||
      head_.manifest.erase_block_bytes % device_.scratch.rewrite_unit_bytes() != 0) {
    return Status::unsupported_geometry;
  }
  return Status::ok;
}

Status Session::prepare() {
  if (head_.manifest.chunk_count == 0) return Status::ok;
  if (is_delta_in_place()) {
    const Status status = in_place_.begin(head_, &arena_);
    if (status != Status::ok) return status;
    group_buffer_ = in_place_.group_buffer();
    chunk_buffer_ = in_place_.chunk_buffer();
    return tree_.begin(head_.manifest, head_.head_bytes, &arena_);
  }
  // In the order and sizes that arena_bytes_needed counts.
  if (!arena_.allocate(head_.manifest.group_bytes, &group_buffer_) ||
      !arena_.allocate(chunk_buffer_bytes(head_.manifest), &chunk_buffer_)) {
    return Status::arena_too_small;
  }
  const Status status = begin_codec();
  if (status != Status::ok) return status;
  return tree_.begin(head_.manifest, head_.head_bytes, &arena_);
}

bool Session::is_resuming_in_place() const {
  const JournalRecord& newest = journal_.newest();
  return journal_.has_record() && newest.layout == Layout::in_place && may_resume() &&
         newest.manifest_digest == journal_digest() && newest.is_pending();
}

bool Session::source_version_fits() const {
  return head_.manifest.sources[0].version == installed_.version;
}

Status Session::check_source() {
  if (head_.manifest.is_full()) return Status::ok;
  const ImageIdentity& expected = head_.manifest.sources[0];
  const FlashRegion& slot = region_->slot(installed_.active_slot);
  if (!source_version_fits()) return Status::wrong_source;
  bool holds = false;
  const Status status = slot_holds(slot, expected, &holds);
  if (status != Status::ok) return status;
  if (!holds) return Status::wrong_source;
  source_ = {slot, expected.bytes};
  return Status::ok;
}

Status Session::slot_holds(const FlashRegion& slot, const ImageIdentity& expected, bool* holds) {
  *holds = false;
  if (!slot.is_usable() || expected.bytes > slot.size_bytes()) return Status::ok;
  // The source may be read before any group buffer exists (an empty target): the head's buffer is
  // no longer needed, and always there.
  const MutableByteSpan buffer = group_buffer_.empty() ? head_buffer_ : group_buffer_;
  DigestStream digest(DigestDomain::image);
  const auto take = [&](std::uint64_t at, ByteSpan piece) {
    digest.update(piece);
    return report(Progress::Stage::check_source, at + piece.size(), expected.bytes);
  };
  const Status status = slot.read_pieces(0, expected.bytes, buffer, take);
  if (status != Status::ok) return status;
  *holds = digest.finish() == expected.digest;
  return Status::ok;
}

// --- As a member of a super package. ---

Status Session::check_membership() const {
  const Manifest& manifest = head_.manifest;
  if (role_ == nullptr) {
    return manifest.member_of.empty() ? Status::ok : Status::not_a_member;
  }
  const SuperMember& listed = *role_->member;
  const ImageIdentity source = manifest.is_full() ? ImageIdentity() : manifest.sources[0];
  const auto equal = [](const ImageIdentity& a, const ImageIdentity& b) {
    return a.bytes == b.bytes && a.digest == b.digest && a.version == b.version;
  };
  if (head_.manifest_digest != listed.manifest_digest || head_.file_bytes() != listed.file_bytes ||
      !(manifest.package_id == listed.package_id) || manifest.layout != listed.layout ||
      manifest.source_count != (listed.has_source ? 1u : 0u) || !equal(source, listed.source) ||
      !equal(manifest.target, listed.target) || manifest.budgets.ram_bytes != listed.ram_bytes ||
      manifest.budgets.scratch_bytes != listed.scratch_bytes || manifest.order != listed.order) {
    return Status::wrong_member;
  }
  const bool is_of_other =
      !manifest.member_of.empty() && manifest.member_of.view() != role_->super_name;
  return is_of_other ? Status::not_a_member : Status::ok;
}

Digest Session::journal_digest() const {
  return role_ == nullptr ? head_.manifest_digest : role_->journal_digest;
}

Status Session::accept_member() {
  if (role_->work == MemberRole::Work::check) return check_member();
  source_is_whole_ = role_->source_is_whole;
  if (is_delta_in_place()) return Status::ok;
  // It was checked since power came back.
  if (!head_.manifest.is_full()) {
    source_ = {region_->slot(installed_.active_slot), head_.manifest.sources[0].bytes};
  }
  if (role_->writes_journal) return resume_from_journal();
  tree_.seek(0);
  return Status::ok;
}

// Whether the member is done already, and if not, whether it can be: nothing is written.
Status Session::check_member() {
  const Manifest& manifest = head_.manifest;
  const FlashRegion& target = region_->slot(target_slot_);
  finding_ = MemberFinding::to_do;
  if (is_delta_in_place() && is_resuming_in_place()) return Status::ok;
  bool is_done = false;
  Status status = Status::ok;
  if (role_->is_credited) status = slot_holds(target, manifest.target, &is_done);
  if (status == Status::ok && !is_done) {
    status = check_source();
    source_is_whole_ = status == Status::ok;
    // Neither a journal nor the source: it was done already, or left half-way.
    if (status == Status::wrong_source && is_delta_in_place() && source_version_fits()) {
      finding_ = MemberFinding::half_way;
      status = slot_holds(target, manifest.target, &is_done);
    }
  }
  if (is_done) finding_ = MemberFinding::done;
  return status;
}

Status Session::look_in_place() {
  if (is_resuming_in_place()) return Status::ok;
  return in_place_.look(place_in_place(), source_is_whole_);
}

// --- From here on the flash is written. ---

JournalRecord Session::journal_record(JournalKind kind) const {
  JournalRecord record;
  record.kind = kind;
  record.target_slot = target_slot_;
  record.layout = head_.manifest.layout;
  record.manifest_digest = journal_digest();
  record.next = kind == JournalKind::checkpoint ? tree_.chunk() : 0;
  return record;
}

Status Session::resume_from_journal() {
  const JournalRecord& newest = journal_.newest();
  const bool continues = journal_.has_record() && newest.kind == JournalKind::checkpoint &&
                         may_resume() && newest.manifest_digest == journal_digest() &&
                         newest.target_slot == target_slot_ &&
                         newest.next <= head_.manifest.chunk_count;
  // The journal is believed about the number only: where that chunk begins is read from signed
  // tree nodes, and what lies before it is checked against the signed digest at the end.
  resumed_at_chunk_ = continues ? newest.next : 0;
  tree_.seek(resumed_at_chunk_);
  const JournalKind kind = resumed_at_chunk_ == 0 ? JournalKind::intent : JournalKind::checkpoint;
  return journal_.append(journal_record(kind));
}

// A checkpoint lies where writing can begin again. One that names another place is damaged or
// forged, or the region's geometry was changed: begin at the first chunk.
Status Session::check_resume_point() {
  const FlashRegion& target = region_->slot(target_slot_);
  if (wanted_.target_offset % target.rewrite_unit_bytes() == 0) return Status::ok;
  const Status status = restart_journal();
  wanted_ = tree_.wanted();
  return status;
}

Status Session::restart_journal() {
  resumed_at_chunk_ = 0;
  tree_.seek(0);
  return journal_.append(journal_record(JournalKind::intent));
}

Status Session::accept_chunk(const ChunkTree::Wanted& wanted) {
  const FlashRegion& target = region_->slot(target_slot_);
  const ByteSpan chunk = chunk_buffer_.first(static_cast<std::size_t>(wanted.bytes));
  const bool is_first = tree_.chunk() == resumed_at_chunk_;
  Status status = tree_.accept_chunk(chunk);
  if (status != Status::ok) return status;
  if (is_delta_in_place()) return in_place_.apply(chunk, wanted.target_bytes);
  if (is_first) {
    writer_ = FlashWriter(target, wanted.target_offset, group_buffer_, *kernels_);
    writer_.set_observer(&Session::on_group, this);
  }
  status = apply_chunk(chunk, wanted.target_bytes);
  if (status != Status::ok) return status;
  if (tree_.done()) return writer_.flush();
  return checkpoint(wanted.target_offset + wanted.target_bytes);
}

Status Session::begin_codec() {
  return head_.manifest.codec == Codec::zstd ? decoder_.begin(head_.manifest, &arena_)
                                             : context_patcher_.begin(head_.manifest.map, &arena_);
}

Status Session::accept_map(ByteSpan bytes) {
  if (digest_of(DigestDomain::map, bytes) != head_.manifest.map.digest) {
    return Status::corrupt_chunk;
  }
  map_loaded_ = true;
  return is_delta_in_place() ? in_place_.load_map(bytes) : context_patcher_.load_map(bytes);
}

Status Session::accept_plan(ByteSpan bytes) {
  if (digest_of(DigestDomain::plan, bytes) != head_.manifest.plan.digest) {
    return Status::corrupt_chunk;
  }
  plan_loaded_ = true;
  const Status status = in_place_.load_plan();
  if (status != Status::ok) return status;
  return is_member_check() ? look_in_place() : open_in_place();
}

InPlace::Place Session::place_in_place() {
  InPlace::Place place;
  place.slot = region_->slot(target_slot_);
  place.scratch = device_.scratch;
  place.journal = &journal_;
  place.record = journal_record(JournalKind::step);
  place.kernels = kernels_;
  place.observer = &Session::on_group;
  place.observer_context = this;
  return place;
}

Status Session::open_in_place() {
  const JournalRecord newest = journal_.newest();
  Status status = Status::ok;
  if (is_pending() && role_ == nullptr) status = inventory_.settle(newest.manifest_digest);
  if (status != Status::ok) return status;
  status = in_place_.open(place_in_place(), is_resuming_in_place() ? &newest : nullptr,
                          source_is_whole_);
  if (status == Status::ok && in_place_.is_script_open()) status = in_place_.go_on();
  resumed_at_chunk_ = in_place_.chunk();
  tree_.seek(resumed_at_chunk_);
  return status;
}

// What cannot be finished any more must not keep other packages away: a full one repairs.
Status Session::end_in_place(Status status) {
  if (role_ != nullptr) return status;  // The super package ends with it.
  const JournalRecord newest = journal_.newest();
  const bool is_begun = is_pending() && newest.layout == Layout::in_place &&
                        newest.manifest_digest == head_.manifest_digest;
  if (!is_begun || !is_final_in_place(status)) return status;
  // First what is there already, as Journal::append() requires.
  const Status repeated = journal_.append(newest);
  if (repeated != Status::ok) return repeated;
  JournalRecord record = journal_record(JournalKind::done);
  record.outcome = status;
  const Status journal_status = journal_.append(record);
  return journal_status == Status::ok ? status : journal_status;
}

Status Session::apply_chunk(ByteSpan chunk, std::uint64_t target_bytes) {
  if (head_.manifest.codec == Codec::context) {
    return context_patcher_.patch(chunk, source_, target_bytes, &writer_);
  }
  ChunkHeader header;
  Columns columns;
  const Status status = decoder_.decode(head_.manifest, chunk, &header, &columns);
  if (status != Status::ok) return status;
  return patch_chunk(header, columns, source_, target_bytes, *kernels_, &writer_);
}

Status Session::on_group(void* session, std::uint64_t done_bytes) {
  auto* self = static_cast<Session*>(session);
  return self->report(Progress::Stage::apply, done_bytes, self->head_.manifest.output_bytes());
}

Status Session::checkpoint(std::uint64_t target_offset) {
  // Only there can writing begin again without touching what is there.
  const FlashRegion& target = region_->slot(target_slot_);
  if (!writer_.is_flushed() || target_offset % target.rewrite_unit_bytes() != 0) {
    return Status::ok;
  }
  if (!writes_journal()) return Status::ok;
  const Status status = target.sync();
  if (status != Status::ok) return status;
  return journal_.append(journal_record(JournalKind::checkpoint));
}

Status Session::finish() {
  if (stage_ == Stage::failed) return failure_;
  if (stage_ == Stage::finished) return Status::ok;
  if (stage_ == Stage::head || stage_ == Stage::map || stage_ == Stage::plan ||
      stage_ == Stage::payload) {
    return fail(Status::truncated);
  }
  if (stage_ != Stage::complete) return fail(Status::out_of_order);
  Status status = Status::ok;
  if (is_delta_in_place() && !already_installed_) status = in_place_.finish();
  if (status == Status::ok && !already_installed_) status = verify_target();
  if (head_.manifest.layout == Layout::in_place) {
    status = end_in_place(status);
  } else if (status == Status::target_mismatch && writes_journal()) {
    // What the journal says led here: the next session begins at the first chunk.
    const Status journal_status = restart_journal();
    if (journal_status != Status::ok) status = journal_status;
  }
  if (status == Status::ok && role_ == nullptr) status = commit();
  if (status != Status::ok) return fail(status);
  stage_ = Stage::finished;
  return Status::ok;
}

// Bytes that only this session touched can differ by accident; bytes that lay on the flash while
// the device was off may be anything, so a resumed target is held against the digest
// (docs/threat-model.md).
Status Session::verify_target() {
  const Manifest& manifest = head_.manifest;
  const FlashRegion& target = region_->slot(target_slot_);
  const bool resumed = resumed_at_chunk_ != 0 || is_delta_in_place();
  DigestStream digest(DigestDomain::image);
  ChecksumStream checksum;
  const auto take = [&](std::uint64_t at, ByteSpan piece) {
    if (resumed) {
      digest.update(piece);
    } else {
      checksum.update(piece);
    }
    return report(Progress::Stage::verify_target, at + piece.size(), manifest.target.bytes);
  };
  const Status status = target.read_pieces(0, manifest.target.bytes, group_buffer_, take);
  if (status != Status::ok) return status;
  const bool same = resumed ? digest.finish() == manifest.target.digest
                            : checksum.finish() == manifest.target_checksum;
  return same ? Status::ok : Status::target_mismatch;
}

Status Session::commit() {
  if (already_installed_) return repeat_commit();
  InventoryRecord record = installed_;
  record.version = head_.manifest.target.version;
  record.active_slot = target_slot_;
  record.state = PackageState::installed;
  record.image_bytes = head_.manifest.target.bytes;
  record.image_digest = head_.manifest.target.digest;
  record.manifest_digest = head_.manifest_digest;
  record.release = head_.manifest.order;
  head_.vouchers.copy_ids(head_.manifest.role, record.vouching_keys);
  const Status status = inventory_.update(record);
  return status == Status::ok ? journal_.append(journal_record(JournalKind::done)) : status;
}

// Power may have failed while an earlier session wrote the inventory. A copy that was being
// programmed then is not trusted to stay readable even if it reads well now: it is written again
// until the journal says done.
Status Session::repeat_commit() {
  const Digest& digest = head_.manifest_digest;
  if (!is_pending() || journal_.newest().manifest_digest != digest) return Status::ok;
  // First what the journal says now: a record that says done may be hidden there, and must not be
  // the newest while the inventory is written again.
  Status status = journal_.append(journal_.newest());
  if (status == Status::ok) status = inventory_.settle(digest);
  return status == Status::ok ? journal_.append(journal_record(JournalKind::done)) : status;
}

bool Session::is_pending() const { return journal_.has_record() && journal_.newest().is_pending(); }

Status Session::report(Progress::Stage stage, std::uint64_t done_bytes, std::uint64_t total_bytes) {
  if (options_.progress == nullptr) return Status::ok;
  const bool go_on = options_.progress(options_.progress_context, {stage, done_bytes, total_bytes});
  return go_on ? Status::ok : Status::cancelled;
}

}  // namespace romdelta
