// Bytes -> a keyring that a device is offered: [who signs u8][document], or with signers the fields
// of one, which these root keys then sign. What is accepted keeps every rule that section 16 of
// docs/format.md has, and what is refused changes nothing.
#include <array>

#include "format/package.h"
#include "installer/keyring.h"
#include "installer/port/flash_ram.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/support/keyring_maker.h"
#include "tests/support/manifest_maker.h"

using namespace romdelta;
using namespace romdelta::test;

namespace {

constexpr FlashGeometry kGeometry = {512, 512, false};
constexpr std::size_t kRegionBytes = 16 * 1024;

struct Rig {
  Rig() {
    device.journal = {&flashes[0], 0, kRegionBytes};
    device.inventory = {&flashes[1], 0, kRegionBytes};
    device.keyring = {&flashes[2], 0, kRegionBytes};
  }
  std::array<Bytes, 3> memories = {Bytes(kRegionBytes, 0xff), Bytes(kRegionBytes, 0xff),
                                   Bytes(kRegionBytes, 0xff)};
  std::array<RamFlash, 3> flashes = {RamFlash(memories[0], kGeometry),
                                     RamFlash(memories[1], kGeometry),
                                     RamFlash(memories[2], kGeometry)};
  Device device;
  Bytes buffer = Bytes(limits::record_buffer_bytes);
};

// A header in front of the fields, and signatures behind them, by test keys 1 to 7.
Bytes signed_fields(unsigned signers, ByteSpan fields) {
  const Bytes header = written_by([&](ByteWriter* writer) {
    encode_document_header(DocumentKind::keyring, fields.size(), writer);
  });
  const Bytes signed_part = concat({header, fields});
  SignatureList list;
  for (std::uint8_t number = 1; number < 8; ++number) {
    if ((signers >> number & 1u) == 0) continue;
    require(list.insert(sign(test_key(number), keyring_digest(signed_part))), "a signature fits");
  }
  const Bytes tail = written_by([&](ByteWriter* writer) { encode_signature_list(list, writer); });
  return concat({signed_part, tail});
}

void check_encoding(const KeyringDocument& document, ByteSpan bytes) {
  const std::size_t signed_bytes = bytes.size() - document.signatures.encoded_bytes();
  Bytes known;
  for (const ManifestField& field :
       split_fields(bytes.subspan(package_header_bytes, signed_bytes - package_header_bytes))) {
    if (field.tag < 0x8000) append(&known, join_fields({field}));
  }
  require(to_bytes(ByteSpan(encoded(document.keyring)).subspan(package_header_bytes)) == known,
          "a keyring has one encoding");
}

void check_rules(const Keyring& keyring) {
  require(keyring.threshold != 0 && keyring.threshold <= keyring.roots.count,
          "the threshold can be met");
  for (const PublicKey& root : keyring.roots.view()) {
    require(keyring.releases.find(root.id) == nullptr, "root keys sign no packages");
    require(!keyring.is_revoked(root.id), "a key that is revoked is not listed");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzInput input(data, size);
  const unsigned signers = input.u8();
  const Bytes rest = input.rest();
  const Bytes document = signers == 0 ? rest : signed_fields(signers, rest);
  KeyringDocument read;
  const bool is_keyring = read_keyring(document, &read) == Status::ok;
  if (is_keyring) {
    check_encoding(read, document);
    check_rules(read.keyring);
  }

  Rig rig;
  KeyringStore store;
  require(store.open(rig.device, rig.buffer) == Status::no_trusted_key, "a blank device is blank");
  require(store.provision(signed_keyring(sample_keyring(), {1, 2})), "provision");
  const auto before = rig.memories;
  const Status status = store.accept(document);
  if (status != Status::ok) {
    require(rig.memories == before, "what is refused changes nothing");
    return 0;
  }
  require(is_keyring, "what is accepted is a keyring");
  const bool is_same = read.digest == keyring_digest(encoded(sample_keyring()));
  require(is_same ||
              (read.keyring.version == 2 && check_threshold(read, sample_keyring()) == Status::ok &&
               check_threshold(read, read.keyring) == Status::ok),
          "what is accepted follows, and both thresholds have signed");
  KeyringStore again;
  require(again.open(rig.device, rig.buffer), "open again");
  require(again.current().digest == read.digest, "what was accepted is there");
  return 0;
}
