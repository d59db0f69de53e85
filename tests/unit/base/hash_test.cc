#include <gtest/gtest.h>

#include "base/file.h"
#include "base/hash.h"

namespace memrig {
namespace {

std::string hashed(const std::vector<std::string>& fields) {
    Hasher hasher;
    for (const auto& field : fields) hasher.add(field);
    return hasher.finish();
}

TEST(Hasher, IsTheSameForTheSame) {
    EXPECT_EQ(hashed({"a", "b"}), hashed({"a", "b"}));
    EXPECT_EQ(hashed({"a"}).size(), 64u);
    EXPECT_EQ(hashed({"a"}).find_first_not_of("0123456789abcdef"), std::string::npos);
}

TEST(Hasher, FieldsDoNotRunTogether) {
    EXPECT_NE(hashed({"ab", "c"}), hashed({"a", "bc"}));
    EXPECT_NE(hashed({"abc"}), hashed({"ab", "c"}));
    EXPECT_NE(hashed({"a", ""}), hashed({"a"}));
    EXPECT_NE(hashed({"", "a"}), hashed({"a", ""}));
    EXPECT_NE(hashed({"a", "b"}), hashed({"b", "a"}));
}

// The digests of FIPS 180-2, appendix B, as sha256sum prints them.
TEST(HashFile, IsSha256) {
    const auto directory = TemporaryDirectory::make("memrig-test");
    const fs::path file = directory->path() / "file";
    ASSERT_TRUE(write_file(file, "abc"));
    EXPECT_EQ(hash_file(file), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    ASSERT_TRUE(write_file(file, ""));
    EXPECT_EQ(hash_file(file), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_FALSE(hash_file(directory->path() / "nothing"));
}

}  // namespace
}  // namespace memrig
