// Kernel builds with a make-believe toolchain: what is kept, what is cleaned up, and what is said.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kernel/builder.h"
#include "unit/support/fake_build_tools.h"

namespace memrig {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::StartsWith;

class KernelBuild : public testing::Test {
protected:
    void SetUp() override {
        auto directory = TemporaryDirectory::make("memrig-builder");
        ASSERT_TRUE(directory);
        directory_ = std::make_unique<TemporaryDirectory>(*std::move(directory));
        tools_ = std::make_unique<test::FakeBuildTools>(path("packages/linux-source_1"));
        ASSERT_TRUE(write_file(path("a.config"), "CONFIG_SMP=y\n"));
        recipe_ = {"ref", "x86_64", "linux-source", "suite", {path("a.config")}, {}};
        ASSERT_TRUE(make_directories(path("mutants")));
    }
    [[nodiscard]] fs::path path(const std::string& name) const { return directory_->path() / name; }
    [[nodiscard]] fs::path cache() const { return path("cache"); }
    KernelBuilder builder() { return KernelBuilder(*tools_, cache()); }

    // A patch that takes a line away.
    KernelRecipe mutant(const std::string& line, const std::string& changes = "-1 +0") {
        const fs::path file = path("mutants/gone.cocci");
        const std::string text =
            "// it lacks a line\n// file: mm/memory_hotplug.c\n// changes: " + changes + "\n@gone@\n@@\n" + line + "\n";
        EXPECT_TRUE(write_file(file, text));
        auto parsed = parse_mutant(text, file);
        EXPECT_TRUE(parsed);
        KernelRecipe recipe = recipe_;
        recipe.id = "ref+gone";
        recipe.mutant = *parsed;
        return recipe;
    }

    // The entries of a directory of the cache, locks aside; hidden ones are half-made.
    std::vector<std::string> entries(const std::string& name) {
        std::vector<std::string> names;
        std::error_code code;
        for (const auto& entry : fs::directory_iterator(cache() / "kernels" / name, code))
            if (entry.path().extension() != ".lock") names.push_back(entry.path().filename().string());
        return names;
    }
    [[nodiscard]] static std::string ending(const Result<KernelImage>& kernel) {
        const auto text = read_file(kernel->image);
        return text ? text->substr(4096) : "";
    }
    Error error_of(const KernelRecipe& recipe) {
        const auto kernel = builder().build(recipe);
        EXPECT_FALSE(kernel);
        return kernel ? Error{} : kernel.error();
    }

    std::unique_ptr<TemporaryDirectory> directory_;
    std::unique_ptr<test::FakeBuildTools> tools_;
    KernelRecipe recipe_;
};

TEST_F(KernelBuild, BuildsOnceAndThenFindsIt) {
    EXPECT_FALSE(builder().built(recipe_).value());
    const auto kernel = builder().build(recipe_);
    ASSERT_TRUE(kernel) << kernel.error().line();
    EXPECT_EQ(kernel->id, "ref");
    EXPECT_EQ(kernel->release, "6.12.0");
    EXPECT_EQ(kernel->arch, "x86_64");
    for (const char* file : {"bzImage", "System.map", "config", "build.log", "release"})
        EXPECT_TRUE(fs::exists(kernel->image.parent_path() / file)) << file;
    EXPECT_THAT(tools_->ran, ElementsAre("tar", "cp", "allnoconfig", "bzImage"));
    const auto again = builder().build(recipe_);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->sha256, kernel->sha256);
    EXPECT_EQ(tools_->ran.size(), 4u);
    EXPECT_EQ(tools_->fetched, 1u);
    EXPECT_TRUE(builder().built(recipe_).value());
}

TEST_F(KernelBuild, AnotherFragmentOrCompilerIsAnotherKernel) {
    ASSERT_TRUE(builder().build(recipe_));
    ASSERT_TRUE(write_file(path("a.config"), "CONFIG_SMP=y\n# CONFIG_NUMA is not set\n"));
    EXPECT_FALSE(builder().built(recipe_).value());
    ASSERT_TRUE(builder().build(recipe_));
    tools_->compiler = "13";
    EXPECT_FALSE(builder().built(recipe_).value());
    EXPECT_EQ(entries("built").size(), 2u);
}

