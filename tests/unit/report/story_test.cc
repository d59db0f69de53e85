// The stories of real trials (tests/data/trials): golden files tests/golden/report/explain/NAME.txt and NAME.json, the
// width of the lines, and evidence that is damaged.
#include "report/story_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "unit/support/evidence_samples.h"
#include "unit/support/golden_file.h"

namespace memrig {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kTrials[] = {"deadlock", "oops", "rule-broken", "held", "inconclusive"};

constexpr const char* kTooDeep =
    R"({"schema": 1, "events": [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]})";

fs::path trial_data(const std::string& name) { return fs::path(MEMRIG_TEST_DATA) / "data/trials" / name; }

Story story_named(const std::string& name) {
    auto story = read_story(trial_data(name), "runs/first/" + name);
    EXPECT_TRUE(story) << story.error().line();
    return *std::move(story);
}

std::string printed(const Story& story, std::size_t width = 80, bool colours = false) {
    return story_text(story, width, Paint(colours));
}

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    for (std::size_t at = 0, end; at < text.size(); at = end + 1) {
        end = std::min(text.find('\n', at), text.size());
        lines.push_back(text.substr(at, end - at));
    }
    return lines;
}

// A copy of a trial whose files a test may replace.
class CopiedTrial {
public:
    explicit CopiedTrial(const std::string& name) { fs::copy(trial_data(name), path()); }
    [[nodiscard]] fs::path path() const { return directory_.path() / "0001"; }
    void replace(const char* name, const std::string& text) const {
        std::ofstream(path() / name, std::ios::binary | std::ios::trunc) << text;
    }
    [[nodiscard]] std::string refusal() const {
        const auto story = read_story(path(), path());
        EXPECT_FALSE(story);
        if (story) return "";
        EXPECT_EQ(story.error().fault, Fault::user_input);
        return story.error().line();
    }

private:
    TemporaryDirectory directory_ = *TemporaryDirectory::make("memrig-story-test");
};

TEST(Story, IsToldAsTheGoldenFilesSay) {
    for (const std::string name : kTrials) {
        SCOPED_TRACE(name);
        const Story story = story_named(name);
        expect_golden("report/explain/" + name + ".txt", printed(story));
    }
    expect_golden("report/explain/deadlock.json", story_json(story_named("deadlock")));
}

TEST(Story, FitsTheWidthOfTheTerminalWithinItsLimits) {
    for (const std::string name : kTrials) {
        const Story story = story_named(name);
        for (const std::size_t width : {80u, 100u, 160u}) {
            SCOPED_TRACE(fmt::format("{} at {}", name, width));
            for (const auto& line : lines_of(printed(story, width))) EXPECT_LE(columns(line), width) << line;
        }
        EXPECT_EQ(printed(story, 20), printed(story, 80));
        EXPECT_EQ(printed(story, 1000), printed(story, 160));
    }
}

TEST(Story, HasColoursOnlyIfAskedFor) {
    const Story story = story_named("oops");
    EXPECT_THAT(printed(story), Not(HasSubstr("\x1b")));
    EXPECT_THAT(printed(story, 80, true), HasSubstr("\x1b[1;31m"));
}

TEST(Story, ShowsWhatEachTaskHoldsAndWaitsForInItsLane) {
    const Story story = story_named("deadlock");
    ASSERT_FALSE(story.rows.empty());
    const auto& last = story.rows.back().lanes;
    ASSERT_EQ(last.size(), 2u);
    for (std::size_t i = 0; i < 2; i++) {
        ASSERT_TRUE(last[i].waits);
        EXPECT_THAT(last[1 - i].held, testing::Contains(*last[i].waits)) << "the other task holds what this one wants";
    }
    EXPECT_TRUE(std::ranges::any_of(
        story.rows, [](const StoryRow& row) { return std::ranges::any_of(row.lanes, &LaneState::held_still); }));
}

TEST(Story, HasTheCallPathsOfTheLocksThatAreFoughtFor) {
    const Story story = story_named("held");
    const auto refused = std::ranges::find_if(story.rows, [](const StoryRow& row) {
        return row.task == "onliner" && row.text.starts_with("is refused device_hotplug_lock");
    });
    ASSERT_NE(refused, story.rows.end());
    EXPECT_TRUE(refused->grave);
    EXPECT_THAT(refused->path, testing::Contains(HasSubstr("vfs_write")));
    // Nobody else wanted this one.
    const auto quiet = std::ranges::find_if(
        story.rows, [](const StoryRow& row) { return row.text.starts_with("takes acpi_scan_lock"); });
    ASSERT_NE(quiet, story.rows.end());
    EXPECT_TRUE(quiet->path.empty());
}

TEST(Story, AddsFileAndLineWhereTheyAreKnown) {
    const auto lookup = [](const std::string& place) {
        return std::string(place.starts_with("state_store+") ? "drivers/base/memory.c:123" : "");
    };
    const std::string text = story_text(story_named("deadlock"), 160, Paint(false), lookup);
    EXPECT_THAT(text, HasSubstr("state_store+0x97 (drivers/base/memory.c:123) <")) << "in a finding";
    EXPECT_THAT(text, HasSubstr("called by state_store+0x97 (drivers/base/memory.c:123)")) << "on the time axis";
    EXPECT_THAT(text, Not(HasSubstr("vfs_write+0x28f (")));
    EXPECT_THAT(story_json(story_named("deadlock"), lookup), HasSubstr("\"line\": \"drivers/base/memory.c:123\""));
}

