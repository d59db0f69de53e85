// `git bisect run memrig bisect-step` over a history of 15 commits on a reference kernel's source: one takes
// device_hotplug_lock out of the adder, one does not compile, and git visits that one first.
//
// The tree is the cached source in hard links, of which git knows only the files that commits touch: git replaces a
// file, and never writes into one. Its objects are the reference kernel's, moved here; kbuild would compile them anew
// only for the path in their .cmd files.
#pragma once

#include <array>
#include <cstdlib>
#include <optional>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/paths.h"
#include "base/process.h"
#include "kernel/build_tools.h"
#include "kernel/builder.h"
#include "kernel/catalogue.h"

namespace memrig::test {

struct Bisected {
    const char* parent;  // the reference kernel
    const char* source;  // its source package
    const char* arch;    // as uname -m prints it
    // Those that commits touch, one for each object that a commit makes anew. The first one has the lock.
    std::array<const char*, 3> files;
    const char* function;  // the beginning of the definition of the function that loses its lock
};

constexpr unsigned kCommits = 15, kDoesNotBuild = 8, kLosesLock = 11;
constexpr auto kBisectPatience = std::chrono::minutes(60);

class Bisection : public testing::TestWithParam<Bisected> {
protected:
    void SetUp() override {
        const auto parent = resolve_kernel(GetParam().parent);
        ASSERT_TRUE(parent) << parent.error().line();
        cache_ = cache_directory().value();
        parent_ = cache_ / "kernels/trees" / parent->image.parent_path().filename();
        // Beside the cache's own trees: hard links need the same file system.
        auto directory = TemporaryDirectory::make(".bisect-test", cache_ / "kernels");
        ASSERT_TRUE(directory) << directory.error().line();
        directory_ = std::make_unique<TemporaryDirectory>(*std::move(directory));
        borrow_the_cache();
        make_tree();
        seed_objects();
    }
    void TearDown() override {
        if (before_) ::setenv("MEMRIG_CACHE", before_->c_str(), 1);
        else ::unsetenv("MEMRIG_CACHE");
    }
    [[nodiscard]] fs::path tree() const { return directory_->path() / "source"; }
    [[nodiscard]] fs::path own_cache() const { return directory_->path() / "cache"; }

    std::string run(const std::vector<std::string>& argv, bool has_to_succeed = true) {
        const auto done = run_program(argv, Deadline::after(kBisectPatience), true);
        EXPECT_TRUE(done);
        if (!done) return {};
        EXPECT_TRUE(done->status.success() || !has_to_succeed) << argv.back() << "\n" << done->output;
        return done->output;
    }
    std::string git(std::vector<std::string> words, bool has_to_succeed = true) {
        words.insert(words.begin(), {"git", "-C", tree().string(), "-c", "user.name=test", "-c",
                                     "user.email=t@test.invalid", "-c", "core.autocrlf=false"});
        return run(words, has_to_succeed);
    }

    // One of its own, so that nothing of the test stays; with the parts that would have to be downloaded.
    void borrow_the_cache() {
        ASSERT_TRUE(make_directories(own_cache()));
        for (const char* part : {"python", "ccache"})
            if (fs::exists(cache_ / part)) fs::create_symlink(cache_ / part, own_cache() / part);
        if (const char* before = std::getenv("MEMRIG_CACHE")) before_ = before;
        ASSERT_EQ(::setenv("MEMRIG_CACHE", own_cache().c_str(), 1), 0);
    }

    void make_tree() {
        const fs::path source = read_file(cache_ / "kernels" / (std::string("source-") + GetParam().source)).value();
        run({"cp", "-al", (cache_ / "kernels/sources" / source.filename()).string(), tree().string()});
        git({"init", "--quiet"});
        for (const char* file : GetParam().files) {
            const std::string text = read_file(tree() / file).value();
            ASSERT_TRUE(write_file(tree() / file, text));  // replaces the link
        }
        for (unsigned number = 1; number <= kCommits; number++) commit(number);
    }

