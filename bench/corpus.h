// Real images beside the made-up ones: the pairs of the directory that the environment variable
// ROMDELTA_BENCH_CORPUS names, laid out as for bench/compare.
#pragma once

#include <string>
#include <vector>

#include "bench/firmware.h"

namespace romdelta::bench {

struct CorpusPair {
  std::string name;
  std::string source_path;
  std::string target_path;
};

// In the order of their names; empty when the variable is not set.
std::vector<CorpusPair> corpus_pairs();

// Empty when the file cannot be read.
Bytes read_file(const std::string& path);

}  // namespace romdelta::bench
