#include "campaign/summary.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "base/assert.h"
#include "base/file.h"
#include "base/text.h"
#include "kernel/catalogue.h"

namespace memrig {

namespace {

double middle(std::vector<double>& values) {
    if (values.empty()) return 0;
    const std::size_t half = values.size() / 2;
    std::ranges::nth_element(values, values.begin() + static_cast<std::ptrdiff_t>(half));
    const double upper = values[half];
    if (values.size() % 2 == 1) return upper;
    return (*std::max_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(half)) + upper) / 2;
}

// Remembers the state of each fingerprint, because matching every finding of every trial against every pattern would
// take long, and most findings are the same few.
class KnownMatcher {
public:
    KnownMatcher(const std::vector<KnownFinding>& known, std::chrono::year_month_day on)
        : known_(known), on_(on), seen_(known.size()) {}

    CellFinding judge(const std::string& scenario, Fingerprint fingerprint) {
        const auto [at, fresh] = judged_.try_emplace(scenario + '\n' + fingerprint.hash);
        if (fresh) {
            at->second.fingerprint = std::move(fingerprint);
            for (std::size_t i = 0; i < known_.size(); i++) {
                if (!known_[i].matches(scenario, at->second.fingerprint)) continue;
                seen_[i] = true;
                if (at->second.state == KnownState::known) continue;
                at->second.state = known_[i].expired(on_) ? KnownState::expired : KnownState::known;
                at->second.known = known_[i].text(on_);
                const auto& day = known_[i].expires;
                at->second.known_until = static_cast<int>(day.year()) * 10000 +
                                         static_cast<int>(static_cast<unsigned>(day.month())) * 100 +
                                         static_cast<int>(static_cast<unsigned>(day.day()));
            }
        }
        return at->second;
    }

    std::vector<std::string> notes() const {
        std::vector<std::string> notes;
        for (std::size_t i = 0; i < known_.size(); i++) {
            if (!seen_[i])
                notes.push_back(fmt::format("{}: this known finding was not seen: {}", known_[i].place,
                                            one_line(known_[i].fingerprint)));
            else if (known_[i].expired(on_))
                notes.push_back(fmt::format("{}: this known finding has expired, and counts again: {}", known_[i].place,
                                            known_[i].text(on_)));
        }
        return notes;
    }

private:
    const std::vector<KnownFinding>& known_;
    std::chrono::year_month_day on_;
    std::vector<bool> seen_;
    std::unordered_map<std::string, CellFinding> judged_;
};

// Counts a trial that held with gaps as such.
void note_gaps(CellSummary& cell, const std::string& verdict, const std::vector<Finding>& findings) {
    if (verdict != to_string(Verdict::held) || !has_gaps(findings)) return;
    for (const auto& finding : findings)
        if (finding.oracle == kGapOracle) cell.gaps.insert(finding.summary);
    auto& counts = cell.progress.verdicts;
    const auto held = counts.find(verdict);
    if (held == counts.end()) return;
    if (--held->second == 0) counts.erase(held);
    counts[kHeldWithGaps]++;
}

using Builds = std::map<std::string, std::set<std::pair<std::string, std::string>>>;

// The releases and hashes by which each kernel was played.
Builds builds_of(const CampaignRecord& record) {
    Builds builds;
    for (const auto& result : record.results)
        if (result.trial.cell < record.cells.size() && !result.setting.release.empty())
            builds[record.cells[result.trial.cell].cell.kernel].emplace(result.setting.release, result.setting.sha256);
    return builds;
}

// A kernel by path is named by its release, with its hash if another kernel has the same release. One that was never
// played is named by its file.
std::string name_of_kernel(const std::string& kernel, const Builds& builds) {
    constexpr std::size_t digits = 12;
    const auto own = builds.find(kernel);
    if (own == builds.end()) return fs::path(kernel).filename().string();
    const auto& [release, sha256] = *own->second.begin();
    const bool shared = std::ranges::any_of(builds, [&](const auto& other) {
        return other.first != kernel &&
               std::ranges::any_of(other.second, [&](const auto& one) { return one.first == release; });
    });
    return shared ? fmt::format("{} ({})", release, sha256.substr(0, digits)) : release;
}

void name_kernels(std::vector<CellSummary>& cells, const CampaignRecord& record) {
    const bool any =
        std::ranges::any_of(record.cells, [](const CellProgress& one) { return is_kernel_path(one.cell.kernel); });
    if (!any) return;
    const Builds builds = builds_of(record);
    for (auto& cell : cells)
        if (PlanCell& names = cell.progress.cell; is_kernel_path(names.kernel))
            names.kernel_name = name_of_kernel(names.kernel, builds);
}

}  // namespace

