// Signing a document on disk: what `sign` and `attach` do with packages, and `keyring sign` and
// `keyring attach` with keyrings.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "pkgtool/commands/commands.h"

namespace romdelta::pkgtool {

// What is signed, and the file that it becomes with a signature that matches the key.
struct SignedDocument {
  // `file` must outlive this: a PackageFile or a KeyringFile.
  template <typename File>
  SignedDocument(const Digest& signed_digest, const File& file)
      : digest(signed_digest),
        with_signature([&file](const Signature& signature, const PublicKey& key) {
          return file.with_signature(signature, key);
        }) {}

  Digest digest;
  std::function<Bytes(const Signature&, const PublicKey&)> with_signature;
};

struct SignOptions {
  std::string path;
  bool detach = false;
  bool digest = false;
  SignerOptions signer;
  std::string output_path;

  // `what`: "The package".
  void add_to(CLI::App& verb, const char* what);
  // Throws Error (usage). For before the document is read.
  void check() const;
  // The file that gets the signature.
  const std::string& signed_path() const { return output_path.empty() ? path : output_path; }
};

struct AttachOptions {
  std::string path;
  std::string signature_path;
  std::string public_path;
  std::string output_path;

  void add_to(CLI::App& verb, const char* what);
  const std::string& signed_path() const { return output_path.empty() ? path : output_path; }
};

// Writes what is asked for. Returns whose signature signed_path() has got; nothing when it has got
// none, because it was to be detached or only the digest was wanted. Throws Error.
std::optional<KeyId> sign_document(const SignOptions& options, const SignedDocument& document,
                                   Context& context);
KeyId attach_signature(const AttachOptions& options, const SignedDocument& document);

}  // namespace romdelta::pkgtool
