#!/usr/bin/env bash
# Installs what romdelta needs on Debian 12. Does nothing, and needs no privileges and no network,
# when everything is there already.
set -euo pipefail

usage() {
  cat <<'USAGE'
Usage: tests/setup.sh SET
  tools   build and run pkgtool and installer
  ota     tools, and what samples/ota needs: libraries, nginx
  quick   ota, and what the tests of the dev preset need
  tests   quick, and clang, clang-tidy, cross compilers, the libraries of arm64 and
          armhf (adds the two as foreign architectures of this system), qemu-user and
          chromium
USAGE
}

say() { echo "setup: $*"; }
die() { echo "setup: $*" >&2; exit 1; }

tools_packages=(
  cmake g++ make ninja-build pkg-config
  libcli11-dev libdivsufsort-dev libsodium-dev libtomlplusplus-dev libxxhash-dev libzstd-dev
  nlohmann-json3-dev
)
ota_packages=(
  libcpp-httplib-dev libcurl4-openssl-dev libpugixml-dev libssl-dev libwbxml2-dev nginx-light python3
)
quick_packages=(
  binutils bsdiff clang-format libbenchmark-dev libgmock-dev libgtest-dev minisign opensc python3 softhsm2
  xdelta3 xz-utils zstd
)
tests_packages=(
  chromium clang clang-tidy gcovr libclang-rt-14-dev
  g++-aarch64-linux-gnu g++-arm-linux-gnueabihf qemu-user
)
foreign_architectures=()
cross_libraries=(libgmock-dev libgtest-dev libsodium-dev libstdc++6 libxxhash-dev libzstd-dev)

[ $# -eq 1 ] || { usage >&2; exit 2; }
packages=("${tools_packages[@]}")
case $1 in
  tools) ;;
  ota) packages+=("${ota_packages[@]}") ;;
  quick) packages+=("${ota_packages[@]}" "${quick_packages[@]}") ;;
  tests)
    packages+=("${ota_packages[@]}" "${quick_packages[@]}" "${tests_packages[@]}")
    foreign_architectures=(arm64 armhf)
    ;;
  -h | --help) usage; exit 0 ;;
  *) usage >&2; exit 2 ;;
esac

if ! command -v apt-get > /dev/null || ! command -v dpkg-query > /dev/null; then
  die "apt-get and dpkg are missing. This script is for Debian 12; elsewhere, install: ${packages[*]}"
fi
# shellcheck disable=SC1091
. /etc/os-release
if [ "${ID:-}" != debian ] || [ "${VERSION_ID:-}" != 12 ]; then
  die "this is ${PRETTY_NAME:-an unknown system}, not Debian 12. Install by hand: ${packages[*]}"
fi

native=$(dpkg --print-architecture)
for architecture in "${foreign_architectures[@]}"; do
  [ "$architecture" != "$native" ] || continue
  for library in "${cross_libraries[@]}"; do
    packages+=("$library:$architecture")
  done
done

installed() {
  local name=${1%:*} architecture=$native
  [ "$name" = "$1" ] || architecture=${1##*:}
  # One line for each architecture that the package is installed for.
  dpkg-query -W -f '${Architecture} ${db:Status-Status}\n' "$name:*" 2> /dev/null |
    grep -Eqx "($architecture|all) installed"
}
missing=()
for package in "${packages[@]}"; do
  installed "$package" || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
  say "the ${#packages[@]} packages of the set \"$1\" are installed"
  exit 0
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo > /dev/null ||
    die "run this as root, or install sudo. Missing packages: ${missing[*]}"
  as_root=(sudo)
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# env, because sudo does not pass variables on.
quietly() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive "$@" < /dev/null > "$log" 2>&1
}

for architecture in "${foreign_architectures[@]}"; do
  if [ "$architecture" != "$native" ] &&
    ! dpkg --print-foreign-architectures | grep -qx "$architecture"; then
    say "adding the foreign architecture $architecture"
    quietly dpkg --add-architecture "$architecture" || { cat "$log" >&2; die "dpkg failed"; }
  fi
done

say "reading package lists"
for attempt in 1 2 3; do
  if quietly apt-get -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300 --error-on=any update; then
    break
  fi
  if [ "$attempt" = 3 ]; then
    # A mirror in the middle of an update breaks one list. What is needed may still be there: the
    # installation below decides.
    tail -n 5 "$log" >&2
    say "some package lists are incomplete; going on with what there is"
  else
    sleep 5
  fi
done

say "installing ${#missing[@]} packages: ${missing[*]}"
for attempt in 1 2; do
  if quietly apt-get -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 \
    -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold \
    install -y --no-install-recommends "${missing[@]}"; then
    say "done"
    exit 0
  fi
  [ "$attempt" = 2 ] || sleep 5
done
tail -n 20 "$log" >&2
die "apt-get could not install the packages (its last words are above)"
