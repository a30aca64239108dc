#include "format/status.h"

namespace romdelta {

const char* to_string(Status status) {
  switch (status) {
    case Status::ok: return "ok";
    case Status::need_input: return "need_input";
    case Status::bad_magic: return "bad_magic";
    case Status::bad_header: return "bad_header";
    case Status::truncated: return "truncated";
    case Status::trailing_bytes: return "trailing_bytes";
    case Status::no_trusted_key: return "no_trusted_key";
    case Status::unknown_key: return "unknown_key";
    case Status::bad_signature: return "bad_signature";
    case Status::unsupported_format: return "unsupported_format";
    case Status::malformed_manifest: return "malformed_manifest";
    case Status::unsupported_field: return "unsupported_field";
    case Status::unsupported_layout: return "unsupported_layout";
    case Status::unsupported_codec: return "unsupported_codec";
    case Status::corrupt_chunk: return "corrupt_chunk";
    case Status::malformed_chunk: return "malformed_chunk";
    case Status::unknown_package: return "unknown_package";
    case Status::not_provisioned: return "not_provisioned";
    case Status::wrong_device: return "wrong_device";
    case Status::wrong_source: return "wrong_source";
    case Status::rollback: return "rollback";
    case Status::arena_too_small: return "arena_too_small";
    case Status::slot_too_small: return "slot_too_small";
    case Status::journal_too_small: return "journal_too_small";
    case Status::scratch_too_small: return "scratch_too_small";
    case Status::unsupported_geometry: return "unsupported_geometry";
    case Status::inventory_full: return "inventory_full";
    case Status::flash_read_failed: return "flash_read_failed";
    case Status::flash_erase_failed: return "flash_erase_failed";
    case Status::flash_program_failed: return "flash_program_failed";
    case Status::flash_sync_failed: return "flash_sync_failed";
    case Status::target_mismatch: return "target_mismatch";
    case Status::inventory_corrupt: return "inventory_corrupt";
    case Status::cancelled: return "cancelled";
    case Status::out_of_order: return "out_of_order";
    case Status::internal: return "internal";
    case Status::no_record: return "no_record";
    case Status::update_pending: return "update_pending";
    case Status::source_damaged: return "source_damaged";
    case Status::download_unauthorised: return "download_unauthorised";
    case Status::download_timed_out: return "download_timed_out";
    case Status::bad_url: return "bad_url";
    case Status::server_unavailable: return "server_unavailable";
    case Status::server_error: return "server_error";
    case Status::no_room_for_download: return "no_room_for_download";
    case Status::network_failed: return "network_failed";
    case Status::package_missing: return "package_missing";
    case Status::not_a_member: return "not_a_member";
    case Status::wrong_member: return "wrong_member";
    case Status::requirement_unmet: return "requirement_unmet";
    case Status::wrong_role: return "wrong_role";
    case Status::key_revoked: return "key_revoked";
    case Status::threshold_missing: return "threshold_missing";
    case Status::malformed_keyring: return "malformed_keyring";
    case Status::keyring_rollback: return "keyring_rollback";
    case Status::keyring_gap: return "keyring_gap";
    case Status::keyring_expired: return "keyring_expired";
    case Status::key_in_use: return "key_in_use";
    case Status::downgrade: return "downgrade";
    case Status::counter_jump: return "counter_jump";
    case Status::not_confirmable: return "not_confirmable";
    case Status::counter_not_stored: return "counter_not_stored";
  }
  return "unknown";
}

}  // namespace romdelta
