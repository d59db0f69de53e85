#include "kernel/config.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "base/lines.h"

namespace memrig {

namespace {

constexpr std::uint64_t kMostConfig = 4u << 20;
constexpr std::string_view kPrefix = "CONFIG_";
constexpr std::string_view kNotSet = " is not set";

bool is_option_name(std::string_view name) {
    if (!name.starts_with(kPrefix) || name.size() == kPrefix.size()) return false;
    for (const char c : name)
        if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '_') return false;
    return true;
}

// Nothing for a comment. An option without a valid name for a line that is neither an option nor a comment.
std::optional<ConfigOption> parse_line(std::string_view line) {
    if (line.starts_with("# CONFIG_") && line.ends_with(kNotSet))
        return ConfigOption{std::string(line.substr(2, line.size() - 2 - kNotSet.size())), "n", {}};
    if (line.empty() || line.front() == '#') return std::nullopt;
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) return ConfigOption{};
    return ConfigOption{std::string(line.substr(0, equals)), std::string(line.substr(equals + 1)), {}};
}

// The names of all options that the Kconfig files below `source` define, including CONFIG_.
std::set<std::string> known_options(const fs::path& source) {
    std::set<std::string> names;
    std::error_code code;
    for (fs::recursive_directory_iterator it(source, code), end; !code && it != end; it.increment(code)) {
        if (!it->path().filename().string().starts_with("Kconfig") || !it->is_regular_file(code)) continue;
        const auto text = read_file(it->path(), 16u << 20);
        for (std::string_view rest = text ? std::string_view(*text) : ""; !rest.empty();) {
            std::string_view line = next_line(rest);
            for (const std::string_view keyword : {"config ", "menuconfig "})
                if (line.starts_with(keyword))
                    names.insert(std::string(kPrefix) + std::string(line.substr(keyword.size())));
        }
    }
    return names;
}

}  // namespace

Result<std::vector<ConfigOption>> parse_config(std::string_view text, const std::string& shown_name) {
    std::vector<ConfigOption> options;
    for (unsigned number = 1; !text.empty(); number++) {
        std::string_view line = next_line(text);
        while (!line.empty() && std::isspace(static_cast<unsigned char>(line.back())) != 0) line.remove_suffix(1);
        auto option = parse_line(line);
        if (!option) continue;
        if (!is_option_name(option->name) || option->value.empty())
            return fail(Fault::user_input, "{}:{}: neither CONFIG_NAME=value nor a comment: {}", shown_name, number,
                        line);
        option->where = fmt::format("{}:{}", shown_name, number);
        options.push_back(*std::move(option));
    }
    return options;
}

bool is_whole_config(std::string_view text) {
    return text.substr(0, 400).find("Automatically generated file; DO NOT EDIT.") != std::string_view::npos;
}

Status check_config(const std::vector<ConfigOption>& asked, std::string_view config, const fs::path& source) {
    MEMRIG_TRY(const auto set, parse_config(config, ".config"));
    std::map<std::string, std::string> values;
    for (const auto& option : set) values[option.name] = option.value;
    std::map<std::string, const ConfigOption*> last;  // a later fragment overrides an earlier one
    for (const auto& option : asked) last[option.name] = &option;
    std::string unknown;
    std::string unmet;
    std::optional<std::set<std::string>> known;
    for (const auto& [name, option] : last) {
        const auto found = values.find(name);
        const std::string value = found == values.end() ? "n" : found->second;
        if (!known && (found == values.end() || value != option->value)) known = known_options(source);
        if (found == values.end() && !known->contains(name))
            unknown += fmt::format("{}{} ({})", unknown.empty() ? "" : ", ", name, option->where);
        else if (value != option->value)
            unmet += fmt::format("{}{}={} ({}) became {}", unmet.empty() ? "" : ", ", name, option->value,
                                 option->where, value);
    }
    if (!unknown.empty())
        return fail_with({Fault::user_input, "the kernel has no option " + unknown, {}},
                         "check the spelling, and that this version has it");
    if (!unmet.empty())
        return fail_with({Fault::user_input, "the kernel's configuration is not as asked: " + unmet, {}},
                         "its Kconfig entry says what it depends on: add that to a fragment");
    return {};
}

namespace {

// True if the file, which builds leave, names this kernel's release.
bool names_release(const fs::path& file, const std::string& release) {
    const auto text = read_file(file, 4096);
    return text && !release.empty() && text->substr(0, text->find('\n')) == release;
}

}  // namespace

std::optional<bool> has_option(const KernelImage& kernel, std::string_view name) {
    const fs::path folder = kernel.image.parent_path();
    std::vector<fs::path> places;
    if (!kernel.release.empty()) places.push_back(folder / ("config-" + kernel.release));
    if (names_release(folder / "release", kernel.release)) places.push_back(folder / "config");
    if (!kernel.modules.empty())
        places.insert(places.end(), {kernel.modules / "config", kernel.modules / "build/.config"});
    // arch/x86/boot/bzImage
    constexpr unsigned depth = 3;
    fs::path tree = folder;
    for (unsigned i = 0; i < depth; i++) tree = tree.parent_path();
    if (names_release(tree / "include/config/kernel.release", kernel.release)) places.push_back(tree / ".config");
    for (const auto& place : places) {
        const auto text = read_file(place, kMostConfig);
        const auto options = text ? parse_config(*text, place.string()) : std::unexpected(text.error());
        if (!options) continue;
        const auto found = std::ranges::find(*options, name, &ConfigOption::name);
        return found != options->end() && found->value != "n";
    }
    return std::nullopt;
}

}  // namespace memrig
