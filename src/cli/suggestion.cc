#include "cli/suggestion.h"

#include <algorithm>

namespace memrig {

namespace {

constexpr std::size_t kSlips = 2;

// The edit distance: the number of letters to insert, remove or change.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j < row.size(); j++) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); i++) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); j++) {
            const std::size_t changed = diagonal + (a[i - 1] != b[j - 1] ? 1 : 0);
            diagonal = row[j];
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, changed});
        }
    }
    return row.back();
}

}  // namespace

std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& known) {
    const auto begins_with_word = [&](const std::string& name) { return !word.empty() && name.starts_with(word); };
    if (std::ranges::count_if(known, begins_with_word) == 1) return *std::ranges::find_if(known, begins_with_word);
    const auto best =
        std::ranges::min_element(known, {}, [&](const std::string& name) { return distance(word, name); });
    if (best == known.end() || distance(word, *best) > std::min(kSlips, best->size() - 1)) return {};
    return *best;
}

}  // namespace memrig
