// The only error type of format/ and installer/.
//
// A function that can fail returns a Status and gives its results through out-parameters, which it
// leaves untouched on failure. Every value maps to one FUMO result code in result_code.cc.
#pragma once

#include <cstdint>

namespace romdelta {

// Numbers are written to flash (journal) and into vectors: never renumber, only append.
enum class [[nodiscard]] Status : std::uint8_t{
    ok = 0,
    need_input = 1,  // A suspension, not a failure: push more bytes.

    // The package itself, before anything in it is believed.
    bad_magic = 2,
    bad_header = 3,
    truncated = 4,
    trailing_bytes = 5,

    // The signature.
    no_trusted_key = 6,
    unknown_key = 7,
    bad_signature = 8,

    // The signed content.
    unsupported_format = 9,
    malformed_manifest = 10,
    unsupported_field = 11,
    unsupported_layout = 12,
    unsupported_codec = 13,
    corrupt_chunk = 14,
    malformed_chunk = 15,

    // This device and this package do not fit together.
    unknown_package = 16,
    not_provisioned = 17,
    wrong_device = 18,
    wrong_source = 19,
    rollback = 20,
    arena_too_small = 21,
    slot_too_small = 22,
    journal_too_small = 23,
    scratch_too_small = 24,
    unsupported_geometry = 25,
    inventory_full = 26,

    // While installing.
    flash_read_failed = 27,
    flash_erase_failed = 28,
    flash_program_failed = 29,
    flash_sync_failed = 30,
    target_mismatch = 31,
    inventory_corrupt = 32,
    cancelled = 33,

    // The caller or the engine is wrong.
    out_of_order = 34,
    internal = 35,

    // A record on flash or in a buffer that does not parse: an empty place, not an alarm.
    no_record = 36,

    // In place: another package has begun to overwrite its source; what is left of a source is not
    // what was checked.
    update_pending = 37,
    source_damaged = 38,

    // The download agent's, and what the management object is told when there is nothing to
    // install.
    download_unauthorised = 39,
    download_timed_out = 40,
    bad_url = 41,
    server_unavailable = 42,
    server_error = 43,
    no_room_for_download = 44,
    network_failed = 45,
    package_missing = 46,

    // Super packages.
    not_a_member = 47,       // A package that only a super package may install, on its own.
    wrong_member = 48,       // A member that is not the one that the super manifest lists.
    requirement_unmet = 49,  // Another ROM package has not the version that is required.

    // Who may sign.
    wrong_role = 50,         // Not signed by a key of the role that it needs.
    key_revoked = 51,        // Signed by a key that was revoked.
    threshold_missing = 52,  // A keyring that too few root keys have signed.
    malformed_keyring = 53,
    keyring_rollback = 54,  // Not newer than the device's.
    keyring_gap = 55,       // One between the device's and this one is missing.
    keyring_expired = 56,
    key_in_use = 57,  // It drops the key that vouches for a release that runs.

    // Which release may follow.
    downgrade = 58,        // Before the active one, and does not say that it may be.
    counter_jump = 59,     // It would raise a security counter too far at once.
    not_confirmable = 60,  // Nothing that could be confirmed is installed.
    counter_not_stored = 61,
};

// One past the largest enumerator: lets tables and tests walk every Status.
inline constexpr unsigned status_count = 62;

// The enumerator's name, as printed by tools and written in vectors. Never null; "unknown" for a
// number outside the enumeration.
const char* to_string(Status status);

}  // namespace romdelta
