#include "campaign/work_join.h"

#include <deque>
#include <map>
#include <set>

#include "base/file.h"
#include "base/text.h"
#include "campaign/copy_tree.h"
#include "campaign/fingerprint.h"
#include "run/evidence.h"
#include "run/trial_json.h"

namespace memrig {

namespace {

using LineJson = nlohmann::json;

// A line of a journal. A unit that was played again after a rig fault has several lines: the last one counts.
struct Entry {
    LineJson line;
    const WorkPart* part = nullptr;  // null: it is of the opening
    std::vector<TrialOutcome> outcomes;
    std::vector<Interleaving> branches;  // of all its lines
};
// By number, with leading zeros, or by order.
using Entries = std::map<std::string, Entry>;

struct ReadJournal {
    std::string head;
    Entries entries;
};

std::unexpected<Error> refuse_join(std::string message, const char* remedy = "") {
    return fail_with({Fault::user_input, std::move(message), {}}, remedy);
}

std::string name_of(const WorkPart& part) {
    return fmt::format("{} (shard {})", part.directory.string(), part.shard.text());
}

std::string numbered_key(std::uint64_t number) { return fmt::format("{:09}", number); }

// The name of a unit for people: "case 3", "cell 7", "order ...".
std::string unit_name(const Entry& entry) {
    for (const char* key : {"case", "cell"})
        if (entry.line.contains(key)) return fmt::format("{} {}", key, entry.line[key].get<std::uint64_t>());
    const Interleaving& order = entry.outcomes.front().result.order;
    return order.empty() ? "the first order" : "order " + one_line(text_of(order));
}

Result<std::pair<std::string, Entry>> read_entry(const std::string& text, const std::string& where) {
    Entry entry;
    entry.line = LineJson::parse(text, nullptr, false);
    if (!entry.line.is_object()) return refuse_join(where + " is damaged");
    const auto take = [&](const LineJson& json) -> Status {
        MEMRIG_TRY(TrialOutcome outcome, read_outcome(line_of(json), where));
        for (const auto& word : outcome.result.directory)
            if (word == ".." || outcome.result.directory.is_absolute()) return refuse_join(where + " is damaged");
        entry.outcomes.push_back(std::move(outcome));
        return {};
    };
    for (const char* key : {"case", "cell"}) {
        if (!entry.line.contains(key)) continue;
        if (!entry.line[key].is_number_unsigned()) return refuse_join(where + " is damaged");
        if (entry.line.contains("outcome") && entry.line["outcome"].is_object())
            MEMRIG_CHECK(take(entry.line["outcome"]));
        if (entry.line.contains("trials") && entry.line["trials"].is_array())
            for (const auto& trial : entry.line["trials"]) MEMRIG_CHECK(take(trial));
        return std::pair(numbered_key(entry.line[key].get<std::uint64_t>()), std::move(entry));
    }
    MEMRIG_CHECK(take(entry.line));
    entry.branches = entry.outcomes.front().branches.orders;
    return std::pair(text_of(entry.outcomes.front().result.order), std::move(entry));
}

Result<ReadJournal> read_journal(const fs::path& path, const WorkPart* part) {
    MEMRIG_TRY(const std::string text, read_file(path));
    ReadJournal read;
    std::size_t number = 0;
    for (std::size_t at = 0, end = 0; (end = text.find('\n', at)) != std::string::npos; at = end + 1) {
        const std::string line = text.substr(at, end - at);
        if (++number == 1) {
            read.head = line;
            continue;
        }
        MEMRIG_TRY(auto keyed, read_entry(line, fmt::format("{}, line {},", path.string(), number)));
        auto& [key, entry] = keyed;
        entry.part = part;
        auto [known, is_new] = read.entries.try_emplace(key);
        const auto earlier = std::move(known->second.branches);
        known->second = std::move(entry);
        known->second.branches.insert(known->second.branches.end(), earlier.begin(), earlier.end());
    }
    return read;
}

std::string verdict_text(const Entry& entry) {
    std::string text;
    for (const TrialOutcome& outcome : entry.outcomes) {
        std::set<std::string> accused;
        for (const Finding& finding : outcome.result.findings)
            if (accuses(finding)) accused.insert(fingerprint_of(finding).hash);
        text += (text.empty() ? "" : ", ") + std::string(to_string(outcome.result.verdict));
        for (const auto& hash : accused) text += " " + hash;
    }
    return text.empty() ? "not played" : text;
}

class JournalJoin {
public:
    JournalJoin(const WorkJournal& journal, fs::path out, std::vector<std::string>& notes)
        : journal_(journal), out_(std::move(out)), notes_(notes) {}

