// Session: one installation, from the first byte of a package to the committed target.
//
//   bytes -> Manifest -> Chunk -> control -> target -> JournalRecord -> ResultCode
//
//   Session session;
//   Status status = session.begin(device, arena, {});
//   while (status == Status::need_input && more) status = session.push(offset, bytes);
//   status = session.finish();                      // result_code(status) goes to the server
//
// The caller feeds the package in pieces of any size. Nothing is written before the signature, the
// manifest, the device's budgets and the whole source have been checked; no chunk is decoded before
// it was authenticated in the buffer that is decoded. Target bytes go to the slot that is not
// active; the inventory names it active as the last step, so power may fail at any instant.
//
// One thread at a time. No heap, no exceptions: all memory is the Session and the caller's arena.
// The first failure is kept: every later call returns it. docs/architecture.md tells the story.
#pragma once

#include <array>
#include <cstdint>

#include "format/package.h"
#include "format/super_manifest.h"
#include "installer/arena.h"
#include "installer/chunk_tree.h"
#include "installer/context_patcher.h"
#include "installer/decoder.h"
#include "installer/device.h"
#include "installer/flash_writer.h"
#include "installer/in_place.h"
#include "installer/inventory.h"
#include "installer/journal.h"
#include "installer/patcher.h"
#include "installer/simd/kernels.h"

namespace romdelta {

struct Progress {
  enum class Stage : std::uint8_t { check_source, apply, verify_target };
  Stage stage = Stage::check_source;
  std::uint64_t done_bytes = 0;  // Of the source or target image.
  std::uint64_t total_bytes = 0;
};

// A few words for a progress display.
const char* to_string(Progress::Stage stage);

// Called after each group of bytes, from inside push() and finish(). Returning false cancels: the
// session fails with Status::cancelled and a later one can resume. A good place to feed a watchdog.
using ProgressCallback = bool (*)(void* context, const Progress& progress);

struct SessionOptions {
  const Kernels* kernels = nullptr;  // Null: the fastest that the CPU has.
  ProgressCallback progress = nullptr;
  void* progress_context = nullptr;
};

// True when the same happens again whenever it is tried on what the flash holds now: an
// installation in place that ends so is over.
bool is_final_in_place(Status status);

// What a SuperSession tells the Session of one member. docs/format.md section 15.
struct MemberRole {
  enum class Work : std::uint8_t {
    check,    // Everything that can be refused before the first write, and whether it is done.
    install,  // All but the commit. The checks have been made since power came back.
  };
  Work work = Work::check;
  const SuperMember* member = nullptr;  // What the package must be.
  std::string_view super_name;
  Digest journal_digest;  // What names the member in the journal.
  const InventoryRecord* installed = nullptr;
  std::uint64_t device_counter = 0;  // The inventory's.
  const Journal* journal = nullptr;
  MutableByteSpan record_buffer;
  bool may_resume = true;       // From the journal's newest record.
  bool is_credited = false;     // The journal says that the member is done.
  bool source_is_whole = true;  // To install in place: as it was checked.
  bool writes_journal = true;   // False: for the other slot, while others are pending in place.
};

// What a check found out about a member.
enum class MemberFinding : std::uint8_t { to_do, half_way, done };

class Session {
 public:
  Session() = default;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Bytes an arena must have for any package; how many more depends on the package's ram_bytes.
  static constexpr std::size_t arena_bytes_min =
      limits::head_bytes_max + limits::record_buffer_bytes;

  // Requires: `device` and `arena` outlive the session, and the arena begins at a multiple of 8
  // (out_of_order otherwise). Returns need_input; arena_too_small below arena_bytes_min;
  // no_trusted_key when the device trusts nobody.
  Status begin(const Device& device, MutableByteSpan arena, const SessionOptions& options);

  // The same for a member of a super package: push() is given the member's own bytes, finish() does
  // all but the commit. A check is complete when push() says ok. Requires: what `role` points to
  // outlives the session.
  Status begin_member(const Device& device, MutableByteSpan arena, const SessionOptions& options,
                      const MemberRole& role);
  // Of a member's check.
  MemberFinding finding() const { return finding_; }
  // True when the source was checked, all of it.
  bool source_is_whole() const { return source_is_whole_; }
  // As this session left it.
  const Journal& journal() const { return journal_; }

  // Takes `bytes`, which lie at `offset_bytes` of the package. Bytes before next_offset_bytes() are
  // skipped, so the same piece may be pushed twice and a resumed package from its beginning; a
  // piece that leaves a gap is out_of_order. Returns need_input, ok when the package is complete,
  // or the failure.
  Status push(std::uint64_t offset_bytes, ByteSpan bytes);

  // The offset of the first byte that the session still wants. A caller that can seek continues
  // there: after a resume that is past everything already installed. It goes back only when a
  // damaged checkpoint was found; a caller that cannot seek then gets out_of_order and the next
  // session begins at the first chunk.
  std::uint64_t next_offset_bytes() const { return next_offset_; }

