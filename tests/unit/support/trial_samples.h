// A trial of the control arm that held, for the tests of the judge: each test spoils one thing.
#pragma once

#include "oracle/judge.h"

namespace memrig {

inline constexpr std::uint64_t kSampleBlockBytes = 128ull << 20;

inline Schedule sample_schedule() {
    Schedule schedule;
    Actor adder;
    adder.name = "adder";
    adder.kind = ActorKind::adder;
    adder.entry = {"acpi_device_hotplug"};
    adder.bytes = kSampleBlockBytes;
    Actor onliner;
    onliner.name = "onliner";
    schedule.actors = {adder, onliner};
    Step start{StepKind::start, "adder", {}, false, {}};
    Step hold{StepKind::hold, "adder", "bus_probe_device", true, {}};
    Step race{StepKind::start, "onliner", {}, false, {}};
    Step await{
        StepKind::await,
        "onliner",
        {},
        false,
        {{Observation::Kind::refused, "device_hotplug_lock"}, {Observation::Kind::entered, "memory_subsys_online"}}};
    Step release{StepKind::release, "adder", {}, false, {}};
    schedule.steps = {start, hold, race, await, release, Step{}};
    return schedule;
}

inline constexpr std::uint64_t kSampleAdder = 0xffffc90000004000;
inline constexpr std::uint64_t kSampleOnliner = 0xffffc90000010000;

// The checks that a trial of the sample schedule makes.
inline CheckCounts sample_checks() {
    return {{{"R1", "{adder}"}, 1},
            {{"R3", "memory_subsys_online"}, 4},
            {{"R4", "arch_add_memory"}, 1},
            {{"R4", "move_pfn_range_to_zone"}, 4},
            {{"R4", "adjust_present_page_count"}, 4},
            {{"R5", "memory_subsys_online"}, 4},
            {{"N1", ""}, 8},
            {{"N2", ""}, 8},
            {{"N3", ""}, 8}};
}

struct SampleTrial {
    Schedule schedule = sample_schedule();
    Performance performance;
    ConsoleReport console;
    std::vector<std::pair<ElisionSpec, ElisionCounts>> elisions;

    SampleTrial() {
        performance.end = PlayEnd::finished;
        performance.step = "settle";
        performance.plugged = {{"adder", {32, 32}}};
        performance.answers = {{"adder", "done"}};
        performance.before.qemu = {{}, {"pc.ram"}};
        performance.tasks = {{"adder", kSampleAdder}, {"onliner", kSampleOnliner}};
        performance.holds = {{"adder", "bus_probe_device", 1, 32, SteadyTime{}, SteadyTime{}}};
        performance.evidence = {{"onliner",
                                 {Observation::Kind::refused, "device_hotplug_lock"},
                                 SteadyTime{},
                                 "online_store+0x43",
                                 {"adder"},
                                 {"adder"},
                                 false,
                                 2,
                                 true}};
        performance.writes = {{"onliner", 32, 0, SteadyTime{}}};
        performance.before.blocks = {{0, "online", "Normal", 0, false}};
        ZoneFigures normal;
        normal.zone = "Normal";
        normal.present = 32768;
        performance.before.figures.zones = {normal};
        performance.before.figures.meminfo = {{"MemTotal", 131072}};
        performance.after = performance.before;
        performance.after->qemu = {{"dimm0"}, {"pc.ram", "mem-adder"}};
        performance.after->blocks.push_back({32, "online", "Normal", 0, false});
        performance.after->figures.zones[0].present += kSampleBlockBytes / 4096;
        performance.after->figures.meminfo["MemTotal"] += kSampleBlockBytes / 1024;
    }

    [[nodiscard]] TrialEvidence evidence() const {
        return {schedule, performance, console, elisions, kSampleBlockBytes};
    }
    [[nodiscard]] Judgement judged() const { return judge(evidence()); }
    [[nodiscard]] Verdict verdict() const { return judged().verdict; }

    void print(ConsoleFindingKind kind, const std::string& headline, const std::string& function = "") {
        ConsoleFinding finding;
        finding.kind = kind;
        finding.headline = headline;
        finding.function = function;
        finding.stack = {"zone_for_pfn_range", "memory_block_online"};
        console.findings.push_back(finding);
    }
    void crash(const std::string& actor = "onliner") {
        performance.end = PlayEnd::crashed;
        performance.after.reset();
        performance.crashes = {{SteadyTime{}, "oops_enter", actor, 2}};
    }
    // The two wait for each other, seen twice.
    void get_stuck() {
        performance.end = PlayEnd::stuck;
        performance.after.reset();
        LockEvent adder;
        adder.task = kSampleAdder;
        adder.lock = "memory32's device lock";
        adder.instance = 0xffff888001000090;
        adder.where = "__device_attach+0x2f";
        LockEvent onliner;
        onliner.task = kSampleOnliner;
        onliner.lock = "mem_hotplug_lock";
        onliner.instance = 0xffffffff82000100;
        onliner.where = "online_pages+0x41";
        StuckSample sample;
        sample.blocked = {{71, "kworker/u4:1", 'D', {"__mutex_lock", "__device_attach"}},
                          {90, "onliner", 'D', {"percpu_down_write", "online_pages"}}};
        LockEvent adders = onliner;  // what the adder took is what the onliner wants
        adders.task = kSampleAdder;
        adders.where = "add_memory_resource+0x9f";
        LockEvent onliners = adder;
        onliners.task = kSampleOnliner;
        onliners.where = "device_online+0x1c";
        sample.cycle = WaitCycle{{adder, onliners}, {onliner, adders}};
        sample.lock_events = 40;
        sample.begin_ms = sample.end_ms = 5000;
        StuckSample second = sample;
        second.begin_ms = second.end_ms = sample.end_ms + kLookSpacingMs;
        performance.stuck = {sample, second};
    }
    void elide(std::uint64_t locks) {
        elisions = {{{"lock_device_hotplug", "unlock_device_hotplug", {"acpi_device_hotplug"}, 0}, {locks, locks, 0}}};
    }
    // As a mutant arm goes: nobody is refused, the onliner gets in.
    void get_in() {
        elide(1);
        performance.evidence[0].evidence = {Observation::Kind::entered, "memory_subsys_online"};
    }
};

}  // namespace memrig
