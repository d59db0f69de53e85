// memrig report
#include <algorithm>
#include <memory>

#include "base/file.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/report_html.h"
#include "report/campaign_reports.h"
#include "report/lock_graph_dot.h"
#include "report/subject.h"
#include "report/trace.h"

namespace memrig {

namespace {

constexpr const char* kReportFooter =
    "Formats for a campaign, a run, a kill matrix or a sweep, printed on stdout unless --out names a file:\n"
    "ktap, junit (Jenkins' XML), kcidb (KCIDB's JSON, version 5.3), markdown (for a merge request), mail\n"
    "(plain text for a reply: what was tested, verdicts, findings, a reproducer),\n"
    "kernels (a table in Markdown, scenario by kernel: what was played, what came of it, why the rest was not).\n"
    "html writes one page, report.html in the directory: findings with their evidence, matrix, trend. It also takes\n"
    "one trial's directory.\n\n"
    "Format for a trial's directory, or for every trial below a run's or a campaign's directory:\n"
    "trace writes trace.json in each trial's directory, for ui.perfetto.dev or chrome://tracing: a track for each\n"
    "task, with the locks that it held and waited for (docs/results.md).\n\n"
    "Example:\n"
    "  memrig report campaigns/nightly --format junit --out memrig.xml\n"
    "  memrig report campaigns/nightly --format html --before campaigns/last-night\n"
    "  memrig report runs/20300203T040506Z-4711 --format html\n"
    "  memrig report runs/20300203T040506Z-4711 --format trace\n";

constexpr int kDeepest = 16;  // levels from a run's directory to a trial's: SCENARIO may have several parts

struct ReportOptions {
    fs::path directory;
    std::string format;
    std::string out;  // a file, a directory or "-"
    std::string origin = "memrig";
    std::vector<std::string> before;  // earlier campaigns
};

// A format of a trial: the name of its file, and the function that makes it.
struct Format {
    const char* name;
    const char* file;
    std::string (*make)(const TrialRecord& record);
};
constexpr const char* kHtml = "html";  // a format of both
constexpr Format kFormats[] = {{"trace", "trace.json", trace_json}, {"lockgraph", "lockgraph.dot", lock_graph_dot}};

// A format of a whole campaign.
struct CampaignFormat {
    const char* name;
    std::string (*make)(const CampaignReport& report);
};
constexpr CampaignFormat kCampaignFormats[] = {{"ktap", campaign_ktap},   {"junit", campaign_junit},
                                               {"kcidb", campaign_kcidb}, {"markdown", campaign_markdown},
                                               {"mail", campaign_mail},   {"kernels", campaign_kernels}};

std::vector<std::string> format_names() {
    std::vector<std::string> names = {kHtml};
    for (const auto& format : kFormats) names.emplace_back(format.name);
    for (const auto& format : kCampaignFormats) names.emplace_back(format.name);
    return names;
}

// Returns `directory` itself if it is a trial's, else every trial's directory below it, sorted.
Result<std::vector<fs::path>> trials_in(const fs::path& directory) {
    std::error_code code;
    if (!fs::is_directory(directory, code)) return fail(Fault::user_input, "{} is not a directory", directory.string());
    if (is_trial_directory(directory)) return std::vector{directory};
    std::vector<fs::path> trials;
    fs::recursive_directory_iterator entry(directory, fs::directory_options::skip_permission_denied, code);
    for (; !code && entry != fs::end(entry); entry.increment(code)) {
        std::error_code unknown;
        if (!fs::is_directory(entry->symlink_status(unknown))) continue;
        const bool trial = is_trial_directory(entry->path());
        if (trial) trials.push_back(entry->path());
        if (trial || entry.depth() >= kDeepest) entry.disable_recursion_pending();
    }
    if (code) return fail(Fault::user_input, "cannot read {}: {}", directory.string(), code.message());
    if (trials.empty())
        return fail_with({Fault::user_input, "no trial's evidence in " + directory.string(), {}},
                         "give a run's directory, or a trial's: one with timeline.json");
    std::ranges::sort(trials);
    return trials;
}

// Makes one name of the trial's path below the run's directory: "race-acpi-dimm-online-...-control-0001-trace.json".
std::string flat_name(const fs::path& trial, const ReportOptions& options, const Format& format) {
    std::string name;
    for (const auto& part : trial.lexically_relative(options.directory))
        if (part != ".") name += part.string() + "-";
    return name + format.file;
}

// Checks --out before anything is written.
Status check_target(std::size_t trials, const std::string& out) {
    std::error_code code;
    if (out.empty() || fs::is_directory(out, code)) return {};
    if (trials > 1)
        return fail_with(
            {Fault::user_input, fmt::format("cannot write {} trials to {}: not a directory", trials, out), {}},
            "give --out an existing directory, or one trial's directory as DIR");
    const fs::path parent = fs::path(out).parent_path();
    if (!parent.empty() && !fs::is_directory(parent, code))
        return fail(Fault::user_input, "cannot write {}: {} is not a directory", out, parent.string());
    return {};
}

Status report_trial(const fs::path& trial, const ReportOptions& options, const Format& format) {
    MEMRIG_TRY(const TrialRecord record, read_trial_record(trial));
    const std::string text = format.make(record);
    if (options.out == "-") return print_result(text);
    fs::path file = options.out;
    std::error_code code;
    if (options.out.empty()) file = trial / format.file;
    else if (fs::is_directory(file, code)) file /= flat_name(trial, options, format);
    MEMRIG_CHECK(write_file(file, text));
    return print_result(one_line(file.string()) + "\n");
}

int report_campaign(const ReportOptions& options, const CampaignFormat& format) {
    const auto subject = load_subject(options.directory);
    if (!subject) return report_error(subject.error());
    const std::string text = format.make({subject->results.record, subject->results.night, options.origin});
    const bool shown = options.out.empty() || options.out == "-";
    const Status done = shown ? print_result(text) : write_file(options.out, text);
    return done ? kExitGood : report_error(done.error());
}

// Accepts origins such as "memrig" and "my_lab".
std::string not_an_origin(const std::string& text) {
    const bool good = !text.empty() && std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    });
    return good ? "" : one_line(text) + " is not an origin: use only a to z, 0 to 9 and _";
}

