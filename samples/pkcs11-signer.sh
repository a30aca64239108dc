#!/bin/sh
# Signs with an Ed25519 key that never leaves its PKCS#11 token (an HSM, a smart card, SoftHSM):
#
#   samples/pkcs11-signer.sh public > release.pub
#   pkgtool build ... --signer samples/pkcs11-signer.sh --public release.pub -o kernel.pku
#
# It is what --signer expects: 32 bytes on standard input, the 64 bytes of the signature on standard
# output. docs/keys.md says how the key is made. Needs OpenSC's pkcs11-tool.
#
# Environment:
#   PKCS11_MODULE   the token's library; default SoftHSM's
#   PKCS11_TOKEN    label of the token
#   PKCS11_KEY      id of the key in hex; default 01
#   PKCS11_PIN      the PIN, or
#   PKCS11_PIN_FD   number of a file descriptor whose first line is the PIN
# The PIN is never an argument: everybody on the machine can read those.
set -eu

usage() {
  echo "usage: pkcs11-signer.sh [sign] < digest > signature | pkcs11-signer.sh public > NAME.pub" >&2
  exit 2
}
die() {
  echo "pkcs11-signer: $*" >&2
  exit 1
}

[ -n "${PKCS11_TOKEN:-}" ] || die "PKCS11_TOKEN is not set: the label of the token"
module=${PKCS11_MODULE:-/usr/lib/softhsm/libsofthsm2.so}
key=${PKCS11_KEY:-01}
umask 077
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

tool() {
  pkcs11-tool --module "$module" --token-label "$PKCS11_TOKEN" "$@" > "$work/talk" 2>&1 || {
    cat "$work/talk" >&2
    die "the token refused"
  }
}

# The bytes that hex digits on standard input stand for.
from_hex() {
  while read -r pair; do
    # shellcheck disable=SC2059
    printf "\\$(printf %03o "0x$pair")"
  done
}

# The key's 32 bytes are the last of what the token gives, in PEM or DER.
read_public_key() {
  tool --read-object --type pubkey --id "$key" -o "$work/key"
  if grep -q BEGIN "$work/key"; then
    grep -v -e - "$work/key" | base64 -d > "$work/der"
  else
    mv "$work/key" "$work/der"
  fi
  tail -c 32 "$work/der" > "$work/public"
  [ "$(wc -c < "$work/public")" -eq 32 ] || die "key $key is no Ed25519 key"
}

case ${1:-sign} in
  sign)
    if [ -n "${PKCS11_PIN_FD:-}" ]; then
      IFS= read -r PKCS11_PIN < "/dev/fd/$PKCS11_PIN_FD" || [ -n "$PKCS11_PIN" ] ||
        die "no PIN can be read from descriptor $PKCS11_PIN_FD"
      export PKCS11_PIN
    fi
    [ -n "${PKCS11_PIN:-}" ] || die "neither PKCS11_PIN nor PKCS11_PIN_FD is set"
    cat > "$work/digest"
    [ "$(wc -c < "$work/digest")" -eq 32 ] || die "standard input is not a digest of 32 bytes"
    tool --login --pin env:PKCS11_PIN --sign --mechanism EDDSA --id "$key" \
      -i "$work/digest" -o "$work/signature"
    cat "$work/signature"
    ;;
  public)
    read_public_key
    # A key id is a name only: the first eight bytes of the key's SHA-256, so it is always the same.
    sha256sum < "$work/public" | cut -c 1-16 | fold -w 2 | from_hex > "$work/id"
    echo "untrusted comment: key $key of the token $PKCS11_TOKEN"
    { printf Ed; cat "$work/id" "$work/public"; } | base64 -w 0
    echo
    ;;
  *) usage ;;
esac
