// The update agent's part of dm_c.h, for devices whose update agent is this installer.
#include "format/limits.h"
#include "installer/callback_flash.h"
#include "installer/dm/dm_c.h"
#include "installer/journal.h"

namespace romdelta {
namespace {

constexpr std::size_t kPieceBytes = 512;

// Feeds the whole package to a session.
romdelta_status run_session(const romdelta_dm_installation& installation, const char* location) {
  romdelta_session* session = installation.session;
  romdelta_status status =
      romdelta_begin(session, installation.device, installation.arena, installation.arena_bytes,
                     installation.progress, installation.progress_context);
  while (status == ROMDELTA_NEED_INPUT) {
    std::uint8_t piece[kPieceBytes];
    const std::uint64_t offset = romdelta_next_offset_bytes(session);
    const std::int64_t count = installation.read_package(installation.read_context, location,
                                                         offset, piece, sizeof(piece));
    if (count < 0 || count > static_cast<std::int64_t>(sizeof(piece))) {
      return ROMDELTA_PACKAGE_MISSING;
    }
    if (count == 0) break;
    status = romdelta_push(session, offset, piece, static_cast<std::size_t>(count));
  }
  const bool may_finish = status == ROMDELTA_OK || status == ROMDELTA_NEED_INPUT;
  return may_finish ? romdelta_finish(session) : status;
}

// True when a slot has been overwritten in part: only the same package, or a full one, helps.
bool is_pending_in_place(const romdelta_dm_installation& installation) {
  const romdelta_region& region = installation.device->journal;
  if (region.flash == nullptr || installation.arena_bytes < limits::record_buffer_bytes) {
    return false;
  }
  CallbackFlash flash(*region.flash);
  Journal journal;
  const MutableByteSpan buffer(static_cast<std::uint8_t*>(installation.arena),
                               limits::record_buffer_bytes);
  const Status opened = journal.open({&flash, region.offset_bytes, region.size_bytes}, buffer);
  return opened == Status::ok && journal.has_record() &&
         journal.newest().layout == Layout::in_place && journal.newest().kind != JournalKind::done;
}

}  // namespace
}  // namespace romdelta

extern "C" romdelta_status romdelta_dm_install(romdelta_dm* dm,
                                               const romdelta_dm_installation* installation,
                                               romdelta_status* result) {
  romdelta_dm_task task;
  if (!romdelta_dm_next_task(dm, &task) || task.work != ROMDELTA_DM_UPDATE) {
    return static_cast<romdelta_status>(romdelta::Status::out_of_order);
  }
  const romdelta_status started = romdelta_dm_update_started(dm, task.number);
  if (started != ROMDELTA_OK) return started;
  const romdelta_status status = romdelta::run_session(*installation, task.location);
  if (result != nullptr) *result = status;
  const bool keep = status != ROMDELTA_OK && romdelta::is_pending_in_place(*installation);
  return romdelta_dm_update_done(dm, task.number, status, keep);
}
