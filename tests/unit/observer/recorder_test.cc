// The instructions that the plugin's own code tells apart: those that leave a function, and those that jump.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "channel_fixture.h"

namespace memrig {
namespace {

using RecorderTest = ObserverChannelTest;

TEST_F(RecorderTest, AnInstructionThatReturnsIsTold) {
    begin_watching();
    const ObserverFunction* one = recorder_function(&recorder_, kTryCode + 0x20);
    ASSERT_NE(one, nullptr);
    EXPECT_EQ(recorder_index(&recorder_, one), kTryFunction);
    EXPECT_EQ(recorder_function(&recorder_, kTryCode - 1), nullptr);
    EXPECT_EQ(recorder_function(&recorder_, kTryCode + 0x40), nullptr);
    EXPECT_EQ(recorder_function(&recorder_, kLockCode - 1), nullptr);
    const auto leaves = [&](std::vector<std::uint8_t> bytes) {
        return recorder_leaves(&recorder_, one, kTryCode, bytes.data(), bytes.size());
    };
    EXPECT_TRUE(leaves({0xc3}));
    EXPECT_TRUE(leaves({0xf3, 0xc3}));
    EXPECT_TRUE(leaves({0xe9, 0x00, 0x10, 0x00, 0x00}));   // to a function that is not in the table
    EXPECT_TRUE(leaves({0xe9, 0xfb, 0xef, 0xff, 0xff}));   // to another function
    EXPECT_FALSE(leaves({0xe9, 0x00, 0x00, 0x00, 0x00}));  // to the next instruction
    EXPECT_FALSE(leaves({0x90}));
    EXPECT_FALSE(leaves({0xe8, 0x00, 0x10, 0x00, 0x00}));  // a call
    EXPECT_FALSE(leaves({}));
    recorder_.table.function[0].group = 2;
    EXPECT_FALSE(leaves({0xe9, 0xfb, 0xef, 0xff, 0xff}));  // to another piece of the same function
    recorder_.table.code = OBSERVER_CODE_AARCH64;
    EXPECT_TRUE(leaves({0xc0, 0x03, 0x5f, 0xd6}));
    EXPECT_FALSE(leaves({0x1f, 0x20, 0x03, 0xd5}));
}

TEST_F(RecorderTest, AnInstructionThatJumpsIsTold) {
    begin_watching();
    const auto jumps = [&](std::vector<std::uint8_t> bytes) {
        return recorder_jumps(&recorder_, bytes.data(), bytes.size());
    };
    for (const std::vector<std::uint8_t>& one : std::vector<std::vector<std::uint8_t>>{{0x75, 0x10},
                                                                                       {0x0f, 0x85, 0, 0, 0, 0},
                                                                                       {0xe8, 0, 0, 0, 0},
                                                                                       {0xe9, 0, 0, 0, 0},
                                                                                       {0xeb, 0},
                                                                                       {0xc3},
                                                                                       {0xf3, 0xc3},
                                                                                       {0xc2, 8, 0},
                                                                                       {0xe3, 0},
                                                                                       {0xff, 0xd0},
                                                                                       {0x3e, 0xff, 0xe0},
                                                                                       {0x41, 0xff, 0xe3},
                                                                                       {0xcb}})
        EXPECT_TRUE(jumps(one)) << fmt::format("{:x}", one[0]);
    for (const std::vector<std::uint8_t>& one :
         std::vector<std::vector<std::uint8_t>>{{0xf0, 0x48, 0x0f, 0xb1, 0x17},  // lock cmpxchg %rdx,(%rdi)
                                                {0x48, 0x8b, 0x07},              // mov (%rdi),%rax
                                                {0x87, 0x43, 0x58},              // xchg %eax,0x58(%rbx)
                                                {0xff, 0x03},                    // incl (%rbx)
                                                {0xff, 0xf0},                    // push %rax
                                                {0x53},
                                                {0x48},
                                                {}})
        EXPECT_FALSE(jumps(one)) << one.size();
    recorder_.table.code = OBSERVER_CODE_AARCH64;
    EXPECT_TRUE(jumps({0xc0, 0x03, 0x5f, 0xd6}));   // ret
    EXPECT_TRUE(jumps({0x40, 0x00, 0x00, 0x54}));   // b.eq
    EXPECT_FALSE(jumps({0x02, 0xfc, 0xe1, 0xc8}));  // casal
    EXPECT_FALSE(jumps({0x00, 0x00, 0x40, 0xf9}));  // ldr
}

TEST_F(RecorderTest, ACallOfAFunctionIsTold) {
    begin_watching();
    std::uint64_t from = 0;
    const auto called = [&](std::uint64_t address, std::vector<std::uint8_t> bytes) {
        from = 0;
        return recorder_called(&recorder_, address, bytes.data(), bytes.size(), &from);
    };
    const std::uint64_t site = kTryCode + 0x1000;
    const ObserverFunction* const tries = recorder_function(&recorder_, kTryCode);
    EXPECT_EQ(called(site, {0xe8, 0xfb, 0xef, 0xff, 0xff}), tries);
    EXPECT_EQ(from, site + 5);
    EXPECT_EQ(called(site, {0xe9, 0xff, 0xef, 0xff, 0xff}), tries) << "a jump behind the landing pad";
    EXPECT_EQ(from, site + 4) << "still inside the function that ends so";
    EXPECT_EQ(called(site, {0xe8, 0x0b, 0xf0, 0xff, 0xff}), nullptr) << "into the middle of it";
    EXPECT_EQ(called(site, {0xe8, 0x00, 0x00, 0x00, 0x00}), nullptr);
    EXPECT_EQ(called(site, {0xff, 0xd0}), nullptr);
    EXPECT_EQ(called(kLockCode + 0x20, {0xe8, 0xdb, 0x0f, 0x00, 0x00}), nullptr) << "from another lock function";
    recorder_.table.function[kLockFunction].watched = OBSERVER_WRAPS;
    EXPECT_EQ(called(kLockCode + 0x20, {0xe9, 0xdb, 0x0f, 0x00, 0x00}), nullptr)
        << "its own caller is that of the jump";
    EXPECT_EQ(called(kLockCode + 0x20, {0xe8, 0xdb, 0x0f, 0x00, 0x00}), tries);
    recorder_.table.code = OBSERVER_CODE_AARCH64;
    EXPECT_EQ(called(site, {0x00, 0xfc, 0xff, 0x97}), tries);  // bl
    EXPECT_EQ(from, site + 4);
    EXPECT_EQ(called(site, {0x00, 0xfc, 0xff, 0x17}), tries);  // b
    EXPECT_EQ(from, site + 3);
    EXPECT_EQ(called(site, {0x1f, 0x20, 0x03, 0xd5}), nullptr);
}

TEST_F(RecorderTest, AnEventTellsTheLastCallOfItsTask) {
    begin_watching();
    recorder_calls(&recorder_, 1, kLockFunction, 0xffffffff81005005);
    touch(1, current_[1]);
    touch(0, current_[0]);
    current_[1] = current_[0];
    touch(1, current_[0]);
    const auto events = channel_->read(true);
    ASSERT_EQ(events.size(), 3u);
    EXPECT_EQ(events[0].called_from, 0xffffffff81005005u);
    EXPECT_EQ(events[0].called, kLockFunction);
    EXPECT_EQ(events[1].called_from, 0u) << "another vCPU";
    EXPECT_EQ(events[2].called_from, 0u) << "another task on that vCPU";
}

TEST_F(RecorderTest, ACallOfAnotherKindIsNotTold) {
    begin_watching();
    recorder_.table.function[kTryFunction].kind = 1;
    recorder_calls(&recorder_, 1, kLockFunction, 0xffffffff81005005);
    recorder_calls(&recorder_, 1, kTryFunction, 0xffffffff81006005);
    touch(1, current_[1]);
    EXPECT_EQ(channel_->read(true).at(0).called_from, 0xffffffff81005005u);
}

TEST_F(RecorderTest, ACallHasItsArgumentsAndAnAnswer) {
    begin_watching();
    ObserverFunction& tries = recorder_.table.function[kTryFunction];
    tries.watched = OBSERVER_ENTRY | OBSERVER_CALL;
    tries.pointer = 2;
    constexpr std::uint64_t site = 0xffffffff81005005, words = 0xffff888000400000;
    std::uint32_t functions[RECORDER_MOST_AT_ONCE] = {};
    EXPECT_EQ(recorder_returns(&recorder_, site, functions), 0u);
    guest_.returns_to = site;
    guest_.argument[0] = 7;
    guest_.argument[1] = words;
    for (std::uint64_t i = 0; i < OBSERVER_WORDS; i++) guest_.words[words + 8 * i] = 100 + i;
    for (int i = 0; i < 2; i++) recorder_passed(&recorder_, 1, kTryFunction, OBSERVER_EVENT_ENTRY);
    ASSERT_EQ(recorder_returns(&recorder_, site, functions), 1u) << "one place, however many calls";
    EXPECT_EQ(functions[0], kTryFunction);
    EXPECT_EQ(recorder_returns(&recorder_, site + 1, functions), 0u);
    guest_.answer = 0x8002;
    recorder_answered(&recorder_, 1, site + 1);
    recorder_answered(&recorder_, 1, site);
    guest_.words.erase(words + 8);
    recorder_passed(&recorder_, 1, kTryFunction, OBSERVER_EVENT_ENTRY);
    const auto events = channel_->read(true);
    ASSERT_EQ(events.size(), 4u);
    EXPECT_EQ(events[0].arguments, 3u);
    EXPECT_EQ(events[0].argument[0], 7u);
    EXPECT_EQ(events[0].called, kTryFunction);
    EXPECT_EQ(events[0].called_from, site);
    ASSERT_EQ(events[0].words, static_cast<std::uint32_t>(OBSERVER_WORDS));
    EXPECT_EQ(events[0].word[5], 105u);
    EXPECT_EQ(events[2].kind, OBSERVER_EVENT_ANSWER);
    EXPECT_EQ(events[2].value, 0x8002u);
    EXPECT_EQ(events[2].called_from, site);
    EXPECT_EQ(events[3].arguments, 3u);
    EXPECT_EQ(events[3].words, 0u) << "not all of them can be read";
    EXPECT_TRUE(channel_->faults().empty());
}

TEST_F(RecorderTest, ACallWhoseRegistersCannotBeReadIsAFault) {
    begin_watching();
    recorder_.table.function[kTryFunction].watched = OBSERVER_ENTRY | OBSERVER_CALL;
    guest_.has_registers = false;
    recorder_passed(&recorder_, 1, kTryFunction, OBSERVER_EVENT_ENTRY);
    const auto events = channel_->read(true);
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].arguments, 0u);
    EXPECT_EQ(channel_->faults(),
              std::vector<std::string>{"it does not see the registers of some calls, or where they return to"});
}

