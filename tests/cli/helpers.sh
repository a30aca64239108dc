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

# build3 ROMPACKAGE RELEASE NAME: a full package of version 3.0.
build3() {
  pkgtool build --quiet --package-id "com.example.$1" --target "$2/$1" --target-version 3.0 \
    --erase-block 1K --ram 256K --codec context --key release.key -o "$3"
}

# six: six ROM packages in two releases v1 and v2, a package for each, and a device that has v1:
# kernel, boot and rootfs in two slots; mcu, radio and app in one. `begin` has what uses it: fresh,
# i (the installer), targets, cut KIB FILE (a limit on what a process may write to one file).
six() {
  local name bytes=60000
  pkgtool keygen -o release --no-password --quiet > key-id
  mkdir v1 v2
  for name in kernel boot rootfs mcu radio app; do
    image "v1/$name" $bytes "$name"
    revise "v1/$name" "v2/$name"
    bytes=$((bytes + 9000))
    set -- --package-id "com.example.$name" --target "v2/$name" --target-version 2.0
    case $name in kernel | rootfs | mcu | radio) set -- "$@" --source "v1/$name" --source-version 1.0 ;; esac
    case $name in mcu | radio | app) set -- "$@" --layout in-place ;; esac
    pkgtool build --quiet "$@" --codec context --erase-block 1K --ram 256K --key release.key \
      -o "$name.pku"
  done
  {
    printf '[device]\nvendor = "example"\nmodel = "x1"\nhardware = 3\nram_budget_bytes = 524288\n'
    for name in kernel boot rootfs mcu radio app; do
      printf '[[region]]\npackage_id = "com.example.%s"\nerase_block_bytes = 1024\n' $name
      printf 'program_unit_bytes = 256\nslot_a = { path = "%s_a.img", size_bytes = 524288 }\n' $name
      case $name in kernel | boot | rootfs)
        printf 'slot_b = { path = "%s_b.img", size_bytes = 524288 }\n' $name ;;
      esac
    done
    for name in journal scratch inventory; do
      printf '[%s]\npath = "%s.img"\nsize_bytes = 65536\n' $name $name
    done
  } > ROM.toml
  cat > begin <<'END'
i() { installer --rom ROM.toml --trust release.pub "$@"; }
fresh() {
  rm -f *.img ROM.toml.pending
  for name in kernel boot rootfs mcu radio app; do
    cp v1/$name ${name}_a.img; truncate -s 524288 ${name}_a.img
  done
  for name in kernel boot rootfs mcu radio app; do
    installer --rom ROM.toml provision com.example.$name 1.0 > provisioned
  done
}
targets() {
  for name in kernel boot rootfs mcu radio app; do
    slot=a; case $name in kernel | boot | rootfs) slot=b ;; esac
    cmp -n "$(stat -c %s v2/$name)" ${name}_$slot.img v2/$name || return
  done
  echo targets
}
cut() { { (ulimit -c 0; ulimit -f "$1"; i install "$2"; exit $?); } > /dev/null 2>&1; [ $? = 153 ]; }
END
  . ./begin
  fresh
  i --format json inventory > inventory.json
  rm -f *.img provisioned
}
