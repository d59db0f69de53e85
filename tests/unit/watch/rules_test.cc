// The rules, over a make-believe kernel: each breach is seen, and what keeps the rule is silent.
#include <algorithm>

#include "rules_fixture.h"
#include "watch/elision.h"

namespace memrig {
namespace {

class RulesTest : public ::testing::Test {
protected:
    void SetUp() override {
        auto made_ledger = LockLedger::make(kernel.conductor, kernel.symbols, MutexWatching::calls);
        ASSERT_TRUE(made_ledger) << made_ledger.error().message;
        ledger = *std::move(made_ledger);
        auto made = RuleWatch::make(kernel.conductor, *ledger, kernel.symbols, kBlockBytes);
        ASSERT_TRUE(made) << made.error().message;
        rules = *std::move(made);
        kernel.probe.poke_u64(kResource, 32 * kBlockBytes);
        kernel.probe.poke_u64(kResource + 8, 33 * kBlockBytes - 1);
        kernel.put_device(kRulesDevice, "memory32");
    }
    void call(std::uint64_t task, const std::string& function, const std::string& lock) {
        kernel.will_call(1, task, function, "somebody", kernel.at(lock));
        kernel.will_return(1, task, "somebody");
    }
    // The first argument is a block's device, the second a resource, unless `resource` says otherwise.
    void enter(std::uint64_t task, const std::string& function, std::uint64_t resource = kResource) {
        kernel.probe.poke_u64(FakeKernel::sp(task), kernel.at("somebody", 0x41));
        kernel.probe.will_stop(1, kernel.at(function),
                               {{"rsp", FakeKernel::sp(task)}, {"rdi", kRulesDevice}, {"rsi", resource}});
    }
    std::vector<std::string> breaches() {
        kernel.run();
        std::vector<std::string> list;
        for (const auto& breach : rules->breaches())
            list.push_back(breach.rule + " " + breach.function + " " + breach.lock);
        return list;
    }

