// A datagram -> unwrap_push, decode_notification: as it is, and with the digest put right, so that
// what lies behind it is reached.
#include "installer/cli/error.h"
#include "samples/ota/notification.h"
#include "tests/fuzz/fuzz_input.h"

using namespace romdelta;
using namespace romdelta::ota;
using romdelta::test::require;

namespace {

constexpr std::size_t kDigestBytes = 16;

std::optional<Notification> decoded(std::string_view package, const Identity& server) {
  try {
    return decode_notification(package, server);
  } catch (const cli::Error&) {
    return std::nullopt;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string datagram(reinterpret_cast<const char*>(data), size);
  const Identity server{AuthType::md5, "srv", "secret", "nonce"};
  std::string package;
  try {
    package = unwrap_push(datagram);
  } catch (const cli::Error&) {
    package = datagram;
  }
  require(!decoded(package, server), "nobody guesses a digest");
  if (package.size() < kDigestBytes) return 0;
  const std::string trigger = package.substr(kDigestBytes);
  const std::string digest =
      *base64_decoded(hmac_digest(server.name, server.secret, server.nonce, trigger));
  const std::optional<Notification> notification = decoded(digest + trigger, server);
  if (!notification) return 0;
  require(notification->server_id == server.name, "only our server is listened to");
  const std::string again = encode_notification(*notification, server).substr(kDigestBytes);
  require(again.size() <= trigger.size(), "what the vendor adds follows");
  return 0;
}
