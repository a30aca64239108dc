# What the cases in this folder use beside pkgtool and installer. Sourced before every command.
umask 022

# image NAME BYTES [SEED], revise FROM TO, elf NAME CONTENT [SYMBOL_BYTES], flip FILE OFFSET,
# json EXPRESSION, exact, same_facts TEXT JSON: see helpers.py.
for helper in image revise elf flip json exact same_facts; do
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

# A device with one slot, which runs v1.img. $1: ram_budget_bytes. $2: bytes of scratch.
one_slot_device() {
  rm -f slot_?.img journal.img inventory.img scratch.img ROM.toml*
  cp v1.img slot_a.img
  truncate -s 262144 slot_a.img
  cat > ROM.toml <<TOML
[device]
vendor = "example"
model = "x1"
hardware = 3
ram_budget_bytes = ${1:-262144}

[[region]]
package_id = "com.example.app"
slot_a = { path = "slot_a.img", size_bytes = 262144 }
erase_block_bytes = 1024
program_unit_bytes = 256

[journal]
path = "journal.img"
size_bytes = 65536

[scratch]
path = "scratch.img"
size_bytes = ${2:-16384}

[inventory]
path = "inventory.img"
size_bytes = 16384
TOML
}

# oem: PRODUCT.toml with two releases of three ROM packages, their images and a key.
oem() {
  product
  mkdir r1 r2
  cp v1.img r1/app.img; cp v2.img r2/app.img
  image r1/data.img 20000 data; cp r1/data.img r2/data.img
  image r2/new.img 9000 new
  image r1/gone.img 9000 gone
  cat > PRODUCT.toml <<'TOML'
[product]
vendor = "example"
model = "x1"
hardware = "2-5"
ram_bytes = 262144

[[package]]
id = "com.example.app"
[[package]]
id = "com.example.data"
[[package]]
id = "com.example.gone"
[[package]]
id = "com.example.new"
erase_block_bytes = 1024

[[release]]
version = "1.0"
image = [
  { package_id = "com.example.app", path = "r1/app.img" },
  { package_id = "com.example.data", path = "r1/data.img", version = "7" },
  { package_id = "com.example.gone", path = "r1/gone.img" },
]
[[release]]
version = "2.0"
security_counter = 3
image = [
  { package_id = "com.example.app", path = "r2/app.img" },
  { package_id = "com.example.data", path = "r2/data.img", version = "7" },
  { package_id = "com.example.new", path = "r2/new.img" },
]
TOML
}
