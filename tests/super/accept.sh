#!/bin/sh
# A super package of six members from real firmware pairs, installed, and killed on the way.
#
#   tests/super/accept.sh PKGTOOL INSTALLER PAIRS FOLDER [KILLS]
#
# PAIRS has folders with the images `old` and `new` (bench/corpus.cc names them). FOLDER gets packages and
# a device made of files. KILLS (default 20) times the installer is ended by SIGKILL at a random instant;
# after each the inventory must name all sources or all targets, and in the end all targets.
set -eu
pkgtool=$(realpath "$1") installer=$(realpath "$2") pairs=$(realpath "$3")
mkdir -p "$4"
cd "$4"
kills=${5:-20}

# ROM package, pair, layout, kind, bytes of a slot.
members='
kernel l2_kernel_a64_hot ab delta 33554432
boot m2_raspi_start4 ab delta 4194304
rootfs l3_esbuild_go_a64 ab delta 16777216
mcu s2_pybv11_cm4 in-place delta 524288
radio s1_mpy_esp8266 in-place delta 1048576
scp s4_mt8186_scp in-place full 524288
'
each() { echo "$members" | sed '/^$/d'; }

[ -f release.key ] || "$pkgtool" keygen -q -o release --no-password > key-id
each | while read -r name pair layout kind _; do
  [ -f "$name.pku" ] && continue
  set -- --package-id "com.example.$name" --target "$pairs/$pair/new" --target-version 2.0
  [ "$kind" = full ] || set -- "$@" --source "$pairs/$pair/old" --source-version 1.0
  "$pkgtool" build -q "$@" --layout "$layout" --ram 1M --scratch 64K --key release.key -o "$name.pku"
done
"$pkgtool" super -q mcu.pku scp.pku radio.pku kernel.pku boot.pku rootfs.pku --name com.example.product \
  --release 2.0 --key release.key -o product.pks
"$pkgtool" verify product.pks --trust release.pub
"$pkgtool" info product.pks | sed -n '/^File\|^Device RAM\|^  [0-9]/p'

{
  printf '[device]\nvendor = "example"\nmodel = "x1"\nhardware = 1\nram_budget_bytes = 2097152\n'
  each | while read -r name _ layout _ bytes; do
    printf '[[region]]\npackage_id = "com.example.%s"\nerase_block_bytes = 4096\n' "$name"
    printf 'program_unit_bytes = 512\nslot_a = { path = "%s_a.img", size_bytes = %s }\n' "$name" "$bytes"
    [ "$layout" = in-place ] ||
      printf 'slot_b = { path = "%s_b.img", size_bytes = %s }\n' "$name" "$bytes"
  done
  for name in journal scratch inventory; do
    printf '[%s]\npath = "%s.img"\nsize_bytes = 65536\n' $name $name
  done
} > ROM.toml

run() { "$installer" --rom ROM.toml --trust release.pub --progress none "$@"; }
fresh() {
  rm -f ./*.img ROM.toml.pending
  each | while read -r name pair _ _ bytes; do
    cp "$pairs/$pair/old" "${name}_a.img"
    chmod u+w "${name}_a.img"
    truncate -s "$bytes" "${name}_a.img"
  done
  each | while read -r name _; do run provision "com.example.$name" 1.0 > provisioned; done
}
check_targets() {
  each | while read -r name pair layout _; do
    slot=a
    [ "$layout" = in-place ] || slot=b
    cmp -n "$(stat -c %s "$pairs/$pair/new")" "${name}_$slot.img" "$pairs/$pair/new"
  done
}
set_of_inventory() { run inventory | awk '{ print $2 }' | sort -u | tr '\n' ' '; }

fresh
begin=$(date +%s%N)
run install product.pks
check_targets
took_ms=$((($(date +%s%N) - begin) / 1000000))
echo "installed in $took_ms ms; the inventory names $(set_of_inventory)"

fresh
killed=0
sources=0
for i in $(seq "$kills"); do
  delay_ms=$(awk -v seed="$i" -v most="$((took_ms / 4 + 20))" 'BEGIN { srand(seed); print int(rand() * most) }')
  run install product.pks > out 2>&1 &
  pid=$!
  sleep "$(awk -v ms="$delay_ms" 'BEGIN { print ms / 1000 }')"
  if kill -KILL $pid 2> kill-error; then killed=$((killed + 1)); fi
  wait $pid 2> wait-error || true
  set=$(set_of_inventory)
  case $set in
    '1.0 ') sources=$((sources + 1)) ;;
    '2.0 ') ;;
    *) echo "LOST: the inventory names $set"; exit 1 ;;
  esac
done
run install product.pks > out
check_targets
echo "killed $killed times; sources named after $sources of $kills; all targets in the end"
