// The first bytes of a file -> head_bytes_needed, inspect_head and verify_head, given whole and as
// they trickle in.
#include <algorithm>

#include "format/package.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/support/test_key.h"

using namespace romdelta;
using namespace romdelta::test;

namespace {

// What a device does: buffers as many bytes as it is told and asks again.
Status step(ByteSpan file, std::size_t* head_bytes) {
  std::size_t have = 0;
  std::size_t needed = package_header_bytes;
  for (int steps = 0; needed > have; ++steps) {
    require(steps < 4, "a head is complete after three steps");
    require(needed <= limits::head_bytes_max, "a head is never larger than its window");
    if (needed > file.size()) return Status::truncated;
    have = needed;
    const Bytes buffer = to_bytes(file.first(have));
    const Status status = head_bytes_needed(buffer, &needed);
    if (status != Status::ok) return status;
    require(needed >= have, "a head does not shrink");
  }
  *head_bytes = have;
  return Status::ok;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes file(data, data + size);
  std::size_t head_bytes = 0;
  const Status stepped = step(file, &head_bytes);

  PackageHead inspected;
  const Status whole = inspect_head(file, &inspected);
  if (stepped != Status::ok) {
    require(whole == stepped, "a head is refused alike whole and in steps");
    return 0;
  }
  static const TestKey key = test_key(1);
  PackageHead verified;
  const Bytes exact = to_bytes(ByteSpan(file).first(head_bytes));
  const Status signature = verify_head(exact, {&key.public_key, 1}, &verified);
  require(verify_head(exact, {}, &verified) != Status::ok, "without a key nothing is accepted");
  if (signature == Status::ok) require(whole == Status::ok, "what verifies can be inspected");
  if (whole != Status::ok) return 0;
  require(inspected.head_bytes == head_bytes, "both say where the payload begins");
  const Bytes list =
      written_by([&](ByteWriter* writer) { encode_signature_list(inspected.signatures, writer); });
  require(std::ranges::equal(list, ByteSpan(exact).last(list.size())),
          "a signature list has one encoding");
  require(inspected.manifest_digest ==
              signed_part_digest(ByteSpan(exact).first(head_bytes - list.size())),
          "the digest is of header and manifest");
  return 0;
}
