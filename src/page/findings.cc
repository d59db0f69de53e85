#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "base/shell.h"
#include "base/text.h"
#include "page/parts.h"
#include "page/trial_html.h"
#include "report/trial_record.h"
#include "run/trial_json.h"

namespace memrig::page {

namespace {

constexpr std::size_t kMostRows = 200, kMostShown = 60, kMostEvidence = 24, kMostDetails = 60, kMostCells = 8;
// The largest size of all findings together; findings beyond it are left out of the page.
constexpr std::size_t kMostBytes = 3'000'000;

const CampaignTrial& trial_of(const CampaignRecord& record, const Group& group) {
    return record.results[group.first].trial;
}

std::string cell_name(const CampaignRecord& record, std::size_t cell) {
    return cell < record.cells.size() ? bounded(record.cells[cell].cell.title(), 200) : "an unknown arm";
}

std::string trial_name(const CampaignRecord& record, const Group& group) {
    return fmt::format("{} #{}", cell_name(record, trial_of(record, group).cell), trial_of(record, group).number);
}

class Findings {
public:
    Findings(Element& parent, const LoadedCampaign& now, const std::vector<Group>& groups, bool has_before)
        : now_(now),
          record_(now.record),
          groups_(groups),
          has_before_(has_before),
          section_(add_section(parent, "findings", "Findings")),
          place_(section_) {
        if (groups.empty()) {
            section_.add("p", "Nothing was found, and every result was as expected.");
            return;
        }
        section_.add("p",
                     "Results with the same fingerprint are one finding. A mutant arm is expected to have findings, "
                     "because a lock is removed there.");
        const auto expected =
            std::ranges::find_if_not(groups_, [&](const Group& group) { return is_news(group, has_before); });
        const auto news = static_cast<std::size_t>(expected - groups_.begin());
        if (news > 0) add_part(0, news, "Not expected, or new");
        else
            section_.add("p", has_before ? "None of them is new, and none is in a result that was not expected."
                                         : "None of them is in a result that was not expected.");
        if (news < groups_.size()) {
            place_ = add_details(section_, fmt::format("Expected: {}", counted(groups_.size() - news, "finding")));
            add_part(news, groups_.size(), "Expected findings");
        }
        if (groups_.size() > shown_)
            section_
                .add("p", fmt::format("{} listed only in the table, to keep the page small; it names a trial of each.",
                                      counted(groups_.size() - shown_, "finding")))
                .css("left-out");
    }

    // The number of groups, from the first, that have a part of their own.
    [[nodiscard]] std::size_t shown() const { return shown_; }

private:
    // The groups from `first` to before `end`: a table, and a part for each as long as there is room.
    void add_part(std::size_t first, std::size_t end, std::string_view caption) {
        Element rows =
            add_table(place_, caption, {"what", "oracle's verdict", "results", "not expected", "first seen in"});
        const bool all_so_far = shown_ == first;
        while (all_so_far && shown_ < std::min(end, kMostShown) && show(groups_[shown_])) shown_++;
        const std::size_t last = std::min(end, first + kMostRows);
        for (std::size_t i = first; i < last; i++) overview(rows, groups_[i], i < shown_);
        add_left_out(place_, end - last, "more finding");
    }

    void overview(Element& rows, const Group& group, bool has_part) {
        Element row = rows.add("tr");
        Element what = row.add("th").set("scope", "row").css("long");
        if (has_part) what.add("a", bounded(group.summary, 200)).set("href", "#finding-" + group.print.hash);
        else what.text(bounded(group.summary, 200));
        if (has_before_ && group.is_new) what.text(" (new)");
        const Look look = look_of(group.verdict, group.unexpected == 0);
        row.add("td").add("span", fmt::format("{} {}", look.sign, group.verdict)).css(std::string("chip ") + look.css);
        row.add("td", fmt::format("{}", group.count)).css("number");
        row.add("td", fmt::format("{}", group.unexpected)).css("number");
        row.add("td", trial_name(record_, group));
    }

    // Adds a group's part. Returns false, and adds nothing, if there is no room left.
    bool show(const Group& group) {
        const Look look = look_of(group.verdict, group.unexpected == 0);
        Element article =
            place_.add("article").set("id", "finding-" + group.print.hash).css(std::string("finding ") + look.css);
        article.add("h3", fmt::format("{} {}: {}", look.sign, group.verdict, bounded(group.summary)));
        facts(article, group);
        details(article, group);
        evidence(article, group);
        const std::size_t size = article.bytes();
        if (bytes_ + size > kMostBytes) {
            article.remove();
            return false;
        }
        bytes_ += size;
        return true;
    }

