// A rig that is blind in some way, on a real guest: it neither convicts a kernel that is right, nor acquits one that it
// could not see. nightly/broken_rig_test.cc has the other ways.
#include "integration/broken_rig.h"

namespace memrig {
namespace {

class BlindRig : public test::BrokenRig {};

TEST_F(BlindRig, AWholeRigTellsTheTwoArmsApart) {
    makes_no_difference();
    for (const Watcher watcher : all_watchers())
        EXPECT_EQ(last.of(watcher).state, WatcherReport::State::armed) << to_string(watcher);
}

// The owner is read at every stop, so the next stop shows what a lost one would have.
TEST_F(BlindRig, AWatchpointIsDropped) {
    flaws.blind_watchpoints = {at("device_hotplug_lock")};
    makes_no_difference();
}

TEST_F(BlindRig, TheOwnerIsTakenForAnotherWord) {
    flaws.memory = [](std::uint64_t, std::string& bytes) {
        if (bytes.size() == 128) std::swap_ranges(bytes.begin(), bytes.begin() + 8, bytes.begin() + 8);
    };
    proves_nothing();
}

TEST_F(BlindRig, ATaskIsTakenForAnother) {
    flaws.registers = [](unsigned vcpu, Registers& registers) {
        if (vcpu == 2) registers.set("rsp", registers.sp() + 0x4000);
    };
    proves_nothing();
}

TEST_F(BlindRig, TheLockIsTakenForAnotherOne) {
    guest = test::with_symbols(*guest, test::resolved_to("device_hotplug_lock", "gdp_mutex"));
    proves_nothing();
}

TEST_F(BlindRig, TheConsoleEndsEarly) {
    flaws.silent_console = true;
    const TrialResult control = trial("control");
    EXPECT_EQ(control.verdict, Verdict::inconclusive) << control.reason;
    EXPECT_NE(control.reason.find("console"), std::string::npos) << control.reason;
}

}  // namespace
}  // namespace memrig
