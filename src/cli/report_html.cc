#include "cli/report_html.h"

#include "base/file.h"
#include "base/text.h"
#include "cli/output.h"
#include "page/page.h"

namespace memrig {

Status report_html(const HtmlReport& report) {
    MEMRIG_TRY(const LoadedCampaign now, load_campaign(report.campaign));
    std::vector<LoadedCampaign> before;
    for (const auto& directory : report.before) {
        MEMRIG_TRY(LoadedCampaign one, load_campaign(directory));
        before.push_back(std::move(one));
    }
    const std::string text = campaign_page(now, std::move(before));
    if (report.out == "-") return print_result(text);
    fs::path file = report.out.empty() ? report.campaign : fs::path(report.out);
    std::error_code code;
    if (fs::is_directory(file, code)) file /= "report.html";
    MEMRIG_CHECK(write_file(file, text));
    return print_result(one_line(file.string()) + "\n");
}

}  // namespace memrig
