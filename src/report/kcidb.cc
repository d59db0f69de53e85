// Writes JSON in KCIDB's I/O schema 5.3 (github.com/kernelci/kcidb-io, kcidb_io/schema/v05_03.py): a checkout and a
// build for each kernel, a test for each trial, an issue for each fingerprint of results that were not expected, and an
// incident for each such result. An id begins with the origin. An unknown property is left out, never null.
#include <algorithm>
#include <map>
#include <set>

#include <nlohmann/json.hpp>

#include "base/hash.h"
#include "base/json_text.h"
#include "base/text.h"
#include "report/campaign_reports.h"

namespace memrig {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kLongestExcerpt = 16'384;  // characters
constexpr std::size_t kLongestComment = 1000;

const char* status_of(Outcome outcome) {
    switch (outcome) {
        case Outcome::passed: return "PASS";
        case Outcome::failed:
        case Outcome::known: return "FAIL";
        case Outcome::undecided: return "ERROR";
        case Outcome::rig_broken: return "MISS";
    }
    return "MISS";
}

// Makes "memrig.race.acpi-dimm-online.control": nodes of letters, digits, - and _, separated by dots.
std::string path_of(const PlanCell& cell) {
    std::string path = "memrig." + cell.scenario + "." + cell.arm;
    for (char& c : path) {
        const bool fits =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
        if (c == '/') c = '.';
        else if (!fits && c != '.') c = '_';
    }
    // Removes empty nodes, which a scenario's path like "/tmp//a.toml" would make.
    std::string clean;
    for (const char c : path)
        if (c != '.' || (!clean.empty() && clean.back() != '.')) clean += c;
    return clean;
}

class KcidbWriter {
public:
    explicit KcidbWriter(const CampaignReport& report) : report_(report) {
        const CampaignRecord& record = report.record;
        campaign_ =
            record.name + "-" + Hasher().add(record.name).add(record.started).add(record.plan).finish().substr(0, 12);
        json_ = {{"version", {{"major", 5}, {"minor", 3}}}};
        for (const char* list : {"checkouts", "builds", "tests", "issues", "incidents"}) json_[list] = Json::array();
    }

    std::string write() {
        const CampaignRecord& record = report_.record;
        for (std::size_t i = 0; i < record.results.size(); i++) add_trial(i);
        for (std::size_t i = 0; i < record.cells.size(); i++) {
            const CellProgress& cell = record.cells[i];
            if (!cell.skipped.empty()) add_not_run(i, "skipped", cell.skipped, "SKIP");
            if (!cell.not_set_up.empty()) add_not_run(i, "not-set-up", cell.not_set_up, "MISS");
        }
        return json_document(json_);
    }

private:
    std::string id(const std::string& rest) const { return report_.origin + ":" + rest; }

    // Returns the id of the kernel's build, made of its image's hash, or of its name in the plan if there is no hash.
    std::string build_of(const std::string& kernel, const Provenance& setting) {
        const std::string name = one_line(setting.sha256.empty() ? kernel : setting.sha256);
        const auto [at, fresh] = builds_.try_emplace(name, id(name));
        if (!fresh) return at->second;
        Json misc = {{"kernel", kernel}};
        if (!setting.sha256.empty()) misc["sha256"] = setting.sha256;
        if (!setting.release.empty()) misc["release"] = setting.release;
        const std::string comment = one_line(setting.release.empty() ? kernel : "Linux " + setting.release);
        json_["checkouts"].push_back(
            {{"id", at->second}, {"origin", report_.origin}, {"comment", comment}, {"valid", true}, {"misc", misc}});
        json_["builds"].push_back({{"checkout_id", at->second},
                                   {"id", at->second},
                                   {"origin", report_.origin},
                                   {"comment", comment},
                                   {"status", "PASS"},
                                   {"misc", misc}});
        return at->second;
    }

