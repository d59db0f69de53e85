// Writes a campaign's results as plain text for a mail.
#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/shell.h"
#include "base/table.h"
#include "base/text.h"
#include "campaign/limits.h"
#include "kernel/catalogue.h"
#include "report/campaign_reports.h"

namespace memrig {

namespace {

constexpr std::size_t kMailColumns = 72;
constexpr std::size_t kMostMailFindings = 10, kMostMailDetails = 12;
constexpr const char* kReproduced = "repro";  // the directory that the reproducer makes

// Breaks a text between words. A command is not broken: it has to be pasted whole.
std::string paragraph(const std::string& text, std::size_t indent) {
    return folded(std::string(indent, ' ') + one_line(text), kMailColumns, indent + 2) + "\n";
}

std::string command_line(const std::string& text) { return "    " + one_line(text) + "\n"; }

class MailWriter {
public:
    explicit MailWriter(const CampaignReport& report) : report_(report), record_(report.record), night_(report.night) {}

    std::string write() && {
        sum();
        tested();
        verdicts();
        findings();
        limits();
        return std::move(out_);
    }

private:
    void sum() {
        std::uint64_t done = 0, good = 0, known = 0;
        for (const auto& cell : night_.cells) {
            done += cell.progress.done;
            good += cell.progress.as_expected;
            known += cell.known;
        }
        out_ += paragraph(fmt::format("memrig played {}: {} as expected, {} known, {} not as expected.",
                                      counted(done, "trial"), good, known, done - good - known),
                          0);
    }

    void tested() {
        out_ += "\nTested:\n";
        std::map<std::string, std::set<std::string>> kernels;
        std::set<std::string> rigs;
        for (const auto& cell : record_.cells) kernels[cell.cell.shown_kernel()];
        for (const auto& result : record_.results) {
            const Provenance& setting = result.setting;
            const PlanCell& cell = record_.cells[result.trial.cell].cell;
            if (!setting.release.empty())
                kernels[cell.shown_kernel()].insert(
                    fmt::format("{}, SHA-256 {}", setting.release, setting.sha256.substr(0, 12)));
            rigs.insert(fmt::format("memrig {}, {}, {}, {} mode, bench {}",
                                    setting.memrig.empty() ? "of an unknown version" : setting.memrig, setting.qemu,
                                    setting.accelerator, setting.mode, setting.bench));
        }
        for (const auto& [kernel, builds] : kernels) {
            // A kernel by path is named by its release.
            const bool same = builds.size() == 1 && builds.begin()->starts_with(kernel + ",");
            const std::string which = builds.empty() ? "not played" : fmt::format("{}", fmt::join(builds, "; "));
            out_ += paragraph("- kernel " + (same ? which : kernel + ": " + which), 2);
        }
        for (const auto& rig : rigs) out_ += paragraph("- " + rig, 2);
        if (!night_.started.empty()) out_ += paragraph("- begun " + night_.started, 2);
    }

    void verdicts() {
        out_ += "\nVerdicts:\n";
        for (const auto& cell : night_.cells) {
            const CellProgress& one = cell.progress;
            std::string text = "- " + one.cell.title() + ": ";
            if (one.is_left_out()) text += one.left_out_text();
            else {
                const Interval rate = cell.rate();
                text += fmt::format("{}; {} of {} as expected (95%: {:.0f}% to {:.0f}%)", counts_text(one.verdicts),
                                    one.as_expected, one.done, 100 * rate.low, 100 * rate.high);
                if (cell.known > 0) text += fmt::format(", {} known", cell.known);
            }
            out_ += paragraph(text, 2);
        }
    }

