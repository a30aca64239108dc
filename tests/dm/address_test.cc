// Addresses that servers, and others, may send.
#include "installer/dm/dm_node.h"

#include <gtest/gtest.h>

#include "tests/support/dm_rig.h"

namespace romdelta::test {
namespace {

int parsed(const std::string& uri) {
  DmAddress address;
  return parse_dm_address(uri, &address);
}

TEST(Address, HasOneCanonicalFormForEachNode) {
  for (const DmNodeInfo& info : dm_nodes()) {
    const std::string id = info.node < DmNode::rom_root ? "{0A1B-2c}" : "com.example.a_b-1";
    const std::string uri = dm_uri(info.node, id).text;
    DmAddress address;
    ASSERT_EQ(parse_dm_address(uri, &address), ROMDELTA_DM_OK) << uri;
    EXPECT_EQ(address.node, info.node) << uri;
    EXPECT_EQ(dm_uri(address.node, address.id).text, uri);
    EXPECT_TRUE(romdelta_dm_owns(uri.c_str()));
    EXPECT_EQ(parsed(uri.substr(2)), ROMDELTA_DM_OK) << "without ./";
    EXPECT_EQ(parsed(uri + "/"), ROMDELTA_DM_BAD_REQUEST) << uri;
    EXPECT_EQ(parsed(uri + "/nothing?list=Struct"),
              info.parent == info.node ? ROMDELTA_DM_OK : ROMDELTA_DM_NOT_FOUND);
  }
}

TEST(Address, ThatIsLongestFits) {
  const std::string id(limits::package_id_bytes_max, 'a');
  const std::string uri = dm_uri(DmNode::rom_version, id).text;
  EXPECT_TRUE(uri.ends_with("/PkgVersion"));
  EXPECT_LE(uri.size() + std::string("?list=StructData").size(), limits::dm_uri_bytes_max);
  EXPECT_EQ(parsed(uri + "?list=StructData"), ROMDELTA_DM_OK);
}

TEST(Address, ThatIsTooLongIsRefusedAsThat) {
  EXPECT_EQ(parsed("./FwUpdate/" + std::string(200, 'a')), ROMDELTA_DM_URI_TOO_LONG);
  EXPECT_EQ(parsed("./FwUpdate?" + std::string(118, 'a')), ROMDELTA_DM_URI_TOO_LONG);
  EXPECT_EQ(parsed("./FwUpdate?" + std::string(117, 'a')), ROMDELTA_DM_OK);
  EXPECT_EQ(parsed("./FwUpdate/" + std::string(49, 'a')), ROMDELTA_DM_BAD_REQUEST);
  EXPECT_EQ(parsed("./FwUpdate/" + std::string(48, 'a')), ROMDELTA_DM_OK);
}

TEST(Address, ThatIsHostileIsRefused) {
  for (const char* uri : {"./FwUpdate/",
                          "./FwUpdate//State",
                          "./FwUpdate/../DevInfo",
                          "./FwUpdate/.",
                          "./FwUpdate/..",
                          "./FwUpdate/.hidden",
                          "./FwUpdate/a%2fb",
                          "./FwUpdate/a\\b",
                          "./FwUpdate/a b",
                          "./FwUpdate/a\nb",
                          "./FwUpdate/<x>",
                          "./FwUpdate/a\"",
                          "./FwUpdate/a&b",
                          "./FwUpdate/a;rm",
                          "./FwUpdate/caf\xc3\xa9",
                          "./FwUpdate/a|b",
                          "./FwUpdate/a#b",
                          "./FwUpdate/x//State",
                          "./FwUpdate/x/",
                          "./Vendor/MSFT/ROMPackage/",
                          "./Vendor/MSFT/ROMPackage/../x",
                          "./Vendor/MSFT/ROMPackage/Upper"}) {
    EXPECT_EQ(parsed(uri), ROMDELTA_DM_BAD_REQUEST) << uri;
  }
  for (const char* uri :
       {"", ".", "/", "./", "FwUpdat", "./FwUpdateX", "./fwupdate", "/FwUpdate", "././FwUpdate",
        "./Vendor", "./Vendor/MSFT", "./Vendor/MSFT/ROMPackageX", "./DevInfo/DevId",
        "./FwUpdate/x/state", "./FwUpdate/x/PkgData", "./FwUpdate/x/State/x", "./FwUpdate/x/Ext/y",
        "./FwUpdate/x/Update/PkgURL"}) {
    EXPECT_EQ(parsed(uri), ROMDELTA_DM_NOT_FOUND) << uri;
  }
}

TEST(Address, BelongsHereOnlyBelowTheTwoRoots) {
  for (const char* uri : {"./FwUpdate", "FwUpdate", "./FwUpdate/x/y/z", "./FwUpdate?list=Struct",
                          "./Vendor/MSFT/ROMPackage", "Vendor/MSFT/ROMPackage/x"}) {
    EXPECT_TRUE(romdelta_dm_owns(uri)) << uri;
  }
  for (const char* uri : {"", ".", "./FwUpdat", "./FwUpdateX", "./DevInfo", "./Vendor/MSFT"}) {
    EXPECT_FALSE(romdelta_dm_owns(uri)) << uri;
  }
  EXPECT_FALSE(romdelta_dm_owns(nullptr));
}

TEST(Address, IsANodeOnlyWhileItExists) {
  DmRig rig;
  ASSERT_EQ(rig.restart(), Status::ok);
  const auto is_node = [&](const char* uri) { return romdelta_dm_is_node(rig.dm.get(), uri); };
  EXPECT_TRUE(is_node("./FwUpdate"));
  EXPECT_FALSE(is_node("./FwUpdate/Pkg1"));
  rig.make_object();
  EXPECT_TRUE(is_node("./FwUpdate/Pkg1/Download/PkgURL"));
  EXPECT_FALSE(is_node("./FwUpdate/Pkg1/PkgName"));
  rig.add("./FwUpdate/Pkg1/PkgName", "a");
  EXPECT_TRUE(is_node("./FwUpdate/Pkg1/PkgName"));
  EXPECT_FALSE(is_node("./FwUpdate/Pkg1/"));
  EXPECT_FALSE(is_node("./Vendor/MSFT/ROMPackage/x"));
}

// 400 and 413 are no statuses of Exec.
TEST(Address, OfAnExecIsRefusedWithAStatusOfExec) {
  DmRig rig;
  ASSERT_EQ(rig.restart(), Status::ok);
  EXPECT_EQ(rig.exec("./FwUpdate//x"), ROMDELTA_DM_NOT_FOUND);
  EXPECT_EQ(rig.exec("./FwUpdate/" + std::string(200, 'a')), ROMDELTA_DM_URI_TOO_LONG);
}

}  // namespace
}  // namespace romdelta::test
