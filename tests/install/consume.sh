#!/bin/sh
# Builds and runs the consumers in one of the three ways that a project can use the libraries.
#   consume.sh find_package|add_subdirectory|pkg_config SOURCE_DIR PREFIX WORK_DIR
# CC, CXX, CFLAGS and CXXFLAGS are those of the build under test.
set -eu

way=$1 source_dir=$2 prefix=$3 work_dir=$4
here=$source_dir/tests/install
rm -rf "$work_dir"
mkdir -p "$work_dir"

case $way in
  find_package | add_subdirectory)
    cmake -S "$here/$way" -B "$work_dir" -G Ninja \
      -DCMAKE_PREFIX_PATH="$prefix" -DROMDELTA_SOURCE_DIR="$source_dir"
    cmake --build "$work_dir"
    ;;
  pkg_config)
    PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name romdelta-installer.pc)")
    export PKG_CONFIG_PATH
    flags=$(pkg-config --cflags --libs romdelta-installer)
    dm_flags=$(pkg-config --cflags --libs romdelta-dm)
    # Word splitting is what flags are made for. The C compiler links the C program: the engine
    # must not need the C++ run-time library.
    # shellcheck disable=SC2086
    "$CXX" -std=c++20 ${CXXFLAGS:-} "$here/consumer.cc" $flags -o "$work_dir/consumer_cxx"
    # shellcheck disable=SC2086
    "$CC" -std=c11 ${CFLAGS:-} "$here/consumer.c" $dm_flags -o "$work_dir/consumer_c"
    ;;
  *)
    echo "consume.sh: unknown way: $way" >&2
    exit 2
    ;;
esac

"$work_dir/consumer_cxx"
"$work_dir/consumer_c"
