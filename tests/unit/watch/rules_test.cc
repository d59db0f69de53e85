// The rules, over a make-believe kernel: each breach is seen, and what keeps the rule is silent.
#include "watch/rules.h"

#include <algorithm>

#include "kernel_fixture.h"
#include "watch/elision.h"

namespace memrig {
namespace {

const std::vector<std::string> kRulesFunctions = {
    "mutex_lock",          "mutex_trylock",        "mutex_unlock",     "percpu_down_write", "percpu_up_write",
    "get_online_mems",     "put_online_mems",      "bus_probe_device", "device_online",     "device_offline",
    "add_memory_resource", "memory_subsys_online", "arch_add_memory",  "somebody",          "state_store",
    "mem_hotplug_begin",   "mem_hotplug_done",     "offline_pages"};
const std::vector<std::string> kRulesLocks = {"device_hotplug_lock", "mem_hotplug_lock", "cpu_hotplug_lock",
                                              "acpi_scan_lock"};

constexpr std::uint64_t kBlockBytes = 128ull << 20;
constexpr std::uint64_t kResource = 0xffff888004000000;
constexpr std::uint64_t kRulesDevice = 0xffff888005000000;

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

// --- R5: no block is onlined or offlined while another task adds or removes its memory

constexpr std::uint64_t kFirst = 32, kRulesBlocks = 4;  // memory32 to memory35 are being added or removed

class BlockRuleTest : public ::testing::Test {
protected:
    void SetUp() override {
        ledger = *LockLedger::make(kernel.conductor, kernel.symbols, MutexWatching::calls);
        rules = *RuleWatch::make(kernel.conductor, *ledger, kernel.symbols, kBlockBytes);
        // A resource's end is the last byte of it.
        kernel.probe.poke_u64(kResource, kFirst * kBlockBytes);
        kernel.probe.poke_u64(kResource + 8, (kFirst + kRulesBlocks) * kBlockBytes - 1);
    }
    // add_memory_resource(nid, resource) is entered, and left.
    void add(std::uint64_t task = kAdder) { change(task, "add_memory_resource", {{"rdi", 0}, {"rsi", kResource}}); }
    void change(std::uint64_t task, const std::string& function, std::map<std::string, std::uint64_t> arguments) {
        kernel.probe.poke_u64(FakeKernel::sp(task), kernel.at("somebody", 0x41));
        arguments["rsp"] = FakeKernel::sp(task);
        kernel.probe.will_stop(1, kernel.at(function), std::move(arguments));
    }
    void leave(std::uint64_t task = kAdder) { kernel.will_return(1, task, "somebody"); }
    void enter(std::uint64_t task, std::uint64_t block, const std::string& function = "memory_subsys_online") {
        // Nothing runs before run(): each block has a device of its own.
        const std::uint64_t device = kRulesDevice + block * 0x10000;
        kernel.put_device(device, fmt::format("memory{}", block));
        kernel.will_call(2, task, function, "somebody", device, 0x100);
    }
    std::vector<RuleBreach> breaches() {
        kernel.run();
        std::vector<RuleBreach> list;
        for (const auto& breach : rules->breaches())
            if (breach.rule == "R5") list.push_back(breach);
        return list;
    }

    FakeKernel kernel{[] {
                          auto functions = kRulesFunctions;
                          functions.insert(functions.end(), {"try_remove_memory", "memory_subsys_offline"});
                          return functions;
                      }(),
                      kRulesLocks};
    std::unique_ptr<LockLedger> ledger;
    std::unique_ptr<RuleWatch> rules;
};

TEST_F(BlockRuleTest, AnotherThatOnlinesABlockThatIsBeingAdded) {
    add();
    enter(kOnliner, kFirst);
    const auto found = breaches();
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].function, "memory_subsys_online");
    EXPECT_EQ(found[0].lock, "memory32 is being added");
    EXPECT_EQ(found[0].task, kOnliner);
    EXPECT_EQ(found[0].changer, kAdder);
}

TEST_F(BlockRuleTest, ItsLastBlockIsOneOfThem) {
    add();
    enter(kOnliner, kFirst + kRulesBlocks - 1, "memory_subsys_offline");
    const auto found = breaches();
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].function, "memory_subsys_offline");
    EXPECT_EQ(found[0].lock, "memory35 is being added");
}

TEST_F(BlockRuleTest, NotBeforeAndNotAfter) {
    enter(kOnliner, kFirst);
    add();
    leave();
    enter(kOnliner, kFirst);
    EXPECT_TRUE(breaches().empty());
    EXPECT_EQ(checks_of(rules->checks(), "R5"), 2u);
}

