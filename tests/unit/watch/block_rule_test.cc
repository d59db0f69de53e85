// R5: no block is onlined or offlined while another task adds or removes its memory.
#include "rules_fixture.h"

namespace memrig {
namespace {

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
