#include "pkgtool/produce.h"

#include <algorithm>

#include "pkgtool/replay.h"

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

}  // namespace

FinishedPackage produce(const BuildRequest& request, Signer* signer,
                        const StageProgress& progress) {
  const UnsignedPackage package = build_package(request, progress);
  std::unique_ptr<Signer> throw_away;
  if (signer == nullptr) throw_away = make_key_signer(generate_key());
  Signer& used = signer != nullptr ? *signer : *throw_away;
  SignatureList signatures;
  (void)signatures.insert(used.sign(package.digest()));
  Bytes file = assemble(package, signatures);
  prove(package.manifest, file, request, used.public_key(), progress);
  if (signer == nullptr) file = assemble(package, {});
  return {package.manifest, std::move(file)};
}

}  // namespace romdelta::pkgtool