    void commit(unsigned number) {
        const std::string file = GetParam().files.at(number % 3);
        std::string text = read_file(tree() / file).value();
        text += fmt::format("\n/* commit {} */\n", number);
        if (number == kDoesNotBuild) text += "int lost = ;\n";
        if (number == kDoesNotBuild + 1) revert_breakage();
        ASSERT_TRUE(write_file(tree() / file, text));
        if (number == kLosesLock) lose_lock();
        for (const char* one : GetParam().files) git({"add", "-f", one});
        git({"commit", "--quiet", "-m", fmt::format("commit {}", number)});
        hashes_.push_back(git({"rev-parse", "HEAD"}));
        hashes_.back().pop_back();
    }
    void revert_breakage() {
        const fs::path file = tree() / GetParam().files.at(kDoesNotBuild % 3);
        std::string text = read_file(file).value();
        const std::string breakage = "int lost = ;\n";
        text.erase(text.find(breakage), breakage.size());
        ASSERT_TRUE(write_file(file, text));
    }
    // As the mutants acpi_device_hotplug and dlpar_memory do.
    void lose_lock() {
        const fs::path file = tree() / GetParam().files.front();
        std::string text = read_file(file).value();
        const std::size_t from = text.find(GetParam().function);
        ASSERT_NE(from, std::string::npos);
        for (const std::string call : {"\tlock_device_hotplug();\n", "\tunlock_device_hotplug();\n"}) {
            const std::size_t at = text.find(call, from);
            ASSERT_NE(at, std::string::npos) << call;
            text.erase(at, call.size());
        }
        ASSERT_TRUE(write_file(file, text));
    }

    void seed_objects() {
        const auto entry = find_kernel(GetParam().parent);
        ASSERT_TRUE(entry);
        OwnTree own{tree(), {}, "x"};
        own.arch = GetParam().arch;
        for (const auto& name : entry->configs) own.configs.push_back(home_directory() / "guest-images/configs" / name);
        const auto tools = make_build_tools();
        const auto place = KernelBuilder(*tools, own_cache()).place_of(own);
        ASSERT_TRUE(place) << place.error().line();
        ASSERT_TRUE(make_directories(*place));
        {
            // Somebody may be making a mutant there.
            const auto lock = FileLock::take(parent_.string() + ".lock");
            ASSERT_TRUE(lock);
            run({"cp", "-a", (parent_ / "build").string(), (*place / "build").string()});
        }
        run({"sh", "-c",
             "grep -rlIZ -e \"$1\" \"$3\" | xargs -0 -r sed -i -e \"s#$1/source#$2#g\" -e \"s#$1/build#$3#g\"", "sh",
             parent_.string(), tree().string(), (*place / "build").string()});
        // The paths that ccache made relative lead from the source to its sibling.
        fs::create_symlink(*place / "build", directory_->path() / "build");
        ASSERT_TRUE(write_file(*place / "whole", ""));
    }

    void finds_the_commit() {
        git({"bisect", "start", hashes_.back(), hashes_.front()});
        const std::string program = (fs::read_symlink("/proc/self/exe").parent_path() / "memrig").string();
        // A path relative to the tree: git runs the command there.
        const std::string said =
            git({"bisect", "run", program, "bisect-step", "--scenario", "acpi-dimm-online", "--set",
                 "onliner.attribute=online", "--rate", "0.9", "--accel", "tcg", "--arch", GetParam().arch},
                false);
        EXPECT_THAT(said, testing::HasSubstr(hashes_[kLosesLock - 1] + " is the first bad commit")) << said;
        const std::string log = git({"bisect", "log"});
        EXPECT_THAT(log, testing::HasSubstr("git bisect skip " + hashes_[kDoesNotBuild - 1])) << log;
        EXPECT_THAT(said, testing::HasSubstr("expected expression")) << "the compiler's words are shown";
        EXPECT_THAT(said, testing::HasSubstr("good: confidence 99%, 2 trials"));
        EXPECT_THAT(said, testing::HasSubstr("bad: confidence 100%, 1 trial"));
        // Nothing but what git itself made lies in the tree.
        EXPECT_FALSE(fs::exists(tree() / ".config"));
        EXPECT_FALSE(fs::exists(tree() / "runs"));
    }

    fs::path cache_, parent_;
    std::unique_ptr<TemporaryDirectory> directory_;
    std::vector<std::string> hashes_;
    std::optional<std::string> before_;  // the cache of the environment
};

}  // namespace memrig::test
