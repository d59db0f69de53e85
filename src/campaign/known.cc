#include "campaign/known.h"

#include <algorithm>
#include <array>

#include <fnmatch.h>

#include <toml++/toml.h>

#include "base/text.h"

namespace memrig {

namespace {

constexpr std::size_t kMostKnown = 10'000;

std::string date_text(std::chrono::year_month_day date) {
    return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                       static_cast<unsigned>(date.day()));
}

// Reads one [[known]] table. TomlTable (base/toml_reader.h) cannot read dates, so these few keys are read here.
class Reader {
public:
    Reader(const toml::table& table, const std::string& file) : table_(table), file_(file) {}

    Result<KnownFinding> read() {
        static constexpr auto keys =
            std::to_array<std::string_view>({"fingerprint", "pattern", "scenario", "reason", "expires"});
        for (const auto& [key, node] : table_)
            if (std::ranges::find(keys, key.str()) == keys.end())
                return mistake(key.source(), fmt::format("unknown key \"{}\"", key.str()));
        KnownFinding known;
        MEMRIG_TRY(const std::string hash, text("fingerprint", ""));
        MEMRIG_TRY(const std::string pattern, text("pattern", ""));
        if (hash.empty() == pattern.empty())
            return mistake(table_.source(), "one of \"fingerprint\" and \"pattern\" is needed");
        const auto hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
        if (!hash.empty() && (hash.size() != kFingerprintDigits || !std::ranges::all_of(hash, hex)))
            return mistake(table_.get("fingerprint")->source(),
                           fmt::format("a fingerprint has {} digits of 0-9 and a-f, as memrig compare prints it",
                                       kFingerprintDigits));
        known.fingerprint = hash.empty() ? pattern : hash;
        MEMRIG_TRY(known.scenario, text("scenario", "*"));
        MEMRIG_TRY(known.reason, text("reason", std::nullopt));
        if (one_line(known.reason).empty()) return mistake(table_.get("reason")->source(), "\"reason\" is empty");
        const toml::node* expires = table_.get("expires");
        if (expires == nullptr) return mistake(table_.source(), "\"expires\" is missing");
        const auto date = expires->value_exact<toml::date>();
        if (!date) return mistake(expires->source(), "\"expires\" has to be a date such as 2027-01-31, without quotes");
        known.expires = std::chrono::year(date->year) / date->month / date->day;
        known.place = fmt::format("{}:{}", file_, table_.source().begin.line);
        return known;
    }

    std::unexpected<Error> mistake(const toml::source_region& where, const std::string& what) const {
        return fail(Fault::user_input, "{}:{}:{}: {}", file_, where.begin.line, where.begin.column, what);
    }

private:
    Result<std::string> text(std::string_view key, std::optional<std::string> fallback) const {
        const toml::node* node = table_.get(key);
        if (node == nullptr && fallback) return *fallback;
        if (node == nullptr) return mistake(table_.source(), fmt::format("\"{}\" is missing", key));
        if (const auto value = node->value_exact<std::string>()) return *value;
        return mistake(node->source(), fmt::format("\"{}\" has to be a string", key));
    }

    const toml::table& table_;
    const std::string& file_;
};

bool fits(const std::string& pattern, std::string_view text) {
    return ::fnmatch(pattern.c_str(), std::string(text).c_str(), 0) == 0;
}

}  // namespace

bool KnownFinding::matches(std::string_view in_scenario, const Fingerprint& made) const {
    return fits(scenario, in_scenario) && (fingerprint == made.hash || fits(fingerprint, made.text));
}

std::string KnownFinding::text(std::chrono::year_month_day on) const {
    return fmt::format("{} until {}: {}", expired(on) ? "was known" : "known", date_text(expires), one_line(reason));
}

Result<std::vector<KnownFinding>> parse_known(std::string_view plan, const std::string& file) {
    std::vector<KnownFinding> all;
    toml::table root;
    try {
        root = toml::parse(plan);
    } catch (const toml::parse_error& error) {
        const auto& where = error.source().begin;
        return fail(Fault::user_input, "{}:{}:{}: {}", file, where.line, where.column, error.description());
    }
    const toml::node* node = root.get("known");
    if (node == nullptr) return all;
    const toml::array* array = node->as_array();
    if (array == nullptr || !array->is_array_of_tables() || array->size() > kMostKnown)
        return Reader(root, file)
            .mistake(node->source(),
                     fmt::format("\"known\" has to be an array of tables, [[known]], at most {}", kMostKnown));
    for (const auto& element : *array) {
        MEMRIG_TRY(KnownFinding known, Reader(*element.as_table(), file).read());
        all.push_back(std::move(known));
    }
    return all;
}

std::chrono::year_month_day today() { return std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now()); }

}  // namespace memrig
