#include "watch/lock_witness.h"

#include "kernel_fixture.h"

namespace memrig {
namespace {

constexpr const char* kWitnessed = "device_hotplug_lock";

class LockWitnessTest : public ::testing::Test {
protected:
    void SetUp() override { witness = *LockWitness::make(kernel.conductor, kernel.symbols); }
    void takes(std::uint64_t task, const char* function = "mutex_lock", std::uint64_t value = 0,
               std::uint64_t bytes_before = 0) {
        kernel.will_call(1, task, function, "somebody", kernel.at(kWitnessed) - bytes_before);
        kernel.will_return(1, task, "somebody", value);
        kernel.run();
    }
    void releases(std::uint64_t task) {
        kernel.will_call(1, task, "mutex_unlock", "somebody", kernel.at(kWitnessed));
        kernel.run();
    }
    LockEvent told(std::uint64_t task, LockAction action) {
        LockEvent event;
        event.task = task;
        event.action = action;
        event.lock = kWitnessed;
        event.instance = kernel.at(kWitnessed);
        return event;
    }
    std::string differs(const std::vector<LockEvent>& ledger) { return witness->disagreement(ledger, compared); }

    FakeKernel kernel{{"mutex_lock", "mutex_trylock", "mutex_unlock", "somebody"}, {kWitnessed}};
    std::unique_ptr<LockWitness> witness;
    std::size_t compared = 0;
};

TEST_F(LockWitnessTest, TheSameActsAgree) {
    takes(kAdder);
    releases(kAdder);
    takes(kOnliner, "mutex_trylock", 0);  // refused
    takes(kOnliner, "mutex_trylock", 1);
    EXPECT_EQ(differs({told(kAdder, LockAction::takes), told(kAdder, LockAction::releases),
                       told(kOnliner, LockAction::refused), told(kOnliner, LockAction::takes)}),
              "");
    EXPECT_EQ(compared, 3u);
}

TEST_F(LockWitnessTest, ALedgerThatBeganLaterAgrees) {
    takes(kAdder);
    releases(kAdder);
    EXPECT_EQ(differs({told(kAdder, LockAction::releases)}), "");
}

TEST_F(LockWitnessTest, AnotherTaskDiffers) {
    takes(kAdder);
    EXPECT_NE(differs({told(kOnliner, LockAction::takes)}).find("but task"), std::string::npos);
}

// Mutexes of one file lie side by side: drivers/base/core.c has several.
TEST_F(LockWitnessTest, AMutexCloseByIsAnother) {
    takes(kOnliner, "mutex_lock", 0, 32);
    takes(kAdder);
    EXPECT_EQ(differs({told(kAdder, LockAction::takes)}), "");
    EXPECT_EQ(compared, 1u);
}

// Were it nothing to compare, arming would rest on no comparison at all.
TEST_F(LockWitnessTest, AMutexThatOnlyTheLedgerSawDiffers) {
    takes(kAdder, "mutex_lock", 0, 32);
    EXPECT_EQ(differs({told(kAdder, LockAction::takes)}), "device_hotplug_lock: the ledger saw 1 acts, of 0");
}

TEST_F(LockWitnessTest, ALostReleaseDiffers) {
    takes(kAdder);
    releases(kAdder);
    EXPECT_NE(differs({told(kAdder, LockAction::takes)}), "");
}

TEST_F(LockWitnessTest, AnActThatNeverWasDiffers) {
    takes(kAdder);
    EXPECT_NE(differs({told(kAdder, LockAction::takes), told(kAdder, LockAction::releases)}), "");
}

}  // namespace
}  // namespace memrig
