#!/usr/bin/env bash
# romdelta from nothing to an updated device, on Debian 12: installs what it needs, builds the
# tools, takes two releases of a real firmware image from Debian's archive, makes and signs a delta,
# and installs it on a simulated device with two slots; then in place on one with a single slot,
# whose power fails half-way. Safe to run again.
set -euo pipefail

usage() {
  cat <<'USAGE'
Usage: samples/quickstart.sh [--work DIR] [--source FILE --target FILE] [--no-setup]
  --work DIR                     where everything goes (default: build/quickstart)
  --source FILE --target FILE    your own two images instead of Debian's
  --no-setup                     do not install packages
USAGE
}

root=$(cd "$(dirname "$0")/.." && pwd)
work=$root/build/quickstart
own_source='' own_target='' setup=yes
while [ $# -gt 0 ]; do
  case $1 in
    --work | --source | --target)
      [ $# -ge 2 ] || { usage >&2; exit 2; }
      value=$(realpath -m "$2")
      case $1 in
        --work) work=$value ;;
        --source) own_source=$value ;;
        --target) own_target=$value ;;
      esac
      shift
      ;;
    --no-setup) setup=no ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
  shift
done
if [ -n "$own_source" ] && [ -z "$own_target" ] || [ -z "$own_source" ] && [ -n "$own_target" ]; then
  echo "quickstart: --source and --target go together" >&2
  exit 2
fi

step_name='start'
log=''
step() { step_name=$1; echo; echo "== $1"; }
finished=no
on_exit() {
  local status=$?
  [ "$finished" = no ] || return 0
  {
    echo
    echo "quickstart: stopped in the step \"$step_name\" (status $status). Nothing is running; it"
    echo "is safe to start again. Files so far: $work"
    if [ -n "$log" ] && [ -s "$log" ]; then
      echo "The end of $log:"
      tail -n 20 "$log"
    fi
  } >&2
}
trap on_exit EXIT

# Runs a command as a reader would type it, and keeps the seconds it took in $seconds.
run() {
  local begun=$EPOCHREALTIME
  echo "\$ $*"
  "$@" < /dev/null
  seconds=$(awk -v a="$begun" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }')
}

# 12345678 -> 12,345,678
grouped() { echo "$1" | sed ':a; s/\B[0-9]\{3\}\>/,&/; ta'; }

mkdir -p "$work"

step "Install what the tools need"
if [ "$setup" = yes ]; then
  "$root/tests/setup.sh" tools
else
  echo "skipped"
fi

step "Build pkgtool and installer"
cd "$root"
log=$work/build.log
run cmake --preset release > "$log"
run cmake --build --preset release --target pkgtool installer >> "$log"
log=''
bin=$root/build/release
export PATH=$bin/pkgtool:$bin/installer/cli:$PATH
echo "in ${bin#"$root"/}"

# From here on every path is relative to the work directory.
cd "$work"

# An apt of its own, below the work directory: package lists of any architecture, and nothing that
# the system would notice. Where packages come from and how to get there stays the system's.
use_apt_of() {
  local architecture=$1 directory=$work/apt/$1
  mkdir -p "$directory"/{lists/partial,cache/archives/partial}
  : > "$directory/status"
  export APT_CONFIG=$directory/apt.conf
  cat > "$APT_CONFIG" <<CONF
APT::Architecture "$architecture";
#clear APT::Architectures;
APT::Architectures { "$architecture"; };
APT::Sandbox::User "$(id -un)";
Dir::State::lists "$directory/lists";
Dir::State::status "$directory/status";
Dir::Cache "$directory/cache";
Dir::Cache::pkgcache "pkgcache.bin";
Acquire::Retries "3";
Acquire::Languages "none";
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
CONF
  apt-get update > "$log" 2>&1 || true  # One broken list need not matter.
}

# The versions of packages in the archive, a line "VERSION PACKAGE" each, the newest last.
versions_of() {
  apt-cache madison "$@" | awk -F '|' '{ gsub(/ /, ""); print $2, $1 }' | sort -u | sort -V
}

