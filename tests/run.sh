#!/usr/bin/env bash
# Installs what the tests need (Debian 12), builds everything and runs every test.
set -euo pipefail

usage() {
  cat <<'USAGE'
Usage: tests/run.sh [--quick] [--stage NAME]... [--no-setup] [--help]
  --quick        the dev build and its tests only
  --stage NAME   this stage only; may be given more than once
  --no-setup     do not install packages
Without --stage: all of them. Stages, in this order:
  format      clang-format has nothing to say
  dev         g++, strict warnings, all tests
  asan-ubsan  clang++, strict warnings, the tests with address and undefined-behaviour sanitizers,
              without the longest campaigns of power cuts and what runs whole programs
  tidy        clang-tidy over the libraries and the tools
  size        the device engine alone, optimised for size; builds only
  mutants     the power-cut campaign on an engine with faults, each of which it must find
  fuzz        each fuzz target for FUZZ_SECONDS (default 10), starting from its seeds
  aarch64     the engine's tests for 64-bit ARM, under qemu-user
  armhf       the engine's tests for 32-bit ARM, under qemu-user
Logs are in build/logs. JOBS (default: the number of processors) limits parallel work.
USAGE
}

cd "$(dirname "$0")/.."
stages=()
setup=tests
while [ $# -gt 0 ]; do
  case $1 in
    --quick) stages=(dev) setup=quick ;;
    --stage)
      [ $# -ge 2 ] || { usage >&2; exit 2; }
      stages+=("$2")
      shift
      ;;
    --no-setup) setup='' ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
  shift
done
all_stages=(format dev asan-ubsan tidy size mutants fuzz aarch64 armhf)
[ ${#stages[@]} -gt 0 ] || stages=("${all_stages[@]}")
for stage in "${stages[@]}"; do
  case " ${all_stages[*]} " in
    *" $stage "*) ;;
    *) echo "run.sh: no stage is called \"$stage\"; --help lists them" >&2; exit 2 ;;
  esac
done

jobs=${JOBS:-$(nproc)}
fuzz_seconds=${FUZZ_SECONDS:-10}
logs=$PWD/build/logs
mkdir -p "$logs"
if command -v ccache > /dev/null; then
  export CMAKE_C_COMPILER_LAUNCHER=ccache CMAKE_CXX_COMPILER_LAUNCHER=ccache
fi
# Nothing may wait for an answer, and no tool may draw a progress bar.
exec < /dev/null
export CMAKE_COLOR_DIAGNOSTICS=OFF GTEST_COLOR=no NINJA_STATUS='[%f/%t] '

passed=0
failed=0
skipped=0
stage_note=''

# A tree that nobody works in is compiled the fast way (romdelta_unite in CMakeLists.txt).
build() {
  local preset=$1 unite=()
  shift
  [ -f "build/$preset/CMakeCache.txt" ] || unite=(-D ROMDELTA_UNITE=ON)
  cmake --preset "$preset" "${unite[@]}" && cmake --build --preset "$preset" -j "$jobs" "$@"
}

# Runs the tests of a preset and adds them to the counts.
run_tests() {
  local preset=$1 junit=$PWD/build/$1/tests.xml status=0 total bad not_run
  rm -f "$junit"
  ctest --preset "$preset" -j "$jobs" --output-junit "$junit" || status=$?
  attribute() { sed -n "/<testsuite /,/>/s/.*[[:space:]]$1=\"\([0-9]*\)\".*/\1/p" "$junit" | head -n 1; }
  if [ -s "$junit" ]; then
    total=$(attribute tests)
    bad=$(attribute failures)
    not_run=$(($(attribute disabled) + $(attribute skipped)))
    passed=$((passed + total - bad - not_run))
    failed=$((failed + bad))
    skipped=$((skipped + not_run))
    stage_note="$((total - bad - not_run)) of $total tests passed"
    [ "$not_run" -eq 0 ] || stage_note+=", $not_run skipped"
    # The failures are counted; anything else that went wrong has to be, too.
    [ "$bad" -gt 0 ] || return "$status"
    return 100
  fi
  return 1
}

stage_format() {
  clang-format --version
  find format installer pkgtool tests bench samples -name '*.h' -o -name '*.cc' -o -name '*.inc' |
    sort | xargs clang-format --dry-run -Werror
}

