// Packager: images in, package out. Signing is a step of its own, so that keys may live elsewhere.
#pragma once

#include <optional>
#include <string>

#include "format/package.h"
#include "pkgtool/encoder.h"
#include "pkgtool/pipeline.h"

namespace romdelta::pkgtool {

struct SourceImage {
  ByteSpan bytes;
  std::string version;
};

struct BuildRequest {
  std::string package_id;
  std::optional<SourceImage> source;  // Absent: a full package.
  ByteSpan target;
  std::string target_version;
  DeviceFilter device;
  ReleaseOrder order;
  bool may_downgrade = false;
  KeyRole role = KeyRole::release;
  std::string member_of;  // The super package that alone may install it; empty: any, or none.
  Layout layout = Layout::ab;
  EncoderOptions encoder;       // Its codec is replaced by the one chosen here.
  std::optional<Codec> codec;   // Absent: what makes the smaller package. Deltas in place: context.
  bool use_map = true;          // Codec context: rewrite references, where that pays.
  bool prove_cuts = false;      // Before it is signed: see prover.h.
  bool full_if_smaller = true;  // Drop the source when the delta would not be smaller.
};

// A package that lacks only its signatures.
struct UnsignedPackage {
  Manifest manifest;
  Bytes signed_part;  // Header and manifest: what the signatures cover.
  Bytes payload;
  Digest digest() const { return signed_part_digest(signed_part); }
};

// Matches, encodes and writes the manifest. Throws Error on names or sizes that the format does not
// allow and when the device's RAM cannot hold one chunk.
UnsignedPackage build_package(const BuildRequest& request, const StageProgress& progress);

// The bytes of the signed file. Requires: at least one signature.
Bytes assemble(const UnsignedPackage& package, const SignatureList& signatures);

}  // namespace romdelta::pkgtool
