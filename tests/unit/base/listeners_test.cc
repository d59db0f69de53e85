#include "base/listeners.h"

#include <optional>
#include <vector>

#include <gtest/gtest.h>

namespace memrig {
namespace {

using List = Listeners<void(int)>;

void tell(const List& list, int value) {
    list.for_each([value](const auto& callback) {
        callback(value);
        return true;
    });
}

TEST(Listeners, AreCalledInTheOrderInWhichTheyWereAdded) {
    List list;
    std::vector<int> heard;
    const auto first = list.add([&](int value) { heard.push_back(value); });
    const auto second = list.add([&](int value) { heard.push_back(value + 1); });
    tell(list, 10);
    EXPECT_EQ(heard, (std::vector{10, 11}));
}

TEST(Listeners, StopWithTheirSubscription) {
    List list;
    int heard = 0;
    {
        const auto listening = list.add([&](int) { heard++; });
        tell(list, 0);
    }
    tell(list, 0);
    EXPECT_EQ(heard, 1);
    EXPECT_TRUE(list.empty());
}

TEST(Listeners, ASubscriptionThatIsReplacedEndsAtOnce) {
    List list;
    std::vector<int> heard;
    auto listening = list.add([&](int) { heard.push_back(1); });
    listening = list.add([&](int) { heard.push_back(2); });
    tell(list, 0);
    EXPECT_EQ(heard, std::vector{2});
}

TEST(Listeners, MayRemoveThemselvesAndAddOthersWhileTheyAreCalled) {
    List list;
    std::vector<int> heard;
    Subscription own, added;
    own = list.add([&](int) {
        heard.push_back(1);
        added = list.add([&](int) { heard.push_back(2); });
        own.end();
    });
    tell(list, 0);
    EXPECT_EQ(heard, std::vector{1}) << "one that was added meanwhile waits for the next time";
    tell(list, 0);
    EXPECT_EQ(heard, (std::vector{1, 2}));
}

TEST(Listeners, ASubscriptionMayOutliveTheList) {
    std::optional<List> list(std::in_place);
    auto listening = list->add([](int) {});
    list.reset();
    listening.end();
}

}  // namespace
}  // namespace memrig
