// Two known bugs on Debian's stock 6.12: each is convicted with the bug and held without it, and a run that was
// interrupted goes on.
#include "run/known_bugs.h"

#include <gtest/gtest.h>

#include "base/exit_status.h"
#include "base/file.h"
#include "integration/quiet_observer.h"

namespace memrig {
namespace {

TEST(KnownBugsOnAGuest, TwoAreShownAndAreNotPlayedAgain) {
    const auto directory = TemporaryDirectory::make("memrig-known");
    ASSERT_TRUE(directory);
    const auto backend = make_qemu_backend();
    test::QuietObserver observer;
    KnownBugsSpec spec;
    spec.bugs = {"known/cpu-lock-order", "known/lru-cache-disabled"};
    spec.accelerator = "tcg";
    spec.out = directory->path() / "known";
    const auto played = play_known_bugs(spec, {backend.get()}, observer);
    ASSERT_TRUE(played) << played.error().line();
    ASSERT_EQ(played->rows.size(), 2u);
    for (const auto& row : played->rows) {
        EXPECT_TRUE(row.is_shown()) << row.scenario;
        for (const auto* side : {&row.guilty, &row.innocent})
            for (const auto& trial : side->trials)
                EXPECT_TRUE(fs::exists(spec.out / trial.directory / "verdict.json")) << trial.directory;
    }
    EXPECT_EQ(played->rows[0].guilty.trials.back().verdict, Verdict::lock_order);
    EXPECT_NE(played->rows[1].guilty.trials.back().reason.find("lru_disable_count is 1, not 0"), std::string::npos)
        << played->rows[1].guilty.trials.back().reason;
    EXPECT_EQ(played->exit_status(), kExitGood);

    // As if it had been interrupted before the second bug was done: only that one is played again.
    const fs::path journal = spec.out / "known.jsonl";
    const std::string text = *read_file(journal);
    const std::size_t last = text.rfind('\n', text.size() - 2) + 1;
    ASSERT_TRUE(write_file(journal, text.substr(0, last)));
    fs::remove_all(spec.out / "cpu-lock-order");
    spec.resume = true;
    const auto again = play_known_bugs(spec, {backend.get()}, observer);
    ASSERT_TRUE(again) << again.error().line();
    EXPECT_EQ(again->exit_status(), kExitGood);
    EXPECT_FALSE(fs::exists(spec.out / "cpu-lock-order"));
    EXPECT_TRUE(fs::exists(spec.out / "lru-cache-disabled"));
}

}  // namespace
}  // namespace memrig
