#include "pkgtool/commands/signing.h"

#include "pkgtool/file.h"

namespace romdelta::pkgtool {

void SignOptions::add_to(CLI::App& verb, const char* what) {
  verb.add_option("FILE", path, what)->required();
  CLI::Option* detached =
      verb.add_flag("--detach", detach, "Write the signature to a file of its own (FILE.sig)");
  verb.add_flag("--digest", digest,
                "Write the 32 bytes that are to be signed elsewhere, and sign nothing")
      ->excludes(detached);
  signer.add_to(verb);
  verb.add_option("-o,--output", output_path,
                  "The result (default: FILE itself; with --detach FILE.sig; with --digest "
                  "standard output)")
      ->type_name("OUT");
}

void SignOptions::check() const {
  if (digest && signer.given()) {
    throw Error(Exit::usage, "--digest signs nothing: it takes no key and no signer");
  }
}

void AttachOptions::add_to(CLI::App& verb, const char* what) {
  verb.add_option("FILE", path, what)->required();
  verb.add_option("SIGNATURE", signature_path, "What sign --detach wrote, or 64 raw bytes")
      ->required();
  verb.add_option("--public", public_path, "Public key that the signature must match")
      ->type_name("NAME.pub")
      ->required();
  verb.add_option("-o,--output", output_path, "The result (default: FILE itself)")
      ->type_name("OUT");
}

std::optional<KeyId> sign_document(const SignOptions& options, const SignedDocument& document,
                                   Context& context) {
  if (options.digest) {
    write_file(options.output_path.empty() ? "-" : options.output_path, document.digest.value);
    return std::nullopt;
  }
  const std::unique_ptr<Signer> signer = options.signer.make();
  const Signature signature = signer->sign(document.digest);
  if (options.detach) {
    const std::string path =
        options.output_path.empty() ? options.path + ".sig" : options.output_path;
    write_text(path, format_signature(signature));
    context.say("wrote " + path + ": signature by " + to_string(signature.key_id));
    return std::nullopt;
  }
  write_file(options.signed_path(), document.with_signature(signature, signer->public_key()));
  return signature.key_id;
}

KeyId attach_signature(const AttachOptions& options, const SignedDocument& document) {
  const PublicKey key = parse_public_key(read_text(options.public_path), options.public_path);
  const Signature signature = read_signature(options.signature_path, key);
  write_file(options.signed_path(), document.with_signature(signature, key));
  return signature.key_id;
}

}  // namespace romdelta::pkgtool
