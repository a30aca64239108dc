// Vector files: "expect:" a Status, "why:" a sentence, a blank line, hex.
#pragma once

#include <string>

#include "format/status.h"
#include "tests/support/bytes.h"

namespace romdelta::test {

struct Vector {
  std::string kind;  // The folder.
  std::string name;
  Status expect = Status::ok;
  std::string why;
  Bytes bytes;
};

std::string format_vector(const Vector& vector);
// False when `text` is no vector file; kind and name are left alone.
bool parse_vector(const std::string& text, Vector* vector);

// What the parser of the vector's kind says to its bytes; Status::internal for an unknown kind.
Status status_of(const Vector& vector);

}  // namespace romdelta::test