    FakeKernel kernel{kRulesFunctions, kRulesLocks};
    std::unique_ptr<LockLedger> ledger;
    std::unique_ptr<RuleWatch> rules;
};

TEST_F(RulesTest, AnAdderThatHoldsTheLocksIsSilent) {
    call(kAdder, "mutex_lock", "device_hotplug_lock");
    enter(kAdder, "add_memory_resource");
    call(kAdder, "percpu_down_write", "mem_hotplug_lock");
    enter(kAdder, "arch_add_memory");
    EXPECT_TRUE(breaches().empty());
    EXPECT_EQ(checks_of(rules->checks(), "R1"), 1u);
    EXPECT_EQ(checks_of(rules->checks(), "R4"), 1u);
}

TEST_F(RulesTest, AddingWithoutDeviceHotplugLockBreaksR1) {
    call(kAdder, "mutex_lock", "acpi_scan_lock");
    enter(kAdder, "add_memory_resource");
    EXPECT_EQ(breaches(), std::vector<std::string>{"R1 add_memory_resource device_hotplug_lock"});
    EXPECT_EQ(rules->breaches()[0].task, kAdder);
    EXPECT_EQ(rules->breaches()[0].held, std::vector<std::string>{"acpi_scan_lock"});
}

// As if the symbol stood for another function.
TEST_F(RulesTest, AFunctionThatIsNotCalledAsItsRoleIsNotJudged) {
    kernel.probe.poke_u64(kResource + 0x100, 0x1234);
    kernel.probe.poke_u64(kResource + 0x108, 0x5678);
    enter(kAdder, "add_memory_resource", kResource + 0x100);
    enter(kAdder, "add_memory_resource", kResource + 0x100);
    kernel.put_device(kRulesDevice, "cpu1");
    enter(kAdder, "memory_subsys_online");
    EXPECT_EQ(breaches(), std::vector<std::string>());
    EXPECT_EQ(checks_of(rules->checks(), "R1") + checks_of(rules->checks(), "R3"), 0u);
    std::vector<std::string> unarmed;
    for (const auto& gap : rules->gaps())
        if (gap.kind == RuleGap::Kind::unarmed) unarmed.push_back(gap.text());
    EXPECT_EQ(unarmed, (std::vector<std::string>{"R1: add_memory_resource is not called as a function that adds memory",
                                                 "R3: memory_subsys_online is not called as a function that onlines a "
                                                 "block"}));
}

TEST_F(RulesTest, AnothersLockIsNotOnesOwn) {
    call(kOnliner, "mutex_lock", "device_hotplug_lock");
    enter(kAdder, "add_memory_resource");
    EXPECT_EQ(breaches().size(), 1u);
}

TEST_F(RulesTest, ALockThatWasDroppedIsNotHeld) {
    call(kOnliner, "mutex_lock", "device_hotplug_lock");
    kernel.will_call(1, kOnliner, "mutex_unlock", "somebody", kernel.at("device_hotplug_lock"));
    enter(kOnliner, "memory_subsys_online");
    EXPECT_EQ(breaches(), std::vector<std::string>{"R3 memory_subsys_online device_hotplug_lock"});
}

TEST_F(RulesTest, AReaderMayNotChangeTheMap) {
    kernel.will_call(1, kAdder, "get_online_mems", "somebody");
    kernel.will_return(1, kAdder, "somebody");
    enter(kAdder, "arch_add_memory");
    EXPECT_EQ(breaches(), std::vector<std::string>{"R4 arch_add_memory mem_hotplug_lock"});
    EXPECT_EQ(rules->breaches()[0].held, std::vector<std::string>{"mem_hotplug_lock for reading"});
}

// state_store() is called deeper on the stack's other side, so that the two return addresses do not overwrite each
// other.
TEST_F(RulesTest, AStoreFunctionGivesBackWhatItTook) {
    constexpr std::uint64_t deep = 0x40;
    for (const bool gives_back : {true, false}) {
        kernel.will_call(1, kOnliner, "state_store", "somebody");
        kernel.will_call(1, kOnliner, "mutex_lock", "state_store", kernel.at("device_hotplug_lock"), deep);
        kernel.will_return(1, kOnliner, "state_store", 0, deep);
        if (gives_back)
            kernel.will_call(1, kOnliner, "mutex_unlock", "state_store", kernel.at("device_hotplug_lock"), deep);
        kernel.will_return(1, kOnliner, "somebody");
    }
    EXPECT_EQ(breaches(), std::vector<std::string>{"R6 state_store device_hotplug_lock"});
    EXPECT_EQ(rules->breaches()[0].reproach, "and returned without giving back device_hotplug_lock");
}

// --- R8: nobody changes the memory map while another task reads it

class SectionRuleTest : public RulesTest {
protected:
    void asks(std::uint64_t task, const std::string& function) { kernel.will_call(1, task, function, "offline_pages"); }
    void gets_in(std::uint64_t task) { kernel.will_return(1, task, "offline_pages"); }
    void passes(std::uint64_t task, const std::string& function) {
        asks(task, function);
        gets_in(task);
    }
    std::uint64_t checks() { return checks_of(rules->checks(), "R8"); }
};

TEST_F(SectionRuleTest, AWriterThatWaitedForTheReaderIsSilent) {
    passes(kOnliner, "get_online_mems");
    asks(kAdder, "mem_hotplug_begin");
    asks(kOnliner, "put_online_mems");
    gets_in(kAdder);
    EXPECT_TRUE(breaches().empty());
    EXPECT_EQ(checks(), 1u);
}

TEST_F(SectionRuleTest, AReaderThatWaitedForTheWriterIsSilent) {
    passes(kAdder, "mem_hotplug_begin");
    asks(kOnliner, "get_online_mems");
    asks(kAdder, "mem_hotplug_done");
    gets_in(kOnliner);
    EXPECT_TRUE(breaches().empty());
    EXPECT_EQ(checks(), 1u);
}

TEST_F(SectionRuleTest, AWriterThatGetsInWhileAnotherReadsBreaksR8) {
    passes(kOnliner, "get_online_mems");
    passes(kAdder, "mem_hotplug_begin");
    EXPECT_EQ(breaches(), std::vector<std::string>{"R8 mem_hotplug_begin memory is being read"});
    EXPECT_EQ(rules->breaches()[0].task, kAdder);
    EXPECT_EQ(rules->breaches()[0].changer, kOnliner);
}

TEST_F(SectionRuleTest, AReaderThatGetsInWhileAnotherWritesBreaksR8) {
    passes(kAdder, "mem_hotplug_begin");
    passes(kOnliner, "get_online_mems");
    EXPECT_EQ(breaches(), std::vector<std::string>{"R8 get_online_mems memory is being changed"});
    EXPECT_EQ(rules->breaches()[0].task, kOnliner);
    EXPECT_EQ(rules->breaches()[0].changer, kAdder);
}

TEST_F(SectionRuleTest, AWriterThatLeavesWithoutHavingComeBreaksR8) {
    passes(kAdder, "mem_hotplug_begin");
    asks(kAdder, "mem_hotplug_done");
    EXPECT_TRUE(breaches().empty());
    asks(kAdder, "mem_hotplug_done");
    EXPECT_EQ(breaches(), std::vector<std::string>{"R8 mem_hotplug_done mem_hotplug_lock"});
    EXPECT_EQ(rules->breaches()[0].reproach, "without having entered mem_hotplug_begin()");
}

// As in a trial, where the rules are watched last and so asked first.
class ElidedReaderTest : public SectionRuleTest {
protected:
    void SetUp() override {
        ledger = *LockLedger::make(kernel.conductor, kernel.symbols, MutexWatching::calls);
        auto made = Elision::make(kernel.conductor, kernel.symbols,
                                  {"get_online_mems", "put_online_mems", {"offline_pages"}, 0});
        ASSERT_TRUE(made) << made.error().message;
        elision = *std::move(made);
        rules = *RuleWatch::make(kernel.conductor, *ledger, kernel.symbols, kBlockBytes);
    }
    std::unique_ptr<Elision> elision;
};

TEST_F(ElidedReaderTest, AReaderWhoseLockIsElidedIsStillAReader) {
    asks(kOnliner, "get_online_mems");  // and is back at once
    passes(kAdder, "mem_hotplug_begin");
    EXPECT_EQ(breaches(), std::vector<std::string>{"R8 mem_hotplug_begin memory is being read"});
    EXPECT_TRUE(ledger->held_by(kOnliner).empty()) << "it holds no lock";
    asks(kOnliner, "put_online_mems");
    asks(kAdder, "mem_hotplug_done");
    passes(kAdder, "mem_hotplug_begin");
    EXPECT_EQ(breaches().size(), 1u) << "the section has an end, too";
}

TEST_F(SectionRuleTest, OneAfterTheOtherIsNoTest) {
    for (int i = 0; i < 2; i++) {
        passes(kOnliner, "get_online_mems");
        asks(kOnliner, "put_online_mems");
        passes(kAdder, "mem_hotplug_begin");
        asks(kAdder, "mem_hotplug_done");
    }
    EXPECT_TRUE(breaches().empty());
    EXPECT_EQ(checks(), 0u);
}

TEST_F(RulesTest, WhatTheKernelDoesNotHaveIsTold) {
    // try_remove_memory and others are not in this kernel.
    EXPECT_FALSE(rules->gaps().empty());
    EXPECT_EQ(rules->gaps().front().text(),
              "R2: none of try_remove_memory, __remove_memory, remove_memory has a symbol");
}

}  // namespace
}  // namespace memrig
