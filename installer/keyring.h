// KeyringStore: the keyring that a device has accepted, on flash. docs/format.md section 16.
//
// Two copies, written in turn, as the inventory's: the newest intact one counts. A new keyring is
// accepted only when the threshold of the stored one and its own have signed it and no release that
// runs loses the key that vouches for it. Power may fail at any instant: the journal says that a
// keyring is being written, and open() ends what a cut left, before anything rests on it.
//
// One thread at a time. No heap: all memory is the KeyringStore and the caller's buffer.
#pragma once

#include <array>
#include <cstdint>

#include "format/keyring.h"
#include "installer/device.h"
#include "installer/inventory.h"
#include "installer/journal.h"

namespace romdelta {

struct KeyringCopyHeader;

class KeyringStore {
 public:
  KeyringStore() = default;
  KeyringStore(const KeyringStore&) = delete;
  KeyringStore& operator=(const KeyringStore&) = delete;

  // Reads the newest copy, and ends what a cut of power left of accept() and confirm(): call it
  // before any Session. `device` must outlive the store; `buffer` (limits::record_buffer_bytes) is
  // used during each call and owned by the caller. no_trusted_key when the region holds no keyring
  // yet; journal_too_small; or what the flash and the inventory say.
  Status open(const Device& device, MutableByteSpan buffer);
  // As open(), of a device that is off the line: nothing is written, so what a cut left stays.
  Status look(const Device& device, MutableByteSpan buffer);

  // False until open() found a keyring, or one was accepted.
  bool has_keyring() const { return sequence_ != 0; }
  const KeyringDocument& current() const { return current_; }

  // What a Session is to trust; the keys live as long as this object. `trusted_seconds`: since
  // 1970, from a clock that nobody can set back; 0: the device has none, and nothing expires.
  // no_trusted_key without a keyring; keyring_expired: the device takes a newer keyring only.
  Status trusted_keys(std::uint64_t trusted_seconds, TrustedKeys* keys) const;

  // Takes the keyring that follows the stored one. ok, and nothing is written, when it is
  // the stored one. Everything is checked before the first write: as read_keyring() and
  // check_successor() do; key_in_use; update_pending while an installation holds the journal;
  // no_trusted_key without a stored keyring.
  Status accept(ByteSpan document);
  // Replaces whatever is stored; only the keyring's own threshold is asked. For the factory, where
  // there is no keyring yet that could vouch for it.
  Status provision(ByteSpan document);

 private:
  Status find_newest();
  Status read_copy(unsigned half, const KeyringCopyHeader& header);
  Status open_records();
  Status settle();
  Status release_journal();
  Status check_use(const Keyring& next);
  Status store(ByteSpan document, const KeyringDocument& next);
  Status write_copy(unsigned half, std::uint64_t sequence);
  Status clear(unsigned half);
  bool has_resets_to_do() const;
  Status apply_resets();
  Status settle_resets();
  Status apply_missed_resets();
  void take(const KeyringDocument& document);
  std::uint64_t half_offset(unsigned half) const { return half * half_bytes_; }

  const Device* device_ = nullptr;
  MutableByteSpan buffer_;
  std::uint64_t half_bytes_ = 0;

  unsigned half_ = 0;                                          // Where the newest copy is.
  std::uint64_t sequence_ = 0;                                 // Its number; 0: there is none.
  std::array<std::uint8_t, limits::keyring_bytes_max> bytes_;  // The document of it.
  std::size_t document_bytes_ = 0;
  KeyringDocument current_;
  KeyringDocument next_;
  KeyringTrust trust_;

  Inventory inventory_;
  Journal journal_;
};

}  // namespace romdelta
