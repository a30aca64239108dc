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

# shelf: PRODUCT.toml with releases 1.0 to 4.0 of three ROM packages, their images, a key, and in
# catalog/ their packages:
#   app    from each release to the next, and a full package of 4.0
#   boot   from 1.0 to 2.0 and from 2.0 to 4.0
#   modem  from each release to the next, from 1.0 to 4.0, and a full package of 4.0
shelf() {
  local rom release
  pkgtool keygen -o release --no-password --quiet > key-id
  mkdir images catalog
  for rom in app boot modem; do
    image images/$rom-1.0 20000 $rom
    for release in 1 2 3; do
      revise images/$rom-$release.0 images/$rom-$((release + 1)).0
    done
  done
  {
    printf '[product]\nvendor = "example"\nmodel = "x1"\n'
    for rom in app boot modem; do printf '[[package]]\nid = "com.example.%s"\n' $rom; done
    for release in 1 2 3 4; do
      printf '[[release]]\nversion = "%s.0"\nimage = [\n' $release
      for rom in app boot modem; do
        printf '  { package_id = "com.example.%s", path = "images/%s-%s.0" },\n' $rom $rom $release
      done
      printf ']\n'
    done
  } > PRODUCT.toml
  for release in 1 2 3; do
    shelve app $release.0 $((release + 1)).0
    shelve modem $release.0 $((release + 1)).0
  done
  shelve boot 1.0 2.0
  shelve boot 2.0 4.0
  shelve modem 1.0 4.0
  shelve app '' 4.0
  shelve modem '' 4.0
}

# shelve ROM SOURCE TARGET [OPTION]...: that package into catalog/; SOURCE empty: a full one.
shelve() {
  local id=com.example.$1 name=$1${2:+-$2}-$3.pku source=()
  [ -z "$2" ] || source=(--source "images/$1-$2" --source-version "$2")
  pkgtool build --quiet --package-id $id "${source[@]}" --target images/$1-$3 --target-version $3 \
    --vendor example --model x1 --key release.key "${@:4}" -o catalog/$name
}

# shelf_device: a device that runs release 1.0 of the three ROM packages, and INV.json, its report.
shelf_device() {
  local rom
  {
    printf '[device]\nvendor = "example"\nmodel = "x1"\nhardware = 3\nram_budget_bytes = 1048576\n'
    for rom in app boot modem; do
      cp images/$rom-1.0 $rom-a.img
      truncate -s 65536 $rom-a.img
      printf '[[region]]\npackage_id = "com.example.%s"\n' $rom
      printf 'slot_a = { path = "%s-a.img", size_bytes = 65536 }\n' $rom
      printf 'slot_b = { path = "%s-b.img", size_bytes = 65536 }\n' $rom
    done
    printf '[journal]\npath = "journal.img"\nsize_bytes = 65536\n'
    printf '[inventory]\npath = "inventory.img"\nsize_bytes = 16384\n'
  } > ROM.toml
  for rom in app boot modem; do
    installer --rom ROM.toml provision com.example.$rom 1.0 > provisioned
  done
  installer --rom ROM.toml inventory --format json > INV.json
}
