#!/usr/bin/env bash
# The over-the-air loop, from nothing, on Debian 12: installs what it needs, builds, and lets a DM
# server bring two devices to a release, over a real nginx, through cuts of power and network. Safe
# to run again. README.md tells what happens.
set -euo pipefail

usage() {
  cat <<'USAGE'
Usage: samples/ota/demo.sh [--wbxml] [--keep] [--work DIR] [--no-setup]
       samples/ota/demo.sh --failures [--work DIR] [--no-setup]
  --wbxml      SyncML as WBXML instead of XML
  --keep       leave everything running until Enter, to look at the status page
  --failures   instead: every FUMO code, from a real cause to the server (failures.py)
  --work DIR   where everything goes (default: build/ota-demo); emptied first
  --bin DIR    a build directory that has the programs, instead of building them
  --no-setup   do not install packages
USAGE
}

root=$(cd "$(dirname "$0")/../.." && pwd)
work=$root/build/ota-demo
script=demo.py
setup=yes
build=''
arguments=()
while [ $# -gt 0 ]; do
  case $1 in
    --wbxml | --keep) arguments+=("$1") ;;
    --failures) script=failures.py ;;
    --work | --bin)
      [ $# -ge 2 ] || { usage >&2; exit 2; }
      value=$(realpath -m "$2")
      case $1 in
        --work) work=$value ;;
        --bin) build=$value ;;
      esac
      shift
      ;;
    --no-setup) setup=no ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
  shift
done

[ "$setup" = no ] || "$root/tests/setup.sh" ota
if [ -z "$build" ]; then
  echo "== Build"
  build=$root/build/release
  mkdir -p "$build"
  log=$build/ota-demo.log
  cd "$root"
  if ! { cmake --preset release -DROMDELTA_BUILD_OTA=ON &&
    cmake --build --preset release --target pkgtool installer ota_client ota_server; } \
    > "$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "demo: the build failed; all of it: $log" >&2
    exit 1
  fi
fi
exec python3 -B "$root/samples/ota/$script" --bin "$build" --work "$work" "${arguments[@]}"
