#include "campaign/hunt_draw.h"

#include <algorithm>
#include <set>

#include "base/file.h"
#include "campaign/hunt.h"

namespace memrig {

namespace {

constexpr std::uint64_t kMostRecord = 16u << 20;
constexpr unsigned kLongestLength = 200;
// One of so many cases is fresh, where there is something to learn from.
constexpr std::uint64_t kOneFreshOf = 2;

nlohmann::json json_of(const std::filesystem::path& file) {
    const auto text = read_file(file, kMostRecord);
    return text ? nlohmann::json::parse(*text, nullptr, false) : nlohmann::json();
}

// "locks: a > b" for each lock that a task took while it held another. Locks of one kind are one lock.
void add_lock_pairs(const nlohmann::json& locks, std::set<std::string>& pairs) {
    if (!locks.is_object() || !locks.contains("events") || !locks["events"].is_array()) return;
    std::map<std::string, std::vector<std::string>> held;  // by task
    for (const auto& event : locks["events"]) {
        if (!event.is_object()) continue;
        const auto word = [&](const char* key) { return event.value(key, std::string()); };
        // "memory32's device lock": each block's is the same.
        std::string lock = word("lock");
        if (const auto at = lock.find("'s "); at != std::string::npos) lock = "a " + lock.substr(at + 3);
        auto& own = held[word("task")];
        if (word("action") == "takes") {
            for (const auto& other : own) pairs.insert(kLockPair + (other + " > " + lock));
            own.push_back(lock);
        } else if (word("action") == "releases") {
            if (const auto last = std::ranges::find(own, lock); last != own.end()) own.erase(last);
        }
    }
}

}  // namespace

std::vector<std::string> passed_by(const std::filesystem::path& trial) {
    std::vector<std::string> passed;
    const auto race = json_of(trial / "race.json");
    if (!race.is_object() || !race.contains("passed") || !race["passed"].is_array()) return passed;
    for (const auto& point : race["passed"])
        if (point.is_string()) passed.push_back(point.get<std::string>());
    return passed;
}

std::set<std::string> coverage_of(const std::filesystem::path& trial) {
    std::set<std::string> items;
    const auto passed = passed_by(trial);
    const auto actor = [](const std::string& point) { return point.substr(0, point.find(' ')); };
    for (std::size_t i = 1; i < passed.size(); i++)
        if (actor(passed[i - 1]) != actor(passed[i])) items.insert(passed[i - 1] + " > " + passed[i]);
    add_lock_pairs(json_of(trial / "locks.json"), items);
    return items;
}

void HuntDraw::begin_batch(unsigned before) {
    std::seed_seq words{static_cast<std::uint32_t>(seed_), static_cast<std::uint32_t>(seed_ >> 32), before};
    random_.seed(words);
}

HuntCase HuntDraw::fresh() {
    HuntCase one = composed_case(benches_, random_);
    one.length = usual_length_;
    return one;
}

HuntCase HuntDraw::next() {
    if (lessons_.empty() || below(kOneFreshOf) == 0) return fresh();
    // The later ones passed what is rarer.
    const std::size_t last = lessons_.size();
    const std::size_t chosen = std::max(below(last), below(last));
    return variation(lessons_[chosen]);
}

std::vector<unsigned> HuntDraw::rare_changes(const Lesson& lesson) {
    std::vector<unsigned> changes;
    const std::size_t wanted = 1 + below(2);
    while (changes.size() < wanted && changes.size() < lesson.passed.size()) {
        // The rarest of some that are drawn.
        unsigned best = 1 + static_cast<unsigned>(below(lesson.passed.size()));
        for (int i = 0; i < 4; i++) {
            const unsigned other = 1 + static_cast<unsigned>(below(lesson.passed.size()));
            if (changed_at_[lesson.passed[other - 1]] < changed_at_[lesson.passed[best - 1]]) best = other;
        }
        changed_at_[lesson.passed[best - 1]]++;
        if (std::ranges::find(changes, best) == changes.end()) changes.push_back(best);
    }
    std::ranges::sort(changes);
    return changes;
}

HuntCase HuntDraw::variation(const Lesson& lesson) {
    HuntCase one = lesson.one;
    one.length = std::clamp(static_cast<unsigned>(lesson.passed.size()), 1U, kLongestLength);
    one.changes.clear();
    // The same priorities up to the first change, so that its points are those that the lesson passed.
    if (below(3) != 0) {
        one.changes = rare_changes(lesson);
        return one;
    }
    one.seed = random_() >> 1;
    one.depth = 2 + static_cast<unsigned>(below(3));
    return one;
}

void HuntDraw::learn(const HuntCase& one, std::vector<std::string> passed, std::size_t fresh) {
    if (passed.empty()) return;
    usual_length_ = std::clamp((usual_length_ * 3 + static_cast<unsigned>(passed.size())) / 4, 10U, kLongestLength);
    if (fresh > 0) lessons_.push_back({one, std::move(passed)});
}

}  // namespace memrig
