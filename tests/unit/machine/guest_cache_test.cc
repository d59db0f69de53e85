// The saved guests in the cache: those that nobody used for long go, and none that is in use.
#include "machine/guest_cache.h"

#include <gtest/gtest.h>

#include "unit/support/cache_fixture.h"

namespace memrig {
namespace {

class GuestCacheTest : public WithCache {
protected:
    [[nodiscard]] fs::path cache() const { return directory.path() / "cache"; }
    // A guest of so many bytes that was last used so many hours ago.
    void add_guest(const std::string& key, std::size_t bytes, int hours) {
        fs::create_directories(guests() / key);
        ASSERT_TRUE(write_file(guests() / key / "state", std::string(bytes, 'x')));
        ASSERT_TRUE(keep_guest(cache(), key));
        fs::last_write_time(guests() / (key + ".use"), fs::file_time_type::clock::now() - std::chrono::hours(hours));
    }
    [[nodiscard]] SavedGuest oldest() const { return saved_guests(cache()).value().front(); }
    [[nodiscard]] std::vector<std::string> keys() const {
        std::vector<std::string> keys;
        const auto guests = saved_guests(cache());
        for (const auto& guest : *guests) keys.push_back(guest.key);
        return keys;
    }
    [[nodiscard]] PrunedGuests pruned(int hours, std::uint64_t bytes) const {
        return prune_guests(cache(), {std::chrono::hours(hours), bytes}).value();
    }
};

using Keys = std::vector<std::string>;

TEST_F(GuestCacheTest, AFolderThatIsMissingHasNone) {
    EXPECT_TRUE(saved_guests(cache()).value().empty());
    EXPECT_EQ(pruned(0, 0).guests, 0u);
}

TEST_F(GuestCacheTest, TheOldestComesFirst) {
    add_guest("new", 10, 1);
    add_guest("old", 20, 9);
    EXPECT_EQ(keys(), (Keys{"old", "new"}));
    EXPECT_EQ(oldest().bytes, 20u);
}

TEST_F(GuestCacheTest, AGuestThatWasNotUsedForLongGoes) {
    add_guest("new", 10, 1);
    add_guest("old", 20, 9);
    const PrunedGuests gone = pruned(5, 1000);
    EXPECT_EQ(gone.guests, 1u);
    EXPECT_EQ(gone.bytes, 20u);
    EXPECT_EQ(keys(), Keys{"new"});
}

TEST_F(GuestCacheTest, TheOldestGoUntilTheOthersFit) {
    add_guest("a", 40, 3);
    add_guest("b", 40, 2);
    add_guest("c", 40, 1);
    EXPECT_EQ(pruned(100, 90).guests, 1u);
    EXPECT_EQ(keys(), (Keys{"b", "c"}));
    EXPECT_EQ(pruned(100, 39).guests, 2u);
    EXPECT_TRUE(keys().empty());
}

TEST_F(GuestCacheTest, AGuestThatIsInUseStays) {
    add_guest("old", 20, 900);
    auto kept = keep_guest(cache(), "old");
    ASSERT_TRUE(kept && *kept);
    fs::last_write_time(guests() / "old.use", fs::file_time_type::clock::now() - std::chrono::hours(900));
    EXPECT_TRUE(oldest().in_use);
    EXPECT_EQ(pruned(0, 0).guests, 0u);
    EXPECT_EQ(keys(), Keys{"old"});
    kept->reset();
    EXPECT_EQ(pruned(0, 0).guests, 1u);
}

TEST_F(GuestCacheTest, TwoMayUseAGuest) {
    add_guest("one", 20, 1);
    const auto first = keep_guest(cache(), "one"), second = keep_guest(cache(), "one");
    EXPECT_TRUE(first && *first && second && *second);
}

TEST_F(GuestCacheTest, AGuestThatIsBeingMadeStays) {
    add_guest("one", 20, 900);
    {
        const auto making = FileLock::take(guests() / "one.lock");
        EXPECT_EQ(pruned(0, 0).guests, 0u);
    }
    EXPECT_EQ(pruned(0, 0).guests, 1u);
}

TEST_F(GuestCacheTest, WhatAKilledBootLeftGoes) {
    const std::string key(32, 'a');
    fs::create_directories(guests() / ("." + key + ".Xy12Zz"));
    {
        const auto making = FileLock::take(guests() / (key + ".lock"));
        (void)pruned(100, 100);
        EXPECT_EQ(saved(), 1u) << "the boot goes on";
    }
    (void)pruned(100, 100);
    EXPECT_EQ(saved(), 0u);
}

TEST_F(GuestCacheTest, APreparedGuestIsKeptAsLongAsSomebodyHasIt) {
    const KernelImage kernel = *kernel_from_file(kernel_path());
    GuestStore store(backend, {});
    auto guest = store.prepare(*load_bench("q35"), kernel, Accelerator::tcg);
    ASSERT_TRUE(guest) << guest.error().message;
    EXPECT_EQ(pruned(0, 0).guests, 0u);
    guest->reset();
    EXPECT_EQ(pruned(0, 0).guests, 1u);
    EXPECT_EQ(saved(), 0u);
}

}  // namespace
}  // namespace memrig
