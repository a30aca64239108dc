#include "samples/ota/download.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "installer/cli/error.h"
#include "samples/ota/files.h"

namespace romdelta::ota {
namespace {

namespace fs = std::filesystem;
using cli::Error;
using cli::Exit;
using Json = nlohmann::json;

// What is lost at most when the device dies: curl hands over every piece it reads.
constexpr long kBufferBytes = 16 << 10;
constexpr long kRedirectsMax = 3;
// A server that gives a byte each time does not keep a device busy for ever.
constexpr int kRequestsMax = 1000;

std::string system_error() { return std::strerror(errno); }

// A file descriptor, and what makes its bytes durable.
class OutputFile {
 public:
  explicit OutputFile(const std::string& path)
      : path_(path), descriptor_(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)) {
    if (descriptor_ < 0) throw Error(Exit::io, "cannot write: " + system_error(), path);
  }
  ~OutputFile() { (void)::close(descriptor_); }
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  std::uint64_t size() const {
    struct stat facts {};
    if (::fstat(descriptor_, &facts) != 0) throw Error(Exit::io, system_error(), path_);
    return static_cast<std::uint64_t>(facts.st_size);
  }
  void truncate() {
    if (::ftruncate(descriptor_, 0) != 0) throw Error(Exit::io, system_error(), path_);
  }
  // False when the store is full or broken.
  bool write(std::uint64_t offset, const char* bytes, std::size_t count) {
    while (count > 0) {
      const ssize_t done = ::pwrite(descriptor_, bytes, count, static_cast<off_t>(offset));
      if (done < 0 && errno == EINTR) continue;
      if (done <= 0) return false;
      bytes += done;
      offset += static_cast<std::uint64_t>(done);
      count -= static_cast<std::size_t>(done);
    }
    return true;
  }
  bool sync() { return ::fdatasync(descriptor_) == 0; }

