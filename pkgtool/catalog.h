// Catalog: the packages on the shelf, a folder of them. A file that is damaged, foreign or cannot
// be read is left out, never a reason to stop.
#pragma once

#include <string>
#include <vector>

#include "format/super_package.h"
#include "pkgtool/pipeline.h"

namespace romdelta::pkgtool {

struct CatalogPackage {
  std::string path;
  std::uint64_t file_bytes = 0;
  PackageHead head;
  // ok, or why no trusted key stands for it: then nothing of `head` is more than a claim, good for
  // saying why a package was not chosen.
  Status trust = Status::ok;
};

// A super package whose head and members are all good.
struct CatalogSuper {
  std::string path;
  std::uint64_t head_bytes = 0;
  std::uint64_t arena_bytes = 0;  // What an installer needs for any of its members.
  SuperFacts facts;
  std::vector<SuperRequirement> requirements;
  std::vector<CatalogPackage> members;  // In the order of the file; `path` is empty.
};

struct SkippedFile {
  std::string path;
  std::string reason;
};

struct Catalog {
  std::vector<CatalogPackage> packages;  // In ascending order of paths, as bytes.
  std::vector<CatalogSuper> supers;      // The same.
  std::vector<SkippedFile> skipped;      // With the packages that nobody vouches for.
};

// Every file of `folder` and the folders in it whose name ends in .pku or .pks. Files are verified
// to the last chunk; links to folders are not followed. Throws Error (bad_input) when the folder
// cannot be read.
Catalog read_catalog(const std::string& folder, TrustedKeys keys, const StageProgress& progress);

// A path or name as it may be shown: what is not printable ASCII is written as \xNN.
std::string printable(const std::string& text);

}  // namespace romdelta::pkgtool
