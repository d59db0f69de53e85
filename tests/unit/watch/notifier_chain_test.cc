// Chains of notifiers: who is called, in which order.
#include "watch/notifier_chain.h"
#include "kernel_fixture.h"

namespace memrig {
namespace {

constexpr std::uint64_t kHead = 0xffffffff82100000;
constexpr std::uint64_t kBlocks = 0xffff888005000000;

class NotifierChainTest : public ::testing::Test {
protected:
    void SetUp() override {
        const auto begins = [this](const Arrival& arrival) -> Result<Response> {
            if (arrival.task == kOnliner) MEMRIG_CHECK(chain.begin(passage_of(arrival)));
            return Response::pass();
        };
        ASSERT_TRUE(kernel.conductor.watch(kernel.at("blocking_notifier_call_chain"), begins));
    }
    static std::uint64_t block(std::size_t i) { return kBlocks + 0x100 * i; }
    // A list of those, as they are linked; the head's semaphore is `semaphore` bytes long.
    void put_chain(const std::vector<std::pair<std::string, int>>& members, std::uint64_t semaphore = 40) {
        kernel.probe.poke_u64(kHead + 24, kHead + 24);  // the semaphore's list of waiters, empty
        kernel.probe.poke_u64(kHead + 32, kHead + 24);
        kernel.probe.poke_u64(kHead + semaphore, block(0));
        for (std::size_t i = 0; i < members.size(); i++) {
            kernel.probe.poke_u64(block(i), kernel.at(members[i].first));
            kernel.probe.poke_u64(block(i) + 8, i + 1 < members.size() ? block(i + 1) : 0);
            kernel.probe.poke_u64(block(i) + 16, static_cast<std::uint32_t>(members[i].second));
        }
    }
    // A notice of `task`, by which those members are called in that order.
    std::optional<std::string> notice(const std::vector<std::pair<std::string, std::size_t>>& called,
                                      bool stopped = false) {
        kernel.will_call(1, kOnliner, "blocking_notifier_call_chain", "somebody", kHead);
        for (const auto& [function, member] : called)
            kernel.will_call(1, kOnliner, function, "somebody", block(member), 0x100);
        kernel.run();
        return chain.end(kOnliner, stopped);
    }

    FakeKernel kernel{{"blocking_notifier_call_chain", "slab_callback", "ksm_callback", "last_callback", "somebody"}};
    NotifierChain chain{kernel.conductor, kernel.symbols};
};

TEST_F(NotifierChainTest, FromHighToLowIsSilent) {
    put_chain({{"ksm_callback", 100}, {"slab_callback", 1}, {"last_callback", -5}});
    EXPECT_EQ(notice({{"ksm_callback", 0}, {"slab_callback", 1}, {"last_callback", 2}}), "");
    EXPECT_EQ(chain.gap(), "");
}

TEST_F(NotifierChainTest, ASemaphoreMayBeLonger) {
    put_chain({{"ksm_callback", 100}, {"slab_callback", 1}}, 152);
    EXPECT_EQ(notice({{"ksm_callback", 0}, {"slab_callback", 1}}), "");
}

TEST_F(NotifierChainTest, ALowOneBeforeAHighOneIsWrong) {
    put_chain({{"slab_callback", 1}, {"ksm_callback", 100}});
    EXPECT_EQ(notice({{"slab_callback", 0}, {"ksm_callback", 1}}),
              "slab_callback (priority 1) is called before ksm_callback (priority 100)");
}

TEST_F(NotifierChainTest, EachIsCalled) {
    put_chain({{"ksm_callback", 100}, {"slab_callback", 1}});
    EXPECT_EQ(notice({{"ksm_callback", 0}}), "slab_callback (priority 1) is not called");
}

TEST_F(NotifierChainTest, BehindOneThatStopsItNobodyIs) {
    put_chain({{"ksm_callback", 100}, {"slab_callback", 1}});
    EXPECT_EQ(notice({{"ksm_callback", 0}}, true), "");
}

TEST_F(NotifierChainTest, AnotherTasksCallsAreNotThisOnes) {
    put_chain({{"ksm_callback", 100}, {"slab_callback", 1}});
    kernel.will_call(1, kOnliner, "blocking_notifier_call_chain", "somebody", kHead);
    kernel.will_call(2, kThird, "slab_callback", "somebody", block(1));
    kernel.run();
    EXPECT_EQ(chain.end(kOnliner, false), "ksm_callback (priority 100) is not called");
    EXPECT_EQ(chain.end(kThird, false), std::nullopt);
}

TEST_F(NotifierChainTest, WhatIsNoChainIsAGap) {
    EXPECT_EQ(notice({}), std::nullopt);
    EXPECT_EQ(chain.gap(), "the members of the chain of memory notifiers cannot be read");
}

TEST_F(NotifierChainTest, AChainWithoutAnEndIsNone) {
    put_chain({{"ksm_callback", 100}, {"slab_callback", 1}});
    kernel.probe.poke_u64(block(1) + 8, block(0));
    EXPECT_EQ(notice({}), std::nullopt);
}

}  // namespace
}  // namespace memrig
