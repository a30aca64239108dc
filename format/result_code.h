// FUMO result codes (OMA FUMO 1.0.x) and the one table that maps Status to them.
#pragma once

#include <cstdint>

#include "format/status.h"

namespace romdelta {

// The integer a device reports to its management server when an operation has ended. Codes 450-499
// are the vendor range: romdelta's own, docs/result-codes.md says what each asks of the operator.
enum class ResultCode : std::uint16_t {
  successful = 200,
  management_client_error = 400,
  user_cancelled = 401,
  corrupted_package = 402,
  device_mismatch = 403,
  failed_validation = 404,
  not_acceptable = 405,
  download_unauthorised = 406,
  download_timed_out = 407,
  not_implemented = 408,
  undefined_error = 409,
  update_failed = 410,
  bad_url = 411,
  server_unavailable = 412,
  rollback_refused = 451,
  mix_and_match = 452,
  expired = 453,
  key_refused = 454,
  source_damaged = 455,
  update_pending = 456,
  flash_error = 457,
  counter_store_failed = 458,
  server_error = 500,
  no_room_for_download = 501,
  no_room_for_update = 502,
  network_failed = 503,
};

// One row of the table: what a Status is called towards a server and towards a person.
struct ResultRow {
  Status status;
  ResultCode code;
  const char* meaning;  // One sentence: what happened.
  const char* action;   // One sentence: what the operator does about it.
};

// The row for `status`; an unknown number gets the row of Status::internal. Never fails.
const ResultRow& result_row(Status status);

// Shorthand for result_row(status).code.
ResultCode result_code(Status status);

// FUMO's name for a code ("Successful", ...). Never null.
const char* to_string(ResultCode code);

}  // namespace romdelta
