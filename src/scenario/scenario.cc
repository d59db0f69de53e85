#include "scenario/scenario.h"

#include <algorithm>
#include <limits>

#include <fmt/ranges.h>

#include "kernel/source_mutant.h"
#include "machine/bench.h"
#include "machine/guest_feature.h"
#include "scenario/actor_reader.h"
#include "scenario/bug_reader.h"
#include "scenario/hotplug_path.h"
#include "scenario/schedule_reader.h"
#include "watch/call_recorder.h"
#include "watch/obligation.h"
#include "watch/roles.h"

namespace memrig {

namespace {

std::vector<Verdict> read_expected(TomlTable& table) {
    std::vector<Verdict> expected;
    for (const auto& text : table.strings("expect", true)) {
        const auto verdict = parse_verdict(text);
        if (!verdict) table.report("expect", fmt::format("there is no verdict \"{}\"", text));
        else if (*verdict == Verdict::inconclusive || *verdict == Verdict::rig_fault)
            table.report("expect", fmt::format("\"{}\" proves nothing, and cannot be expected", text));
        else expected.push_back(*verdict);
    }
    return expected;
}

void check_mutants(TomlTable& table, const char* key, const std::vector<std::string>& names) {
    const auto known = source_mutants();
    for (const auto& name : names)
        if (known && std::ranges::find(*known, name, &SourceMutant::name) == known->end())
            table.report(key, fmt::format("there is no source mutant \"{}\"", name));
}

// A word of `needs` or `lacks`: a feature of the guest, a role, or a kernel symbol.
void check_capability(TomlTable& table, const char* key, const std::string& word) {
    if (find_guest_feature(word) != nullptr || find_role(word) != nullptr || is_kernel_symbol(word)) return;
    std::vector<std::string_view> known;
    for (const auto& feature : guest_features()) known.push_back(feature.key);
    table.report(key, fmt::format("\"{}\" is no feature of a guest ({}), no role and no kernel symbol", word,
                                  fmt::join(known, ", ")));
}

void check_functions(TomlTable& table, const char* key, const std::vector<std::string>& words) {
    if (!table.has(key)) return;  // its lack is reported already
    for (const auto& word : words)
        if (word != kBenchHotplug && !names_function(word))
            table.report(key, fmt::format("\"{}\" is no kernel symbol and no role", word));
}

// The control arm shows that the kernel as shipped holds. Any other arm shows that what it takes away is missed.
void check_expected(const ScenarioArm& arm, TomlTable& table) {
    const bool holds = std::ranges::find(arm.expected, Verdict::held) != arm.expected.end();
    if (arm.name == "control" && !arm.expected.empty() && arm.expected != std::vector{Verdict::held})
        table.report("expect", "the control arm is the kernel as shipped: \"expect\" has to be \"held\" there");
    // A kernel may well cope with a call that fails.
    if (arm.name != "control" && holds && arm.failures.empty())
        table.report("expect",
                     fmt::format("arm \"{}\" has to be convicted: only the control arm can be expected to be \"held\"",
                                 arm.name));
}

void check_changes(const ScenarioArm& arm, TomlTable& table) {
    const bool control = arm.name == "control";
    if (control && !arm.settings.empty())
        table.report("set", "the control arm is the scenario as it stands: nothing can be set");
    if (control && !arm.overrides.empty())
        table.report("override", "the control arm is the kernel as shipped: nothing can be overridden");
    if (control && !arm.replacements.empty())
        table.report("replace", "the control arm is the kernel as shipped: nothing can be replaced");
    if (control && !arm.insertions.empty())
        table.report("insert", "the control arm is the kernel as shipped: nothing can be inserted");
    if (control && !arm.failures.empty())
        table.report("fail", "the control arm is the kernel as shipped: nothing can be made to fail");
    if (control && !arm.elisions.empty())
        table.report("elide", "the control arm is the kernel as shipped: nothing can be elided");
    const bool changes = table.has("elide") || table.has("override") || table.has("replace") || table.has("insert") ||
                         table.has("fail") || !arm.settings.empty();
    if (!control && !changes)
        table.report("elide",
                     fmt::format("arm \"{}\" elides, overrides, replaces, inserts, sets and fails nothing: it would be "
                                 "a second control",
                                 arm.name));
}

constexpr std::int64_t kLowestErrno = -4095;  // MAX_ERRNO, include/linux/err.h
constexpr std::int64_t kMostCalls = 1'000'000;
constexpr std::int64_t kMostReturned = 0xffff;  // NOTIFY_BAD, include/linux/notifier.h

FailureSpec read_failure(TomlTable& table, const Schedule& schedule) {
    FailureSpec spec;
    spec.actor = table.string("actor");
    if (table.has("actor") && schedule.find(spec.actor) == nullptr)
        table.report("actor", fmt::format("there is no actor \"{}\" whose call could fail", spec.actor));
    spec.function = table.string("function");
    check_functions(table, "function", {spec.function});
    spec.path = table.strings("path", true);
    check_functions(table, "path", spec.path);
    if (spec.path.size() > kRecordedDepth) table.report("path", fmt::format("more than {} callers", kRecordedDepth));
    spec.nth = static_cast<unsigned>(table.integer("nth", 1, kMostCalls, 1));
    spec.value = static_cast<std::uint64_t>(table.integer("value", kLowestErrno, kMostReturned, 0));
    table.finish();
    return spec;
}

OverrideSpec read_override(TomlTable& table) {
    OverrideSpec spec;
    spec.function = table.string("function");
    check_functions(table, "function", {spec.function});
    spec.argument = static_cast<unsigned>(table.integer("argument", 0, 5));
    constexpr std::int64_t least = std::numeric_limits<std::int32_t>::min();
    constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
    if (table.has("from")) spec.from = static_cast<std::int32_t>(table.integer("from", least, most));
    else spec.from.reset();
    spec.to = static_cast<std::int32_t>(table.integer("to", least, most));
    spec.callers = table.strings("caller", false);
    check_functions(table, "caller", spec.callers);
    table.finish();
    return spec;
}

ReplacementSpec read_replacement(TomlTable& table) {
    ReplacementSpec spec;
    spec.function = table.string("function");
    spec.by = table.string("by");
    check_functions(table, "function", {spec.function});
    check_functions(table, "by", {spec.by});
    if (!spec.by.empty() && spec.by == spec.function) table.report("by", "a function is replaced by another one");
    spec.callers = table.strings("caller", true);
    check_functions(table, "caller", spec.callers);
    if (table.has("value"))
        spec.value = static_cast<std::uint64_t>(table.integer("value", kLowestErrno, kMostReturned));
    table.finish();
    return spec;
}

ScenarioArm read_arm(const std::string& name, TomlTable& table, const Schedule& schedule) {
    ScenarioArm arm;
    arm.name = name;
    arm.purpose = table.string("purpose");
    arm.expected = read_expected(table);
    arm.mutant = table.string("mutant", "");
    if (!arm.mutant.empty()) check_mutants(table, "mutant", {arm.mutant});
    for (auto& elide : table.tables("elide", false)) {
        ElisionSpec spec;
        const bool is_lock = !elide.has("function");
        spec.lock = elide.string(is_lock ? "lock" : "function");
        if (is_lock) spec.unlock = elide.string("unlock");
        spec.callers = elide.strings("caller", true);
        check_functions(elide, "caller", spec.callers);
        spec.value = static_cast<std::uint64_t>(elide.integer("value", kLowestErrno, 1, 0));
        elide.finish();
        arm.elisions.push_back(std::move(spec));
    }
    for (auto& forced : table.tables("override", false)) arm.overrides.push_back(read_override(forced));
    for (auto& replaced : table.tables("replace", false)) arm.replacements.push_back(read_replacement(replaced));
    for (auto& insert : table.tables("insert", false)) {
        InsertionSpec spec;
        spec.before = insert.string("before");
        check_functions(insert, "before", {spec.before});
        spec.calls = insert.strings("call", true);
        spec.callers = insert.strings("caller", false);
        check_functions(insert, "caller", spec.callers);
        insert.finish();
        if (!spec.calls.empty()) arm.insertions.push_back(std::move(spec));
    }
    for (auto& fails : table.tables("fail", false)) arm.failures.push_back(read_failure(fails, schedule));
    arm.settings = table.strings("set", false);
    check_expected(arm, table);
    check_changes(arm, table);
    table.finish();
    return arm;
}

std::string read_path(TomlTable& root) {
    std::vector<std::string_view> ids;
    for (const auto& path : kHotplugPaths) ids.push_back(path.id);
    const std::size_t none = ids.size();
    const std::size_t chosen = root.choice("path", ids, none);
    return chosen == none ? "" : std::string(ids[chosen]);
}

constexpr const char* kInjectorCountsNothing = "the kernel's error injector lets none through first";

VetoSpec read_veto(TomlTable& table) {
    VetoSpec spec;
    const std::string text = table.string("notice");
    if (const auto notice = parse_notice(text)) spec.notice = *notice;
    else table.report("notice", fmt::format("there is no notice \"{}\"", text));
    spec.by = static_cast<VetoSpec::By>(table.choice("by", {"probe", "kernel", "nobody"}, std::size_t{0}));
    spec.after = static_cast<unsigned>(table.integer("after", 0, 1'000'000, 0));
    const std::string error = table.string("error", "EPERM");
    if (const auto known = parse_errno(error); known && *known > 0) spec.error = *known;
    else table.report("error", fmt::format("\"{}\" is not the name of an errno", error));
    if (spec.after > 0 && spec.by == VetoSpec::By::kernel) table.report("after", kInjectorCountsNothing);
    table.finish();
    return spec;
}

void check_retries(const Schedule& schedule, TomlTable& root) {
    for (const auto& actor : schedule.actors) {
        const Actor* first = schedule.find(actor.again_of);
        if (!actor.again_of.empty() && (first == nullptr || first->kind != actor.kind))
            root.report("actor",
                        fmt::format("actor \"{}\" cannot do again what \"{}\" did", actor.name, actor.again_of));
    }
}

}  // namespace

Scenario parse_scenario(TomlDocument& document, const std::string& name) {
    Scenario scenario;
    scenario.name = name;
    if (!document.diagnostics().empty()) return scenario;  // not TOML: nothing else can be checked
    TomlTable root = document.root();
    root.integer("schema", 1, 1);
    scenario.title = root.string("title");
    scenario.verifies = root.string("verifies");
    scenario.path = read_path(root);
    scenario.benches = root.strings("benches", true);
    const auto known = bench_names();
    for (const auto& bench : scenario.benches)
        if (std::ranges::find(known, bench) == known.end())
            root.report("benches", fmt::format("there is no bench \"{}\"", bench));
    for (const auto& [key, words] : {std::pair{"needs", &scenario.needs}, {"lacks", &scenario.lacks}}) {
        *words = root.strings(key, false);
        for (const auto& word : *words) check_capability(root, key, word);
    }
    for (const auto& text : root.strings("kills", false)) {
        const std::size_t space = std::min(text.find(' '), text.size());
        scenario.kills.push_back({text.substr(0, space), text.substr(std::min(space + 1, text.size()))});
        check_mutants(root, "kills", {scenario.kills.back().mutant});
    }
    scenario.trials = static_cast<unsigned>(root.integer("trials", 1, 1'000'000, 10));
    scenario.schedule = read_schedule(root);
    scenario.schedule.rests_on = root.strings("rests-on", false);
    for (const auto& rule : scenario.schedule.rests_on)
        if (std::ranges::find(kRuleNames, rule) == kRuleNames.end())
            root.report("rests-on", fmt::format("there is no rule \"{}\": {}", rule, fmt::join(kRuleNames, ", ")));
    if (auto explore = root.table("explore", false)) {
        scenario.points = explore->strings("points", false);
        for (const auto& point : scenario.points)
            if (!names_function(point))
                explore->report("points", fmt::format("\"{}\" is no kernel symbol and no role", point));
        scenario.explore_settings = explore->strings("set", false);
        Scenario tried = scenario;
        for (const auto& setting : scenario.explore_settings)
            if (const Status applied = apply_setting(tried, setting); !applied)
                explore->report("set", applied.error().message);
        explore->finish();
    }
    if (auto veto = root.table("veto", false)) scenario.veto = read_veto(*veto);
    for (const auto& claim : scenario.kills) {
        Scenario tried = scenario;
        if (claim.setting.empty()) continue;
        if (const Status applied = apply_setting(tried, claim.setting); !applied)
            root.report("kills", applied.error().message);
    }
    check_retries(scenario.schedule, root);
    if (auto arms = root.table("arm", true)) {
        for (auto& [arm, table] : arms->named_tables()) {
            scenario.arms.push_back(read_arm(arm, table, scenario.schedule));
            Scenario tried = scenario;
            for (const auto& setting : scenario.arms.back().settings)
                if (const Status applied = apply_setting(tried, setting); !applied)
                    arms->report(arm, applied.error().message);
        }
        if (std::ranges::find(scenario.arms, "control", &ScenarioArm::name) == scenario.arms.end())
            arms->report("", "there is no arm \"control\"");
        // A race has no steps that could miss what they are for: its rules and oracles are shown by other scenarios.
        if (scenario.arms.size() < 2 && scenario.schedule.race() == nullptr)
            arms->report("", "a green control proves nothing without a mutant arm beside it");
        arms->finish();
    }
    if (auto bug = root.table("bug", false)) scenario.bug = read_bug(*bug, scenario.arms);
    root.finish();
    return scenario;
}

}  // namespace memrig
