#include "samples/ota/push_listener.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "installer/cli/error.h"

namespace romdelta::ota {
namespace {

using cli::Error;
using cli::Exit;

constexpr std::size_t kDatagramBytesMax = 2048;

bool address_of(const std::string& host, std::uint16_t port, sockaddr_in* address) {
  *address = {};
  address->sin_family = AF_INET;
  address->sin_port = htons(port);
  return ::inet_pton(AF_INET, host.c_str(), &address->sin_addr) == 1;
}

const sockaddr* generic(const sockaddr_in& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

}  // namespace

PushListener::PushListener(const std::string& host, std::uint16_t port) {
  if (port == 0) return;
  sockaddr_in address;
  if (!address_of(host, port, &address)) {
    throw Error(Exit::bad_input, "'" + host + "' is not an IPv4 address", "device.push");
  }
  socket_ = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket_ < 0 || ::bind(socket_, generic(address), sizeof(address)) != 0) {
    const std::string why = std::strerror(errno);
    if (socket_ >= 0) (void)::close(socket_);
    throw Error(Exit::io, "cannot listen: " + why, host + ':' + std::to_string(port));
  }
}

PushListener::~PushListener() {
  if (socket_ >= 0) (void)::close(socket_);
}

std::optional<std::string> PushListener::wait(int timeout_ms) const {
  pollfd wanted{socket_, POLLIN, 0};
  if (::poll(&wanted, socket_ >= 0 ? 1 : 0, timeout_ms) <= 0) return std::nullopt;
  std::string bytes(kDatagramBytesMax, '\0');
  const ssize_t count = ::recv(socket_, bytes.data(), bytes.size(), 0);
  if (count < 0) return std::nullopt;
  bytes.resize(static_cast<std::size_t>(count));
  return bytes;
}

bool send_datagram(const std::string& host, std::uint16_t port, const std::string& bytes) {
  sockaddr_in address;
  if (!address_of(host, port, &address)) return false;
  const int descriptor = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return false;
  const ssize_t sent =
      ::sendto(descriptor, bytes.data(), bytes.size(), 0, generic(address), sizeof(address));
  (void)::close(descriptor);
  return sent == static_cast<ssize_t>(bytes.size());
}

void parse_host_and_port(const std::string& text, const std::string& where, std::string* host,
                         std::uint16_t* port) {
  const std::size_t colon = text.rfind(':');
  std::uint16_t number = 0;
  const char* end = text.data() + text.size();
  if (colon == std::string::npos || colon == 0 ||
      std::from_chars(text.data() + colon + 1, end, number).ptr != end || number == 0) {
    throw Error(Exit::bad_input, "'" + text + "' is not HOST:PORT", where);
  }
  *host = text.substr(0, colon);
  *port = number;
}

}  // namespace romdelta::ota
