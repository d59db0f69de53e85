// Kernels built from source, with the real toolchain. The first run builds the parents, which takes minutes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/paths.h"
#include "integration/judged_kernel.h"
#include "kernel/build_tools.h"
#include "kernel/catalogue.h"

namespace memrig {
namespace {

using testing::HasSubstr;

constexpr const char* kKernelsParent = "ref-6.12-amd64";

std::vector<fs::path> entries(const fs::path& directory) {
    std::vector<fs::path> found;
    std::error_code code;
    for (const auto& entry : fs::directory_iterator(directory, code))
        if (entry.path().extension() != ".lock") found.push_back(entry.path());
    return found;
}

class ReferenceKernel : public test::JudgedKernel {};

TEST_P(ReferenceKernel, IsJudgedAsItShould) { is_judged_as_it_should(); }

INSTANTIATE_TEST_SUITE_P(Parents, ReferenceKernel,
                         testing::Values(test::Judged{"NumaControl", "ref-6.12-amd64", "control", Verdict::held},
                                         test::Judged{"NumaMutant", "ref-6.12-amd64", "mutant", Verdict::oops}),
                         [](const auto& tested) { return std::string(tested.param.name); });

INSTANTIATE_TEST_SUITE_P(
    Mutants, ReferenceKernel,
    testing::Values(test::Judged{"Adder", "ref-6.12-amd64+acpi_device_hotplug", "control", Verdict::oops},
                    test::Judged{"Onliner", "ref-6.12-amd64+online_before_added", "control", Verdict::oops},
                    test::Judged{"InnerLock", "ref-6.12-amd64+online_pages_unlocked", "control", Verdict::rule_broken},
                    test::Judged{"MissingBlock", "ref-6.12-amd64+block_left_out", "control", Verdict::accounting}),
    [](const auto& tested) { return std::string(tested.param.name); });

// A tree of the user's own, here the unpacked source of the parent.
class OwnTreeOfUsers : public testing::Test {
protected:
    void SetUp() override {
        const auto parent = resolve_kernel(kKernelsParent);
        ASSERT_TRUE(parent) << parent.error().line();
        const fs::path kernels = cache_directory().value() / "kernels";
        const auto source = read_file(kernels / "source-linux-source-6.12");
        ASSERT_TRUE(source) << source.error().line();
        source_ = kernels / "sources" / fs::path(*source).filename();
        auto directory = TemporaryDirectory::make("memrig-own");
        ASSERT_TRUE(directory);
        directory_ = std::make_unique<TemporaryDirectory>(*std::move(directory));
    }
    Result<KernelImage> build(const std::string& fragment) {
        const fs::path config = directory_->path() / "my.config";
        if (const Status written = write_file(config, fragment); !written) return std::unexpected(written.error());
        const auto tools = make_build_tools();
        KernelBuilder builder(*tools, directory_->path() / "cache");
        return builder.build(OwnTree{source_, {config}, "mine"});
    }
    void expect_nothing_kept() {
        EXPECT_TRUE(entries(directory_->path() / "cache/kernels/own").empty());
        EXPECT_TRUE(entries(directory_->path() / "cache/kernels/own-trees").empty());
    }
    fs::path source_;
    std::unique_ptr<TemporaryDirectory> directory_;
};

TEST_F(OwnTreeOfUsers, AnUnknownOptionIsNamed) {
    const auto kernel = build("CONFIG_64BIT=y\nCONFIG_FROBNICATE=y\n");
    ASSERT_FALSE(kernel);
    EXPECT_EQ(kernel.error().fault, Fault::user_input);
    EXPECT_THAT(kernel.error().message, HasSubstr("the kernel has no option CONFIG_FROBNICATE"));
    EXPECT_THAT(kernel.error().message, HasSubstr("my.config:2"));
    expect_nothing_kept();
}

TEST_F(OwnTreeOfUsers, AnOptionWhoseDependenciesAreNotMetIsNamed) {
    const auto kernel = build("CONFIG_64BIT=y\nCONFIG_DEV_DAX_KMEM=y\n");
    ASSERT_FALSE(kernel);
    EXPECT_THAT(kernel.error().message, HasSubstr("CONFIG_DEV_DAX_KMEM=y"));
    EXPECT_THAT(kernel.error().message, HasSubstr("became n"));
    expect_nothing_kept();
}

// With Coccinelle itself, on the parent's tree in the cache, which must come out of it unharmed.
class BadPatch : public testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(BadPatch, IsRefusedAndTheParentIsUnharmed) {
    auto directory = TemporaryDirectory::make("memrig-patch");
    ASSERT_TRUE(directory);
    auto kernel = find_kernel(std::string(kKernelsParent) + "+add_memory");
    ASSERT_TRUE(kernel) << kernel.error().line();
    const auto [rule, words] = GetParam();
    const fs::path file = directory->path() / "bad.cocci";
    const std::string text = std::string("// bad\n// file: mm/memory_hotplug.c\n// changes: -1 +0\n\n") + rule;
    ASSERT_TRUE(write_file(file, text));
    auto mutant = parse_mutant(text, file);
    ASSERT_TRUE(mutant) << mutant.error().line();
    kernel->mutant = *mutant;
    const auto before = resolve_kernel(kKernelsParent);
    ASSERT_TRUE(before) << before.error().line();
    const fs::path built = before->image.parent_path().parent_path();
    const std::size_t count = entries(built).size();
    const auto image = build_kernel(*kernel);
    ASSERT_FALSE(image);
    EXPECT_EQ(image.error().fault, Fault::user_input);
    EXPECT_THAT(image.error().message, HasSubstr(words));
    EXPECT_THAT(image.error().message, HasSubstr("mm/memory_hotplug.c"));
    EXPECT_EQ(entries(built).size(), count);
    EXPECT_FALSE(fs::exists(built.parent_path() / "trees" / before->image.parent_path().filename() / "mutant"));
}

INSTANTIATE_TEST_SUITE_P(Coccinelle, BadPatch,
                         testing::Values(std::pair{"@gone@\n@@\nint no_such_function(...)\n{\n...\n- lock();\n...\n}\n",
                                                   "(gone) matches in"},
                                         std::pair{"@broken@\n@@\nint online_pages(...)\n{\n",
                                                   "failed with exit status"},
                                         std::pair{"@twice@\n@@\n- mem_hotplug_begin();\n", "changed by -"}));

}  // namespace
}  // namespace memrig
