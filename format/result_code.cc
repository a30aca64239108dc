#include "format/result_code.h"

#include <array>
#include <cstddef>

namespace romdelta {
namespace {

using S = Status;
using C = ResultCode;

// In the order of the Status numbers; the static_assert below fails the build when a Status is
// missing or out of place.
constexpr std::array<ResultRow, status_count> kRows = {{
    {S::ok, C::successful, "the update is installed and committed", "nothing"},
    {S::need_input, C::undefined_error, "the package is not complete yet",
     "push the rest of the package"},
    {S::bad_magic, C::corrupted_package, "the file is not a romdelta package",
     "check the download; send the right file"},
    {S::bad_header, C::corrupted_package, "the package header or its signature list is damaged",
     "download the package again"},
    {S::truncated, C::corrupted_package, "the package ends before its last byte",
     "download the rest of the package"},
    {S::trailing_bytes, C::corrupted_package, "bytes follow the end of the package",
     "download the package again"},
    {S::no_trusted_key, C::failed_validation, "the device holds no key to check packages with",
     "provision the device with the release key"},
    {S::unknown_key, C::failed_validation, "no signature is by a key that the device trusts",
     "sign the package with a key that the device trusts"},
    {S::bad_signature, C::failed_validation, "the signature does not match the manifest",
     "download the package again; if it repeats, treat the package as forged"},
    {S::unsupported_format, C::not_acceptable, "the package format version is not supported",
     "rebuild the package for this installer, or update the installer first"},
    {S::malformed_manifest, C::not_acceptable, "the signed manifest breaks a rule of the format",
     "rebuild the package with a correct pkgtool"},
    {S::unsupported_field, C::not_implemented,
     "the manifest has a critical field that this installer does not know",
     "rebuild the package for this installer, or update the installer first"},
    {S::unsupported_layout, C::not_implemented, "the layout is not supported by this installer",
     "build the package with a layout that the device supports"},
    {S::unsupported_codec, C::not_implemented, "the codec is not supported by this installer",
     "build the package with a codec that the device supports"},
    {S::corrupt_chunk, C::corrupted_package, "payload bytes do not match their signed digest",
     "download the package again"},
    {S::malformed_chunk, C::corrupted_package,
     "an authentic part of the payload breaks a rule of the format",
     "rebuild the package with a correct pkgtool"},
    {S::unknown_package, C::device_mismatch, "the device has no ROM package of this id",
     "send the package that was built for this device"},
    {S::not_provisioned, C::device_mismatch, "the inventory does not list this ROM package",
     "provision the device with the version that the factory wrote"},
    {S::wrong_device, C::device_mismatch, "the package is for another vendor, model or hardware",
     "send the package that was built for this device"},
    {S::wrong_source, C::device_mismatch, "the device does not hold the source of this delta",
     "send a delta from the version and bytes on the device, or a full package"},
    {S::rollback, C::rollback_refused, "the security counter is below the device's",
     "send a release whose security counter is at least the device's"},
    {S::arena_too_small, C::no_room_for_update, "the package needs more RAM than the device gives",
     "rebuild the package with a smaller --ram"},
    {S::slot_too_small, C::no_room_for_update, "the target does not fit into its slot",
     "send a smaller image, or resize the slot"},
    {S::journal_too_small, C::no_room_for_update, "the journal or inventory region is too small",
     "give the region at least two erase blocks that hold one record each"},
    {S::scratch_too_small, C::no_room_for_update, "the scratch region is too small",
     "rebuild the package with a smaller --scratch, or give the device more"},
    {S::unsupported_geometry, C::not_acceptable,
     "the package does not fit the erase block or program unit of the flash",
     "rebuild the package with the device's --erase-block"},
    {S::inventory_full, C::no_room_for_update, "the inventory has no room for another record",
     "give the inventory region more space"},
    {S::flash_read_failed, C::flash_error, "the flash could not be read",
     "try again; if it repeats, replace the storage"},
    {S::flash_erase_failed, C::flash_error, "the flash could not be erased",
     "try again; if it repeats, replace the storage"},
    {S::flash_program_failed, C::flash_error, "the flash could not be programmed",
     "try again; if it repeats, replace the storage"},
    {S::flash_sync_failed, C::flash_error, "the flash could not make its writes durable",
     "try again; if it repeats, replace the storage"},
    {S::target_mismatch, C::update_failed, "the written target does not read back as signed",
     "install again; if it repeats, replace the storage"},
    {S::inventory_corrupt, C::management_client_error,
     "a record of inventory or journal breaks a rule",
     "clear both regions and provision the device again"},
    {S::cancelled, C::user_cancelled, "the update was cancelled on the device",
     "offer the update again later"},
    {S::out_of_order, C::undefined_error, "the installer was called in the wrong order",
     "fix the program that drives the installer"},
    {S::internal, C::undefined_error, "the installer found a fault in itself",
     "report it with the package and the installer's version"},
    {S::no_record, C::undefined_error, "no valid record was found",
     "provision the device, or install the package again"},
    {S::update_pending, C::update_pending,
     "another package has begun to overwrite its source and is not finished",
     "resume with that package first"},
    {S::source_damaged, C::source_damaged, "a part of the source was damaged during the update",
     "send a full package; if it repeats, replace the storage"},
    {S::download_unauthorised, C::download_unauthorised,
     "the download server wants credentials that the device does not have",
     "put the package where the device may read it, or send a signed URL"},
    {S::download_timed_out, C::download_timed_out, "the download server did not answer in time",
     "try again later; look at the load of the download server"},
    {S::bad_url, C::bad_url, "the URL of the package is malformed, or of a kind that is not known",
     "set PkgURL to an http or https URL"},
    {S::server_unavailable, C::server_unavailable,
     "the download server was not found or took no connection", "try again later"},
    {S::server_error, C::server_error, "the download server answered with an error",
     "look whether the package is where the URL says"},
    {S::no_room_for_download, C::no_room_for_download, "the device cannot store the package",
     "send a smaller package, or let the user free space"},
    {S::network_failed, C::network_failed, "the connection broke, again and again",
     "try again when the device has a better network"},
    {S::package_missing, C::management_client_error,
     "the package that should be installed is not there any more", "let it be downloaded again"},
    {S::not_a_member, C::mix_and_match,
     "the package installs only as a member of the super package that it names",
     "send that super package; treat a package that was cut out of it as an attack"},
    {S::wrong_member, C::mix_and_match,
     "a member is not the package that the super manifest lists in its place",
     "download the super package again; if it repeats, treat it as forged"},
    {S::requirement_unmet, C::management_client_error,
     "a ROM package that the super package builds on has another version",
     "update that ROM package first"},
    {S::wrong_role, C::failed_validation, "no key of the role that must sign has signed",
     "sign with a key of that role; what development keys sign is for development devices"},
    {S::key_revoked, C::key_refused, "the key that signed was revoked",
     "sign with the key that replaces it; treat new packages by the old one as forged"},
    {S::threshold_missing, C::key_refused, "too few root keys have signed the keyring",
     "have it signed by the threshold of the keyring before and by its own"},
    {S::malformed_keyring, C::not_acceptable, "the keyring breaks a rule of the format",
     "make the keyring with a correct pkgtool"},
    {S::keyring_rollback, C::rollback_refused, "the keyring is not newer than the device's",
     "send the keyring whose version follows the device's"},
    {S::keyring_gap, C::not_acceptable, "keyrings between the device's and this one are missing",
     "send them first, one after the other"},
    {S::keyring_expired, C::expired, "the keyring of the device has expired",
     "send the keyring that follows it"},
    {S::key_in_use, C::not_acceptable,
     "the keyring drops the key that vouches for a release that runs",
     "install and confirm a release signed by the key that replaces it, then send the keyring "
     "again"},
    {S::downgrade, C::not_acceptable,
     "the release is before the active one, and the package does not say that it may be",
     "send a newer release, or one built with --allow-downgrade"},
    {S::counter_jump, C::not_acceptable, "a security counter would rise too far at once",
     "build the release with counters at most 65536 above the device's"},
    {S::not_confirmable, C::device_mismatch, "no installed release waits to be confirmed",
     "install a package first"},
    {S::counter_not_stored, C::counter_store_failed,
     "the security counter could not be stored; the release is not confirmed",
     "confirm again; if it repeats, replace the storage"},
}};

constexpr bool rows_follow_status_numbers() {
  for (std::size_t i = 0; i < kRows.size(); ++i) {
    if (static_cast<std::size_t>(kRows[i].status) != i) return false;
    if (kRows[i].code == ResultCode{}) return false;
  }
  return true;
}
static_assert(rows_follow_status_numbers(), "every Status needs its row, in numeric order");

}  // namespace

const ResultRow& result_row(Status status) {
  const auto index = static_cast<std::size_t>(status);
  return index < kRows.size() ? kRows[index] : kRows[static_cast<std::size_t>(Status::internal)];
}

ResultCode result_code(Status status) { return result_row(status).code; }

const char* to_string(ResultCode code) {
  switch (code) {
    case C::successful: return "Successful";
    case C::management_client_error: return "Management Client Error";
    case C::user_cancelled: return "User Cancelled";
    case C::corrupted_package: return "Corrupted Firmware Update Package";
    case C::device_mismatch: return "Firmware Update Package - Device Mismatch";
    case C::failed_validation: return "Failed Firmware Update Package Validation";
    case C::not_acceptable: return "Firmware Update Package Not Acceptable";
    case C::download_unauthorised: return "Alternate Download Authentication Failure";
    case C::download_timed_out: return "Alternate Download Request Time-Out";
    case C::not_implemented: return "Not Implemented";
    case C::undefined_error: return "Undefined Error";
    case C::update_failed: return "Firmware Update Failed";
    case C::bad_url: return "Malformed or Bad URL";
    case C::server_unavailable: return "Alternate Download Server Unavailable";
    case C::rollback_refused: return "Rollback Refused (vendor)";
    case C::mix_and_match: return "Mix And Match (vendor)";
    case C::expired: return "Keyring Expired (vendor)";
    case C::key_refused: return "Key Refused (vendor)";
    case C::counter_store_failed: return "Security Counter Not Stored (vendor)";
    case C::source_damaged: return "Source Damaged (vendor)";
    case C::update_pending: return "Another Update Pending (vendor)";
    case C::flash_error: return "Flash Error (vendor)";
    case C::server_error: return "Alternate Download Server Error";
    case C::no_room_for_download: return "Download Fails Due to Device Out of Memory";
    case C::no_room_for_update: return "Firmware Update Fails Due to Device Out of Memory";
    case C::network_failed: return "Download Fails Due to Network Issues";
  }
  return "Unknown";
}

}  // namespace romdelta
