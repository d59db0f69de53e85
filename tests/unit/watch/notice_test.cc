// Reads the notices of memory notifiers: their numbers, and the fields that come with them.
#include "watch/notice.h"

#include <gtest/gtest.h>

namespace memrig {
namespace {

TEST(NoticeNumbers, AreBitsWhereTheFirstIsOne) {
    NoticeNumbers numbers;
    EXPECT_EQ(numbers.meaning(8), Notice::going_online);
    EXPECT_EQ(numbers.meaning(1), Notice::online);
    EXPECT_EQ(numbers.meaning(2), Notice::going_offline);
    EXPECT_EQ(numbers.meaning(4), Notice::offline);
    EXPECT_EQ(numbers.meaning(16), Notice::cancel_online);
    EXPECT_EQ(numbers.meaning(32), Notice::cancel_offline);
    EXPECT_EQ(numbers.meaning(64), Notice::prepare_online);
    EXPECT_EQ(numbers.meaning(128), Notice::finish_offline);
    EXPECT_EQ(numbers.meaning(256), Notice::other);
}

TEST(NoticeNumbers, AreCountedWhereTheFirstIsNoBit) {
    for (const std::uint64_t first : {3, 6}) {
        NoticeNumbers numbers;
        EXPECT_EQ(numbers.meaning(first), first == 3 ? Notice::going_online : Notice::prepare_online);
        EXPECT_TRUE(numbers.known());
        EXPECT_EQ(numbers.meaning(0), Notice::online);
        EXPECT_EQ(numbers.meaning(1), Notice::going_offline);
        EXPECT_EQ(numbers.meaning(2), Notice::offline);
        EXPECT_EQ(numbers.meaning(4), Notice::cancel_online);
        EXPECT_EQ(numbers.meaning(5), Notice::cancel_offline);
        EXPECT_EQ(numbers.meaning(7), Notice::finish_offline);
        EXPECT_EQ(numbers.meaning(8), Notice::other);
    }
}

TEST(NoticeNumbers, ABitThatComesFirstCanBeThatOfAnyKernelSince6Point8) {
    NoticeNumbers numbers;
    EXPECT_EQ(numbers.meaning(64), Notice::prepare_online);
    EXPECT_EQ(numbers.meaning(8), Notice::going_online);
}

TEST(NoticeNumbers, MeanNothingBeforeAPlainOnline) {
    NoticeNumbers numbers;
    EXPECT_EQ(numbers.meaning(5), Notice::other);
    EXPECT_FALSE(numbers.known());
}

TEST(NoticeFields, AreReadInBothLayouts) {
    constexpr std::uint64_t first = 0x140000, pages = 0x8000, none = 0xffffffffffffffff;
    const auto read = [](const std::vector<std::uint64_t>& words) {
        return read_notice(words, first, pages, false, true);
    };
    EXPECT_EQ(read({first, pages, none, 7, 7, 7}), (NoticeFields{first, pages, -1, -1}));
    EXPECT_EQ(read({0, 0, first, pages, 0x1ffffffff, 7}), (NoticeFields{first, pages, -1, 1}));
    EXPECT_FALSE(read({first, pages}));
    EXPECT_FALSE(read({first + 1, pages, 0, 0, 0, 0}));
    EXPECT_FALSE(read({first + 512, pages - 512, 0, 0, 0, 0}));
    EXPECT_FALSE(read({first, pages - 1, 0, 0, 0, 0}));
    EXPECT_FALSE(read({none, none, none, none, none, none}));
    EXPECT_FALSE(read({first, 512, first, pages - 512, 0, 0}));
    // online_pages() does not fill in where the memmap is.
    EXPECT_EQ(read({7, none, first, pages, none, 7}), (NoticeFields{first, pages, -1, -1}));
}

TEST(NoticeFields, WithTheBlocksOwnMemmapInIt) {
    constexpr std::uint64_t first = 0x140000, pages = 0x8000, none = 0xffffffffffffffff;
    const auto read = [](const std::vector<std::uint64_t>& words) {
        return read_notice(words, first, pages, true, true);
    };
    const NoticeFields rest{first + 512, pages - 512, -1, -1};
    EXPECT_EQ(read({first, 512, first + 512, pages - 512, none, 7}), rest);
    EXPECT_EQ(read({first + 512, pages - 512, none, 7, 7, 7}), rest);
    EXPECT_EQ(read({0, 0, first + 512, pages - 512, none, 7}), rest);
    EXPECT_FALSE(read({first, pages, none, 7, 7, 7})) << "its memmap is somewhere else";
}

// Since v6.17 nodes have notices of their own, and what stood behind these words is not the struct's any more.
TEST(NoticeFields, ThatTellOfNoNodesAreTheFirstWordsAlone) {
    constexpr std::uint64_t first = 0x140000, pages = 0x8000;
    const auto read = [](const std::vector<std::uint64_t>& words) {
        return read_notice(words, first, pages, false, false);
    };
    EXPECT_EQ(read({first, pages, 7, 0xffff888001234567}), (NoticeFields{first, pages, -1, -1}));
    EXPECT_EQ(read({0, 0, first, pages}), (NoticeFields{first, pages, -1, -1}));
    EXPECT_FALSE(read({first + 1, pages, 7, 7}));
    EXPECT_FALSE(read({first, pages, 7})) << "too few words";
}

TEST(NodeNoticeNumbers, AreBitsOrCountedByTheFirstOne) {
    for (const std::uint64_t first : {1, 8}) {
        NodeNoticeNumbers numbers;
        EXPECT_EQ(numbers.meaning(first), first == 1 ? NodeNotice::adding : NodeNotice::removing);
        EXPECT_EQ(numbers.meaning(2), NodeNotice::added);
        EXPECT_EQ(numbers.meaning(4), NodeNotice::cancel_adding);
        EXPECT_EQ(numbers.meaning(16), NodeNotice::removed);
        EXPECT_EQ(numbers.meaning(32), NodeNotice::cancel_removing);
        EXPECT_EQ(numbers.meaning(64), NodeNotice::other);
    }
    for (const std::uint64_t first : {0, 3}) {
        NodeNoticeNumbers numbers;
        EXPECT_EQ(numbers.meaning(first), first == 0 ? NodeNotice::adding : NodeNotice::removing);
        EXPECT_EQ(numbers.meaning(1), NodeNotice::added);
        EXPECT_EQ(numbers.meaning(5), NodeNotice::cancel_removing);
    }
    NodeNoticeNumbers numbers;
    EXPECT_EQ(numbers.meaning(2), NodeNotice::other) << "an outcome does not come first";
}

}  // namespace
}  // namespace memrig
