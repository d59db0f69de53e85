// More ways in which a rig is blind, on a real guest: it neither convicts a kernel that is right, nor acquits one that
// it could not see. integration/broken_rig_test.cc has the ways that each run tries.
#include "integration/broken_rig.h"

namespace memrig {
namespace {

class BrokenRigAtNight : public test::BrokenRig {};

TEST_F(BrokenRigAtNight, WatchpointsWatchTheNextWord) {
    flaws.shift_watchpoints = 8;
    makes_no_difference();
}

TEST_F(BrokenRigAtNight, StopsOfWatchpointsAreLost) {
    flaws.lose_watch_stop = 3;
    is_never_wrong();
}

TEST_F(BrokenRigAtNight, TheStacksAreSaidToBeLarger) {
    guest = test::with_symbols(*guest, test::resolved_to("__end_init_task", "__start_init_task", 32768));
    proves_nothing();
}

TEST_F(BrokenRigAtNight, TheStacksAreSaidToBeSmallerAndTheirEndIsNotSeen) {
    guest = test::with_symbols(*guest, test::resolved_to("__end_init_task", "__start_init_task", 8192));
    flaws.memory = [](std::uint64_t, std::string& bytes) {
        if (bytes.size() == 8 && bytes.starts_with("\x9d\x6e\xac\x57")) bytes.assign(8, '\0');
    };
    is_never_wrong();
}

TEST_F(BrokenRigAtNight, AReturnValueIsMisread) {
    flaws.registers = [](unsigned, Registers& registers) { registers.set("rax", 0); };
    proves_nothing();
}

TEST_F(BrokenRigAtNight, TheNoticesAreMisread) {
    flaws.words = [](std::vector<std::uint64_t>& words) {
        constexpr std::uint64_t pages_of_a_block = 32768;
        if (words.size() == 6 && words[1] == pages_of_a_block) std::ranges::rotate(words, words.begin() + 1);
    };
    proves_nothing();
}

// Six mutexes are watched once the blocks of the device are there, which is not so yet when the guest is armed.
TEST_F(BrokenRigAtNight, TheOwnersAreMisreadInTheTrialAlone) {
    flaws.words = [](std::vector<std::uint64_t>& words) {
        if (words.size() == 6) std::ranges::rotate(words, words.begin() + 1);
    };
    proves_nothing();
}

TEST_F(BrokenRigAtNight, TheRwsemIsTakenForAnotherOne) {
    guest = test::with_symbols(*guest, test::resolved_to("mem_hotplug_lock", "cpu_hotplug_lock", 512));
    proves_nothing();
}

TEST_F(BrokenRigAtNight, TheChainOfNotifiersIsTakenForAnotherOne) {
    guest = test::with_symbols(*guest, test::resolved_to("memory_chain", "reboot_notifier_list"));
    proves_nothing();
}

TEST_F(BrokenRigAtNight, TheAdderIsTakenForAnotherFunction) {
    guest = test::with_symbols(*guest, test::resolved_to("add_memory_resource", "device_add"));
    proves_nothing();
}

TEST_F(BrokenRigAtNight, WhatOnlinesABlockIsTakenForAnotherFunction) {
    guest = test::with_symbols(*guest, test::resolved_to("memory_subsys_online", "bus_probe_device"));
    proves_nothing();
}

TEST_F(BrokenRigAtNight, ABreakpointNeverFires) {
    flaws.blind_breakpoints = {at("add_memory_resource"), at("add_memory_resource") + 5};
    const TrialResult control = trial("control");
    EXPECT_EQ(control.verdict, Verdict::inconclusive) << control.reason;
    EXPECT_NE(control.reason.find("never put to the test"), std::string::npos) << control.reason;
}

TEST_F(BrokenRigAtNight, TheTrylockIsNotSeen) {
    flaws.blind_breakpoints = {at("mutex_trylock"), at("mutex_trylock") + 5};
    const TrialResult control = trial("control");
    EXPECT_FALSE(convicts(control.verdict)) << control.reason;
    EXPECT_NE(control.verdict, Verdict::held) << control.reason;
}

}  // namespace
}  // namespace memrig