TEST_F(BlockRuleTest, NotABlockBeside) {
    add();
    enter(kOnliner, kFirst - 1);
    enter(kOnliner, kFirst + kRulesBlocks);
    enter(kOnliner, 0);
    EXPECT_TRUE(breaches().empty());
}

TEST_F(BlockRuleTest, NotTheAdderItself) {
    add();
    enter(kAdder, kFirst);
    EXPECT_TRUE(breaches().empty());
}

TEST_F(BlockRuleTest, AnothersReturnEndsNothing) {
    add();
    kernel.will_return(2, kThird, "somebody");
    enter(kOnliner, kFirst);
    EXPECT_EQ(breaches().size(), 1u);
}

TEST_F(BlockRuleTest, OneOfTwoChangesMayEnd) {
    add();
    change(kThird, "try_remove_memory", {{"rdi", kFirst * kBlockBytes}, {"rsi", kBlockBytes}});
    leave(kThird);
    enter(kOnliner, kFirst);
    const auto found = breaches();
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].changer, kAdder);
}

TEST_F(BlockRuleTest, EachOfTwoChangesIsNamed) {
    add();
    change(kThird, "try_remove_memory", {{"rdi", kFirst * kBlockBytes}, {"rsi", kBlockBytes}});
    enter(kOnliner, kFirst);
    const auto found = breaches();
    ASSERT_EQ(found.size(), 2u);
    EXPECT_EQ(found[0].lock, "memory32 is being added");
    EXPECT_EQ(found[1].lock, "memory32 is being removed");
    EXPECT_EQ(found[1].changer, kThird);
}

// try_remove_memory(start, size); before v5.15 (nid, start, size).
TEST_F(BlockRuleTest, MemoryThatIsBeingRemoved) {
    using Arguments = std::map<std::string, std::uint64_t>;
    constexpr std::uint64_t start = kFirst * kBlockBytes, bytes = kRulesBlocks * kBlockBytes;
    for (const Arguments& arguments :
         {Arguments{{"rdi", start}, {"rsi", bytes}}, Arguments{{"rdi", 0}, {"rsi", start}, {"rdx", bytes}},
          Arguments{{"rdi", 127}, {"rsi", start}, {"rdx", bytes}}}) {
        const std::size_t before = breaches().size();
        change(kThird, "try_remove_memory", arguments);
        enter(kOnliner, kFirst);
        enter(kOnliner, kFirst + kRulesBlocks - 1);
        enter(kOnliner, kFirst + kRulesBlocks);
        leave(kThird);
        enter(kOnliner, kFirst);
        const auto found = breaches();
        ASSERT_EQ(found.size(), before + 2);
        EXPECT_EQ(found[before].lock, "memory32 is being removed");
        EXPECT_EQ(found[before + 1].lock, "memory35 is being removed");
        EXPECT_EQ(found[before].changer, kThird);
    }
}

TEST_F(BlockRuleTest, AResourceThatCannotBeReadSaysNothing) {
    kernel.probe.absent = {kResource + 8};
    add();
    enter(kOnliner, kFirst);
    EXPECT_TRUE(breaches().empty());
}

TEST_F(BlockRuleTest, ADeviceThatIsNoBlockPutsNothingToTheTest) {
    add();
    kernel.put_device(kRulesDevice, "cpu1");
    kernel.will_call(2, kOnliner, "memory_subsys_online", "somebody", kRulesDevice);
    EXPECT_TRUE(breaches().empty());
    EXPECT_EQ(checks_of(rules->checks(), "R5"), 0u);
}

TEST_F(BlockRuleTest, AKernelThatHasNotAllOfItIsToldOf) {
    const auto r5_of = [](const RuleWatch& watch) {
        std::vector<std::string> found;
        for (const auto& gap : watch.gaps())
            if (gap.obligation.rule == "R5") found.push_back(gap.obligation.function + ": " + gap.why);
        return found;
    };
    EXPECT_EQ(r5_of(*rules), std::vector<std::string>());
    auto own = std::make_unique<FakeKernel>(kRulesFunctions, kRulesLocks);
    const auto its_ledger = *LockLedger::make(own->conductor, own->symbols, MutexWatching::calls);
    const auto its_rules = *RuleWatch::make(own->conductor, *its_ledger, own->symbols, kBlockBytes);
    const std::string no_remover = "none of try_remove_memory, __remove_memory, remove_memory has a symbol";
    EXPECT_EQ(r5_of(*its_rules),
              (std::vector<std::string>{"memory_subsys_online: " + no_remover, "memory_subsys_offline: " + no_remover,
                                        "memory_subsys_offline: memory_subsys_offline has no symbol"}));
}

}  // namespace
}  // namespace memrig
