// SuperSession: one installation of a super package: all members that the device needs, or none.
//
//   SuperSession session;
//   Status status = session.begin(device, arena, {});
//   while (status == Status::need_input && more) {
//     at = session.next_offset_bytes();               // It jumps: the caller seeks, or fetches.
//     status = session.push(at, bytes_of_the_file_at(at));
//   }
//   status = session.finish();                        // One result for the whole.
//
// First the head of every member that is needed is looked at, and of deltas in place map and plan
// too: everything that can be refused is refused before the first write. Then the members are
// installed by a Session each, those for the other slot before those in place. The inventory names
// all targets at once, as the last step; power may fail at any instant, and the next session goes
// on. docs/format.md section 15 specifies it, docs/journal.md has what lies on flash.
//
// One thread at a time. No heap, no exceptions: all memory is the SuperSession and the caller's
// arena. The first failure is kept: every later call returns it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "format/super_package.h"
#include "installer/session.h"
#include "installer/super_choice.h"

namespace romdelta {

// What became of a member.
enum class MemberState : std::uint8_t {
  unused,    // An alternative that this device does not need.
  present,   // Its ROM package has this target already.
  waiting,   // To be checked.
  ready,     // Checked, to be installed.
  working,   // Being checked or installed.
  complete,  // On flash, durable and verified; active once the whole is.
  failed,    // And with it the whole.
};

const char* to_string(MemberState state);

class SuperSession {
 public:
  SuperSession() = default;
  SuperSession(const SuperSession&) = delete;
  SuperSession& operator=(const SuperSession&) = delete;

  static constexpr std::size_t arena_bytes_min = Session::arena_bytes_min;
  static constexpr std::size_t no_member = ~std::size_t{0};

  // As Session::begin(). The arena needs super_arena_bytes_needed() of the super package.
  Status begin(const Device& device, MutableByteSpan arena, const SessionOptions& options);

  // Takes `bytes`, which lie at `offset_bytes` of the super package. Bytes before
  // next_offset_bytes() are skipped; a piece that leaves a gap is out_of_order. Returns need_input,
  // ok when nothing more is wanted, or the failure.
  Status push(std::uint64_t offset_bytes, ByteSpan bytes);

  // The offset of the first byte that the session still wants. It goes forward over members that
  // are not needed, and back once, when the heads of all were looked at.
  std::uint64_t next_offset_bytes() const;

  // Commits: the inventory names all targets. ok when everything is durable; truncated when the
  // super package is not complete.
  Status finish();

  // What the super package says; null until its signature has been verified.
  const SuperHead* head() const { return head_known_ ? &head_ : nullptr; }
  // True when the device has all targets already: finish() returns ok.
  bool already_installed() const { return already_installed_; }
  // Requires: index below the number of members.
  MemberState member_state(std::size_t index) const { return members_[index].state; }
  // ok but for a member that failed.
  Status member_status(std::size_t index) const { return members_[index].status; }
  // The member that is being checked or installed; no_member before and after.
  std::size_t member_in_work() const { return current_; }
  // True while nothing has been written for want of checks.
  bool is_checking() const { return stage_ == Stage::check; }
  // The member at which an interrupted installation was taken up; no_member from the beginning.
  std::size_t resumed_at_member() const { return resumed_; }
  // The most that was used at once.
  std::size_t arena_used_bytes() const { return arena_used_bytes_; }

 private:
  enum class Stage : std::uint8_t { idle, head, check, install, complete, finished, failed };

  struct Member {
    MemberState state = MemberState::unused;
    Status status = Status::ok;
    bool is_in_place = false;
    bool source_is_whole = false;
    bool is_half_way = false;
  };

  // Which members are made unusable when the whole fails.
  struct Breakage {
    const SuperSession* session = nullptr;
    std::size_t member_end = 0;
  };

  Status fail(Status status);
  Status fail_member(Status status);
  Status take_head(ByteSpan* bytes);
  Status take_member(std::uint64_t offset_bytes, ByteSpan bytes);

  // The head.
  Status accept_head();
  KeyRole signing_role() const;
  Status open_records();
  Status check_pending();
  Status check_device();
  Status check_requirements();
  Status select_members();
  Status check_present(const InventoryRecord& record, const SuperMember& member);
  void credit_members();
  const RomRegion* region_of(const PackageId& id) const;

  // One member after the other.
  Status advance();
  Status begin_installing();
  std::size_t next_to_install() const;
  Status start(std::size_t index, MemberRole::Work work);
  Status end_member();
  Status end_check();

  // The journal and the end.
  bool is_pending() const;
  JournalRecord record_of_whole(JournalKind kind, Status outcome) const;
  Status resume_commit();
  Status commit();
  Status close_journal();
  Status end_broken(Status status);
  static bool change_to_target(const void* session, InventoryRecord* record);
  static bool change_to_broken(const void* breakage, InventoryRecord* record);

  std::optional<Session> session_;  // Of the member in work.
  MemberRole role_;
  SuperMember member_;
  InventoryRecord installed_;

  Stage stage_ = Stage::idle;
  Status failure_ = Status::out_of_order;
  bool head_known_ = false;
  bool already_installed_ = false;
  bool is_record_refused_ = false;  // The journal's newest record says what is not so.
  bool is_forward_ = false;         // A source was overwritten: what is in place comes first.
  Device device_;
  SessionOptions options_;
  MutableByteSpan arena_;
  MutableByteSpan head_buffer_;
  MutableByteSpan record_buffer_;
  MutableByteSpan member_arena_;
  std::size_t have_bytes_ = 0;
  std::size_t head_bytes_needed_ = 0;
  std::size_t arena_used_bytes_ = 0;

  SuperHead head_;
  std::array<Member, limits::super_member_count_max> members_;
  std::size_t current_ = no_member;
  std::size_t resumed_ = no_member;
  // The member that the journal's newest record names, as it was opened; the number of members for
  // the whole, and more when it names none.
  std::size_t own_index_ = no_member;

  Inventory inventory_;
  Journal journal_;
};

}  // namespace romdelta