TEST(Story, TellsWhatWouldMakeTheVerdictWrong) {
    const CopiedTrial trial("held");
    trial.replace("arming.json",
                  R"({"stack_bytes": 16384, "watchers": {"rwsems": {"state": "not armed", "why": "it was busy"}}})");
    auto locks = nlohmann::json::parse(*read_file(trial.path() / "locks.json"));
    locks["gaps"] = {"mem_hotplug_lock: no such symbol"};
    trial.replace("locks.json", locks.dump());
    auto recipe = nlohmann::json::parse(*read_file(trial.path() / "trial.json"));
    recipe["oracles"] = {"crash"};
    trial.replace("trial.json", recipe.dump());
    fs::remove(trial.path() / "qmp.jsonl");
    const auto story = read_story(trial.path(), trial.path());
    ASSERT_TRUE(story) << story.error().line();
    const std::string doubts = fmt::format("{}", fmt::join(story->doubts, "\n"));
    EXPECT_THAT(doubts, HasSubstr("The watcher of rwsems was not armed: it was busy"));
    EXPECT_THAT(doubts, HasSubstr("The watcher of mutexes was not exercised."));
    EXPECT_THAT(doubts, HasSubstr("mem_hotplug_lock: no such symbol"));
    EXPECT_THAT(doubts, HasSubstr("Only these oracles were asked: crash."));
    EXPECT_THAT(doubts, HasSubstr("missing or empty: qmp.jsonl."));
    fs::remove(trial.path() / "arming.json");
    EXPECT_THAT(read_story(trial.path(), trial.path())->doubts, testing::Contains(HasSubstr("no arming.json")));
}

TEST(Story, LeavesOutWhatIsTooMuchAndSaysSo) {
    samples::Files files;
    for (int i = 0; i < 1000; i++) {
        files.lock(3 * i + 1, samples::kAdder, "adder", "takes", fmt::format("lock{}", i % 70));
        files.lock(3 * i + 2, samples::kAdder, "adder", "releases", fmt::format("lock{}", i % 70));
    }
    for (int i = 0; i < 500; i++) files.console += fmt::format("{:.3f} line {}\n", i + 0.5, i);
    const CopiedTrial trial("held");
    samples::write_evidence(files, trial.path());
    const auto story = read_story(trial.path(), trial.path());
    ASSERT_TRUE(story) << story.error().line();
    EXPECT_EQ(story->rows.size(), 160u);
    EXPECT_GT(story->rows.front().left_out_before, 1000u);
    const std::string text = printed(*story);
    EXPECT_THAT(text, HasSubstr("events left out"));
    EXPECT_THAT(text, HasSubstr("+=any other lock"));
}

TEST(Story, OfAHostileGuestStaysOnItsLines) {
    samples::Files files = samples::held();
    files.happens(14, "onliner\x1b[2J\nforged", "write", "\x1b]0;title\x07 memory32:\n\ndone\xff");
    files.console += "    15.000 \x1b[2Jclear\r\n";
    files.happens(16, "onliner", "write", std::string(50, '[') + "\\\"" + std::string(50, '{'));  // no depth
    const CopiedTrial trial("held");
    samples::write_evidence(files, trial.path());
    auto verdict = nlohmann::json::parse(*read_file(trial.path() / "verdict.json"));
    verdict["reason"] = "a\n\x1b[2Jforged: line";
    trial.replace("verdict.json", verdict.dump());
    const auto story = read_story(trial.path(), trial.path());
    ASSERT_TRUE(story) << story.error().line();
    const std::string text = printed(*story);
    EXPECT_THAT(text, Not(HasSubstr("\x1b")));
    for (const auto& line : lines_of(text)) EXPECT_FALSE(line.starts_with("forged")) << line;
}

TEST(Story, OfDamagedEvidenceIsRefusedInOneLine) {
    for (const auto& [file, text, words] : {std::tuple{"trial.json", "{", "trial.json is damaged"},
                                            {"verdict.json", "{\"number\": 1}", "verdict.json is damaged"},
                                            {"timeline.json", "[]", "\"schema\" is not 1"},
                                            {"locks.json", R"({"schema": 1, "events": [], "gaps": 1})", "\"gaps\""},
                                            {"locks.json", R"({"schema": 1, "events": [{}]})", "is not a lock event"},
                                            {"locks.json", kTooDeep, "not the JSON that memrig writes"},
                                            {"console.log", "no time", "expected milliseconds"},
                                            {"qmp.jsonl", "{}", "expected a QMP message"},
                                            {"arming.json", "{}", "arming.json: not the JSON that memrig writes"}}) {
        SCOPED_TRACE(file);
        const CopiedTrial trial("held");
        trial.replace(file, text);
        const std::string refusal = trial.refusal();
        EXPECT_THAT(refusal, HasSubstr(words));
        EXPECT_THAT(refusal, Not(HasSubstr("\n")));
    }
    const CopiedTrial unfinished("held");
    fs::remove(unfinished.path() / "verdict.json");
    EXPECT_THAT(unfinished.refusal(), HasSubstr("the trial came to no verdict"));
    fs::remove(unfinished.path() / "trial.json");
    EXPECT_THAT(unfinished.refusal(), HasSubstr("is not a trial's directory"));
}

}  // namespace
}  // namespace memrig
