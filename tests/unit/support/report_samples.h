// Runs made by hand, one of each kind that a report has to show.
#pragma once

#include <string>

#include "run/results.h"

namespace memrig::samples {

inline TrialResult trial(unsigned number, Verdict verdict, bool as_expected, std::string reason) {
    TrialResult trial;
    trial.number = number;
    trial.seed = 1000 + number;
    trial.choices = {{"onliner.attribute", number % 2 == 1 ? "state" : "online"}};
    trial.verdict = verdict;
    trial.reason = std::move(reason);
    trial.as_expected = as_expected;
    trial.restore_seconds = 0.2 + 0.01 * number;
    trial.schedule_seconds = 0.25;
    trial.verdict_seconds = 0.6 + 0.01 * number;
    trial.stops = 40 + number;
    trial.directory = "control/trial-" + std::to_string(number);
    return trial;
}

inline ArmResult arm(std::string name, std::vector<Verdict> expected, std::vector<TrialResult> trials) {
    ArmResult arm;
    arm.scenario = "race/acpi-dimm-online";
    arm.kernel = "debian-6.1-amd64";
    arm.bench = "q35";
    arm.arm = std::move(name);
    arm.expected = std::move(expected);
    arm.trials_asked = static_cast<unsigned>(trials.size());
    arm.trials = std::move(trials);
    return arm;
}

inline RunResults run(std::vector<ArmResult> arms) {
    RunResults results;
    results.memrig_version = "0.1.0";
    results.qemu_version = "QEMU emulator version 7.2.22";
    results.accelerator = "tcg";
    results.started = "2030-02-03T04:05:06Z";
    results.seed = 18446744073709551615ull;
    results.jobs = 2;
    results.kernels = {{"debian-6.1-amd64", "6.1.0-44-cloud-amd64", std::string(64, 'a'), 3.25}};
    results.arms = std::move(arms);
    results.seconds = 84.4;
    return results;
}

inline ArmResult good_control() {
    const char* reason = "refused by device_hotplug_lock while its owner was held";
    ArmResult control = arm("control", {Verdict::held}, {});
    control.purpose = "the kernel as shipped";
    for (unsigned n = 1; n <= 4; n++) control.trials.push_back(trial(n, Verdict::held, true, reason));
    control.trials_asked = 4;
    return control;
}

inline RunResults all_as_expected() {
    ArmResult mutant = arm("mutant", {Verdict::oops, Verdict::deadlock},
                           {trial(1, Verdict::oops, true, "oops in zone_for_pfn_range"),
                            trial(2, Verdict::deadlock, true, "a cycle of two tasks, twice, unchanged")});
    mutant.purpose = "acpi_device_hotplug without device_hotplug_lock";
    return run({good_control(), mutant});
}

inline RunResults not_as_expected() {
    ArmResult control = good_control();
    control.trials[2] = trial(3, Verdict::oops, false, "oops in zone_for_pfn_range");
    control.trials[2].findings = {
        {"crash", Verdict::oops, "BUG: unable to handle page fault", {"RIP: zone_for_pfn_range+0x20/0xb0"}},
        {"evidence", Verdict::inconclusive, "the onliner was never seen refused", {}}};
    control.trials[3] = trial(4, Verdict::inconclusive, false, "the hold was never reached");
    return run({control});
}

inline RunResults many_not_as_expected() {
    ArmResult control = arm("control", {Verdict::held}, {});
    for (unsigned n = 1; n <= 13; n++)
        control.trials.push_back(trial(n, Verdict::hang, false, "stuck, no cycle proven"));
    control.trials_asked = 13;
    return run({control});
}

inline RunResults with_rig_fault() {
    RunResults results = all_as_expected();
    TrialResult& broken = results.arms[0].trials[1];
    broken = trial(2, Verdict::rig_fault, false, "QEMU was killed by SIGKILL");
    broken.restore_seconds = broken.schedule_seconds = broken.verdict_seconds = 0;
    broken.findings = {{"rig", Verdict::rig_fault, "QEMU was killed by SIGKILL", {}}};
    return results;
}

// Two trials of the first arm were running: the fourth was done before the third. The second arm never began.
inline RunResults interrupted() {
    RunResults results = all_as_expected();
    results.interrupted = true;
    results.arms[0].trials.erase(results.arms[0].trials.begin() + 2);
    results.arms[0].trials_asked = 6;
    results.arms[1].trials.clear();
    return results;
}

// Texts that a guest, a path or a scenario may smuggle in.
inline RunResults odd_text() {
    RunResults results = all_as_expected();
    ArmResult& odd = results.arms[0];
    odd.kernel = "/kernels/ünï #5/bzImage\n";
    odd.purpose = "a # in the purpose\nand a second line";
    odd.trials[0] = trial(1, Verdict::oops, false,
                          "\x1b[31mred\x1b[0m \x1b]0;title\a tab\there\r\nok 99 - forged\xff\xc3\x28 \xc2\x9b"
                          "31m nul" +
                              std::string(1, '\0') + "!");
    odd.trials[0].choices = {{"onliner.attribute", "st\nate"}};
    odd.trials[0].directory = "con\trol/trial-1";
    odd.trials[0].findings = {{"crash", Verdict::oops, "line one\nline two \xe2\x82", {"detail \x01 \"quoted\" \\"}}};
    results.kernels[0].id = odd.kernel;
    return results;
}

// All orders of the control arm, one of which did not come to pass; of the mutant arm those up to the first that
// convicts it.
inline RunResults explored() {
    const Switch first = {"adder", "bus_probe_device", 1, "onliner", false};
    const Switch forced = {"onliner", "blocked mem_hotplug_lock", 2, "adder", true};
    const Interleaving orders[] = {{}, {first}, {first, forced}};
    const auto order = [&](unsigned number, Verdict verdict, std::string reason) {
        TrialResult one = trial(number, verdict, true, std::move(reason));
        one.order = orders[number - 1];
        one.choices = {{"onliner.attribute", "state"}};
        one.directory = "arm/" + std::to_string(number);
        return one;
    };
    const char* unobjected = "no oracle objects to this order";
    ArmResult control = arm("control", {Verdict::held},
                            {order(1, Verdict::held, unobjected), order(2, Verdict::held, unobjected),
                             order(3, Verdict::inconclusive, "not every switch of the order came to pass")});
    control.trials[2].order_came_to_pass = false;
    ArmResult mutant =
        arm("mutant", {Verdict::oops, Verdict::deadlock},
            {order(1, Verdict::held, unobjected), order(2, Verdict::oops, "oops in zone_for_pfn_range")});
    mutant.trials_asked = 5;
    ExploreSummary summary;
    summary.preemptions = 2;
    summary.points = {"device_add", "bus_probe_device", "memory_notify"};
    summary.missing_points = {"memory_notify"};
    summary.known = 3;
    summary.infeasible = 4;
    summary.points_passed = 17;
    control.explored = summary;
    summary.known = 5;
    summary.stopped_at_first = true;
    mutant.explored = summary;
    control.mode = mutant.mode = Mode::explore;
    return run({control, mutant});
}

// A kernel that lacks what the first scenario is about.
inline RunResults one_skipped() {
    RunResults results = all_as_expected();
    ArmResult lacking = results.arms[0];
    lacking.scenario = "validate/memmap-on-memory";
    lacking.trials.clear();
    lacking.trials_asked = 0;
    lacking.skipped = "this kernel has no __param_memmap_on_memory";
    results.arms.insert(results.arms.begin(), lacking);
    return results;
}

// A bench that this kernel does not let be prepared.
inline RunResults not_set_up() {
    RunResults results = all_as_expected();
    ArmResult missing = results.arms[0];
    missing.scenario = "race/dax-kmem-online";
    missing.bench = "q35-dax";
    missing.trials.clear();
    missing.not_set_up =
        Error{Fault::guest, "kernel debian-6.1-amd64 cannot be set up as bench q35-dax wants it: # no such file",
              "another kernel may do"};
    results.arms.insert(results.arms.begin(), missing);
    return results;
}

// Nothing is proven of the control arm; of the mutant arm it is how often the race came by itself that counts.
inline RunResults freely() {
    const char* unproven = "nothing was found; nothing was scheduled, so nothing is proven";
    ArmResult control = arm("control", {Verdict::held}, {});
    ArmResult mutant = arm("mutant", {Verdict::oops, Verdict::deadlock}, {});
    for (unsigned n = 1; n <= 10; n++) {
        control.trials.push_back(trial(n, Verdict::inconclusive, true, unproven));
        mutant.trials.push_back(n == 3 || n == 8 ? trial(n, Verdict::oops, true, "oops in zone_for_pfn_range")
                                                 : trial(n, Verdict::inconclusive, true, unproven));
    }
    ArmResult calm = arm("calm", {Verdict::accounting}, control.trials);
    for (ArmResult* one : {&control, &mutant, &calm}) {
        one->mode = Mode::free;
        one->trials_asked = 10;
    }
    return run({control, mutant, calm});
}

inline RunResults nothing_ran() { return run({}); }

// All runs above, with the names of their golden files.
inline std::vector<std::pair<std::string, RunResults>> all_runs() {
    return {{"all-as-expected", all_as_expected()},
            {"not-as-expected", not_as_expected()},
            {"many-not-as-expected", many_not_as_expected()},
            {"rig-fault", with_rig_fault()},
            {"interrupted", interrupted()},
            {"odd-text", odd_text()},
            {"explored", explored()},
            {"free", freely()},
            {"skipped", one_skipped()},
            {"not-set-up", not_set_up()},
            {"nothing-ran", nothing_ran()}};
}

}  // namespace memrig::samples
