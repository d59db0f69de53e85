#include "page/page.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "page/parts.h"

namespace memrig {

namespace {

constexpr std::size_t kMostLinks = 10;

std::string table_id(std::size_t index) { return fmt::format("table-{}", index + 1); }

void add_link(Element& list, const std::string& id, std::string_view text) {
    list.add("li").add("a", text).set("href", "#" + id);
}

// `linked`: the number of findings, from the first, that have a part of their own.
void add_finding_links(Element& item, const std::vector<page::Group>& groups, std::size_t linked) {
    if (groups.empty()) return;
    Element inner = item.add("ul");
    const std::size_t n = std::min(linked, kMostLinks);
    for (std::size_t i = 0; i < n; i++)
        inner.add("li")
            .add("a", fmt::format("{} {}: {}", page::look_of(groups[i].verdict, groups[i].unexpected == 0).sign,
                                  groups[i].verdict, page::bounded(groups[i].summary, 120)))
            .set("href", "#finding-" + groups[i].print.hash);
    if (groups.size() > n) inner.add("li", fmt::format("and {}", counted(groups.size() - n, "more finding")));
}

void add_contents(Element& nav, const Subject& subject, const std::vector<page::Group>& groups, std::size_t linked,
                  bool has_trend) {
    Element list = nav.add("ul");
    add_link(list, "summary", "Summary");
    Element findings = list.add("li");
    findings.add("a", "Findings").set("href", "#findings");
    add_finding_links(findings, groups, linked);
    for (std::size_t i = 0; i < subject.tables.size(); i++) add_link(list, table_id(i), subject.tables[i].caption);
    add_link(list, "matrix", "Scenarios and kernels");
    add_link(list, "limits", "Limits");
    if (has_trend) add_link(list, "trend", "Trend");
    add_link(list, "arms", "Arms, rates and times");
    if (!subject.is_campaign()) add_link(list, "trials", "Trials");
}

}  // namespace

std::string subject_page(const Subject& subject, std::vector<LoadedCampaign> before) {
    std::ranges::stable_sort(before, {}, [](const LoadedCampaign& one) { return one.record.started; });
    const LoadedCampaign& now = subject.results;
    const auto groups = page::groups_of(now, before);
    const std::string title = subject.kind + " " + page::bounded(now.record.name, 80);
    HtmlPage page(title + ": memrig");
    Element nav = page.begin(title);
    Element main = page.main();
    page::add_summary(main, subject, groups);
    const bool has_trend = subject.is_campaign() || !before.empty();
    add_contents(nav, subject, groups, page::add_findings(main, now, groups, !before.empty()), has_trend);
    for (std::size_t i = 0; i < subject.tables.size(); i++)
        page::add_subject_table(main, subject.tables[i], table_id(i));
    page::add_matrix(main, now.record);
    page::add_limits(main, now);
    if (has_trend) page::add_trend(main, now, before);
    page::add_arms(main, now.record);
    if (!subject.is_campaign()) page::add_trials(main, now);
    return page.markup();
}

}  // namespace memrig