    void facts(Element& article, const Group& group) {
        Element list = article.add("dl").css("facts");
        const auto fact = [&](const char* name, const std::string& value) {
            list.add("dt", name);
            return list.add("dd", value);
        };
        fact("Seen in", fmt::format("{}, {} of them not as expected{}{}", counted(group.count, "result"),
                                    group.unexpected, group.known == 0 ? "" : fmt::format(", {} known", group.known),
                                    !has_before_   ? ""
                                    : group.is_new ? "; new: no earlier campaign given had it"
                                                   : "; an earlier campaign had it too"));
        std::string cells;
        for (std::size_t i = 0; i < std::min(group.cells.size(), kMostCells); i++)
            cells += (cells.empty() ? "" : "; ") + cell_name(record_, group.cells[i]);
        if (group.cells.size() > kMostCells)
            cells += fmt::format("; and {}", counted(group.cells.size() - kMostCells, "more arm"));
        fact("Arms", cells);
        fact("First", trial_name(record_, group));
        if (!group.why_known.empty()) fact("Known", bounded(group.why_known));
        fact("Fingerprint", "").add("code", group.print.hash + "  " + bounded(group.print.text));
        const std::string directory = shell_word(directory_of(group).string());
        fact("Story", "").add("code", "memrig explain " + directory);
        fact("Again", "").add("code", "memrig replay " + directory);
    }

    [[nodiscard]] std::filesystem::path directory_of(const Group& group) const {
        return now_.night.directory / record_.results[group.first].directory;
    }

    static void details(Element& article, const Group& group) {
        if (group.details.empty()) return;
        const std::size_t n = std::min(group.details.size(), kMostDetails);
        std::string text;
        for (std::size_t i = 0; i < n; i++) text += bounded(group.details[i]) + "\n";
        article.add("h4", "Details");
        article.add("pre", text).css("wrap");
        if (group.details.size() > n)
            article.add("p", fmt::format("{} left out.", counted(group.details.size() - n, "more line")))
                .css("left-out");
    }

    // Shows a trial's evidence once; another finding of the same trial links to it.
    void evidence(Element& article, const Group& group) {
        const auto told = evidence_of_.find(trial_of(record_, group));
        if (told != evidence_of_.end()) {
            Element line = article.add("p", "The evidence is that of the same trial, ");
            line.add("a", "above").set("href", "#finding-" + groups_[told->second].print.hash);
            line.text(".");
            return;
        }
        const std::filesystem::path directory = directory_of(group);
        if (!lies_within(record_.results[group.first].directory) || !is_trial_directory(directory)) {
            article.add("p", "This trial left no evidence, or it was removed since.");
            return;
        }
        if (evidence_of_.size() == kMostEvidence) {
            no_room(article);
            return;
        }
        Element body = add_details(article, "The evidence of " + trial_name(record_, group), evidence_of_.empty());
        recipe(body, directory);
        const Status done = add_trial_evidence(body, directory, 4);
        if (!done) body.add("p", "The evidence cannot be read: " + bounded(done.error().line()));
        if (bytes_ + article.bytes() <= kMostBytes) {
            evidence_of_.emplace(trial_of(record_, group), shown_);
            return;
        }
        body.remove();
        no_room(article);
    }

    static void no_room(Element& article) {
        article.add("p", "The evidence is left out, to keep the page small; it is in the directory named above.")
            .css("left-out");
    }

    static void recipe(Element& body, const std::filesystem::path& directory) {
        const auto recipe = read_recipe(directory);
        if (!recipe) return;
        body.add("p", bounded(fmt::format("Seed {}, {} mode, kernel {} ({}), {}, {}, bench {}.", recipe->seed,
                                          to_string(recipe->manner.mode), recipe->kernel_release,
                                          recipe->kernel_sha256.substr(0, 12), recipe->qemu_version,
                                          recipe->accelerator, recipe->bench)));
    }

    const LoadedCampaign& now_;
    const CampaignRecord& record_;
    const std::vector<Group>& groups_;
    bool has_before_;
    Element section_, place_;  // `place_` takes the next part: the section, or the fold within it
    std::map<CampaignTrial, std::size_t> evidence_of_;  // by trial: the index of the group that shows it
    std::size_t shown_ = 0, bytes_ = 0;
};

}  // namespace

std::size_t add_findings(Element& parent, const LoadedCampaign& now, const std::vector<Group>& groups,
                         bool has_before) {
    return Findings(parent, now, groups, has_before).shown();
}

}  // namespace memrig::page
