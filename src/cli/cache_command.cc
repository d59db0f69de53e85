// memrig cache
#include <algorithm>
#include <memory>

#include <fmt/chrono.h>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/json_text.h"
#include "base/paths.h"
#include "base/toml_reader.h"
#include "cli/command.h"
#include "cli/json_target.h"
#include "cli/output.h"
#include "cli/validators.h"
#include "machine/guest_cache.h"

namespace memrig {

namespace {

using CacheJson = nlohmann::ordered_json;

struct CachePart {
    const char* name;
    const char* description;
    bool is_cleared = true;  // memrig or a build makes it again when it is missing
};
constexpr CachePart kParts[] = {
    {"guests", "guests that were booted and saved, one for each kernel, bench and QEMU"},
    {"images", "initial file systems of guests"},
    {"modules", "the modules that benches need"},
    {"kernels", "kernels that were fetched or built"},
    {"packages", "packages that were unpacked: kernels and QEMUs"},
    {"apt", "lists and archives of packages"},
    {"hosts", "what was tried out on this host"},
    {"emulators", "QEMUs other than the host's"},
    {"hypervisors", "what starts a kernel as its first domain"},
    {"bisect", "trees that bisect-step built"},
    {"ccache", "what the compiler made before"},
    {"python", "the Python package by which memrig talks to QEMU", false},
    {"logs", "what the tools printed"},
};

struct PartSize {
    std::string name, description;
    std::uint64_t bytes = 0;
};

std::string size_text(std::uint64_t bytes) {
    return bytes < (1U << 30) ? fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1U << 20))
                              : fmt::format("{:.1f} GiB", static_cast<double>(bytes) / (1U << 30));
}

// Also the folders that no part is named after.
std::vector<PartSize> parts_in(const fs::path& cache) {
    std::vector<PartSize> parts;
    for (const auto& part : kParts)
        if (std::error_code code; fs::exists(cache / part.name, code))
            parts.push_back({part.name, part.description, bytes_below(cache / part.name)});
    std::error_code code;
    for (const auto& entry : fs::directory_iterator(cache, code)) {
        const std::string name = entry.path().filename().string();
        if (entry.is_directory(code) && std::ranges::find(parts, name, &PartSize::name) == parts.end())
            parts.push_back({name, "", bytes_below(entry.path())});
    }
    return parts;
}

std::string day_of(fs::file_time_type time) {
    return fmt::format("{:%Y-%m-%d}", std::chrono::floor<std::chrono::days>(std::chrono::file_clock::to_sys(time)));
}

std::string cache_text(const fs::path& cache, const std::vector<PartSize>& parts,
                       const std::vector<SavedGuest>& guests) {
    std::vector<std::vector<std::string>> rows = {{"PART", "SIZE", "DESCRIPTION"}};
    std::uint64_t all = 0;
    for (const auto& part : parts) {
        rows.push_back({part.name, size_text(part.bytes), part.description});
        all += part.bytes;
    }
    std::string text = aligned(rows);
    const auto used = std::ranges::count_if(guests, &SavedGuest::in_use);
    text += fmt::format("{} in {}\n", size_text(all), one_line(cache.string()));
    if (!guests.empty())
        text += fmt::format("{}, {} in use, the oldest last used on {}\n", counted(guests.size(), "saved guest"), used,
                            day_of(guests.front().used));
    return text;
}

std::string cache_json(const fs::path& cache, const std::vector<PartSize>& parts,
                       const std::vector<SavedGuest>& guests) {
    CacheJson sizes = CacheJson::object(), saved = CacheJson::array();
    for (const auto& part : parts) sizes[part.name] = part.bytes;
    for (const auto& guest : guests)
        saved.push_back(
            {{"key", guest.key}, {"bytes", guest.bytes}, {"used", day_of(guest.used)}, {"in_use", guest.in_use}});
    const CacheJson json = {{"schema", 1}, {"directory", cache.string()}, {"parts", sizes}, {"guests", saved}};
    return json_document(json);
}

Status show_cache(const std::string& json) {
    MEMRIG_CHECK(check_json_target(json));
    MEMRIG_TRY(const fs::path cache, cache_directory());
    MEMRIG_TRY(const auto guests, saved_guests(cache));
    const auto parts = parts_in(cache);
    return show(
        json, [&] { return cache_text(cache, parts, guests); }, [&] { return cache_json(cache, parts, guests); });
}

Status prune(const GuestLimits& limits) {
    MEMRIG_TRY(const fs::path cache, cache_directory());
    MEMRIG_TRY(const PrunedGuests pruned, prune_guests(cache, limits));
    return print_result(
        fmt::format("removed {}, {}\n", counted(pruned.guests, "saved guest"), size_text(pruned.bytes)));
}