    Status join(const std::vector<WorkPart>& parts) {
        MEMRIG_TRY(opening_, read_journal(journal_.opening / journal_.file, nullptr));
        std::map<unsigned, ReadJournal> counting;
        for (const WorkPart& part : parts) {
            MEMRIG_TRY(ReadJournal read, read_journal(part.directory / journal_.file, &part));
            if (read.head != opening_.head)
                return refuse_join(fmt::format("{} is of other work, or of another image of a kernel, than {}",
                                               (part.directory / journal_.file).string(), journal_.opening.string()));
            if (part.counts) counting[part.shard.number] = std::move(read);
            else compare(counting[part.shard.number].entries, part, read.entries);
        }
        for (auto& [number, read] : counting) MEMRIG_CHECK(take(std::move(read.entries)));
        text_ = opening_.head + "\n";
        MEMRIG_CHECK(journal_.file.filename() == "explored.jsonl" ? join_orders() : join_numbered());
        MEMRIG_CHECK(make_directories((out_ / journal_.file).parent_path()));
        return write_file(out_ / journal_.file, text_);
    }

private:
    // Two attempts of one shard, as a node that was thought dead leaves them.
    void compare(const Entries& counts, const WorkPart& part, const Entries& others) {
        for (const auto& [key, other] : others) {
            const auto same = counts.find(key);
            const std::string first = same == counts.end() ? "no result" : verdict_text(same->second);
            if (first == verdict_text(other)) continue;
            notes_.push_back(fmt::format("{}: {} in the attempt that counts, and {} in {}", unit_name(other), first,
                                         verdict_text(other), part.directory.string()));
        }
    }

    Status take(Entries entries) {
        for (auto& [key, entry] : entries) {
            if (opening_.entries.contains(key)) continue;  // each shard begins with the opening's journal
            const auto [other, is_new] = all_.try_emplace(key);
            if (!is_new)
                return refuse_join(fmt::format("{} and {} overlap: both have {}", name_of(*other->second.part),
                                               name_of(*entry.part), unit_name(entry)));
            other->second = std::move(entry);
        }
        return {};
    }

    Status join_numbered() {
        for (const auto& [key, entry] : all_) {
            const std::uint64_t number = std::stoull(key);
            if (number == 0 || !units_of(entry.part->shard, journal_.units).contains(number - 1))
                return refuse_join(
                    fmt::format("{} overlaps another shard: it has {}", name_of(*entry.part), unit_name(entry)));
        }
        for (std::uint64_t number = 1; number <= journal_.units; number++) {
            const auto entry = all_.find(numbered_key(number));
            if (entry == all_.end())
                return refuse_join(fmt::format("there is a gap: unit {} of {} has no result", number, journal_.units),
                                   "run its shard again");
            for (const TrialOutcome& outcome : entry->second.outcomes)
                MEMRIG_CHECK(take_evidence(entry->second, outcome.result.directory, outcome.result.directory));
            text_ += line_of(entry->second.line) + "\n";
        }
        return {};
    }

    // Gives the orders the numbers that one machine gives them: each order's branches come behind all that are known.
    Status join_orders() {
        for (auto& [key, entry] : opening_.entries) all_[key] = std::move(entry);
        std::deque<Interleaving> waiting = {{}};
        std::set<std::string> known = {text_of(Interleaving())};
        unsigned number = 0;
        for (; !waiting.empty(); waiting.pop_front()) {
            const auto found = all_.find(text_of(waiting.front()));
            if (found == all_.end())
                return refuse_join(
                    fmt::format("there is a gap: the order {} has no result", one_line(text_of(waiting.front()))),
                    "run its shard again");
            for (const auto& branch : found->second.branches)
                if (known.insert(text_of(branch)).second) waiting.push_back(branch);
            MEMRIG_CHECK(take_order(found->second, ++number));
        }
        for (const auto& [key, entry] : all_)
            if (!known.contains(key))
                return refuse_join(fmt::format("{} has {}, which branches off from no order of this work",
                                               entry.part == nullptr ? journal_.opening.string() : name_of(*entry.part),
                                               unit_name(entry)));
        return {};
    }

    Status take_order(Entry& entry, unsigned number) {
        TrialOutcome& outcome = entry.outcomes.front();
        const fs::path from = outcome.result.directory;
        const fs::path to = from.parent_path() / fmt::format("{:04}", number);
        const bool renumbered = outcome.result.number != number;
        outcome.result.number = number;
        outcome.result.directory = to;
        outcome.branches.orders = entry.branches;
        MEMRIG_CHECK(take_evidence(entry, from, to));
        if (renumbered)
            for (const char* name : {"trial.json", "verdict.json"}) MEMRIG_CHECK(renumber(out_ / to / name, number));
        text_ += line_of(outcome_json(outcome)) + "\n";
        return {};
    }

    // A trial that came to a rig fault early may have left no evidence.
    Status take_evidence(const Entry& entry, const fs::path& from, const fs::path& to) const {
        const fs::path source = (entry.part == nullptr ? journal_.opening : entry.part->directory) / from;
        std::error_code code;
        return fs::is_directory(source, code) ? copy_tree(source, out_ / to) : Status();
    }

    // The file may be a hard link: a new one takes its place.
    static Status renumber(const fs::path& file, unsigned number) {
        std::error_code code;
        if (!fs::exists(file, code)) return {};
        MEMRIG_TRY(const std::string text, read_file(file));
        auto json = LineJson::parse(text, nullptr, false);
        if (!json.is_object()) return {};
        json["number"] = number;
        return write_file(file, text_of(json));
    }

    const WorkJournal& journal_;
    const fs::path out_;
    std::vector<std::string>& notes_;
    ReadJournal opening_;
    Entries all_;
    std::string text_;
};

}  // namespace

Status join_journal(const WorkJournal& journal, const std::vector<WorkPart>& parts, const fs::path& out,
                    std::vector<std::string>& notes) {
    return JournalJoin(journal, out, notes).join(parts);
}

}  // namespace memrig
