#include "samples/ota/http_post.h"

#include <curl/curl.h>
#include <memory>

#include "installer/cli/error.h"
#include "samples/ota/auth.h"

namespace romdelta::ota {
namespace {

using cli::Error;
using cli::Exit;

constexpr long kConnectTimeoutMs = 10'000;
constexpr long kTimeoutMs = 60'000;

std::size_t on_bytes(char* bytes, std::size_t, std::size_t count, void* body) {
  auto& text = *static_cast<std::string*>(body);
  if (count > limits::message_bytes - text.size()) return 0;
  text.append(bytes, count);
  return count;
}

std::string header_of(CURL* curl, const char* name) {
  curl_header* header = nullptr;
  if (curl_easy_header(curl, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK) return {};
  return header->value;
}

}  // namespace

Envelope post_message(const std::string& url, Encoding encoding, const Envelope& message) {
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> owner(curl_easy_init(),
                                                                  &curl_easy_cleanup);
  CURL* curl = owner.get();
  if (curl == nullptr) throw Error(Exit::internal, "libcurl cannot be used");
  const std::string type = std::string("Content-Type: ") + media_type_of(encoding);
  curl_slist* headers = curl_slist_append(nullptr, type.c_str());
  headers = curl_slist_append(headers, (std::string("Accept: ") + media_type_of(encoding)).c_str());
  headers = curl_slist_append(headers, "Expect:");
  if (!message.hmac_header.empty()) {
    headers = curl_slist_append(
        headers, (std::string(hmac_header_name) + ": " + message.hmac_header).c_str());
  }
  const std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> header_owner(
      headers, &curl_slist_free_all);
  Envelope reply;
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_PROXY, "");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, kConnectTimeoutMs);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, kTimeoutMs);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(curl, CURLOPT_POSTFIELDS, message.body.data());
  curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(message.body.size()));
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &on_bytes);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &reply.body);
  const CURLcode code = curl_easy_perform(curl);
  if (code != CURLE_OK) {
    throw Error(Exit::io, std::string("no DM session: ") + curl_easy_strerror(code), url,
                "it is tried again later");
  }
  long http = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &http);
  if (http != 200) {
    throw Error(Exit::io, "the server answered with HTTP " + std::to_string(http), url,
                "it is tried again later");
  }
  if (encoding_of(header_of(curl, "Content-Type")) != encoding) {
    throw Error(Exit::bad_input, "the server answered in the other encoding", url);
  }
  reply.hmac_header = header_of(curl, hmac_header_name);
  return reply;
}

}  // namespace romdelta::ota