# extract PACKAGE VERSION PATTERN FILE: one file out of a package that is not installed.
extract() {
  local package=$1 version=$2 pattern=$3 file=$4 directory
  directory=$(mktemp -d "$work/apt/download.XXXXXX")
  echo "   $package $version"
  if (cd "$directory" && apt-get download "$package=$version" > "$log" 2>&1) &&
    dpkg-deb --fsys-tarfile "$directory"/*.deb |
    tar -x -C "$directory" --wildcards "$pattern" 2> "$log"; then
    # The largest, should the pattern name several; links have no bytes of their own.
    find "$directory" -type f ! -name '*.deb' -printf '%s %p\n' | sort -n | tail -n 1 |
      cut -d ' ' -f 2- | xargs -r -I '{}' mv '{}' "$file"
  fi
  rm -rf "$directory"
  [ -s "$file" ]
}

# fetch PATTERN < "VERSION PACKAGE" lines: the images of the last two.
fetch() {
  local pattern=$1 lines
  mapfile -t lines < <(tail -n 2)
  [ ${#lines[@]} -eq 2 ] || return 1
  source_version=${lines[0]% *}
  target_version=${lines[1]% *}
  extract "${lines[0]#* }" "$source_version" "$pattern" source.part &&
    extract "${lines[1]#* }" "$target_version" "$pattern" target.part &&
    ! cmp -s source.part target.part &&
    mv source.part source.img && mv target.part target.img
}

# An ARM kernel is an image as devices boot it: not compressed, 27 MB. Two neighbouring updates of
# the distribution's own series, which has a package name for each.
fetch_kernel() {
  local series packages
  use_apt_of arm64
  series=$(versions_of linux-image-cloud-arm64 | tail -n 1 | grep -oE '^[0-9]+\.[0-9]+') || return 1
  packages=$(apt-cache pkgnames linux-image- |
    grep -E '^linux-image-[0-9]+\.[0-9]+\.[0-9][^ ]*-cloud-arm64$') || return 1
  package_id=org.debian.kernel
  # shellcheck disable=SC2086
  versions_of $packages | grep "^${series//./\\.}\." | fetch '*/boot/vmlinuz-*'
}

# Otherwise a large library of this machine's architecture that the archive has in two versions,
# the released and the updated one.
fetch_library() {
  local candidate
  use_apt_of "$(dpkg --print-architecture)"
  for candidate in libssl3:libcrypto.so.3 libc6:libc.so.6 libgnutls30:libgnutls.so.* \
    libsystemd-shared:libsystemd-shared* libx11-6:libX11.so.*; do
    package_id=org.debian.${candidate%%:*}
    if versions_of "${candidate%%:*}" | fetch "*/${candidate#*:}"; then return 0; fi
  done
  return 1
}

step "Get two releases of a firmware image"
rm -f source.part target.part
if [ -n "$own_source" ]; then
  cp "$own_source" source.img
  cp "$own_target" target.img
  package_id=com.example.rom source_version=1 target_version=2
else
  log=$work/apt.log
  echo "from Debian's archive, by package name; nothing is installed"
  # The pipes into fetch end in this shell, so that its variables stay.
  shopt -s lastpipe
  fetch_kernel || fetch_library || {
    echo "quickstart: the archive has no two versions of any image this script knows." >&2
    echo "Give two files of your own with --source and --target." >&2
    exit 1
  }
  unset APT_CONFIG
  log=''
fi
source_bytes=$(stat -c %s source.img)
target_bytes=$(stat -c %s target.img)
echo "source.img $source_version, $(grouped "$source_bytes") bytes"
echo "target.img $target_version, $(grouped "$target_bytes") bytes"

step "Make a release key"
rm -f release.key release.pub
# For a key that matters leave --no-password out, or keep it in an HSM: see docs/pkgtool.md.
run pkgtool keygen -o release --no-password

ram_bytes=1048576
step "Build a delta package, and a full one to compare with"
run pkgtool build --package-id "$package_id" \
  --source source.img --source-version "$source_version" \
  --target target.img --target-version "$target_version" \
  --ram $ram_bytes --key release.key -o delta.pku
build_seconds=$seconds
run pkgtool build --package-id "$package_id" \
  --target target.img --target-version "$target_version" \
  --ram $ram_bytes --key release.key -o full.pku
full_seconds=$seconds

step "Look at it, and verify it as a device would"
run pkgtool info delta.pku
run pkgtool verify delta.pku --trust release.pub
verify_seconds=$seconds

step "A device with two slots; the factory wrote the source into slot A"
largest=$((source_bytes > target_bytes ? source_bytes : target_bytes))
slot_bytes=$(((largest / 1048576 + 2) * 1048576))
# erased FILE BYTES: flash as it comes, all ones.
erased() { head -c "$2" /dev/zero | tr '\0' '\377' > "$1"; }
erased slot_a.img "$slot_bytes"
erased slot_b.img "$slot_bytes"
erased journal.img 65536
erased scratch.img 65536
erased inventory.img 16384
dd if=source.img of=slot_a.img conv=notrunc bs=1M status=none
cat > ROM.toml <<TOML
[device]
vendor = "example"
model = "x1"
hardware = 3
ram_budget_bytes = $ram_bytes

