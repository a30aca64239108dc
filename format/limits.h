// Every maximum of the system, with its unit and the reason for it.
//
// docs/format.md section 8 repeats this table; a test keeps the two in step. A value here may be
// raised by a later format version, never lowered.
#pragma once

#include <cstddef>
#include <cstdint>

namespace romdelta::limits {

// Header, manifest and signatures together: the only bytes a device buffers before the signature
// has been checked, so the window is fixed and never sized from the package.
inline constexpr std::size_t head_bytes_max = 4096;

// Keys that may sign one package: enough for a rotation (old, new) of two roles with room to spare.
inline constexpr std::size_t signature_count_max = 8;

// What is left of the head window after the header and a full set of signatures.
inline constexpr std::size_t manifest_bytes_max = 3500;

// Ids and versions appear in inventories, file names and management trees.
inline constexpr std::size_t package_id_bytes_max = 64;
inline constexpr std::size_t version_bytes_max = 48;
inline constexpr std::size_t identity_bytes_max = 32;  // vendor and model names
inline constexpr std::size_t encoder_bytes_max = 64;   // "pkgtool 1.2.3 zstd 1.5.4 level 22"

// Sources that one manifest may list.
inline constexpr std::size_t source_count_max = 16;

// One ROM image: 1 TiB keeps every sum of offsets far away from 64-bit overflow.
inline constexpr std::uint64_t image_bytes_max = std::uint64_t{1} << 40;

// Children of one hash tree node: 64 entries of 48 bytes are 3 KiB of device RAM per tree level.
inline constexpr std::size_t tree_fanout = 64;
inline constexpr std::size_t tree_depth_max = 3;
inline constexpr std::uint32_t chunk_count_max = 64 * 64 * 64;

// One chunk as stored and as decoded. 16 MiB is far above every device budget met so far.
inline constexpr std::uint32_t chunk_stored_bytes_max = 16u << 20;
inline constexpr std::uint32_t chunk_decoded_bytes_max = 16u << 20;

// Flash geometry: from byte-programmable NOR to large NAND blocks and eMMC erase groups.
inline constexpr std::uint32_t erase_block_bytes_max = 8u << 20;
inline constexpr std::uint32_t program_unit_bytes_max = 4096;
inline constexpr std::uint32_t group_bytes_max = 8u << 20;

// Arena space set aside for the zstd context. libzstd 1.5.4 asks for 95,992 bytes on 64-bit
// machines and less on 32-bit ones; the installer checks its own library at begin().
inline constexpr std::size_t zstd_context_bytes = 96 * 1024;

// Codec 2: what a chunk's statistics take, and the part of the source that is read at once.
inline constexpr std::size_t context_model_bytes = 64 * 1024;
inline constexpr std::size_t source_window_bytes = 4096 + 16;

// Address map: steps of all its tables, the bytes that each takes in RAM, and the map as stored. A
// kernel needs a few thousand steps.
inline constexpr std::uint32_t map_step_count_max = 32 * 1024;
inline constexpr std::size_t map_step_bytes = 8;
inline constexpr std::uint32_t map_bytes_max = 512u << 10;
// The part of the source that is rewritten at once, with what has to be known around it.
inline constexpr std::size_t rebase_margin_bytes = 128;
inline constexpr std::size_t rebase_window_bytes = source_window_bytes + 2 * rebase_margin_bytes;

// In place: the unit in which old bytes are kept. A plan may name so many groups, and so many of
// anything else that a device holds a table of.
inline constexpr std::uint32_t grain_bytes = 64;
inline constexpr std::uint32_t group_count_max = 1u << 20;
inline constexpr std::uint32_t plan_bytes_max = 1u << 20;
inline constexpr std::uint32_t spill_block_count_max = 16 * 1024;
inline constexpr std::uint32_t spill_block_bytes_min = 64;
inline constexpr std::uint32_t fragment_count_max = 64 * 1024;
inline constexpr std::uint32_t kept_count_max = 64 * 1024;
// The statistics of a plan's numbers while it is read.
inline constexpr std::size_t plan_model_bytes = 12 * 1024;
// A script is read through a window of this size.
inline constexpr std::size_t script_window_bytes = 512;

// Header, manifest and signatures of a super package: the window for the head of what may list a
// whole product, and the only bytes of it that are buffered before its signature was checked.
inline constexpr std::size_t super_head_bytes_max = 32 * 1024;
inline constexpr std::size_t super_manifest_bytes_max = 32172;
// Packages that one super package may list, several of which may be for the same ROM package.
inline constexpr std::size_t super_member_count_max = 128;
// ROM packages beside the members on which a super package may depend, and versions of each.
inline constexpr std::size_t super_requirement_count_max = 32;
inline constexpr std::size_t requirement_version_count_max = 16;
// One member as a file: an image that does not shrink, and its tree.
inline constexpr std::uint64_t member_bytes_max = 2 * image_bytes_max;

// Staging for journal and inventory records: one largest program unit.
inline constexpr std::size_t record_buffer_bytes = program_unit_bytes_max;

// Sequence numbers of journal and inventory: more than any flash can be written, and far from
// wrapping. A larger one on flash is a forgery.
inline constexpr std::uint64_t record_sequence_max = std::uint64_t{1} << 62;

// Keys that a device may trust at once.
inline constexpr std::size_t trusted_key_count_max = 16;

// Management object (docs/dm.md). Objects below ./FwUpdate at once: what a server keeps open, not
// how many packages a release has; those come in one super package.
inline constexpr std::size_t dm_object_count_max = 4;
// x of ./FwUpdate/x: room for a GUID in braces.
inline constexpr std::size_t dm_object_id_bytes_max = 48;
// The longest address is ./Vendor/MSFT/ROMPackage/<package id>/PkgVersion?list=StructData.
inline constexpr std::size_t dm_uri_bytes_max = 128;
// PkgURL: room for a signed URL.
inline constexpr std::size_t dm_url_bytes_max = 1024;
inline constexpr std::size_t dm_name_bytes_max = 64;       // PkgName
inline constexpr std::size_t dm_version_bytes_max = 48;    // PkgVersion
inline constexpr std::size_t dm_location_bytes_max = 128;  // Where the device keeps a package.
inline constexpr std::size_t dm_correlator_bytes_max = 64;
inline constexpr std::size_t dm_server_id_bytes_max = 64;
inline constexpr std::size_t dm_request_bytes_max = 64;  // What a device says with a request.
// Of the keys that signed the active release, how many the inventory names: two roles in a
// rotation.
inline constexpr std::size_t vouching_key_count_max = 4;

// How far one release may raise a security counter. A stolen key cannot use up the numbers, and a
// counter made of a date still has room for years.
inline constexpr std::uint64_t counter_step_max = 1u << 16;

// A keyring document, signatures included: what a device buffers before it believes any of it.
inline constexpr std::size_t keyring_bytes_max = 4096;
inline constexpr std::size_t keyring_body_bytes_max = 3500;
// Keys of one role, key ids that are revoked for good, and security counters that are set back.
inline constexpr std::size_t keyring_key_count_max = 8;
inline constexpr std::size_t revoked_key_count_max = 64;
inline constexpr std::size_t counter_reset_count_max = 16;

}  // namespace romdelta::limits
