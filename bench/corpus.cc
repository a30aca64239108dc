#include "bench/corpus.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace romdelta::bench {

std::vector<CorpusPair> corpus_pairs() {
  std::vector<CorpusPair> pairs;
  const char* directory = std::getenv("ROMDELTA_BENCH_CORPUS");
  if (directory == nullptr) return pairs;
  std::error_code failure;
  for (const auto& entry : std::filesystem::directory_iterator(directory, failure)) {
    const std::filesystem::path& path = entry.path();
    for (const auto& [source, target] : {std::pair("source", "target"), std::pair("old", "new")}) {
      if (!exists(path / source) || !exists(path / target)) continue;
      pairs.push_back({path.filename().string(), path / source, path / target});
      break;
    }
  }
  std::ranges::sort(pairs, {}, &CorpusPair::name);
  return pairs;
}

Bytes read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace romdelta::bench
