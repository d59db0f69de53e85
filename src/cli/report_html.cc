#include "cli/report_html.h"

#include "base/file.h"
#include "cli/output.h"
#include "nightly/page.h"
#include "report/text.h"

namespace memrig {

namespace {

Result<PageCampaign> read_campaign(const fs::path& directory) {
    MEMRIG_TRY(CampaignStore store, CampaignStore::open_to_read(directory));
    MEMRIG_TRY(CampaignRecord record, store.record());
    return PageCampaign{directory, std::move(record)};
}

}  // namespace

Status report_html(const HtmlReport& report) {
    MEMRIG_TRY(const PageCampaign now, read_campaign(report.campaign));
    std::vector<PageCampaign> before;
    for (const auto& directory : report.before) {
        MEMRIG_TRY(PageCampaign one, read_campaign(directory));
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