stage_dev() { build dev && run_tests dev; }
stage_asan-ubsan() { build asan-ubsan && run_tests asan-ubsan; }

# Each source by itself; nothing is compiled. Names each file first, so that the log says how far it
# came.
stage_tidy() {
  cmake --preset tidy || return 1
  sed -n 's/^ *"file": "\(.*\.cc\)",\{0,1\}$/\1/p' build/tidy/compile_commands.json | sort -u |
    xargs -P "$jobs" -n 1 sh -c 'echo "$0" && clang-tidy --quiet -p build/tidy "$0"'
}

stage_size() { build size && size -t build/size/*/lib*.a; }
stage_mutants() { build mutants && run_tests mutants; }
stage_aarch64() { build aarch64 && run_tests aarch64; }
stage_armhf() { build armhf && run_tests armhf; }

# One fuzz target, in a directory of its own. Its exit status is the result.
fuzz_one() {
  local target=$1 binary=$2 seeds=$PWD/tests/fuzz/seeds/$1 work=$PWD/build/fuzz/run/$1 dictionary
  rm -rf "$work"
  mkdir -p "$work/corpus"
  local arguments=("$work/corpus")
  [ ! -d "$seeds" ] || arguments+=("$seeds")
  for dictionary in "tests/fuzz/$target.dict" "$seeds.dict"; do
    [ ! -f "$dictionary" ] || arguments+=("-dict=$dictionary")
  done
  "$binary" -max_total_time="$fuzz_seconds" -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="$work/" "${arguments[@]}" > "$logs/$target.log" 2>&1
}

stage_fuzz() {
  local targets target i pids=() names=() status=0 count=0
  targets=$(find tests/fuzz -name 'fuzz_*.cc' -exec basename {} .cc \; | sort)
  [ -n "$targets" ] || { echo "no fuzz target in tests/fuzz"; return 1; }
  # shellcheck disable=SC2086
  build fuzz --target $targets || return 1
  finish_fuzz() {
    for i in "${!pids[@]}"; do
      if wait "${pids[$i]}"; then
        passed=$((passed + 1))
        echo "${names[$i]}: passed"
      else
        failed=$((failed + 1))
        status=100
        echo "${names[$i]}: FAILED, $logs/${names[$i]}.log"
        tail -n 30 "$logs/${names[$i]}.log"
      fi
    done
    pids=() names=()
  }
  for target in $targets; do
    fuzz_one "$target" "$(find build/fuzz -type f -name "$target" -perm -u+x | head -n 1)" &
    pids+=($!)
    names+=("$target")
    count=$((count + 1))
    [ ${#pids[@]} -lt "$jobs" ] || finish_fuzz
  done
  finish_fuzz
  stage_note="$count targets, $fuzz_seconds s each"
  return "$status"
}

started=$SECONDS
if [ -n "$setup" ]; then
  tests/setup.sh "$setup"
fi
broken=()
for stage in "${stages[@]}"; do
  log=$logs/$stage.log
  stage_note=''
  counted=$((passed + failed))
  status=0
  stage_started=$SECONDS
  printf '%-11s ' "$stage"
  # A function called in a condition runs without errexit: every stage says itself when it fails.
  "stage_$stage" > "$log" 2>&1 || status=$?
  # A stage without tests of its own, and a failure that no test reports, count as one.
  if [ "$status" -eq 0 ] && [ $((passed + failed)) -eq "$counted" ]; then
    passed=$((passed + 1))
  elif [ "$status" -ne 0 ] && [ "$status" -ne 100 ]; then
    failed=$((failed + 1))
  fi
  word=passed
  [ "$status" -eq 0 ] || word=FAILED
  printf '%s %5d s  %s\n' "$word" $((SECONDS - stage_started)) "$stage_note"
  if [ "$status" -ne 0 ]; then
    broken+=("$stage")
    tail -n 40 "$log" | sed 's/^/    /'
    echo "    The whole log: $log"
  fi
done

echo
echo "$((SECONDS - started)) s${broken[*]:+; failed stages: ${broken[*]}}"
[ "$skipped" -eq 0 ] || echo "$skipped skipped"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
