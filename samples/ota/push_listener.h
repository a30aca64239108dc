// PushListener: where notifications arrive, a UDP port. On a telephone it is the SMS centre's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace romdelta::ota {

class PushListener {
 public:
  // Throws cli::Error (io) when the port cannot be had. Port 0: nothing ever arrives.
  PushListener(const std::string& host, std::uint16_t port);
  ~PushListener();
  PushListener(const PushListener&) = delete;
  PushListener& operator=(const PushListener&) = delete;

  // The next datagram, or nullopt after `timeout_ms`, or earlier when a signal came.
  std::optional<std::string> wait(int timeout_ms) const;

 private:
  int socket_ = -1;
};

// Sends one datagram. False when it cannot be sent; whether it arrives nobody knows.
bool send_datagram(const std::string& host, std::uint16_t port, const std::string& bytes);

// "127.0.0.1:2948". Throws cli::Error (bad_input); `where` names the key.
void parse_host_and_port(const std::string& text, const std::string& where, std::string* host,
                         std::uint16_t* port);

}  // namespace romdelta::ota
