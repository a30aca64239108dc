// Runs every vector file. With --update DIRECTORY it writes them instead.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/vectors/vector_cases.h"

namespace romdelta::test {
namespace {

namespace fs = std::filesystem;

std::string read_file(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

fs::path path_of(const fs::path& directory, const Vector& vector) {
  return directory / vector.kind / (vector.name + ".vec");
}

std::vector<fs::path> vector_files() {
  std::vector<fs::path> paths;
  for (const auto& entry : fs::recursive_directory_iterator(ROMDELTA_VECTORS_DIR)) {
    if (entry.path().extension() == ".vec") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

TEST(Vectors, GiveTheStatusThatTheyName) {
  const std::vector<fs::path> paths = vector_files();
  EXPECT_GE(paths.size(), vector_cases().size());
  for (const fs::path& path : paths) {
    SCOPED_TRACE(path.filename());
    Vector vector;
    vector.kind = path.parent_path().filename();
    ASSERT_TRUE(parse_vector(read_file(path), &vector));
    EXPECT_EQ(status_of(vector), vector.expect) << vector.why;
    EXPECT_FALSE(vector.why.empty());
  }
}

TEST(Vectors, AreTheFilesThatTheirCasesMake) {
  for (const Vector& vector : vector_cases()) {
    const fs::path path = path_of(ROMDELTA_VECTORS_DIR, vector);
    EXPECT_EQ(read_file(path), format_vector(vector)) << path.filename();
  }
}

TEST(VectorFile, IsRefusedWithoutItsParts) {
  Vector vector;
  EXPECT_TRUE(parse_vector("expect: ok\nwhy: x\n\n00\n", &vector));
  EXPECT_TRUE(parse_vector("expect: ok\nwhy: x\n\n", &vector));
  EXPECT_FALSE(parse_vector("expect: fine\nwhy: x\n\n00\n", &vector));
  EXPECT_FALSE(parse_vector("why: x\n\n00\n", &vector));
  EXPECT_FALSE(parse_vector("expect: ok\nwhy: x\n00\n", &vector));
  EXPECT_FALSE(parse_vector("expect: ok\nwhy: x\n\n0\n", &vector));
  EXPECT_FALSE(parse_vector("expect: ok\nwhy: x\n\nzz\n", &vector));
}

int update(const fs::path& directory) {
  for (const Vector& vector : vector_cases()) {
    const fs::path path = path_of(directory, vector);
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << format_vector(vector);
  }
  return 0;
}

}  // namespace
}  // namespace romdelta::test

int main(int argument_count, char** arguments) {
  ::testing::InitGoogleTest(&argument_count, arguments);
  if (argument_count == 3 && std::string_view(arguments[1]) == "--update") {
    return romdelta::test::update(arguments[2]);
  }
  return RUN_ALL_TESTS();
}