// Reports each trial, also after one whose files are damaged.
int report(const ReportOptions& options) {
    if (options.format == kHtml) {
        const Status done = report_html({options.directory, options.before, options.out});
        return done ? kExitGood : report_error(done.error());
    }
    const auto* of_campaign = std::ranges::find(kCampaignFormats, options.format, &CampaignFormat::name);
    if (of_campaign != std::end(kCampaignFormats)) return report_campaign(options, *of_campaign);
    const Format* format = std::ranges::find(kFormats, options.format, &Format::name);
    const auto trials = trials_in(options.directory);
    if (!trials) return report_error(trials.error());
    if (const Status target = check_target(trials->size(), options.out); !target) return report_error(target.error());
    int status = kExitGood;
    for (const auto& trial : *trials) {
        const Status done = report_trial(trial, options, *format);
        if (done) continue;
        status = std::max(status, report_error(done.error()));
        if (done.error().fault != Fault::user_input) break;
    }
    return status;
}

}  // namespace

void add_report_command(CLI::App& program, Action& action) {
    auto options = std::make_shared<ReportOptions>();
    CLI::App* command = program.add_subcommand("report", "Show results, or a trial's evidence, in another format");
    command->footer(kReportFooter);
    command
        ->add_option("DIR", options->directory, "The directory of a campaign, a run, a kill matrix, a sweep or a trial")
        ->required()
        ->type_name("");
    command
        ->add_option("--format", options->format,
                     "trace, lockgraph, html, ktap, junit, kcidb, markdown, mail or kernels")
        ->required()
        ->type_name("FORMAT")
        ->check(CLI::IsMember(format_names()).description(""));
    command
        ->add_option("--out", options->out,
                     "File, or - for stdout; for traces also a directory; default: -, or in DIR for trace and html")
        ->type_name("FILE");
    command->add_option("--origin", options->origin, "For kcidb: the name of your CI system")
        ->type_name("NAME")
        ->check(CLI::Validator(not_an_origin, "", "origin"))
        ->capture_default_str();
    command
        ->add_option("--before", options->before,
                     "For html: an earlier directory of this kind, for the trend; may be given again")
        ->type_name("DIR")
        ->allow_extra_args(false);
    command->callback([options, &action] { action = [options] { return report(*options); }; });
}

}  // namespace memrig
