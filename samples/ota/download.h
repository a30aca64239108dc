// The download agent: fetches one package by HTTP into a file, and goes on where it stopped, after
// errors of the network and after power loss.
//
//   FILE.part        what has arrived, in order
//   FILE.part.json   of which package that is: URL, size, validator
//   FILE             the whole package, durable
//
// HEAD says how large the package is; then GET with a range, also for the first byte. If the
// package on the server is another one than at the last attempt (If-Range), the download begins
// anew. Nothing here is trusted: the installer authenticates every byte.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "format/status.h"

namespace romdelta::ota {

struct DownloadOptions {
  std::string url;
  std::string path;  // FILE; its folder must exist.
  std::string user;  // For the package server; empty: none.
  std::string password;
  std::uint64_t space_bytes_max = UINT64_MAX;  // Of the device's package store.
  int attempts = 6;                            // In a row without one new byte.
  int pause_ms = 500;                          // Before the second attempt; doubles with each.
  int pause_ms_max = 60'000;
  int connect_timeout_ms = 10'000;
  int stall_timeout_s = 20;  // Without a byte.
  // Called as bytes arrive; may be empty. False stops: the result is Status::cancelled.
  std::function<bool(std::uint64_t done_bytes, std::uint64_t total_bytes)> progress;
  // One line on each attempt that failed, for a log; may be empty.
  std::function<void(const std::string& line)> log;
};

struct DownloadResult {
  Status status = Status::ok;        // Or a failure of the download in format/status.h.
  std::string text;                  // What happened, for people.
  std::uint64_t received_bytes = 0;  // In this call.
  std::uint64_t total_bytes = 0;
  int requests = 0;
};

// Returns when the package is durable at `path`, or the download has failed for good: then nothing
// is left of it. Throws cli::Error (io) when the folder cannot be written to at all.
DownloadResult download(const DownloadOptions& options);

// Deletes what a download of `path` has left. What is gone already is no error.
void discard_download(const std::string& path);

// What curl and the server said -> the status to report, and whether another attempt may help.
// `curl_code` is a CURLcode, `http_code` 0 when there was no answer.
struct TransferVerdict {
  Status status = Status::ok;
  bool may_retry = false;
};
TransferVerdict judge_transfer(int curl_code, long http_code);

}  // namespace romdelta::ota