TEST_F(KernelBuild, AnotherArchitecturesIsCrossCompiled) {
    recipe_.arch = "ppc64le";
    const auto kernel = builder().build(recipe_);
    ASSERT_TRUE(kernel) << kernel.error().line();
    EXPECT_EQ(kernel->arch, "ppc64le");
    EXPECT_EQ(kernel->image.filename(), "vmlinux");
    EXPECT_THAT(tools_->made_with, IsSupersetOf({"ARCH=powerpc", "CROSS_COMPILE=powerpc64le-linux-gnu-", "vmlinux"}));
    EXPECT_THAT(tools_->made_with, Contains(AllOf(StartsWith("CC="), EndsWith("powerpc64le-linux-gnu-gcc"))));
}

TEST_F(KernelBuild, AMutantIsMadeInItsParentsTreeAndUndone) {
    const auto kernel = builder().build(mutant("lock"));
    ASSERT_TRUE(kernel) << kernel.error().line();
    EXPECT_EQ(kernel->id, "ref+gone");
    EXPECT_EQ(ending(kernel), "add\nunlock\n");
    EXPECT_TRUE(fs::exists(kernel->image.parent_path() / "mutant.diff"));
    EXPECT_THAT(tools_->ran, ElementsAre("tar", "cp", "allnoconfig", "bzImage", "spatch", "diff", "bzImage"));
    const auto parent = builder().build(recipe_);
    ASSERT_TRUE(parent);
    EXPECT_EQ(ending(parent), "lock\nadd\nunlock\n");
    const fs::path tree = cache() / "kernels/trees" / parent->image.parent_path().filename();
    EXPECT_EQ(read_file(tree / "source/mm/memory_hotplug.c").value(), "lock\nadd\nunlock\n");
    EXPECT_FALSE(fs::exists(tree / "mutant"));
    // No object that was made from the patched file is left for make to trust.
    EXPECT_FALSE(fs::exists(tree / "build/arch/x86/boot/bzImage"));
    const auto source = read_file(cache() / "kernels/sources/linux-source_1/mm/memory_hotplug.c");
    EXPECT_EQ(source.value(), "lock\nadd\nunlock\n");
}

TEST_F(KernelBuild, APatchThatMatchesNothingIsNamedWithItsRule) {
    const Error error = error_of(mutant("no such line"));
    EXPECT_EQ(error.fault, Fault::user_input);
    EXPECT_THAT(error.message, HasSubstr("gone.cocci: no rule of it (gone) matches in mm/memory_hotplug.c"));
    EXPECT_EQ(entries("built").size(), 1u);  // the parent's
}

TEST_F(KernelBuild, APatchThatMatchesInPartIsRefused) {
    const Error error = error_of(mutant("lock", "-2 +0"));
    EXPECT_EQ(error.fault, Fault::user_input);
    EXPECT_THAT(error.message, HasSubstr("mm/memory_hotplug.c changed by -1 +0, not -2 +0"));
    EXPECT_EQ(entries("built").size(), 1u);
}

TEST_F(KernelBuild, APatchThatCannotBeAppliedOrCompiledLeavesACleanTree) {
    ASSERT_TRUE(builder().build(recipe_));
    for (const char* step : {"spatch", "bzImage"}) {
        tools_->failing = {step};
        const Error error = error_of(mutant("lock"));
        EXPECT_THAT(error.message, HasSubstr("what is this"));
        EXPECT_EQ(entries("built").size(), 1u);
        tools_->failing.clear();
    }
    const auto kernel = builder().build(mutant("unlock"));
    ASSERT_TRUE(kernel) << kernel.error().line();
    EXPECT_EQ(ending(kernel), "lock\nadd\n");
}

TEST_F(KernelBuild, AFileThatTheKernelLacksIsNamed) {
    KernelRecipe recipe = mutant("lock");
    recipe.mutant->files = {"mm/elsewhere.c"};
    EXPECT_THAT(error_of(recipe).message, HasSubstr("this kernel has no file mm/elsewhere.c"));
}

TEST_F(KernelBuild, WhatARunThatWasKilledLeftInATreeIsUndone) {
    const auto parent = builder().build(recipe_);
    ASSERT_TRUE(parent);
    const fs::path tree = cache() / "kernels/trees" / parent->image.parent_path().filename();
    ASSERT_TRUE(write_file(tree / "mutant", "mm/memory_hotplug.c\n"));
    ASSERT_TRUE(write_file(tree / "source/mm/memory_hotplug.c", "nonsense\n"));
    ASSERT_TRUE(write_file(tree / "build/half.o", "half"));
    const auto kernel = builder().build(mutant("lock"));
    ASSERT_TRUE(kernel) << kernel.error().line();
    EXPECT_EQ(ending(kernel), "add\nunlock\n");
    EXPECT_FALSE(fs::exists(tree / "build/half.o"));
}

