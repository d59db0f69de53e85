// The kernel's lock trace: read, and compared with the ledger.
#include "watch/lock_trace.h"

#include <gtest/gtest.h>

namespace memrig {
namespace {

constexpr const char* kTrace =
    "# tracer: nop\n"
    "#\n"
    "#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION\n"
    "#              | |         |   |||||     |         |\n"
    "   kworker/u6:1-35      [001] .....     7.333754: lock_acquire: 00000000a1b2c3d4 device_hotplug_lock\n"
    "   kworker/u6:1-35      [001] .....     7.334001: lock_acquire: 00000000a1b2c3d5 read mem_hotplug_lock\n"
    "        onliner-54      [002] .....     7.335000: lock_acquire: 00000000a1b2c3d4 try device_hotplug_lock\n"
    "   with - dash-7        [000] d..1.     7.335100: lock_release: 00000000a1b2c3d5 mem_hotplug_lock\n"
    "        onliner-54      [002] .....     7.336000: sched_switch: something else\n";

TEST(LockTrace, EveryLineIsRead) {
    const std::vector<TracedLock> expected = {{35, "kworker/u6:1", true, false, "device_hotplug_lock"},
                                              {35, "kworker/u6:1", true, true, "mem_hotplug_lock"},
                                              {54, "onliner", true, false, "device_hotplug_lock"},
                                              {7, "with - dash", false, false, "mem_hotplug_lock"}};
    EXPECT_EQ(parse_lock_trace(kTrace).events, expected);
    EXPECT_EQ(parse_lock_trace(kTrace).lack, "");
}

TEST(LockTrace, WhatTheKernelLostIsTold) {
    const std::string trace = kTrace;
    EXPECT_EQ(parse_lock_trace("# entries-in-buffer/entries-written: 5/5   #P:3\n" + trace).lack, "");
    EXPECT_EQ(parse_lock_trace("# entries-in-buffer/entries-written: 5/17   #P:3\n" + trace).lack,
              "the kernel's buffer was too small for its lock trace");
    EXPECT_EQ(parse_lock_trace(trace + "CPU:1 [LOST 12 EVENTS]\n").lack,
              "the kernel's buffer was too small for its lock trace");
}

TEST(LockTrace, EventsBeyondTheLimitAreTold) {
    std::string trace;
    for (int i = 0; i < 100'000; i++) trace += "a-1 [0] 1.0: lock_acquire: 1 x\n";
    EXPECT_EQ(parse_lock_trace(trace).lack, "");
    const LockTrace longer = parse_lock_trace(trace + "a-1 [0] 1.0: lock_acquire: 1 x\n");
    EXPECT_EQ(longer.lack, "the kernel's lock trace has more than 100000 events");
    EXPECT_EQ(longer.events.size(), 100'000u);
}

TEST(LockTrace, NoTruncationAndNoNoiseBreaksIt) {
    const std::string text = kTrace;
    for (std::size_t length = 0; length <= text.size(); length++) (void)parse_lock_trace(text.substr(0, length));
    for (std::size_t at = 0; at < text.size(); at += 3) {
        std::string noisy = text;
        noisy[at] = '\xff';
        (void)parse_lock_trace(noisy);
    }
    EXPECT_TRUE(parse_lock_trace("a-b [0]: lock_acquire: 1 x\n -: lock_release: \n").events.empty());
}

constexpr std::uint64_t kLockTraceTask = 0xffffc90000004000;

LockEvent event(LockAction action, const std::string& lock) {
    LockEvent made;
    made.task = kLockTraceTask;
    made.action = action;
    made.lock = lock;
    return made;
}

TracedLock traced(bool acquire, const std::string& lock) { return {35, "kworker", acquire, false, lock}; }

class LockTraceComparison : public testing::Test {
protected:
    std::vector<std::string> disagreements() { return lock_trace_disagreements(ledger, pids, trace, compared); }
    std::vector<LockEvent> ledger = {
        event(LockAction::wants, "device_hotplug_lock"), event(LockAction::takes, "device_hotplug_lock"),
        event(LockAction::takes, "memory32's device lock"), event(LockAction::releases, "device_hotplug_lock")};
    std::vector<TracedLock> trace = {traced(true, "device_hotplug_lock"), traced(false, "device_hotplug_lock")};
    std::map<std::uint64_t, int> pids = {{kLockTraceTask, 35}};
    std::size_t compared = 0;
};

TEST_F(LockTraceComparison, TheSameStepsAgree) {
    EXPECT_TRUE(disagreements().empty());
    EXPECT_EQ(compared, 1u);
}

TEST_F(LockTraceComparison, WhatTheLedgerMissedIsNamed) {
    trace.insert(trace.begin() + 1, traced(true, "mem_hotplug_lock"));
    EXPECT_EQ(disagreements(), std::vector<std::string>{
                                   "pid 35, step 2: the probe saw \"releases device_hotplug_lock\", the kernel traced "
                                   "\"takes mem_hotplug_lock\""});
}

TEST_F(LockTraceComparison, WhatTheLedgerMadeUpIsNamed) {
    trace.pop_back();
    EXPECT_EQ(disagreements(),
              std::vector<std::string>{
                  "pid 35, step 2: the probe saw \"releases device_hotplug_lock\", the kernel traced \"nothing\""});
}

TEST_F(LockTraceComparison, ATaskOfUnknownPidIsNotCompared) {
    pids.clear();
    EXPECT_TRUE(disagreements().empty());
    EXPECT_EQ(compared, 0u);
}

}  // namespace
}  // namespace memrig
