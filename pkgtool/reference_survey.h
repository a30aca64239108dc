// Reference survey: which references a cover copied, and what became of them.
#pragma once

#include <vector>

#include "installer/reference_finder.h"
#include "pkgtool/cover.h"
#include "pkgtool/image_layout.h"
#include "pkgtool/pipeline.h"

namespace romdelta::pkgtool {

// A reference in what was copied, with what became of it. Addresses are modulo 2^32.
struct Candidate {
  std::uint32_t offset = 0;  // In the source.
  std::uint32_t target = 0;
  std::uint32_t place = 0;
  std::uint32_t target_move = 0;
  std::uint32_t place_move = 0;
  std::uint8_t rule = 0;
  bool is_relative = false;
  bool is_same = false;    // Its bytes are the same in source and target.
  bool is_repeat = false;  // They differ as those of the one before did: the codec sees that.
};

// Whether something may have moved so far (modulo 2^64), or it is an accident.
bool is_plausible_move(std::uint64_t move);

// Nothing of what it is given is copied.
class ReferenceSurvey {
 public:
  // A sample takes one of so many pieces.
  static constexpr std::uint64_t sample_every = 8;

  ReferenceSurvey(ByteSpan source, ByteSpan target, const Cover& cover,
                  const ImageLayouts& layouts);

  // Appends the references of one rule. Of `map` only base and addresses count. `sample`: of part
  // of the image.
  void collect(std::uint32_t rule, const AddressMap& map, bool sample,
               std::vector<Candidate>* candidates);

 private:
  // How a word changed, as the codec remembers it.
  struct KnownChange {
    std::uint32_t word = 0;
    std::uint32_t change = 0;
  };
  static constexpr unsigned known_bits = 10;

  const Table* table_at(std::uint64_t offset, std::uint64_t* end) const;
  bool examine(const Reference& found, const Match& match, std::uint32_t rule, const Table* table,
               Candidate* candidate) const;
  bool is_repeat(std::uint64_t source_offset, std::uint64_t target_offset, unsigned size);

  const Cover& cover_;
  const ImageLayouts& layouts_;
  ImageView source_;
  ImageView target_;
  std::uint32_t last_change_ = 0;
  std::vector<KnownChange> known_changes_ = std::vector<KnownChange>(std::size_t{1} << known_bits);
};

}  // namespace romdelta::pkgtool