  // Verifies the target and commits: the inventory names the new slot and version. ok when
  // everything is durable; truncated when the package is not complete.
  Status finish();

  // What the package says; null until its signature has been verified.
  const PackageHead* head() const { return head_known_ ? &head_ : nullptr; }
  // True when the package is installed already: nothing is written and finish() returns ok.
  bool already_installed() const { return already_installed_; }
  // Where the target goes, or went. Meaningful once head() is known and the device was checked.
  Slot target_slot() const { return target_slot_; }
  // The chunk at which an interrupted installation was taken up; 0 from the beginning.
  std::uint32_t resumed_at_chunk() const { return resumed_at_chunk_; }
  std::size_t arena_used_bytes() const { return arena_.used_bytes(); }

 private:
  enum class Stage : std::uint8_t { idle, head, map, plan, payload, complete, finished, failed };

  Status fail(Status status);
  Status take(ByteSpan* bytes);
  Status take_head();
  Status take_payload();
  // Points collected_ and collect_bytes_ at the structure that comes next.
  Status want_next();

  void collect(Stage stage, MutableByteSpan buffer, std::size_t bytes);
  bool is_delta_in_place() const { return head_.manifest.plan.present(); }

  bool is_member_check() const {
    return role_ != nullptr && role_->work == MemberRole::Work::check;
  }
  bool may_resume() const { return role_ == nullptr || role_->may_resume; }
  bool writes_journal() const { return role_ == nullptr || role_->writes_journal; }
  // No byte of the payload is wanted.
  bool is_settled() const {
    if (already_installed_ || finding_ == MemberFinding::done) return true;
    return is_member_check() && (!is_delta_in_place() || plan_loaded_);
  }
  Digest journal_digest() const;

  Status accept_head(ByteSpan head_bytes);
  Status check_membership() const;
  Status check_release();
  Status accept_member();
  Status check_member();
  Status look_in_place();
  InPlace::Place place_in_place();
  Status check_device();
  Status check_inventory();
  Status check_pending(bool* is_blocked);
  bool failed_in_place() const;
  Status settle_trust();
  Status check_order() const;
  Status check_slot() const;
  Status check_scratch() const;
  Status check_source();
  Status slot_holds(const FlashRegion& slot, const ImageIdentity& expected, bool* holds);
  bool is_resuming_in_place() const;
  bool source_version_fits() const;
  Status prepare();
  Status resume_from_journal();
  Status check_resume_point();
  Status restart_journal();
  Status begin_codec();
  Status accept_map(ByteSpan bytes);
  Status accept_plan(ByteSpan bytes);
  Status open_in_place();
  Status end_in_place(Status status);
  Status apply_chunk(ByteSpan chunk, std::uint64_t target_bytes);
  Status accept_chunk(const ChunkTree::Wanted& wanted);
  Status checkpoint(std::uint64_t target_offset);
  Status verify_target();
  Status commit();
  Status repeat_commit();
  // True when power failed during an installation, or it was cancelled: of which package,
  // journal_.newest() says.
  bool is_pending() const;
  static Status on_group(void* session, std::uint64_t done_bytes);
  Status report(Progress::Stage stage, std::uint64_t done_bytes, std::uint64_t total_bytes);
  JournalRecord journal_record(JournalKind kind) const;

  InPlace in_place_;  // Of a delta in place. First, because it is aligned to a cache line.

  Stage stage_ = Stage::idle;
  Status failure_ = Status::out_of_order;
  Device device_;
  SessionOptions options_;
  const Kernels* kernels_ = nullptr;
  Arena arena_;
  MutableByteSpan head_buffer_;
  MutableByteSpan record_buffer_;
  MutableByteSpan group_buffer_;
  MutableByteSpan chunk_buffer_;

  // The structure being collected: its buffer, its size and how much of it is there.
  MutableByteSpan collected_;
  std::size_t collect_bytes_ = 0;
  std::size_t have_bytes_ = 0;
  std::uint64_t next_offset_ = 0;

  PackageHead head_;
  bool head_known_ = false;
  bool already_installed_ = false;
  bool map_loaded_ = false;
  bool plan_loaded_ = false;
  bool source_is_whole_ = false;      // It was checked, all of it.
  const MemberRole* role_ = nullptr;  // Null: a package on its own.
  MemberFinding finding_ = MemberFinding::to_do;
  const RomRegion* region_ = nullptr;
  InventoryRecord installed_;
  Slot target_slot_ = Slot::a;
  Source source_;
  std::uint32_t resumed_at_chunk_ = 0;

  Inventory inventory_;
  Journal journal_;
  ChunkTree tree_;
  ChunkTree::Wanted wanted_;
  Decoder decoder_;                 // Codec zstd.
  ContextPatcher context_patcher_;  // Codec context.
  FlashWriter writer_;
};

}  // namespace romdelta
