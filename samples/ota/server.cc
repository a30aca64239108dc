#include "samples/ota/server.h"

#include <httplib.h>
#include <atomic>
#include <chrono>
#include <csignal>
#include <ctime>
#include <filesystem>
#include <iostream>
#include <thread>

#include "installer/cli/error.h"
#include "samples/ota/push_listener.h"
#include "samples/ota/status_page.h"

namespace romdelta::ota {
namespace {

using cli::Error;
using cli::Exit;

constexpr auto kTick = std::chrono::milliseconds(200);

volatile std::sig_atomic_t stop_asked = 0;
void on_stop(int) { stop_asked = 1; }

std::uint64_t now_s() { return static_cast<std::uint64_t>(std::time(nullptr)); }

void add_routes(Server* server, httplib::Server* http) {
  http->set_payload_max_length(limits::message_bytes);
  http->Get("/", [server](const httplib::Request&, httplib::Response& response) {
    response.set_content(server->page(), "text/html; charset=utf-8");
  });
  http->Get("/devices.json", [server](const httplib::Request&, httplib::Response& response) {
    response.set_content(server->json(), "application/json");
  });
  http->Post("/dm", [server](const httplib::Request& request, httplib::Response& response) {
    try {
      const Encoding encoding = encoding_of(request.get_header_value("Content-Type"));
      const Envelope answer =
          server->answer({request.body, request.get_header_value(hmac_header_name)}, encoding);
      if (!answer.hmac_header.empty()) {
        response.set_header(hmac_header_name, answer.hmac_header);
      }
      response.set_content(answer.body, media_type_of(encoding));
    } catch (const Error& error) {
      std::cerr << "server: " << error.what() << " (" << error.where() << ")\n";
      response.status = error.exit() == Exit::bad_input ? 400 : 500;
      response.set_content(std::string(error.what()) + '\n', "text/plain");
    }
  });
}

}  // namespace

Server::Server(const ServerConfig& config)
    : config_(config), shelf_(config_.campaign, config_.state_folder) {
  std::filesystem::create_directories(config_.state_folder + "/devices");
  for (const DeviceAccount& account : config_.devices) {
    Client client;
    client.account = account;
    client.record = load_record(config_.state_folder + "/devices", account.id);
    if (client.record.client_nonce.empty()) client.record.client_nonce = account.client.nonce;
    if (client.record.server_nonce.empty()) client.record.server_nonce = account.server.nonce;
    clients_.emplace(account.id, std::move(client));
  }
}

Server::~Server() = default;

Server::Client& Server::client_of(const Message& message) {
  const auto found = clients_.find(message.source);
  if (found == clients_.end()) {
    throw Error(Exit::bad_input, "a device that is not known", message.source.substr(0, 80),
                "add it to server.toml");
  }
  return found->second;
}

void Server::begin_session(Client* client, const std::string& session_id) {
  DeviceAccount account = client->account;
  account.client.nonce = client->record.client_nonce;
  account.server.nonce = client->record.server_nonce;
  client->session.reset();
  client->campaign = std::make_unique<Campaign>(config_.campaign, shelf_, &client->record, now_s());
  client->session =
      std::make_unique<ServerSession>(config_.url, account, client->campaign.get(), session_id);
}

Envelope Server::answer(const Envelope& received, Encoding encoding) {
  const Message message = decode(received.body, encoding);
  const std::lock_guard<std::mutex> lock(mutex_);
  Client& client = client_of(message);
  // A device that was restarted begins at message 1 again.
  if (!client.session || client.session->session_id() != message.session_id ||
      message.message_id == "1") {
    begin_session(&client, message.session_id);
    if (!config_.log_folder.empty()) {
      const std::string folder =
          config_.log_folder + '/' +
          std::to_string(std::distance(clients_.begin(), clients_.find(message.source)));
      client.log = std::make_unique<MessageLog>(folder, encoding);
    }
  }
  const auto keep = [&] {
    client.record.client_nonce = client.session->client_nonce();
    client.record.server_nonce = client.session->server_nonce();
    save_record(client.record, config_.state_folder + "/devices");
  };
  try {
    const Message answer = client.session->answer(message, received);
    Envelope sealed = client.session->seal(answer, encoding);
    keep();
    return sealed;
  } catch (...) {
    // The device has the new nonces, whatever became of its message.
    keep();
    throw;
  }
}

void Server::notify() {
  const std::lock_guard<std::mutex> lock(mutex_);
  const std::uint64_t now = now_s();
  for (auto& [id, client] : clients_) {
    const bool is_due = now >= client.called_s + config_.notify_s &&
                        now >= client.record.last_seen_s + config_.notify_s;
    if (client.account.push_port == 0 || !is_due || !Campaign::wants_session(client.record, now)) {
      continue;
    }
    client.called_s = now;
    Identity identity = client.account.server;
    identity.nonce = client.record.server_nonce;
    // The upper half, so that it is none that the device begins by itself.
    client.record.session_id =
        static_cast<std::uint16_t>(0x8000 | ((client.record.session_id + 1) & 0x7FFF));
    const std::string package = encode_notification(
        {config_.campaign.ui_mode, true, client.record.session_id, config_.id}, identity);
    if (send_datagram(client.account.push_host, client.account.push_port, wrap_push(package))) {
      std::cerr << "server: notified " << id << '\n';
    }
  }
}

std::vector<DeviceRecord> Server::records() {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::vector<DeviceRecord> records;
  records.reserve(clients_.size());
  for (const auto& [id, client] : clients_) records.push_back(client.record);
  return records;
}

std::string Server::page() { return status_page(config_, records(), now_s()); }

std::string Server::json() { return status_json(config_, records()); }

void Server::run() {
  (void)std::signal(SIGTERM, on_stop);
  (void)std::signal(SIGINT, on_stop);
  httplib::Server http;
  add_routes(this, &http);
  if (!http.bind_to_port(config_.host, config_.port)) {
    throw Error(Exit::io, "cannot listen", config_.host + ':' + std::to_string(config_.port));
  }
  std::atomic<bool> is_over = false;
  std::thread ticker([&] {
    while (stop_asked == 0 && !is_over) {
      notify();
      std::this_thread::sleep_for(kTick);
    }
    http.stop();
  });
  std::cerr << "server: " << config_.url << ", release " << config_.campaign.release << '\n';
  http.listen_after_bind();
  is_over = true;
  ticker.join();
}

}  // namespace romdelta::ota