Times times_of(std::vector<double> seconds) {
    Times times{seconds.size(), middle(seconds), 0};
    for (double& one : seconds) one = std::abs(one - times.median);
    times.deviation = middle(seconds);
    return times;
}

CampaignSummary summarise(const CampaignRecord& record, const fs::path& directory,
                          const std::vector<KnownFinding>& known, std::chrono::year_month_day on) {
    CampaignSummary night;
    night.directory = directory;
    night.name = record.name;
    night.started = record.started;
    night.ended = record.ended;
    for (const auto& progress : record.cells) {
        CellSummary cell;
        cell.progress = progress;
        cell.bench = progress.cell.bench;
        night.cells.push_back(std::move(cell));
    }
    name_kernels(night.cells, record);
    KnownMatcher knowledge(known, on);
    std::vector<std::vector<double>> seconds(night.cells.size());
    for (const auto& result : record.results) {
        MEMRIG_ASSERT(result.trial.cell < night.cells.size(), "a record has the cells of its results");
        CellSummary& cell = night.cells[result.trial.cell];
        if (!result.setting.bench.empty()) cell.bench = result.setting.bench;
        if (!result.setting.memrig.empty()) night.versions.insert(result.setting.memrig);
        if (!result.setting.release.empty()) night.releases.insert(result.setting.release);
        if (result.verdict != to_string(Verdict::rig_fault)) seconds[result.trial.cell].push_back(result.seconds);
        bool excused = false, accused = false;
        std::set<std::string> counted;  // several findings of a trial may have the same fingerprint
        // Most trials held and have no findings; "[]" need not be parsed.
        const auto findings = result.findings == "[]" ? std::vector<Finding>() : parse_findings(result.findings);
        note_gaps(cell, result.verdict, findings);
        for (const auto& finding : findings) {
            if (!accuses(finding)) continue;
            const CellFinding judged = knowledge.judge(cell.progress.cell.scenario, fingerprint_of(finding));
            (judged.state == KnownState::known ? excused : accused) = true;
            CellFinding& one = cell.findings.try_emplace(judged.fingerprint.hash, judged).first->second;
            if (!counted.insert(judged.fingerprint.hash).second) continue;
            if (one.trials++ == 0) {
                one.first = result.trial.number;
                one.evidence = result.directory;
            }
        }
        const bool is_known =
            !result.as_expected && excused && !accused && result.verdict != to_string(Verdict::rig_fault);
        night.known_results.push_back(is_known);
        cell.known += is_known;
        if (cell.is_control() && !result.as_expected && !is_known && convicts(result.verdict) &&
            cell.convictions++ == 0)
            cell.conviction = fmt::format("#{}: {}: {}", result.trial.number, result.verdict, one_line(result.reason));
    }
    for (std::size_t i = 0; i < night.cells.size(); i++) {
        night.cells[i].seconds = times_of(std::move(seconds[i]));
        night.cells[i].progress.known = night.cells[i].known;
    }
    night.notes = knowledge.notes();
    return night;
}

Result<LoadedCampaign> load_campaign(const fs::path& directory, const fs::path& known_in) {
    MEMRIG_TRY(CampaignStore store, CampaignStore::open_to_read(directory));
    LoadedCampaign loaded;
    MEMRIG_TRY(loaded.record, store.record());
    std::string plan = loaded.record.plan, shown = "the plan of " + directory.string();
    if (!known_in.empty()) {
        auto text = read_file(known_in);
        if (!text) return fail(Fault::user_input, "{}", text.error().message);
        plan = *std::move(text);
        shown = known_in.string();
    }
    MEMRIG_TRY(const auto known, parse_known(plan, shown));
    loaded.night = summarise(loaded.record, directory, known, today());
    loaded.record.cells = progress_of(loaded.night);
    return loaded;
}

std::vector<CellProgress> progress_of(const CampaignSummary& night) {
    std::vector<CellProgress> cells;
    for (const auto& cell : night.cells) cells.push_back(cell.progress);
    return cells;
}

std::string counts_text(const std::map<std::string, unsigned>& verdicts) {
    std::string text;
    for (const auto& [verdict, count] : verdicts)
        text += fmt::format("{}{} {}", text.empty() ? "" : ", ", one_line(verdict), count);
    return text.empty() ? "none" : text;
}

}  // namespace memrig
