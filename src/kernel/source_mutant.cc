#include "kernel/source_mutant.h"

#include <algorithm>
#include <charconv>

#include "base/lines.h"
#include "base/paths.h"

namespace memrig {

namespace {

// Parses the numbers of removed and added lines: "-2 +1".
bool parse_changes(std::string_view value, LineCount& changes) {
    const char* end = value.data() + value.size();
    if (!value.starts_with('-')) return false;
    const auto [middle, error] = std::from_chars(value.data() + 1, end, changes.removed);
    if (error != std::errc() || end - middle < 3 || middle[0] != ' ' || middle[1] != '+') return false;
    const auto [stop, code] = std::from_chars(middle + 2, end, changes.added);
    return code == std::errc() && stop == end && changes.removed + changes.added > 0;
}

// Splits a header line "word: value". Returns false if the line is prose.
bool split_key(std::string_view line, std::string_view& key, std::string_view& value) {
    const std::size_t colon = line.find(": ");
    if (colon == std::string_view::npos) return false;
    key = line.substr(0, colon);
    value = line.substr(colon + 2);
    return std::ranges::all_of(key, [](char c) { return c >= 'a' && c <= 'z'; });
}

bool stays_inside(const fs::path& file) {
    return file.is_relative() && std::ranges::find(file, fs::path("..")) == file.end();
}

bool take_parent(std::string_view value, SourceMutant& mutant) {
    const std::string id(value.substr(0, value.find(' ')));
    mutant.parents.push_back(id);
    return id.size() == value.size() || parse_changes(value.substr(id.size() + 1), mutant.changes_of[id]);
}

bool take_key(std::string_view key, std::string_view value, SourceMutant& mutant) {
    if (key == "file") mutant.files.emplace_back(value);
    else if (key == "parent") return !value.empty() && take_parent(value, mutant);
    else if (key == "equivalent" && mutant.equivalent.empty()) mutant.equivalent = value;
    else if (key == "changes") return parse_changes(value, mutant.changes);
    else return false;
    return !value.empty() && (key != "file" || stays_inside(value));
}

}  // namespace

bool SourceMutant::is_for(const std::string& kernel, const std::string& arch) const {
    if (parents.empty()) return arch == "x86_64";
    return std::ranges::find(parents, kernel) != parents.end();
}

SourceMutant SourceMutant::of(const std::string& parent) const {
    SourceMutant mutant = *this;
    if (const auto own = changes_of.find(parent); own != changes_of.end()) mutant.changes = own->second;
    return mutant;
}

Result<SourceMutant> parse_mutant(std::string_view text, const fs::path& path) {
    SourceMutant mutant;
    mutant.path = path;
    mutant.name = path.stem().string();
    mutant.text = text;
    unsigned number = 0;
    for (std::string_view rest = text; rest.starts_with("//");) {
        std::string_view line = next_line(rest).substr(2);
        number++;
        if (line.starts_with(' ')) line.remove_prefix(1);
        std::string_view key;
        std::string_view value;
        if (number == 1) mutant.description = line;
        else if (split_key(line, key, value) && !take_key(key, value, mutant))
            return fail(Fault::user_input, "{}:{}: not a header line that is known: {}", shown(path), number, line);
    }
    if (mutant.description.empty())
        return fail(Fault::user_input, "{}:1: a comment that says what the mutant does is missing", shown(path));
    if (mutant.files.empty()) return fail(Fault::user_input, "{}: no line \"// file: PATH\"", shown(path));
    if (mutant.changes == LineCount()) return fail(Fault::user_input, "{}: no line \"// changes: -N +M\"", shown(path));
    return mutant;
}

Result<std::vector<SourceMutant>> source_mutants() {
    const fs::path directory = home_directory() / "guest-images" / "mutants";
    std::vector<SourceMutant> mutants;
    std::error_code code;
    for (fs::directory_iterator it(directory, code), end; !code && it != end; it.increment(code)) {
        if (it->path().extension() != ".cocci") continue;
        MEMRIG_TRY(const std::string text, read_file(it->path(), 1u << 20));
        MEMRIG_TRY(SourceMutant mutant, parse_mutant(text, it->path()));
        mutants.push_back(std::move(mutant));
    }
    if (code) return fail(Fault::host, "cannot list {}: {}", directory.string(), code.message());
    std::ranges::sort(mutants, {}, &SourceMutant::name);
    return mutants;
}

std::vector<std::string> rule_names(std::string_view text) {
    std::vector<std::string> names;
    while (!text.empty()) {
        std::string_view line = next_line(text);
        if (line.size() < 3 || line.front() != '@' || line[1] == '@') continue;
        line.remove_prefix(1);
        const std::size_t end = line.find_first_of(" @");
        if (end != std::string_view::npos) names.emplace_back(line.substr(0, end));
    }
    return names;
}

LineCount count_changes(std::string_view diff) {
    LineCount count;
    bool in_hunk = false;
    while (!diff.empty()) {
        const std::string_view line = next_line(diff);
        if (line.starts_with("@@")) in_hunk = true;
        else if (line.starts_with("--- ") && diff.starts_with("+++ ")) in_hunk = false;
        else if (in_hunk && line.size() > 1 && line.front() == '-') count.removed++;
        else if (in_hunk && line.size() > 1 && line.front() == '+') count.added++;
    }
    return count;
}

}  // namespace memrig