TEST_F(KernelBuild, ASourceThatIsNoKernelIsRefused) {
    tools_->source_is_kernel = false;
    EXPECT_THAT(error_of(recipe_).message, HasSubstr("is not the source of a kernel: it has no Makefile"));
    EXPECT_THAT(entries("sources"), IsEmpty());
}

TEST_F(KernelBuild, AnUnknownOptionIsNamedAndNothingIsKept) {
    ASSERT_TRUE(write_file(path("a.config"), "CONFIG_SMP=y\n"));
    recipe_.configs.push_back(path("b.config"));
    ASSERT_TRUE(write_file(path("b.config"), "CONFIG_FROB\n"));
    EXPECT_THAT(error_of(recipe_).message, HasSubstr("b.config:1: neither"));
    EXPECT_THAT(entries("built"), IsEmpty());
    EXPECT_THAT(entries("trees"), IsEmpty());
}

// With each program that writes much, and each kind of end.
TEST_F(KernelBuild, AFullDiskLeavesNothingHalfMade) {
    for (const char* step : {"tar", "cp", "allnoconfig", "bzImage"}) {
        tools_->full_disk_in = {step};
        const Error error = error_of(recipe_);
        EXPECT_EQ(error.fault, Fault::host) << step;
        EXPECT_THAT(error.message, HasSubstr("is full")) << step;
        EXPECT_THAT(error.remedy, HasSubstr("make room")) << step;
        EXPECT_THAT(entries("built"), IsEmpty()) << step;
        EXPECT_THAT(entries("trees"), IsEmpty()) << step;
    }
    EXPECT_THAT(entries("sources"), ElementsAre("linux-source_1"));
    tools_->full_disk_in.clear();
    EXPECT_TRUE(builder().build(recipe_));
}

TEST_F(KernelBuild, AFullDiskInAMutantKeepsTheParent) {
    ASSERT_TRUE(builder().build(recipe_));
    tools_->full_disk_in = {"bzImage"};
    EXPECT_THAT(error_of(mutant("lock")).message, HasSubstr("is full"));
    EXPECT_EQ(entries("built").size(), 1u);
    tools_->full_disk_in.clear();
    const auto kernel = builder().build(mutant("lock"));
    ASSERT_TRUE(kernel) << kernel.error().line();
    EXPECT_EQ(ending(kernel), "add\nunlock\n");
}

TEST_F(KernelBuild, AnInterruptionCleansUp) {
    for (const char* step : {"tar", "cp", "bzImage"}) {
        tools_->interrupted = {step};
        EXPECT_EQ(error_of(recipe_).fault, Fault::interrupted) << step;
        EXPECT_THAT(entries("built"), IsEmpty()) << step;
        EXPECT_THAT(entries("trees"), IsEmpty()) << step;
    }
}

TEST_F(KernelBuild, AFailedBuildSaysWhy) {
    tools_->failing = {"bzImage"};
    const Error error = error_of(recipe_);
    EXPECT_THAT(error.message, HasSubstr("building ref failed with exit status 2"));
    EXPECT_THAT(error.message, HasSubstr("error: what is this"));
    EXPECT_THAT(entries("trees"), IsEmpty());
}

TEST_F(KernelBuild, AnOwnTreeIsBuiltAnewEachTimeAndNotTouched) {
    ASSERT_TRUE(builder().build(recipe_));
    const fs::path source = cache() / "kernels/sources/linux-source_1";
    const OwnTree own{source, {path("a.config")}, "mine"};
    const auto kernel = builder().build(own);
    ASSERT_TRUE(kernel) << kernel.error().line();
    EXPECT_EQ(kernel->id, "mine");
    EXPECT_TRUE(builder().own("mine").value());
    EXPECT_FALSE(builder().own("other").value());
    tools_->ran.clear();
    ASSERT_TRUE(builder().build(own));
    EXPECT_THAT(tools_->ran, ElementsAre("allnoconfig", "bzImage"));
    tools_->full_disk_in = {"bzImage"};
    EXPECT_FALSE(builder().build(own));
    EXPECT_THAT(entries("own-trees"), IsEmpty());
    EXPECT_TRUE(builder().own("mine").value());  // the last good one
}