[[region]]
package_id = "$package_id"
slot_a = { path = "slot_a.img", offset_bytes = 0, size_bytes = $slot_bytes }
slot_b = { path = "slot_b.img", offset_bytes = 0, size_bytes = $slot_bytes }
erase_block_bytes = 4096
program_unit_bytes = 512

[journal]
path = "journal.img"
size_bytes = 65536

[scratch]
path = "scratch.img"
size_bytes = 65536

[inventory]
path = "inventory.img"
size_bytes = 16384
TOML
run installer --rom ROM.toml provision "$package_id" "$source_version"

step "Install the delta: from slot A into slot B"
run installer --rom ROM.toml --trust release.pub install delta.pku
install_seconds=$seconds
run installer --rom ROM.toml inventory
run installer --rom ROM.toml status

step "Compare slot B with the target, and slot A with what was there"
run cmp -n "$target_bytes" slot_b.img target.img
run cmp -n "$source_bytes" slot_a.img source.img
echo "identical"

erase_block_bytes=4096
scratch_bytes=131072
step "The same update in place, for a device with one slot and $(grouped $scratch_bytes) bytes of scratch"
run pkgtool build --package-id "$package_id" \
  --source source.img --source-version "$source_version" \
  --target target.img --target-version "$target_version" \
  --layout in-place --erase-block $erase_block_bytes --scratch $scratch_bytes \
  --ram $ram_bytes --key release.key -o in_place.pku
in_place_build_seconds=$seconds
mkdir -p one_slot
rm -f one_slot/*
erased one_slot/slot_a.img "$slot_bytes"
erased one_slot/journal.img 65536
erased one_slot/scratch.img $scratch_bytes
erased one_slot/inventory.img 16384
dd if=source.img of=one_slot/slot_a.img conv=notrunc bs=1M status=none
sed -e '/^slot_b/d' -e '/^\[scratch\]/,/^size_bytes/s/^size_bytes.*/size_bytes = '$scratch_bytes'/' \
  ROM.toml > one_slot/ROM.toml
one_slot() { run installer --rom one_slot/ROM.toml "$@"; }
one_slot provision "$package_id" "$source_version"

step "The power fails half-way, and comes back"
steps=$(pkgtool info in_place.pku | sed -n 's/.*(\([0-9]*\) steps.*/\1/p' | tail -n 1)
echo "\$ installer --rom one_slot/ROM.toml --trust release.pub install in_place.pku    # killed"
begun=$EPOCHREALTIME
installer --rom one_slot/ROM.toml --trust release.pub install in_place.pku < /dev/null &
installer_pid=$!
# It is killed as soon as it says that it has done half of the steps.
half_done() {
  installer --rom one_slot/ROM.toml --format json status |
    awk -v half=$((${steps:-0} / 2)) '/"step": [0-9]/ { found = $2 + 0 >= half } END { exit !found }'
}
until half_done || ! kill -0 $installer_pid 2> "$work/killed.log"; do :; done
kill -KILL $installer_pid 2> "$work/killed.log" || true
wait $installer_pid 2> "$work/killed.log" || true
one_slot status
one_slot --trust release.pub resume
in_place_seconds=$(awk -v a="$begun" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }')
one_slot inventory
run cmp -n "$target_bytes" one_slot/slot_a.img target.img
echo "identical"

step "Summary"
row() {
  awk -v name="$1" -v bytes="$2" -v shown="$(grouped "$2")" -v all="$target_bytes" -v time="$3" \
    'BEGIN { printf "%-16s %14s %9.2f %%  %s\n", name, shown, 100 * bytes / all, time }'
}
printf '%-16s %14s %11s  %s\n' "" bytes "of target" time
row "source" "$source_bytes" ""
row "target" "$target_bytes" ""
row "full package" "$(stat -c %s full.pku)" "built in $full_seconds s"
row "delta package" "$(stat -c %s delta.pku)" \
  "built in $build_seconds s, verified in $verify_seconds s, installed in $install_seconds s"
row "delta in place" "$(stat -c %s in_place.pku)" \
  "built in $in_place_build_seconds s, installed in $in_place_seconds s with a cut"
echo
echo "Everything is in $work; start with: $bin/pkgtool/pkgtool info $work/delta.pku"
finished=yes