TEST_F(RecorderTest, TooManyPlacesToReturnToAreAFault) {
    begin_watching();
    recorder_.table.function[kTryFunction].watched = OBSERVER_ENTRY | OBSERVER_CALL;
    for (std::uint64_t i = 0; i <= RECORDER_MOST_POINTS / 2; i++) {
        guest_.returns_to = 0xffffffff81000000 + i;
        recorder_passed(&recorder_, 1, kTryFunction, OBSERVER_EVENT_ENTRY);
        channel_->read(true);
        EXPECT_EQ(channel_->faults().size(), i < RECORDER_MOST_POINTS / 2 ? 0u : 1u) << i;
    }
    std::uint32_t functions[RECORDER_MOST_AT_ONCE] = {};
    for (std::uint64_t i = 0; i < RECORDER_MOST_POINTS / 2; i++)
        EXPECT_EQ(recorder_returns(&recorder_, 0xffffffff81000000 + i, functions), 1u) << i;
}

TEST_F(RecorderTest, APlaceBehindACallIsTold) {
    begin_watching();
    const auto follows = [&](std::vector<std::uint8_t> bytes) {
        bytes.insert(bytes.begin(), RECORDER_LONGEST_CALL, 0x90);
        return recorder_follows_call(&recorder_, bytes.data() + bytes.size());
    };
    for (const std::vector<std::uint8_t>& call : std::vector<std::vector<std::uint8_t>>{
             {0xe8, 0, 0, 0, 0}, {0xff, 0xd0}, {0x41, 0xff, 0xd3}, {0xff, 0x50, 0x18}, {0xff, 0x15, 0, 0, 0, 0}})
        EXPECT_TRUE(follows(call)) << fmt::format("{:x}", fmt::join(call, " "));
    for (const std::vector<std::uint8_t>& other :
         std::vector<std::vector<std::uint8_t>>{{0xe9, 0, 0, 0, 0}, {0x90}, {0xc3}, {0xff, 0xe0}, {0xff, 0x03}})
        EXPECT_FALSE(follows(other)) << fmt::format("{:x}", fmt::join(other, " "));
    recorder_.table.code = OBSERVER_CODE_AARCH64;
    EXPECT_TRUE(follows({0x00, 0xfc, 0xff, 0x97}));   // bl
    EXPECT_TRUE(follows({0x60, 0x02, 0x3f, 0xd6}));   // blr x19
    EXPECT_FALSE(follows({0x00, 0xfc, 0xff, 0x17}));  // b
    EXPECT_FALSE(follows({0xc0, 0x03, 0x5f, 0xd6}));  // ret
}

// memrig asks a plugin that reads no registers for no calls.
TEST_F(RecorderTest, WithoutRegistersNoCallsAreTold) {
    begin();
    ASSERT_TRUE(recorder_open(&recorder_, memory_, bytes_, 1, nullptr));
    EXPECT_FALSE(channel_->reads_registers());
    ObserverTable asks = table();
    asks.function[1].watched = OBSERVER_ENTRY | OBSERVER_CALL;
    channel_->watch(asks);
    EXPECT_FALSE(recorder_ready(&recorder_));
    EXPECT_EQ(header().state, static_cast<std::uint32_t>(OBSERVER_BAD_TABLE));
}

}  // namespace
}  // namespace memrig
