#include "campaign/history.h"

#include <algorithm>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/json_text.h"

namespace memrig {

namespace {

using Json = nlohmann::ordered_json;

// The cells of each night, by key.
using Index = std::vector<std::unordered_map<std::string, const CellSummary*>>;

Index index_of(const History& history) {
    Index index;
    for (const auto& night : history.nights) {
        auto& cells = index.emplace_back();
        for (const auto& cell : night.cells) cells[cell.progress.cell.key()] = &cell;
    }
    return index;
}

const CellSummary* cell_of(const Index& index, std::size_t night, const std::string& key) {
    const auto found = index[night].find(key);
    return found == index[night].end() ? nullptr : found->second;
}

std::string night_text(const CampaignSummary& night) {
    return fmt::format("{}  {}", night.started.empty() ? "not begun           " : night.started,
                       one_line(night.directory.string()));
}

}  // namespace

History history_of(std::vector<CampaignSummary> nights) {
    History history;
    history.nights = std::move(nights);
    std::ranges::stable_sort(history.nights, {}, [](const CampaignSummary& night) { return night.started; });
    std::unordered_set<std::string> keys;
    std::unordered_map<std::string, std::size_t> findings;
    for (std::size_t i = 0; i < history.nights.size(); i++)
        for (const auto& cell : history.nights[i].cells) {
            const std::string key = cell.progress.cell.key();
            if (keys.insert(key).second) history.keys.push_back(key);
            for (const auto& [hash, finding] : cell.findings) {
                const auto [at, fresh] = findings.try_emplace(key + '\n' + hash, history.findings.size());
                if (fresh) history.findings.push_back({key, nullptr, i, i, 0, 0});
                FindingHistory& one = history.findings[at->second];
                one.finding = &finding;
                one.last = i;
                one.nights++;
                one.trials += finding.trials;
            }
        }
    std::ranges::stable_sort(history.findings, std::greater(), &FindingHistory::first);
    return history;
}

Result<std::vector<fs::path>> campaigns_in(const std::vector<fs::path>& directories) {
    std::set<fs::path> found;
    std::error_code code;
    const auto is_campaign = [](const fs::path& path) {
        std::error_code unknown;
        return fs::is_regular_file(path / "campaign.sqlite", unknown);
    };
    for (const auto& directory : directories) {
        if (is_campaign(directory)) {
            found.insert(directory);
            continue;
        }
        const std::size_t before = found.size();
        for (fs::directory_iterator entry(directory, code); !code && entry != fs::end(entry); entry.increment(code))
            if (is_campaign(entry->path())) found.insert(entry->path());
        if (code) return fail(Fault::user_input, "cannot read {}: {}", directory.string(), code.message());
        if (found.size() == before)
            return fail_with({Fault::user_input, "there is no campaign in " + directory.string(), {}},
                             "give the directories of campaigns, or a folder of them");
    }
    return std::vector(found.begin(), found.end());
}

std::string history_text(const History& history, const Paint& paint) {
    const Index index = index_of(history);
    std::string out;
    for (const auto& night : history.nights) out += night_text(night) + "\n";
    for (const auto& key : history.keys) {
        out += "\n" + paint.heading(one_line(key)) + "\n";
        for (std::size_t i = 0; i < history.nights.size(); i++) {
            const CellSummary* cell = cell_of(index, i, key);
            if (cell == nullptr) continue;
            std::string line = fmt::format("  {:<20}  ", history.nights[i].started);
            if (cell->progress.is_left_out()) {
                out += line + cell->progress.left_out_text() + "\n";
                continue;
            }
            const Interval rate = cell->rate();
            line += fmt::format("{:>5} of {:<5} {:>3.0f}% to {:>3.0f}%  {:<8}  {}", cell->good(), cell->progress.done,
                                100 * rate.low, 100 * rate.high, short_time(cell->seconds.median),
                                counts_text(cell->progress.verdicts));
            out += (cell->good() == cell->progress.done ? line : paint.bad(line)) + "\n";
        }
    }
    if (!history.findings.empty()) out += "\n" + paint.heading("Findings, the newest first") + "\n";
    for (const auto& one : history.findings) {
        const CampaignSummary& last = history.nights[one.last];
        out += fmt::format("{}  {}\n    {}: first {}, last {}, in {} of {}, {}{}\n", one.finding->fingerprint.hash,
                           one.finding->fingerprint.text, one_line(one.key), history.nights[one.first].started,
                           last.started, one.nights, counted(history.nights.size(), "night"),
                           counted(one.trials, "trial"), one.finding->known.empty() ? "" : "; " + one.finding->known);
        out += fmt::format("    evidence: {}\n", one_line((last.directory / one.finding->evidence).string()));
    }
    return out;
}

std::string history_json(const History& history) {
    const Index index = index_of(history);
    Json json = {{"schema", 1}, {"nights", Json::array()}, {"cells", Json::array()}, {"findings", Json::array()}};
    for (const auto& night : history.nights)
        json["nights"].push_back({{"directory", night.directory.generic_string()},
                                  {"name", night.name},
                                  {"started", night.started},
                                  {"ended", night.ended},
                                  {"memrig", night.versions},
                                  {"releases", night.releases}});
    for (const auto& key : history.keys) {
        Json nights = Json::array();
        const PlanCell* names = nullptr;
        for (std::size_t i = 0; i < history.nights.size(); i++) {
            const CellSummary* cell = cell_of(index, i, key);
            if (cell == nullptr) continue;
            names = &cell->progress.cell;
            const Interval rate = cell->rate();
            nights.push_back({{"night", i},
                              {"trials", cell->progress.done},
                              {"as_expected", cell->progress.as_expected},
                              {"known", cell->known},
                              {"interval_95", {rate.low, rate.high}},
                              {"verdicts", cell->progress.verdicts},
                              {"seconds", {{"median", cell->seconds.median}, {"deviation", cell->seconds.deviation}}}});
            if (!cell->progress.skipped.empty()) nights.back()["skipped"] = cell->progress.skipped;
            if (!cell->progress.not_set_up.empty()) nights.back()["not_set_up"] = cell->progress.not_set_up;
        }
        json["cells"].push_back({{"scenario", names->scenario},
                                 {"kernel", names->kernel},
                                 {"bench", names->bench},
                                 {"arm", names->arm},
                                 {"nights", std::move(nights)}});
    }
    for (const auto& one : history.findings)
        json["findings"].push_back({{"fingerprint", one.finding->fingerprint.hash},
                                    {"text", one.finding->fingerprint.text},
                                    {"cell", one.key},
                                    {"first", one.first},
                                    {"last", one.last},
                                    {"nights", one.nights},
                                    {"trials", one.trials},
                                    {"known", one.finding->known}});
    return json_document(json);
}

}  // namespace memrig
