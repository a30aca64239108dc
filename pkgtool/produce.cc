#include "pkgtool/produce.h"

#include <algorithm>
#include <array>

#include "pkgtool/prover.h"
#include "pkgtool/replay.h"
#include "pkgtool/simulated_shapes.h"

namespace romdelta::pkgtool {
namespace {

void prove(const Manifest& manifest, ByteSpan signed_file, const BuildRequest& request,
           const PublicKey& key, const StageProgress& progress) {
  ReplayOptions options;
  options.progress = progress;
  std::optional<ByteSpan> source;
  if (!manifest.is_full()) source = request.source->bytes;
  const ReplayResult result = replay(signed_file, source, {&key, 1}, options);
  if (result.status != Status::ok) {
    throw Error(Exit::internal, std::string("the package does not install: ") +
                                    to_string(result.status) + " at offset " +
                                    std::to_string(result.failed_offset_bytes));
  }
  const Budgets& budgets = manifest.budgets;
  const bool kept = result.arena_used_bytes <= budgets.ram_bytes &&
                    result.flash_write_bytes <= budgets.flash_write_bytes &&
                    result.erase_count <= budgets.erase_count &&
                    result.journal_bytes <= budgets.journal_bytes;
  if (!kept) throw Error(Exit::internal, "the package exceeds its own budgets");
  if (!std::ranges::equal(result.target, request.target)) {
    throw Error(Exit::internal, "the package installs something else than the target");
  }
}

Bytes sign_with(Signer* signer, const UnsignedPackage& package) {
  SignatureList signatures;
  (void)signatures.insert(signer->sign(package.digest()));
  return assemble(package, signatures);
}

// The same without membership: what a device does with it on its own is what it does as a member.
UnsignedPackage unbound(UnsignedPackage package) {
  if (package.manifest.member_of.empty()) return package;
  package.manifest.member_of = {};
  std::array<std::uint8_t, limits::head_bytes_max> buffer;
  ByteWriter writer(buffer);
  encode_signed_part(package.manifest, &writer);
  package.signed_part.assign(writer.written().begin(), writer.written().end());
  return package;
}

// On the flash that the package was made for. Nothing but the signature of what is signed
// afterwards differs.
void prove_cuts(const UnsignedPackage& package, const BuildRequest& request,
                const StageProgress& progress) {
  const std::unique_ptr<Signer> throw_away = make_key_signer(generate_key());
  const Bytes file = sign_with(throw_away.get(), package);
  const PublicKey key = throw_away->public_key();
  const Manifest& manifest = package.manifest;
  ProofSubject subject;
  subject.package = file;
  if (!manifest.is_full()) subject.source = request.source->bytes;
  subject.keys = {&key, 1};
  ShapeOptions shape;
  shape.geometry.flash = {manifest.erase_block_bytes, 1, true};
  if (subject.source) shape.source_bytes = subject.source->size();
  subject.shape = shape_for(manifest, shape);
  ProofOptions options;
  options.thread_count = request.encoder.thread_count;
  options.progress = progress;
  const Verdict verdict = prove_package(subject, options);
  if (verdict.proven()) return;
  const std::string what =
      verdict.losses.empty() ? verdict.broken : to_string(verdict.losses.front());
  throw Error(Exit::negative_answer, "the package is not proven, and not signed: " + what, {},
              "build it without --prove, and `pkgtool prove` tells more");
}

}  // namespace

FinishedPackage produce(const BuildRequest& request, Signer* signer,
                        const StageProgress& progress) {
  const UnsignedPackage package = build_package(request, progress);
  if (request.prove_cuts) prove_cuts(unbound(package), request, progress);
  std::unique_ptr<Signer> throw_away;
  if (signer == nullptr) throw_away = make_key_signer(generate_key());
  Signer& used = signer != nullptr ? *signer : *throw_away;
  const std::unique_ptr<Signer> trial = make_key_signer(generate_key());
  const bool is_bound = !package.manifest.member_of.empty();
  Bytes file = is_bound ? sign_with(trial.get(), unbound(package)) : sign_with(&used, package);
  prove(package.manifest, file, request, is_bound ? trial->public_key() : used.public_key(),
        progress);
  if (is_bound && signer != nullptr) file = sign_with(signer, package);
  if (signer == nullptr) file = assemble(package, {});
  return {package.manifest, std::move(file)};
}

}  // namespace romdelta::pkgtool