TEST_F(KernelBuild, AnOwnTreeIsBuiltForItsArchitecture) {
    ASSERT_TRUE(builder().build(recipe_));
    OwnTree own{cache() / "kernels/sources/linux-source_1", {path("a.config")}, "mine"};
    for (const auto& [machine, arch, cross, target] :
         {std::tuple{"aarch64", "ARCH=arm64", "CROSS_COMPILE=aarch64-linux-gnu-", "Image"},
          {"ppc64le", "ARCH=powerpc", "CROSS_COMPILE=powerpc64le-linux-gnu-", "vmlinux"},
          {"x86_64", "ARCH=x86", "CROSS_COMPILE=", "bzImage"}}) {
        own.arch = machine;
        const auto kernel = builder().build(own);
        ASSERT_TRUE(kernel) << kernel.error().line();
        EXPECT_EQ(kernel->arch, machine);
        EXPECT_THAT(tools_->made_with, IsSupersetOf({std::string(arch), std::string(cross), std::string(target)}));
        EXPECT_EQ(builder().own("mine").value()->arch, machine) << "the last one that was built under this id";
    }
    EXPECT_EQ(entries("own-trees").size(), 3u) << "none undoes the build of another";
    own.arch = "sparc64";
    EXPECT_EQ(builder().build(own).error().fault, Fault::user_input);
}

TEST_F(KernelBuild, AnOwnTreeIsBuiltByClang) {
    ASSERT_TRUE(builder().build(recipe_));
    OwnTree own{cache() / "kernels/sources/linux-source_1", {path("a.config")}, "mine"};
    own.toolchain = Toolchain::llvm;
    ASSERT_TRUE(builder().build(own));
    EXPECT_THAT(tools_->made_with, Contains("LLVM=-19"));
    EXPECT_THAT(tools_->made_with, Contains(EndsWith("clang-19")));
    own.toolchain = Toolchain::gnu;
    ASSERT_TRUE(builder().build(own));
    EXPECT_THAT(tools_->made_with, Contains("LLVM="));
}

TEST_F(KernelBuild, AReferenceKernelIsBuiltByItsToolchain) {
    ASSERT_TRUE(builder().build(recipe_));
    KernelRecipe by_clang = recipe_;
    by_clang.toolchain = Toolchain::llvm;
    EXPECT_EQ(builder().built(by_clang).value(), std::nullopt) << "another compiler's kernel is another kernel";
    ASSERT_TRUE(builder().build(by_clang));
    EXPECT_THAT(tools_->made_with, Contains("LLVM=-19"));
    EXPECT_THAT(tools_->made_with, Contains(EndsWith("clang-19")));
    KernelRecipe mutant_by_clang = mutant("lock");
    mutant_by_clang.toolchain = Toolchain::llvm;
    ASSERT_TRUE(builder().build(mutant_by_clang));
    EXPECT_THAT(tools_->made_with, Contains("LLVM=-19"));
}

TEST_F(KernelBuild, TheModulesOfAnOwnTreeComeWithIt) {
    ASSERT_TRUE(builder().build(recipe_));
    const OwnTree own{cache() / "kernels/sources/linux-source_1", {path("a.config")}, "mine"};
    const auto without = builder().build(own);
    ASSERT_TRUE(without) << without.error().line();
    EXPECT_EQ(without->modules, "");
    ASSERT_TRUE(write_file(path("a.config"), "CONFIG_NUMA=y\nCONFIG_SMP=m\n"));
    tools_->ran.clear();
    const auto kernel = builder().build(own);
    ASSERT_TRUE(kernel) << kernel.error().line();
    EXPECT_THAT(tools_->ran, ElementsAre("allnoconfig", "bzImage", "modules_install"));
    EXPECT_EQ(kernel->modules, cache() / "kernels/own/mine/lib/modules/6.12.0");
    EXPECT_TRUE(fs::exists(kernel->modules / "kernel/a.ko"));
    EXPECT_FALSE(fs::is_symlink(kernel->modules / "build")) << "the build directory may go";
}

}  // namespace
}  // namespace memrig