 private:
  std::string path_;
  int descriptor_;
};

struct Answer {
  CURLcode code = CURLE_OK;
  long http = 0;
  std::string error;
  std::optional<std::uint64_t> length;  // Of the whole package.
  std::optional<std::uint64_t> range_offset;
  std::string validator;  // A strong ETag, or Last-Modified.
};

// "bytes 100-199/1000": where the piece begins, and the size of the whole.
void read_content_range(std::string_view value, Answer* answer) {
  if (!value.starts_with("bytes ")) return;
  value.remove_prefix(6);
  const std::size_t slash = value.find('/');
  if (slash == std::string_view::npos) return;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  if (std::from_chars(value.data(), value.data() + slash, offset).ec == std::errc()) {
    answer->range_offset = offset;
  }
  const char* end = value.data() + value.size();
  if (std::from_chars(value.data() + slash + 1, end, length).ec == std::errc()) {
    answer->length = length;
  }
}

std::string header_of(CURL* curl, const char* name) {
  curl_header* header = nullptr;
  if (curl_easy_header(curl, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK) return {};
  return header->value;
}

class Download {
 public:
  explicit Download(const DownloadOptions& options)
      : options_(options),
        part_path_(options.path + ".part"),
        note_path_(options.path + ".part.json"),
        curl_(curl_easy_init(), &curl_easy_cleanup) {
    if (!curl_) throw Error(Exit::internal, "libcurl cannot be used");
  }

  DownloadResult run() {
    if (!is_url_good()) return end(Status::bad_url, "not an address of HTTP: " + options_.url);
    int failures = 0;
    while (true) {
      const std::uint64_t before = result_.received_bytes;
      const TransferVerdict verdict = attempt();
      if (verdict.status == Status::ok) return end(Status::ok, "complete");
      failures = result_.received_bytes > before ? 1 : failures + 1;
      if (!verdict.may_retry || failures >= options_.attempts || result_.requests >= kRequestsMax) {
        return end(verdict.status, text_);
      }
      const int pause_ms = std::min(options_.pause_ms_max, options_.pause_ms << (failures - 1));
      log(text_ + "; again in " + std::to_string(pause_ms) + " ms");
      std::this_thread::sleep_for(std::chrono::milliseconds(pause_ms));
    }
  }

 private:
  bool is_url_good() const {
    const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> url(curl_url(), &curl_url_cleanup);
    if (curl_url_set(url.get(), CURLUPART_URL, options_.url.c_str(), 0) != CURLUE_OK) return false;
    return options_.url.starts_with("http://") || options_.url.starts_with("https://");
  }

  // HEAD once, then the rest of the package.
  TransferVerdict attempt() {
    if (!total_) {
      const TransferVerdict verdict = ask();
      if (verdict.status != Status::ok) return verdict;
    }
    OutputFile file(part_path_);
    std::uint64_t have = file.size();
    if (!note_matches() || have > *total_) {
      file.truncate();
      have = 0;
      write_note();
    }
    result_.total_bytes = *total_;
    if (!has_room(*total_ - have)) return {Status::no_room_for_download, false};
    if (have < *total_) {
      const TransferVerdict verdict = fetch(&file, have);
      if (verdict.status != Status::ok) return verdict;
    }
    if (!file.sync()) return fail(Status::no_room_for_download, "the package cannot be stored");
    return {};
  }

  TransferVerdict ask() {
    Answer answer;
    prepare(&answer);
    curl_easy_setopt(curl_.get(), CURLOPT_NOBODY, 1L);
    const TransferVerdict verdict = perform(&answer, "HEAD");
    if (verdict.status != Status::ok) return verdict;
    curl_off_t length = -1;
    curl_easy_getinfo(curl_.get(), CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    if (length <= 0) {
      return fail(Status::server_error, "the server does not say how large the package is");
    }
    total_ = static_cast<std::uint64_t>(length);
    validator_ = answer.validator;
    return {};
  }

  TransferVerdict fetch(OutputFile* file, std::uint64_t offset) {
    Answer answer;
    prepare(&answer);
    file_ = file;
    at_ = offset;
    is_checked_ = store_failed_ = cancelled_ = false;
    const std::string range = std::to_string(offset) + '-' + std::to_string(*total_ - 1);
    curl_easy_setopt(curl_.get(), CURLOPT_RANGE, range.c_str());
    curl_easy_setopt(curl_.get(), CURLOPT_WRITEFUNCTION, &on_bytes);
    curl_easy_setopt(curl_.get(), CURLOPT_WRITEDATA, this);
    curl_slist* headers = nullptr;
    if (!validator_.empty()) {
      headers = curl_slist_append(nullptr, ("If-Range: " + validator_).c_str());
    }
    const std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> owner(headers,
                                                                            &curl_slist_free_all);
    curl_easy_setopt(curl_.get(), CURLOPT_HTTPHEADER, headers);
    const TransferVerdict verdict = perform(&answer, "GET");
    if (cancelled_) return fail(Status::cancelled, "cancelled");
    if (store_failed_) return fail(Status::no_room_for_download, "the package cannot be stored");
    if (is_other_package_ || answer.http == 416) {
      // Not what HEAD said, or what has arrived is of another one: ask again.
      total_.reset();
      file->truncate();
      is_other_package_ = false;
      return fail(Status::server_error, "the package on the server changed", true);
    }
    if (verdict.status != Status::ok) return verdict;
    if (at_ != *total_) return fail(Status::network_failed, "the transfer ended early", true);
    return {};
  }

  void prepare(Answer* answer) {
    CURL* curl = curl_.get();
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, options_.url.c_str());
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, kRedirectsMax);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, kBufferBytes);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, long{options_.connect_timeout_ms});
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, long{options_.stall_timeout_s});
    if (!options_.user.empty()) {
      curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BASIC | CURLAUTH_DIGEST);
      curl_easy_setopt(curl, CURLOPT_USERNAME, options_.user.c_str());
      curl_easy_setopt(curl, CURLOPT_PASSWORD, options_.password.c_str());
    }
    curl_error_[0] = '\0';
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, curl_error_);
    *answer = {};
  }

  TransferVerdict perform(Answer* answer, const char* method) {
    ++result_.requests;
    CURL* curl = curl_.get();
    answer->code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer->http);
    answer->validator = header_of(curl, "ETag");
    if (answer->validator.starts_with("W/")) answer->validator.clear();
    if (answer->validator.empty()) answer->validator = header_of(curl, "Last-Modified");
    const TransferVerdict verdict = judge_transfer(answer->code, answer->http);
    if (verdict.status != Status::ok) {
      text_ = std::string(method) + ": ";
      if (answer->code != CURLE_OK) {
        text_ += curl_error_[0] != '\0' ? curl_error_ : curl_easy_strerror(answer->code);
      } else {
        text_ += "HTTP " + std::to_string(answer->http);
      }
    }
    return verdict;
  }

  static std::size_t on_bytes(char* bytes, std::size_t, std::size_t count, void* self) {
    return static_cast<Download*>(self)->take(bytes, count) ? count : 0;
  }

  bool take(const char* bytes, std::size_t count) {
    long http = 0;
    curl_easy_getinfo(curl_.get(), CURLINFO_RESPONSE_CODE, &http);
    if (http != 200 && http != 206) return true;  // Words about an error.
    if (!is_checked_) {
      is_checked_ = true;
      Answer answer;
      read_content_range(header_of(curl_.get(), "Content-Range"), &answer);
      if (http == 200) {
        // The whole package: it changed, or the server does not know ranges.
        is_other_package_ = at_ > 0;
      } else {
        is_other_package_ = answer.range_offset != at_ || answer.length != total_;
      }
      if (is_other_package_) return false;
    }
    if (count > *total_ - at_) {
      is_other_package_ = true;
      return false;
    }
    store_failed_ = !file_->write(at_, bytes, count);
    if (store_failed_) return false;
    at_ += count;
    result_.received_bytes += count;
    cancelled_ = options_.progress && !options_.progress(at_, *total_);
    return !cancelled_;
  }

  bool has_room(std::uint64_t more_bytes) {
    const fs::path folder = fs::absolute(options_.path).parent_path();
    struct statvfs facts {};
    if (::statvfs(folder.c_str(), &facts) != 0) {
      throw Error(Exit::io, "cannot ask for free space: " + system_error(), folder);
    }
    const std::uint64_t free_bytes = std::uint64_t{facts.f_bavail} * facts.f_frsize;
    if (more_bytes <= free_bytes && *total_ <= options_.space_bytes_max) return true;
    text_ = "the package takes " + std::to_string(*total_) + " bytes; there is room for " +
            std::to_string(std::min(free_bytes, options_.space_bytes_max));
    return false;
  }

  Json note() const {
    return {{"url", options_.url}, {"total_bytes", *total_}, {"validator", validator_}};
  }

  bool note_matches() const {
    std::ifstream file(note_path_);
    return Json::parse(file, nullptr, false) == note();
  }

  void write_note() const {
    std::ofstream file(note_path_);
    file << note();
    if (!file.flush()) throw Error(Exit::io, "cannot write", note_path_);
  }

  TransferVerdict fail(Status status, const std::string& text, bool may_retry = false) {
    text_ = text;
    return {status, may_retry};
  }

  DownloadResult end(Status status, const std::string& text) {
    result_.status = status;
    result_.text = text;
    if (status == Status::ok) {
      fs::rename(part_path_, options_.path);
      fs::remove(note_path_);
      sync_folder(fs::absolute(options_.path).parent_path());
    } else {
      discard_download(options_.path);
    }
    return result_;
  }

  void log(const std::string& line) const {
    if (options_.log) options_.log(line);
  }

  DownloadOptions options_;
  std::string part_path_;
  std::string note_path_;
  std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl_;
  char curl_error_[CURL_ERROR_SIZE] = {};
  std::string text_;
  DownloadResult result_;
  std::optional<std::uint64_t> total_;
  std::string validator_;
  // Of the transfer that runs.
  OutputFile* file_ = nullptr;
  std::uint64_t at_ = 0;
  bool is_checked_ = false;
  bool is_other_package_ = false;
  bool store_failed_ = false;
  bool cancelled_ = false;
};

}  // namespace

DownloadResult download(const DownloadOptions& options) { return Download(options).run(); }

void discard_download(const std::string& path) {
  std::error_code ignored;
  for (const char* suffix : {"", ".part", ".part.json"}) fs::remove(path + suffix, ignored);
}

TransferVerdict judge_transfer(int curl_code, long http_code) {
  switch (curl_code) {
    case CURLE_OK: break;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL: return {Status::bad_url, false};
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT: return {Status::server_unavailable, true};
    case CURLE_OPERATION_TIMEDOUT: return {Status::download_timed_out, true};
    case CURLE_LOGIN_DENIED: return {Status::download_unauthorised, false};
    case CURLE_TOO_MANY_REDIRECTS: return {Status::server_error, false};
    default: return {Status::network_failed, true};
  }
  if (http_code >= 200 && http_code < 300) return {};
  switch (http_code) {
    case 401:
    case 403:
    case 407: return {Status::download_unauthorised, false};
    case 408: return {Status::download_timed_out, true};
    case 502:
    case 503:
    case 504: return {Status::server_unavailable, true};
    default: return {Status::server_error, http_code >= 500};
  }
}

}  // namespace romdelta::ota
