#include "page/page.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "page/parts.h"

namespace memrig {

namespace {

constexpr std::size_t kMostLinks = 10;

// `linked`: the number of findings, from the first, that have a part of their own.
void add_contents(Element& nav, const std::vector<page::Group>& groups, std::size_t linked) {
    Element list = nav.add("ul");
    for (const auto& [id, text] : {std::pair{"#summary", "Summary"},
                                   {"#matrix", "Scenarios and kernels"},
                                   {"#findings", "Findings"},
                                   {"#trend", "Trend"},
                                   {"#arms", "Arms, rates and times"}}) {
        Element item = list.add("li");
        item.add("a", text).set("href", id);
        if (id != std::string_view("#findings") || groups.empty()) continue;
        Element inner = item.add("ul");
        const std::size_t n = std::min(linked, kMostLinks);
        for (std::size_t i = 0; i < n; i++)
            inner.add("li")
                .add("a", fmt::format("{} {}: {}", page::look_of(groups[i].verdict, groups[i].unexpected == 0).sign,
                                      groups[i].verdict, page::bounded(groups[i].summary, 120)))
                .set("href", "#finding-" + groups[i].print.hash);
        if (groups.size() > n) inner.add("li", fmt::format("and {}", counted(groups.size() - n, "more finding")));
    }
}

}  // namespace

std::string campaign_page(const LoadedCampaign& now, std::vector<LoadedCampaign> before) {
    std::ranges::stable_sort(before, {}, [](const LoadedCampaign& one) { return one.record.started; });
    const auto groups = page::groups_of(now, before);
    const std::string name = page::bounded(now.record.name, 80);
    HtmlPage page(fmt::format("{}: memrig campaign", name));
    Element& body = page.body();
    body.add("a", "To the content").css("skip").set("href", "#content");
    Element header = body.add("header");
    header.add("h1", fmt::format("Campaign {}", name));
    Element nav = header.add("nav").set("aria-label", "Contents");
    Element main = body.add("main").set("id", "content").set("tabindex", "-1");
    page::add_summary(main, now, groups);
    page::add_matrix(main, now.record);
    add_contents(nav, groups, page::add_findings(main, now, groups, !before.empty()));
    page::add_trend(main, now, before);
    page::add_arms(main, now.record);
    body.add("footer").add("p", "Written by memrig. Output of guests is shown as text, without control characters.");
    return page.markup();
}

}  // namespace memrig
