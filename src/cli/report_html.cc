#include "cli/report_html.h"

#include "base/file.h"
#include "base/text.h"
#include "cli/output.h"
#include "page/page.h"
#include "report/trial_record.h"

namespace memrig {

namespace {

Result<std::string> html_of(const HtmlReport& report) {
    if (is_trial_directory(report.directory)) {
        if (!report.before.empty())
            return fail_with({Fault::user_input, "--before is not for one trial", {}},
                             "give the directory of a run or a campaign");
        return trial_page(report.directory);
    }
    MEMRIG_TRY(const Subject now, load_subject(report.directory));
    std::vector<LoadedCampaign> before;
    for (const auto& directory : report.before) {
        MEMRIG_TRY(Subject one, load_subject(directory));
        before.push_back(std::move(one.results));
    }
    return subject_page(now, std::move(before));
}

}  // namespace

Status report_html(const HtmlReport& report) {
    MEMRIG_TRY(const std::string text, html_of(report));
    if (report.out == "-") return print_result(text);
    fs::path file = report.out.empty() ? report.directory : fs::path(report.out);
    std::error_code code;
    if (fs::is_directory(file, code)) file /= "report.html";
    MEMRIG_CHECK(write_file(file, text));
    return print_result(one_line(file.string()) + "\n");
}

}  // namespace memrig
