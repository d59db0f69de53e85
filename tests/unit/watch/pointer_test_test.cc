// Which failure of a pointer the code behind a call looks for: NULL, or an error pointer.
#include <gtest/gtest.h>

#include "watch/call_recorder.h"

namespace memrig {
namespace {

PointerTest test_of(const std::vector<unsigned char>& code) {
    return pointer_test(std::string(code.begin(), code.end()));
}

TEST(PointerTests, AComparisonWithTheLowestErrorIsIsErr) {
    // cmp $0xfffffffffffff000,%rax; ja
    EXPECT_EQ(test_of({0x48, 0x3d, 0x00, 0xf0, 0xff, 0xff, 0x0f, 0x87}), PointerTest::error);
}

TEST(PointerTests, TheReturnedPointerOrItsCopyIsTestedForNull) {
    EXPECT_EQ(test_of({0x48, 0x85, 0xc0, 0x74, 0x10}), PointerTest::null);                    // test %rax,%rax
    EXPECT_EQ(test_of({0x48, 0x89, 0xc3, 0x48, 0x85, 0xdb, 0x74}), PointerTest::null);        // a copy in %rbx
    EXPECT_EQ(test_of({0x49, 0x89, 0xc5, 0x90, 0x4d, 0x85, 0xed, 0x0f}), PointerTest::null);  // a copy in %r13
    EXPECT_EQ(test_of({0x48, 0x85, 0xdb, 0x74, 0x10}), PointerTest::none) << "another value in %rbx";
    EXPECT_EQ(test_of({0x48, 0x85, 0xc8, 0x74, 0x10}), PointerTest::none) << "test %rcx,%rax";
}

TEST(PointerTests, WhatAnotherCallReturnsIsNotTheirs) {
    // mov %rax,%rbx; call; test %rax,%rax; cmp $0xfffffffffffff000,%rbx
    EXPECT_EQ(test_of({0x48, 0x89, 0xc3, 0xe8, 0x10, 0x20, 0x00, 0x00, 0x48, 0x85,
                       0xc0, 0x74, 0x05, 0x48, 0x81, 0xfb, 0x00, 0xf0, 0xff, 0xff}),
              PointerTest::error);
    // mov %rax,%rbx; mov %rcx,%rbx; test %rbx,%rbx
    EXPECT_EQ(test_of({0x48, 0x89, 0xc3, 0x48, 0x89, 0xcb, 0x48, 0x85, 0xdb}), PointerTest::none);
}

// section_activate() in sparse_add_section() of 7.2.12: __populate_section_memmap() returns NULL, for which its inlined
// caller returns -ENOMEM. The caller's caller asks IS_ERR().
TEST(PointerTests, TheFirstOfTwoTestsIsTheOneOfTheCall) {
    EXPECT_EQ(test_of({0x4c, 0x89, 0xf9, 0x4c, 0x89, 0xf2, 0x49, 0x89, 0xc5, 0xe8, 0x24, 0xe8, 0xff,
                       0xff, 0x48, 0x63, 0xf8, 0x4c, 0x89, 0xe8, 0x4d, 0x85, 0xed, 0x0f, 0x84, 0x51,
                       0x01, 0x00, 0x00, 0x48, 0x3d, 0x00, 0xf0, 0xff, 0xff, 0x0f, 0x87}),
              PointerTest::null);
    EXPECT_EQ(test_of({0x48, 0x3d, 0x00, 0xf0, 0xff, 0xff, 0x0f, 0x87, 0x48, 0x85, 0xc0}), PointerTest::error);
}

TEST(PointerTests, CodeWithoutATestTellsNothing) {
    EXPECT_EQ(test_of({}), PointerTest::none);
    EXPECT_EQ(test_of({0x48, 0x85}), PointerTest::none);
    EXPECT_EQ(test_of({0x90, 0x90, 0x90, 0xc3}), PointerTest::none);
}

}  // namespace
}  // namespace memrig
