#include "scenario/bug_reader.h"

#include <algorithm>

#include "kernel/catalogue.h"

namespace memrig {

namespace {

constexpr std::int64_t kFirstYear = 1991, kLastYear = 2100;
constexpr std::size_t kLeastDigits = 7, kMostDigits = 40;

const ScenarioArm* find_arm(const std::vector<ScenarioArm>& arms, const std::string& name) {
    const auto found = std::ranges::find(arms, name, &ScenarioArm::name);
    return found == arms.end() ? nullptr : &*found;
}

BugSide read_side(TomlTable& table, const char* kernel, const char* arm, const BugSide& fallback,
                  const std::vector<ScenarioArm>& arms) {
    BugSide side{table.string(kernel, fallback.kernel.empty() ? std::optional<std::string>() : fallback.kernel),
                 table.string(arm, fallback.arm)};
    if (!side.kernel.empty())
        if (const auto known = find_kernel(side.kernel); !known) table.report(kernel, known.error().message);
    if (find_arm(arms, side.arm) == nullptr) table.report(arm, fmt::format("there is no arm \"{}\"", side.arm));
    return side;
}

std::vector<Verdict> read_verdicts(TomlTable& table, const ScenarioArm* guilty) {
    std::vector<Verdict> verdicts;
    for (const auto& text : table.strings("verdict", false)) {
        const auto verdict = parse_verdict(text);
        if (verdict && convicts(*verdict)) verdicts.push_back(*verdict);
        else table.report("verdict", fmt::format("\"{}\" is no verdict that convicts", text));
    }
    if (verdicts.empty() && guilty != nullptr) verdicts = guilty->expected;
    if (!table.has("verdict") && std::ranges::find(verdicts, Verdict::held) != verdicts.end())
        table.report("verdict", "the arm may hold: say here by which verdicts the bug is convicted");
    return verdicts;
}

}  // namespace

bool names_commit(std::string_view text) {
    if (text.starts_with("lore:")) return text.size() > 5 && text.find('@') != std::string_view::npos;
    const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
    return text.size() >= kLeastDigits && text.size() <= kMostDigits && std::ranges::all_of(text, is_digit);
}

KnownBug read_bug(TomlTable& table, const std::vector<ScenarioArm>& arms) {
    KnownBug bug;
    bug.commits = table.strings("commit", true);
    for (const auto& commit : bug.commits)
        if (!names_commit(commit))
            table.report("commit", fmt::format("\"{}\" is no commit: 7 to 40 hex digits, or lore:MESSAGE-ID", commit));
    bug.subject = table.string("subject");
    bug.year = static_cast<unsigned>(table.integer("year", kFirstYear, kLastYear));
    bug.guilty = read_side(table, "kernel", "arm", {"", "bug"}, arms);
    bug.innocent = read_side(table, "fixed-kernel", "fixed-arm", {bug.guilty.kernel, "control"}, arms);
    if (bug.guilty.kernel == bug.innocent.kernel && bug.guilty.arm == bug.innocent.arm)
        table.report("arm", "the two sides are the same: nothing is convicted or held that the other is not");
    bug.verdicts = read_verdicts(table, find_arm(arms, bug.guilty.arm));
    table.finish();
    return bug;
}

}  // namespace memrig
