// Runs the tests of one source: guest_tests NAME, where NAME.cc is a file of integration/, reference/ or nightly/, with
// or without the folder. The tests that boot guests are one program, since linking it costs more than compiling most of
// them.
#include <cstdio>
#include <string>

#include <gtest/gtest.h>

namespace {

// "Suite.One:Suite.Two", the tests that `source` holds; "" if there is none.
std::string filter_of(const std::string& source) {
    const ::testing::UnitTest& all = *::testing::UnitTest::GetInstance();
    std::string filter;
    for (int i = 0; i < all.total_test_suite_count(); i++) {
        const ::testing::TestSuite& suite = *all.GetTestSuite(i);
        for (int k = 0; k < suite.total_test_count(); k++) {
            const ::testing::TestInfo& test = *suite.GetTestInfo(k);
            if (std::string(test.file()).ends_with("/" + source + ".cc"))
                filter += std::string(suite.name()) + "." + test.name() + ":";
        }
    }
    return filter;
}

}  // namespace

int main(int argc, char** argv) {
    ::testing::InitGoogleTest(&argc, argv);
    if (argc == 1) return RUN_ALL_TESTS();
    const std::string filter = argc == 2 ? filter_of(argv[1]) : "";
    if (filter.empty()) {
        std::fprintf(stderr,
                     "usage: guest_tests [SOURCE], such as guest_tests race_test; there is no test of that source\n");
        return 2;
    }
    // A death test starts this program again, with the source's name and a filter of its own.
    if (GTEST_FLAG_GET(filter) == "*") GTEST_FLAG_SET(filter, filter);
    return RUN_ALL_TESTS();
}
