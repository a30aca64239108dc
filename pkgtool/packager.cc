#include "pkgtool/packager.h"

#include <zstd.h>

#include <array>

#include "format/journal_record.h"
#include "installer/cli/error.h"
#include "pkgtool/address_map_builder.h"
#include "pkgtool/cover_planner.h"
#include "pkgtool/file.h"
#include "pkgtool/in_place_encoder.h"
#include "pkgtool/matcher.h"

namespace romdelta::pkgtool {
namespace {

// A fast compression tells roughly what a full package would take. No firmware met so far shrinks
// to a fourth of that at the highest level, so a delta below it is smaller for sure.
constexpr int kEstimateLevel = 3;
constexpr std::uint64_t kEstimateMargin = 4;

// Below one literal in so many bytes codec context was smaller on every image met so far.
constexpr std::uint64_t kLiteralMargin = 20;

// The part of the device's RAM that an address map may take.
constexpr std::uint64_t kMapRamShare = 8;

// A map of at least this part of the payload is checked against having none.
constexpr std::uint64_t kMapDoubt = 3;

void check_request(const BuildRequest& request) {
  if (!is_valid_package_id(request.package_id)) {
    throw Error(Exit::usage, "'" + request.package_id + "' is not a package id", "--package-id",
                "use 1 to 64 of a-z 0-9 . _ - beginning with a letter or digit");
  }
  if (!request.member_of.empty() && !is_valid_package_id(request.member_of)) {
    throw Error(Exit::usage, "'" + request.member_of + "' is not the name of a super package",
                "--member-of", "use 1 to 64 of a-z 0-9 . _ - beginning with a letter or digit");
  }
  const auto check_version = [](const std::string& version, const char* option) {
    if (is_valid_version(version)) return;
    throw Error(Exit::usage, "'" + version + "' is not a version", option,
                "use 1 to 48 of A-Z a-z 0-9 . _ - + ~ :");
  };
  check_version(request.target_version, "--target-version");
  if (request.source) check_version(request.source->version, "--source-version");
  const std::uint32_t block = request.encoder.erase_block_bytes;
  if (block == 0 || block > limits::erase_block_bytes_max) {
    throw Error(Exit::usage, "the erase block must be 1 byte to 8 MiB", "--erase-block");
  }
  if (request.layout == Layout::in_place && request.source && request.codec == Codec::zstd) {
    throw Error(Exit::usage, "a delta in place is coded by codec context only", "--codec zstd",
                "leave --codec out");
  }
  const std::uint32_t unit = request.encoder.program_unit_bytes;
  if (request.layout == Layout::in_place && !is_program_unit(unit, block)) {
    throw Error(Exit::usage, "the program unit must be 1 to 4096 bytes and divide the erase block",
                "--program-unit");
  }
  if (request.layout == Layout::in_place && request.source &&
      block < limits::spill_block_bytes_min) {
    throw Error(Exit::usage, "in place the erase block must be at least 64 bytes", "--erase-block");
  }
  if (request.target.size() > limits::image_bytes_max ||
      (request.source && request.source->bytes.size() > limits::image_bytes_max)) {
    throw Error(Exit::bad_input, "an image is larger than 1 TiB");
  }
}

ImageIdentity identify(ByteSpan image, const std::string& version) {
  ImageIdentity identity;
  (void)identity.version.assign(version);
  identity.bytes = image.size();
  identity.digest = digest_of(DigestDomain::image, image);
  return identity;
}

std::uint64_t estimated_full_bytes(ByteSpan target) {
  Bytes buffer(ZSTD_compressBound(target.size()));
  const std::size_t size =
      ZSTD_compress(buffer.data(), buffer.size(), target.data(), target.size(), kEstimateLevel);
  return ZSTD_isError(size) ? 0 : size;
}

Budgets budgets_of(const Manifest& manifest, const Payload& payload) {
  Budgets budgets;
  budgets.scratch_bytes = payload.scratch_bytes;
  budgets.redo_bytes = payload.redo_bytes;
  if (manifest.plan.present()) {
    budgets.flash_write_bytes = payload.in_place.flash_write_bytes;
    budgets.erase_count = payload.in_place.erase_count;
    budgets.journal_bytes = payload.in_place.record_count * JournalRecord::bytes;
    return budgets;
  }
  budgets.flash_write_bytes = round_up(manifest.target.bytes, manifest.group_bytes);
  budgets.erase_count =
      round_up(manifest.target.bytes, manifest.erase_block_bytes) / manifest.erase_block_bytes;
  // Intent, a checkpoint after each chunk but the last, done.
  const std::uint64_t checkpoints = manifest.chunk_count == 0 ? 0 : manifest.chunk_count - 1;
  const std::uint64_t records = checkpoints + 2;
  const bool is_in_place = manifest.layout == Layout::in_place;
  budgets.journal_bytes = (is_in_place ? written_records(records) : records) * JournalRecord::bytes;
  return budgets;
}

Manifest make_manifest(const BuildRequest& request, bool with_source, Codec codec,
                       const Payload& payload) {
  Manifest manifest;
  (void)manifest.package_id.assign(request.package_id);
  manifest.target = identify(request.target, request.target_version);
  manifest.target_checksum = checksum_of(request.target);
  if (with_source) {
    manifest.sources[0] = identify(request.source->bytes, request.source->version);
    manifest.source_count = 1;
  }
  manifest.layout = request.layout;
  manifest.codec = codec;
  manifest.payload_bytes = payload.bytes.size();
  manifest.map = payload.map;
  manifest.plan = payload.plan;
  manifest.chunk_count = payload.chunk_count;
  manifest.tree_root = payload.tree_root;
  manifest.chunk_stored_bytes_max = payload.chunk_stored_bytes_max;
  manifest.chunk_decoded_bytes_max = payload.chunk_decoded_bytes_max;
  manifest.group_bytes = payload.group_bytes;
  manifest.erase_block_bytes = request.encoder.erase_block_bytes;
  manifest.device = request.device;
  manifest.order = request.order;
  manifest.may_downgrade = request.may_downgrade;
  manifest.role = request.role;
  (void)manifest.member_of.assign(request.member_of);
  (void)manifest.encoder.assign(encoder_name(manifest.codec));
  manifest.budgets = budgets_of(manifest, payload);
  manifest.budgets.ram_bytes = arena_bytes_needed(manifest);
  return manifest;
}

// A payload, and by which codec and from what it was made.
struct Coded {
  Codec codec = Codec::zstd;
  bool with_source = false;
  Payload payload;
};

// What a delta is made from.
struct Basis {
  ByteSpan source;  // As it is copied from: rewritten by the map, if there is one.
  EncodedMap map;
  Matches matches;
  Bytes rebased;  // What `source` refers to then.
};

// `basis` absent: a full package. `unit_bytes`: see EncoderOptions.
Coded encode(const BuildRequest& request, const Basis* basis, const Cover& cover, Codec codec,
             const StageProgress& progress, unsigned unit_bytes = 0) {
  EncoderOptions options = request.encoder;
  options.codec = codec;
  options.unit_bytes = unit_bytes;
  if (basis != nullptr && !basis->map.bytes.empty()) options.map = &basis->map;
  const ByteSpan source = basis != nullptr ? basis->source : ByteSpan();
  return {codec, basis != nullptr,
          encode_payload(source, request.target, cover, options, progress)};
}

Coded encode(const BuildRequest& request, const Basis& basis, Codec codec,
             const StageProgress& progress) {
  return encode(request, &basis, basis.matches.cover, codec, progress);
}

// Nothing when the codec's decoder does not fit into the device's RAM.
template <typename Encode>
auto if_it_fits(Encode encode_it) -> std::optional<decltype(encode_it())> {
  try {
    return encode_it();
  } catch (const Error& error) {
    if (error.exit() != Exit::usage) throw;
    return std::nullopt;
  }
}

// Literals alone: repetition is what zstd finds and contexts do not. But zstd needs more RAM.
Coded encode_full(const BuildRequest& request, const StageProgress& progress) {
  const auto with = [&](Codec codec) { return encode(request, nullptr, {}, codec, progress); };
  if (request.codec) return with(*request.codec);
  auto zstd = if_it_fits([&] { return with(Codec::zstd); });
  return zstd ? *std::move(zstd) : with(Codec::context);
}

Basis find_basis(const BuildRequest& request, bool use_map, const StageProgress& progress) {
  const ByteSpan source = request.source->bytes;
  Basis basis;
  basis.source = source;
  if (use_map) {
    const std::size_t step_count_max = static_cast<std::size_t>(std::min<std::uint64_t>(
        limits::map_step_count_max,
        request.encoder.ram_bytes_max / kMapRamShare / limits::map_step_bytes));
    const BuiltMap map = find_address_map(source, request.target, step_count_max,
                                          request.encoder.thread_count, progress);
    if (!map.empty()) {
      basis.map = encode_map(map.map());
      basis.rebased = rebase_image(source, map.map(), request.encoder.thread_count);
      basis.source = basis.rebased;
      expect_no_use(source);  // Not before the package is replayed.
    }
  }
  basis.matches = find_matches(basis.source, request.target, progress);
  if (!is_valid_cover(basis.matches.cover, source.size(), request.target.size())) {
    throw Error(Exit::internal, "the matcher made an invalid cover");
  }
  return basis;
}

// A delta for the other slot, and what it was made from.
struct Delta {
  Basis basis;
  Cover cover;
  Coded coded;
};

void check_cover(const Cover& cover, const BuildRequest& request) {
  if (!is_valid_cover(cover, request.source->bytes.size(), request.target.size())) {
    throw Error(Exit::internal, "the planner made an invalid cover");
  }
}

// Of several covers the one that makes the smallest payload: none is best for all images.
Delta encode_context_delta(const BuildRequest& request, Basis basis,
                           const StageProgress& progress) {
  Coded best = encode(request, basis, Codec::context, progress);
  Cover best_cover = basis.matches.cover;
  const unsigned unit_bytes = best.payload.unit_bytes;
  for (const PlanCosts& costs : plan_costs) {
    Cover cover = plan_cover(basis.source, request.target, basis.matches, costs, progress);
    check_cover(cover, request);
    Coded planned = encode(request, &basis, cover, Codec::context, progress, unit_bytes);
    if (planned.payload.bytes.size() >= best.payload.bytes.size()) continue;
    best = std::move(planned);
    best_cover = std::move(cover);
  }
  return {std::move(basis), std::move(best_cover), std::move(best)};
}

bool is_mostly_old(const BuildRequest& request, const Cover& cover) {
  std::uint64_t literal_bytes = request.target.size();
  for (const Match& match : cover) literal_bytes -= match.bytes;
  return literal_bytes * kLiteralMargin < request.target.size();
}

// With a map, or without any when that is smaller or the map leaves no room for chunks.
Delta encode_with_map(const BuildRequest& request, const StageProgress& progress) {
  Basis basis = find_basis(request, request.use_map, progress);
  const std::size_t map_bytes = basis.map.bytes.size();
  if (map_bytes == 0) return encode_context_delta(request, std::move(basis), progress);
  auto mapped =
      if_it_fits([&] { return encode_context_delta(request, std::move(basis), progress); });
  const bool is_doubtful = !mapped || map_bytes * kMapDoubt > mapped->coded.payload.bytes.size();
  if (!is_doubtful) return *std::move(mapped);
  Delta plain = encode_context_delta(request, find_basis(request, false, progress), progress);
  const bool is_better =
      !mapped || plain.coded.payload.bytes.size() < mapped->coded.payload.bytes.size();
  return is_better ? std::move(plain) : *std::move(mapped);
}

Coded encode_in_place_delta(const BuildRequest& request, const StageProgress& progress) {
  const Delta delta = encode_with_map(request, progress);
  EncoderOptions options = request.encoder;
  options.codec = Codec::context;
  options.unit_bytes = delta.coded.payload.unit_bytes;
  if (!delta.basis.map.bytes.empty()) options.map = &delta.basis.map;
  const InPlaceInput input{request.source->bytes, delta.basis.source, request.target, delta.cover};
  return {Codec::context, true, encode_in_place(input, options, progress)};
}

Coded encode_delta(const BuildRequest& request, const StageProgress& progress) {
  if (request.layout == Layout::in_place) {
    // What is empty needs no source.
    return request.target.empty() ? encode_full(request, progress)
                                  : encode_in_place_delta(request, progress);
  }
  if (request.codec == Codec::zstd) {
    return encode(request, find_basis(request, false, progress), Codec::zstd, progress);
  }
  Delta best = encode_with_map(request, progress);
  if (request.codec || is_mostly_old(request, best.basis.matches.cover)) return best.coded;
  if (!best.basis.map.bytes.empty()) best.basis = find_basis(request, false, progress);
  auto zstd = if_it_fits([&] { return encode(request, best.basis, Codec::zstd, progress); });
  const bool zstd_wins = zstd && zstd->payload.bytes.size() < best.coded.payload.bytes.size();
  return zstd_wins ? *std::move(zstd) : std::move(best.coded);
}

UnsignedPackage finish_package(const BuildRequest& request, Coded coded) {
  UnsignedPackage package;
  package.manifest = make_manifest(request, coded.with_source, coded.codec, coded.payload);
  std::array<std::uint8_t, limits::head_bytes_max> buffer;
  ByteWriter writer(buffer);
  encode_signed_part(package.manifest, &writer);
  if (!writer.ok()) throw Error(Exit::internal, "the manifest exceeds its limit");
  package.signed_part.assign(writer.written().begin(), writer.written().end());
  package.payload = std::move(coded.payload.bytes);
  return package;
}

}  // namespace

UnsignedPackage build_package(const BuildRequest& request, const StageProgress& progress) {
  check_request(request);
  if (!request.source) return finish_package(request, encode_full(request, progress));

  UnsignedPackage delta = finish_package(request, encode_delta(request, progress));
  if (!request.full_if_smaller) return delta;
  if (delta.payload.size() * kEstimateMargin < estimated_full_bytes(request.target)) return delta;
  UnsignedPackage full = finish_package(request, encode_full(request, progress));
  const std::size_t delta_bytes = delta.signed_part.size() + delta.payload.size();
  const std::size_t full_bytes = full.signed_part.size() + full.payload.size();
  return full_bytes <= delta_bytes ? full : delta;
}

Bytes assemble(const UnsignedPackage& package, const SignatureList& signatures) {
  Bytes list(signatures.encoded_bytes());
  ByteWriter writer(list);
  encode_signature_list(signatures, &writer);
  Bytes file = package.signed_part;
  file.insert(file.end(), list.begin(), list.end());
  file.insert(file.end(), package.payload.begin(), package.payload.end());
  return file;
}

}  // namespace romdelta::pkgtool