// The guests alone can go while others use the cache.
Status check_unused(const fs::path& cache) {
    MEMRIG_TRY(const auto guests, saved_guests(cache));
    if (std::ranges::none_of(guests, &SavedGuest::in_use)) return {};
    return fail_with({Fault::user_input, "a memrig uses the cache", {}},
                     "wait for it to end, or clear the guests alone");
}

// Returns the bytes that are gone. Spares the package that the part `python` consists of.
Result<std::uint64_t> clear_part(const fs::path& part, const fs::path& cache) {
    std::error_code code;
    const fs::path python = fs::weakly_canonical(cache / "python" / "qemu", code);
    std::uint64_t bytes = 0;
    for (const auto& entry : fs::directory_iterator(part, code)) {
        const fs::path whole = fs::weakly_canonical(entry.path(), code);
        if (std::ranges::mismatch(whole, python).in1 == whole.end()) continue;
        bytes += bytes_below(entry.path());
        std::error_code failed;
        fs::remove_all(entry.path(), failed);
        if (failed) return fail(Fault::host, "cannot remove {}: {}", entry.path().string(), failed.message());
    }
    return bytes;
}

Status clear(const std::vector<std::string>& names) {
    MEMRIG_TRY(const fs::path cache, cache_directory());
    if (std::ranges::any_of(names, [](const std::string& name) { return name != "guests"; }))
        MEMRIG_CHECK(check_unused(cache));
    for (const auto& name : names) {
        std::uint64_t bytes = 0;
        if (name == "guests") {
            MEMRIG_TRY(const PrunedGuests pruned, prune_guests(cache, {std::chrono::seconds(0), 0}));
            bytes = pruned.bytes;
        } else {
            MEMRIG_TRY(bytes, clear_part(cache / name, cache));
        }
        MEMRIG_CHECK(print_result(fmt::format("{}: removed {}\n", name, size_text(bytes))));
    }
    return {};
}

std::string no_part(const std::string& text) {
    std::string names;
    for (const auto& part : kParts) {
        if (!part.is_cleared) continue;
        if (text == part.name) return "";
        names += (names.empty() ? "" : ", ") + std::string(part.name);
    }
    return fmt::format("\"{}\" is no part of the cache that can be cleared: {}", one_line(text), names);
}

int exit_status_of(const Status& status) { return status ? kExitGood : report_error(status.error()); }

void add_prune_command(CLI::App& command, Action& action) {
    struct Words {
        std::string unused = "30d", most = "20G";
    };
    auto words = std::make_shared<Words>();
    CLI::App* prune_command = command.add_subcommand("prune", "Remove saved guests that were not used for long");
    prune_command->add_option("--unused", words->unused, "Remove guests that were not used for this long")
        ->type_name("TIME")
        ->check(CLI::Validator(not_a_span, "", "time"))
        ->capture_default_str();
    prune_command->add_option("--most", words->most, "Remove the oldest guests until the rest fits into this size")
        ->type_name("SIZE")
        ->check(CLI::Validator(not_a_size, "", "size"))
        ->capture_default_str();
    prune_command->footer(
        "A guest that is in use stays. memrig does the same by itself, with these limits, whenever it saves a "
        "guest.\n\n"
        "Example:\n  memrig cache prune --unused 7d --most 5G\n");
    prune_command->callback([words, &action] {
        action = [words] { return exit_status_of(prune({*parse_span(words->unused), *parse_size(words->most)})); };
    });
}

}  // namespace

void add_cache_command(CLI::App& program, Action& action) {
    CLI::App* command = program.add_subcommand("cache", "Show the cache, prune it, and clear parts of it");
    command->require_subcommand(1);
    command->footer("Example:\n  memrig cache list\n");

    auto json = std::make_shared<std::string>();
    CLI::App* list_command = command->add_subcommand("list", "List the parts of the cache and their sizes");
    add_json_option(*list_command, *json);
    list_command->footer("Example:\n  memrig cache list --json\n");
    list_command->callback([json, &action] { action = [json] { return exit_status_of(show_cache(*json)); }; });

    add_prune_command(*command, action);

    auto names = std::make_shared<std::vector<std::string>>();
    CLI::App* clear_command = command->add_subcommand("clear", "Remove parts of the cache");
    clear_command->add_option("PART", *names, "Parts, as `memrig cache list` shows them")
        ->required()
        ->type_name("")
        ->check(CLI::Validator(no_part, "", "part"));
    clear_command->footer(
        "What is removed is made or fetched again when it is needed. Guests that are in use stay; no other part is\n"
        "removed while a guest is in use.\n\n"
        "Example:\n  memrig cache clear guests\n");
    clear_command->callback([names, &action] { action = [names] { return exit_status_of(clear(*names)); }; });
}

}  // namespace memrig