    // Results of controls that convict the kernel come first, each fingerprint once.
    void findings() {
        std::set<std::string> told;
        std::size_t left = 0;
        for (const Outcome wanted : {Outcome::failed, Outcome::known})
            for (std::size_t i = 0; i < record_.results.size(); i++) {
                if (outcome_of(report_, i) != wanted) continue;
                for (const auto& finding : parse_findings(record_.results[i].findings)) {
                    if (!accuses(finding)) continue;
                    const Fingerprint print = fingerprint_of(finding);
                    if (!told.insert(print.hash).second) continue;
                    if (told.size() > kMostMailFindings) left++;
                    else add_finding(record_.results[i], finding, print);
                }
            }
        if (told.empty()) out_ += "\nNo control convicted the kernel.\n";
        if (left > 0) out_ += "\n" + paragraph(counted(left, "more finding") + " left out.", 0);
    }

    void add_finding(const StoredResult& result, const Finding& finding, const Fingerprint& print) {
        const CellSummary& cell = night_.cells[result.trial.cell];
        const auto found = cell.findings.find(print.hash);
        out_ +=
            "\n" + paragraph(fmt::format("Finding {} ({}), in {} of {} of {}:", print.hash, to_string(finding.verdict),
                                         found == cell.findings.end() ? 1 : found->second.trials,
                                         counted(cell.progress.done, "trial"), cell.progress.cell.title()),
                             0);
        if (found != cell.findings.end() && !found->second.known.empty()) out_ += paragraph(found->second.known, 2);
        out_ += paragraph(finding.summary, 2);
        for (std::size_t i = 0; i < std::min(finding.details.size(), kMostMailDetails); i++)
            out_ += paragraph(finding.details[i], 4);
        if (finding.details.size() > kMostMailDetails)
            out_ += paragraph(counted(finding.details.size() - kMostMailDetails, "more line") + " left out", 4);
        add_reproducer(result);
    }

    void add_reproducer(const StoredResult& result) {
        const PlanCell& cell = record_.cells[result.trial.cell].cell;
        out_ += "\n  To reproduce it:\n";
        const std::string evidence = shell_word((night_.directory / result.directory).string());
        if (result.setting.mode == "explore") {
            out_ += command_line("memrig bundle " + evidence + " --out trial.tar.zst");
            out_ += command_line("memrig replay trial.tar.zst");
            out_ += command_line("memrig explain trial.tar.zst");
            return;
        }
        // A kernel by path has another path on the reader's host.
        const bool own = is_kernel_path(cell.kernel);
        const std::string kernel = own ? "./bzImage" : cell.kernel;
        const auto entry = find_kernel(cell.kernel);
        const bool built = entry && entry->provider == KernelProvider::built;
        out_ += command_line(own     ? "memrig doctor --kernel ./bzImage    # the kernel named above"
                             : built ? "memrig kernels build " + kernel
                                     : "memrig kernels fetch " + kernel);
        std::string run =
            fmt::format("memrig run {} --kernel {} --arm {}", shell_word(cell.scenario), kernel, shell_word(cell.arm));
        if (!cell.bench.empty()) run += " --bench " + shell_word(cell.bench);
        if (!result.setting.mode.empty() && result.setting.mode != "directed") run += " --mode " + result.setting.mode;
        run += fmt::format(" --trials 1 --seed {} --out {}", run_seed_of(report_, result), kReproduced);
        out_ += command_line(run);
        out_ += command_line(fmt::format("memrig explain {}/{}", kReproduced, trial_below(cell, own)));
    }

    // RUN/SCENARIO/KERNEL/ARM/NUMBER, as `memrig run` names it. A kernel's path is not known here.
    static std::string trial_below(const PlanCell& cell, bool own) {
        return fmt::format("{}/{}/{}/0001", cell.scenario, own ? "*" : cell.kernel, cell.arm);
    }

    void limits() {
        out_ += "\nNot shown by this:\n";
        for (const auto& line : limits_lines(limits_of(record_, night_))) out_ += paragraph("- " + line, 2);
    }

    const CampaignReport& report_;
    const CampaignRecord& record_;
    const CampaignSummary& night_;
    std::string out_;
};

}  // namespace

std::string campaign_mail(const CampaignReport& report) { return MailWriter(report).write(); }

}  // namespace memrig
