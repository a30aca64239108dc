#include "pkgtool/report.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "pkgtool/key_file.h"
#include "tests/support/bytes.h"
#include "tests/unit/pkgtool/support.h"

namespace romdelta::pkgtool {
namespace {

using nlohmann::json;

class ReportTest : public ::testing::Test {
 protected:
  VerifyResult look() const { return verify_package(file_, std::nullopt); }
  json report(bool with_chunks = false) const {
    return json::parse(json_report(look(), with_chunks));
  }

  Bytes source_ = make_image(40000, 1);
  Bytes target_ = revise(source_, 41000, 2);
  Bytes file_with(Codec codec) const {
    BuildRequest request = request_of(source_, target_);
    request.codec = codec;
    return package_of(request);
  }
  Bytes file_ = file_with(Codec::zstd);
};

TEST_F(ReportTest, HasThePromisedFields) {
  const json object = report();
  EXPECT_EQ(object["schema"], 1);
  for (const char* key :
       {"package_id", "layout", "source", "target", "file_bytes", "payload_bytes", "metadata_bytes",
        "ram_bytes", "scratch_bytes", "flash_write_bytes", "chunks", "codec", "key_ids"}) {
    EXPECT_TRUE(object.contains(key)) << key;
  }
  for (const char* key : {"version", "bytes", "digest"}) {
    EXPECT_TRUE(object["source"].contains(key)) << key;
    EXPECT_TRUE(object["target"].contains(key)) << key;
  }
}

TEST_F(ReportTest, FieldsHaveTheValuesOfThePackage) {
  const VerifyResult result = look();
  const Manifest& manifest = result.head->manifest;
  const json object = report();
  EXPECT_EQ(object["package_id"], "com.example.app");
  EXPECT_EQ(object["kind"], "delta");
  EXPECT_EQ(object["layout"], "ab");
  EXPECT_EQ(object["codec"], to_string(manifest.codec));
  EXPECT_EQ(object["source"]["version"], "1.0");
  EXPECT_EQ(object["source"]["bytes"], source_.size());
  EXPECT_EQ(object["source"]["digest"],
            test::to_hex(digest_of(DigestDomain::image, source_).value));
  EXPECT_EQ(object["target"]["version"], "2.0");
  EXPECT_EQ(object["target"]["bytes"], target_.size());
  EXPECT_EQ(object["target"]["digest"],
            test::to_hex(digest_of(DigestDomain::image, target_).value));
  EXPECT_EQ(object["file_bytes"], file_.size());
  EXPECT_EQ(object["payload_bytes"], manifest.payload_bytes);
  EXPECT_EQ(object["metadata_bytes"], file_.size() - manifest.payload_bytes);
  EXPECT_EQ(object["ram_bytes"], manifest.budgets.ram_bytes);
  EXPECT_EQ(object["scratch_bytes"], 0);
  EXPECT_EQ(object["flash_write_bytes"], manifest.budgets.flash_write_bytes);
  EXPECT_EQ(object["erase_count"], manifest.budgets.erase_count);
  EXPECT_EQ(object["journal_bytes"], manifest.budgets.journal_bytes);
  EXPECT_EQ(object["redo_bytes"], manifest.budgets.redo_bytes);
  EXPECT_EQ(object["chunks"], manifest.chunk_count);
  EXPECT_EQ(object["manifest_digest"], test::to_hex(result.head->manifest_digest.value));
  EXPECT_EQ(object["key_ids"], json::array({to_string(test::test_key(1).public_key.id)}));
  EXPECT_EQ(object["status"], "ok");
}

TEST_F(ReportTest, ListsChunksOfEachCodecAsTheyAre) {
  EXPECT_TRUE(report(true)["chunk_list"][0].contains("columns"));
  file_ = file_with(Codec::context);
  EXPECT_EQ(report()["codec"], "context");
  const json chunk = report(true)["chunk_list"][0];
  EXPECT_FALSE(chunk.contains("columns"));
  EXPECT_TRUE(chunk["unit_bytes"] == 2 || chunk["unit_bytes"] == 4);
  EXPECT_EQ(chunk["target_bytes"], target_.size());
  EXPECT_NE(text_report(look(), true).find("words of "), std::string::npos);
}

TEST_F(ReportTest, FullPackageHasNoSource) {
  file_ = package_of(request_of({}, target_));
  EXPECT_EQ(report()["kind"], "full");
  EXPECT_TRUE(report()["source"].is_null());
  EXPECT_EQ(text_report(look(), false).find("Source"), std::string::npos);
}

TEST_F(ReportTest, DeviceHasOnlyWhatIsSaid) {
  EXPECT_TRUE(report()["device"].empty());
  BuildRequest request = request_of({}, target_);
  ASSERT_TRUE(request.device.model.assign("x1"));
  file_ = package_of(request);
  EXPECT_EQ(report()["device"], (json{{"model", "x1"}}));
  EXPECT_NE(text_report(look(), false).find("model x1"), std::string::npos);
}

TEST_F(ReportTest, ListsChunksWhenAsked) {
  EXPECT_FALSE(report().contains("chunk_list"));
  const json list = report(true)["chunk_list"];
  ASSERT_EQ(list.size(), look().chunks.size());
  std::uint64_t target_bytes = 0;
  for (const json& chunk : list) {
    EXPECT_EQ(chunk["target_offset_bytes"], target_bytes);
    target_bytes += chunk["target_bytes"].get<std::uint64_t>();
    EXPECT_EQ(chunk["columns"].size(), column_count);
  }
  EXPECT_EQ(target_bytes, target_.size());
}

TEST_F(ReportTest, TextHasTheFactsOfTheJson) {
  const std::string text = text_report(look(), false);
  const json object = report();
  for (const char* key : {"package_id", "layout", "codec", "kind", "manifest_digest", "encoder"}) {
    EXPECT_NE(text.find(object[key].get<std::string>()), std::string::npos) << key;
  }
  for (const char* image : {"source", "target"}) {
    EXPECT_NE(text.find(object[image]["digest"].get<std::string>()), std::string::npos) << image;
  }
  EXPECT_NE(text.find(object["key_ids"][0].get<std::string>()), std::string::npos);
  EXPECT_NE(text.find("40,000 bytes"), std::string::npos);
  EXPECT_NE(text.find("41,000 bytes"), std::string::npos);
}

TEST_F(ReportTest, NobodySignedAnUnsignedPackage) {
  file_ = assemble(build_package(request_of(source_, target_), no_progress), {});
  EXPECT_EQ(report()["key_ids"], json::array());
  EXPECT_NE(text_report(look(), false).find("nobody yet"), std::string::npos);
}

TEST_F(ReportTest, VerdictSaysWhy) {
  const PublicKey key = test::test_key(1).public_key;
  const auto verdict = [&] {
    return json::parse(verdict_json(verify_package(file_, TrustedKeys(&key, 1))));
  };
  EXPECT_EQ(verdict()["schema"], 1);
  EXPECT_EQ(verdict()["good"], true);
  EXPECT_EQ(verdict()["fumo_code"], 200);
  EXPECT_FALSE(verdict().contains("structure"));
  file_.back() ^= 1;
  EXPECT_EQ(verdict()["good"], false);
  EXPECT_EQ(verdict()["status"], "corrupt_chunk");
  EXPECT_EQ(verdict()["fumo_code"], 402);
  EXPECT_EQ(verdict()["structure"], "chunk 0");
  EXPECT_TRUE(verdict()["offset_bytes"].is_number_unsigned());
}

}  // namespace
}  // namespace romdelta::pkgtool
