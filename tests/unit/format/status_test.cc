#include "format/status.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "format/result_code.h"
#include "tests/support/bytes.h"

namespace romdelta {
namespace {

Status status_number(unsigned number) { return static_cast<Status>(number); }

TEST(Status, HasANameOfItsOwnForEveryNumber) {
  std::set<std::string> names;
  for (unsigned i = 0; i < status_count; ++i) names.insert(to_string(status_number(i)));
  EXPECT_EQ(names.size(), status_count);
  EXPECT_EQ(names.count("unknown"), 0u);
  for (unsigned i = status_count; i < 256; ++i) {
    EXPECT_STREQ(to_string(status_number(i)), "unknown");
  }
}

TEST(ResultTable, HasACompleteRowForEveryStatus) {
  for (unsigned i = 0; i < status_count; ++i) {
    const ResultRow& row = result_row(status_number(i));
    EXPECT_EQ(row.status, status_number(i));
    EXPECT_STRNE(row.meaning, "");
    EXPECT_STRNE(row.action, "");
    EXPECT_EQ(result_code(status_number(i)), row.code);
  }
}

TEST(ResultTable, AnswersInternalForNumbersOutsideTheEnumeration) {
  for (unsigned i = status_count; i < 256; ++i) {
    EXPECT_EQ(result_row(status_number(i)).status, Status::internal);
  }
}

// OMA-TS-DM-FUMO-V1_0_2, section 7: the codes a client may report and the vendor ranges.
TEST(ResultTable, UsesCodesOfFumoOnly) {
  for (unsigned i = 0; i < status_count; ++i) {
    const auto code = static_cast<unsigned>(result_code(status_number(i)));
    const bool is_standard =
        code == 200 || (code >= 400 && code <= 412) || (code >= 500 && code <= 503);
    const bool is_vendor = code >= 450 && code <= 499;
    EXPECT_TRUE(is_standard || is_vendor) << to_string(status_number(i)) << " " << code;
    EXPECT_STRNE(to_string(result_code(status_number(i))), "Unknown");
  }
}

TEST(ResultTable, SaysSuccessfulForOkAlone) {
  for (unsigned i = 0; i < status_count; ++i) {
    EXPECT_EQ(result_code(status_number(i)) == ResultCode::successful,
              status_number(i) == Status::ok);
  }
}

TEST(ResultTable, KeepsTheCodesThatServersRelyOn) {
  EXPECT_EQ(static_cast<int>(result_code(Status::no_trusted_key)), 404);
  EXPECT_EQ(static_cast<int>(result_code(Status::unknown_key)), 404);
  EXPECT_EQ(static_cast<int>(result_code(Status::bad_signature)), 404);
  EXPECT_EQ(static_cast<int>(result_code(Status::corrupt_chunk)), 402);
  EXPECT_EQ(static_cast<int>(result_code(Status::truncated)), 402);
  EXPECT_EQ(static_cast<int>(result_code(Status::wrong_source)), 403);
  EXPECT_EQ(static_cast<int>(result_code(Status::wrong_device)), 403);
  EXPECT_EQ(static_cast<int>(result_code(Status::unsupported_layout)), 408);
  EXPECT_EQ(static_cast<int>(result_code(Status::arena_too_small)), 502);
  EXPECT_EQ(static_cast<int>(result_code(Status::target_mismatch)), 410);
  EXPECT_EQ(static_cast<int>(result_code(Status::cancelled)), 401);
  EXPECT_EQ(static_cast<int>(result_code(Status::rollback)), 451);
  EXPECT_EQ(static_cast<int>(result_code(Status::download_unauthorised)), 406);
  EXPECT_EQ(static_cast<int>(result_code(Status::download_timed_out)), 407);
  EXPECT_EQ(static_cast<int>(result_code(Status::bad_url)), 411);
  EXPECT_EQ(static_cast<int>(result_code(Status::server_unavailable)), 412);
  EXPECT_EQ(static_cast<int>(result_code(Status::server_error)), 500);
  EXPECT_EQ(static_cast<int>(result_code(Status::no_room_for_download)), 501);
  EXPECT_EQ(static_cast<int>(result_code(Status::network_failed)), 503);
  EXPECT_EQ(static_cast<int>(result_code(Status::package_missing)), 400);
}

TEST(ResultCode, HasANameForUnknownNumbers) {
  EXPECT_STREQ(to_string(static_cast<ResultCode>(999)), "Unknown");
}

}  // namespace
}  // namespace romdelta
