#include <algorithm>
#include <array>
#include <cstdio>
#include <mutex>
#include <set>

#include "base/file.h"
#include "base/paths.h"
#include "scenario/scenario.h"

namespace memrig {

namespace {

constexpr std::string_view kKnownBugs = "known/";

fs::path scenario_directory() { return home_directory() / "scenarios"; }

// Scenarios that were renamed since the last release: their old names work until the next one.
struct Renamed {
    const char *before, *now;
};
constexpr std::array kRenamed = {Renamed{"order/acpi-dimm-lock-order", "validate/acpi-dimm-lock-order"}};

// The name of today. Prints a note to stderr, once for each name in a process.
std::string name_of_today(const Renamed& renamed) {
    static std::mutex mutex;
    static std::set<std::string> noted;
    const std::lock_guard lock(mutex);
    if (noted.insert(renamed.before).second)
        fmt::print(stderr, "memrig: scenario {} is now {}; the old name will not work after this release\n",
                   renamed.before, renamed.now);
    return renamed.now;
}

// A file below scenarios/ is named by its path there, without .toml. Any other file is named by the path as given.
std::string name_of(const fs::path& path) {
    const fs::path relative = fs::absolute(path).lexically_normal().lexically_relative(scenario_directory());
    if (relative.empty() || *relative.begin() == "..") return path.string();
    return (relative.parent_path() / relative.stem()).string();
}

// Also those of known bugs.
std::vector<std::string> all_names() {
    std::vector<std::string> names;
    std::error_code code;
    for (const auto& entry : fs::recursive_directory_iterator(scenario_directory(), code))
        if (entry.path().extension() == ".toml") names.push_back(name_of(entry.path()));
    std::ranges::sort(names);
    return names;
}

Result<std::string> full_name(const std::string& name) {
    const auto names = all_names();
    if (std::ranges::find(names, name) != names.end()) return name;
    for (const auto& renamed : kRenamed)
        if (name == renamed.before) return name_of_today(renamed);
    std::vector<std::string> matches;
    for (const auto& known : names)
        if (known.ends_with("/" + name)) matches.push_back(known);
    if (matches.size() == 1) return matches.front();
    if (matches.empty())
        return fail_with({Fault::user_input, fmt::format("there is no scenario \"{}\"", name), {}},
                         "memrig scenarios list shows what there is");
    return fail(Fault::user_input, "\"{}\" may be {} or {}", name, matches[0], matches[1]);
}

// The scenarios of the folder below scenarios/ that the word names: "race", "race/" or "race/*".
std::vector<std::string> in_folder(std::string_view word) {
    if (word.ends_with("/*")) word.remove_suffix(1);
    if (word.ends_with('/')) word.remove_suffix(1);
    std::vector<std::string> names;
    for (auto& name : all_names())
        if (!word.empty() && name.starts_with(std::string(word) + "/")) names.push_back(std::move(name));
    if (names.empty() && !word.empty())
        for (const auto& renamed : kRenamed)
            if (std::string_view(renamed.before).starts_with(std::string(word) + "/"))
                names.push_back(name_of_today(renamed));
    return names;
}

}  // namespace

std::vector<std::string> scenario_names() {
    std::vector<std::string> names = all_names();
    std::erase_if(names, [](const std::string& name) { return name.starts_with(kKnownBugs); });
    return names;
}

std::vector<std::string> known_bug_names() {
    std::vector<std::string> names = all_names();
    std::erase_if(names, [](const std::string& name) { return !name.starts_with(kKnownBugs); });
    return names;
}

Result<std::vector<std::string>> named_scenarios(const std::vector<std::string>& words) {
    std::vector<std::string> named;
    const auto add = [&](const std::string& name) {
        if (std::ranges::find(named, name) == named.end()) named.push_back(name);
    };
    for (const auto& word : words) {
        const auto all = in_folder(word);
        if (fs::path(word).extension() == ".toml") add(name_of(word));
        else if (!all.empty()) std::ranges::for_each(all, add);
        else {
            MEMRIG_TRY(const std::string name, full_name(word));
            add(name);
        }
    }
    return named;
}

Result<Scenario> load_scenario(const std::string& name_or_path) {
    fs::path path = name_or_path;
    if (path.extension() != ".toml") {
        MEMRIG_TRY(const std::string name, full_name(name_or_path));
        path = scenario_directory() / (name + ".toml");
    }
    MEMRIG_TRY(TomlDocument document, TomlDocument::load(path.string()));
    Scenario scenario = parse_scenario(document, name_of(path));
    MEMRIG_CHECK(document.status());
    MEMRIG_TRY(scenario.text, read_file(path));
    return scenario;
}

Result<std::vector<Diagnostic>> check_scenario(const fs::path& path) {
    MEMRIG_TRY(TomlDocument document, TomlDocument::load(path.string()));
    (void)parse_scenario(document, name_of(path));
    std::vector<Diagnostic> found = document.diagnostics();
    std::ranges::stable_sort(found, {}, [](const Diagnostic& one) { return std::pair(one.line, one.column); });
    return found;
}

}  // namespace memrig
