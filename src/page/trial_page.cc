// The page of one trial: the story that `memrig explain` tells, with drawings.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/text.h"
#include "page/parts.h"
#include "page/trial_html.h"
#include "report/story.h"
#include "report/summary.h"

namespace memrig {

namespace {

constexpr std::size_t kMostFindings = 20, kMostDetailLines = 60;

void add_trial_summary(Element& parent, const Story& story, const std::string& verdict) {
    const TrialRecipe& recipe = story.recipe;
    const TrialResult& result = story.result;
    const page::Look look = page::look_of(to_string(result.verdict), result.as_expected);
    Element section = page::add_section(parent, "summary", "Summary");
    section
        .add("p", fmt::format("{} {}, {}: {}", look.sign, verdict,
                              result.as_expected ? "as expected" : "not as expected", page::bounded(result.reason)))
        .css(std::string("banner ") + look.css);
    Element facts = section.add("dl").css("facts");
    page::add_fact(facts, "Scenario", page::bounded(recipe.scenario, 120));
    page::add_fact(facts, "Arm", page::bounded(recipe.arm + (story.purpose.empty() ? "" : ": " + story.purpose)));
    if (!story.expected.empty()) page::add_fact(facts, "Expected", verdict_list(story.expected));
    page::add_fact(facts, "Kernel",
                   page::bounded(fmt::format("{}, SHA-256 {}", recipe.kernel_release, recipe.kernel_sha256)));
    page::add_fact(facts, "Bench", page::bounded(recipe.bench, 80));
    page::add_fact(facts, "QEMU", page::bounded(recipe.qemu_version + ", " + recipe.accelerator));
    page::add_fact(facts, "Mode", to_string(recipe.manner.mode));
    page::add_fact(facts, "Seed", fmt::format("{}", recipe.seed));
    for (const auto& [choice, value] : result.choices)
        page::add_fact(facts, "Choice", page::bounded(choice + "=" + value, 120));
    page::add_fact(facts, "Time", short_time(result.verdict_seconds));
}

void add_grounds(Element& parent, const Story& story) {
    Element section = page::add_section(parent, "why", "Why this verdict");
    const auto& findings = story.result.findings;
    if (findings.empty()) section.add("p", page::bounded(story.result.reason));
    for (std::size_t i = 0; i < std::min(findings.size(), kMostFindings); i++) {
        const Finding& finding = findings[i];
        section.add("h3", fmt::format("{} ({}): {}", page::bounded(finding.oracle, 40), to_string(finding.verdict),
                                      page::bounded(finding.summary)));
        std::string text;
        const std::size_t n = std::min(finding.details.size(), kMostDetailLines);
        for (std::size_t line = 0; line < n; line++) text += page::bounded(finding.details[line]) + "\n";
        if (n > 0) section.add("pre", text).css("wrap");
        page::add_left_out(section, finding.details.size() - n, "more line");
    }
    page::add_left_out(section, findings.size() - std::min(findings.size(), kMostFindings), "more finding");
}

}  // namespace

Result<std::string> trial_page(const std::filesystem::path& directory) {
    MEMRIG_TRY(const Story story, read_story(directory, directory));
    const bool gaps = story.result.verdict == Verdict::held && has_gaps(story.result.findings);
    const std::string verdict = gaps ? kHeldWithGaps : to_string(story.result.verdict);
    const std::string title =
        fmt::format("Trial {} of {}, arm {}", story.recipe.number, page::bounded(story.recipe.scenario, 80),
                    page::bounded(story.recipe.arm, 40));
    HtmlPage page(title + ": memrig");
    Element nav = page.begin(title);
    Element list = nav.add("ul");
    for (const auto& [id, text] : {std::pair{"#summary", "Summary"},
                                   {"#why", "Why this verdict"},
                                   {"#evidence", "Evidence"},
                                   {"#doubts", "Doubts"},
                                   {"#again", "Again"}})
        list.add("li").add("a", text).set("href", id);
    add_trial_summary(page.main(), story, verdict);
    add_grounds(page.main(), story);
    Element evidence = page::add_section(page.main(), "evidence", "Evidence");
    MEMRIG_CHECK(add_trial_evidence(evidence, directory, 3));
    Element doubts = page::add_section(page.main(), "doubts", "Doubts");
    doubts.add("p", "This would make the verdict wrong:");
    Element reasons = doubts.add("ul");
    for (const auto& doubt : story.doubts) reasons.add("li", page::bounded(doubt));
    Element again = page::add_section(page.main(), "again", "Again");
    std::string commands;
    for (const auto& command : story.again) commands += page::bounded(command) + "\n";
    again.add("pre", commands).css("wrap");
    return page.markup();
}

}  // namespace memrig
