# What the cases in this folder use beside pkgtool and installer. Sourced before every command.
umask 022

# image NAME BYTES [SEED], revise FROM TO, flip FILE OFFSET, json EXPRESSION, same_facts TEXT JSON:
# see helpers.py.
for helper in image revise flip json same_facts; do
  eval "$helper() { \"\$PYTHON\" \"\$CLI_HELPERS\" $helper \"\$@\"; }"
done
unset helper

# Two images and an unprotected key pair: v1.img, v2.img, release.key, release.pub.
product() {
  image v1.img 65536
  revise v1.img v2.img
  pkgtool keygen -o release --no-password --quiet > key-id
}

# delta NAME [OPTION]...: a package from v1.img to v2.img.
delta() {
  local name=$1
  shift
  pkgtool build --quiet --package-id com.example.app --source v1.img --source-version 1.0 \
    --target v2.img --target-version 2.0 "$@" -o "$name"
}

# full NAME [OPTION]...: a package of v2.img alone.
full() {
  local name=$1
  shift
  pkgtool build --quiet --package-id com.example.app --target v2.img --target-version 2.0 "$@" \
    -o "$name"
}

# A device that runs v1.img: ROM.toml, slot_a.img. $1: ram_budget_bytes. $2: bytes of slot B.
device() {
  cp v1.img slot_a.img
  truncate -s 131072 slot_a.img
  cat > ROM.toml <<TOML
[device]
vendor = "example"
model = "x1"
hardware = 3
ram_budget_bytes = ${1:-1048576}

[[region]]
package_id = "com.example.app"
slot_a = { path = "slot_a.img", size_bytes = 131072 }
slot_b = { path = "slot_b.img", size_bytes = ${2:-131072} }

[journal]
path = "journal.img"
size_bytes = 65536

[inventory]
path = "inventory.img"
size_bytes = 16384
TOML
}

# provisioned_device: the same after `provision`.
provisioned_device() {
  device "$@"
  installer --rom ROM.toml provision com.example.app 1.0 > provisioned
}
