// Super packages for tests, made from the encoders of format/ only.
#pragma once

#include <span>
#include <vector>

#include "format/super_package.h"
#include "tests/support/bytes.h"
#include "tests/support/random.h"
#include "tests/support/test_key.h"

namespace romdelta::test {

// What a super package is made from: its members are whole packages, in the order of the file.
struct SuperPlan {
  SuperFacts facts;
  std::vector<SuperRequirement> requirements;
  std::vector<Bytes> members;
};

struct MadeSuper {
  std::vector<SuperMember> members;
  Bytes head;
  Bytes file;
};

// The entry of a package, as its manifest has it.
SuperMember member_of(ByteSpan package);
SuperRequirement requirement_of(std::string_view package_id,
                                std::span<const std::string_view> versions);

Bytes make_super_head(const SuperFacts& facts, std::span<const SuperRequirement> requirements,
                      std::span<const SuperMember> members, std::span<const TestKey> keys);
MadeSuper make_super(const SuperPlan& plan, std::span<const TestKey> keys);
// Signed by test_key(1).
MadeSuper make_super(const SuperPlan& plan);

// One that keeps every rule of docs/format.md section 15.2, without the members' files.
struct RandomSuper {
  SuperFacts facts;
  std::vector<SuperRequirement> requirements;
  std::vector<SuperMember> members;
};
RandomSuper random_super(Random* random);
// Two ROM packages for the other slot, one of them from two sources or in full; one in place.
RandomSuper sample_super();
Bytes encoded(const RandomSuper& super);

}  // namespace romdelta::test