    void add_trial(std::size_t index) {
        const StoredResult& result = report_.record.results[index];
        const PlanCell& cell = report_.record.cells[result.trial.cell].cell;
        const Provenance& setting = result.setting;
        Json test = {{"build_id", build_of(cell.kernel, setting)},
                     {"id", id(fmt::format("{}-{}-{}", campaign_, result.trial.cell, result.trial.number))},
                     {"origin", report_.origin}};
        if (!setting.qemu.empty())
            test["environment"] = {{"comment", one_line(setting.qemu)},
                                   {"misc", {{"accelerator", setting.accelerator}, {"bench", setting.bench}}}};
        test["path"] = path_of(cell);
        test["comment"] = one_line(result.reason);
        const Outcome outcome = outcome_of(report_, index);
        test["status"] = status_of(outcome);
        if (outcome == Outcome::failed || outcome == Outcome::known) add_incidents(result, cell, test["id"]);
        if (const std::string start = start_of(result); !start.empty()) test["start_time"] = start;
        test["duration"] = result.seconds;
        Json misc = {{"campaign", report_.record.name}, {"number", result.trial.number}, {"verdict", result.verdict}};
        if (!setting.expected.empty()) misc["expected"] = setting.expected;
        if (!setting.memrig.empty()) misc["memrig"] = setting.memrig;
        Json prints = Json::array();
        for (const auto& finding : parse_findings(result.findings)) {
            if (!accuses(finding)) continue;
            const Fingerprint made = fingerprint_of(finding);
            prints.push_back({{"hash", made.hash}, {"text", made.text}});
        }
        if (!prints.empty()) misc["fingerprints"] = std::move(prints);
        if (outcome == Outcome::known) misc["known"] = known_text(report_, result);
        if (outcome != Outcome::passed) {
            std::string excerpt;
            for (const auto& line : explanation(report_, result)) excerpt += line + "\n";
            test["log_excerpt"] = cut(excerpt, kLongestExcerpt);
        }
        test["misc"] = std::move(misc);
        json_["tests"].push_back(std::move(test));
    }

    // A finding that accuses the kernel is an issue, and its trial an incident of it. A mutant's findings are none: its
    // lock was taken out on purpose.
    void add_incidents(const StoredResult& result, const PlanCell& cell, const std::string& test) {
        std::set<std::string> told;
        for (const auto& finding : parse_findings(result.findings)) {
            if (!accuses(finding)) continue;
            const Fingerprint made = fingerprint_of(finding);
            if (!told.insert(made.hash).second) continue;
            const Json& issue = issue_of(result, finding, made);
            json_["incidents"].push_back({{"id", test + "-" + made.hash},
                                          {"origin", report_.origin},
                                          {"issue_id", issue["id"]},
                                          {"issue_version", issue["version"]},
                                          {"build_id", build_of(cell.kernel, result.setting)},
                                          {"test_id", test},
                                          {"present", true},
                                          {"comment", cut(one_line(finding.summary), kLongestComment)}});
        }
    }

    // A known finding may be listed anew with a later date, which makes a higher version of its issue.
    const Json& issue_of(const StoredResult& result, const Finding& finding, const Fingerprint& made) {
        const auto& findings = report_.night.cells[result.trial.cell].findings;
        const auto found = findings.find(made.hash);
        const bool is_known = found != findings.end() && !found->second.known.empty();
        const auto [at, fresh] = issues_.try_emplace(made.hash, json_["issues"].size());
        if (fresh)
            json_["issues"].push_back(
                {{"id", id("memrig-" + made.hash)},
                 {"version", 1},
                 {"origin", report_.origin},
                 {"report_subject", cut(one_line(made.text), kLongestComment)},
                 {"culprit", {{"code", true}, {"tool", false}, {"harness", false}}},
                 {"comment", cut(one_line(finding.summary), kLongestComment)},
                 {"misc", {{"verdict", to_string(finding.verdict)}, {"fingerprint", made.text}}}});
        Json& issue = json_["issues"][at->second];
        if (is_known) {
            issue["version"] = std::max(issue["version"].get<int>(), found->second.known_until);
            issue["misc"]["known"] = found->second.known;
        }
        return issue;
    }

    void add_not_run(std::size_t index, const char* what, const std::string& why, const char* status) {
        const CellProgress& one = report_.record.cells[index];
        json_["tests"].push_back({{"build_id", build_of(one.cell.kernel, {})},
                                  {"id", id(fmt::format("{}-{}-{}", campaign_, index, what))},
                                  {"origin", report_.origin},
                                  {"path", path_of(one.cell)},
                                  {"comment", one_line(why)},
                                  {"status", status},
                                  {"misc", {{"campaign", report_.record.name}}}});
    }

    const CampaignReport& report_;
    std::string campaign_;
    std::map<std::string, std::string> builds_;  // ids
    std::map<std::string, std::size_t> issues_;  // indices into the list, by fingerprint
    Json json_;
};

}  // namespace

std::string campaign_kcidb(const CampaignReport& report) { return KcidbWriter(report).write(); }

}  // namespace memrig
