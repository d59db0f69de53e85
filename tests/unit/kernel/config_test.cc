#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kernel/config.h"

namespace memrig {
namespace {

using testing::HasSubstr;

class KernelConfig : public testing::Test {
protected:
    void SetUp() override {
        auto directory = TemporaryDirectory::make("memrig-config");
        ASSERT_TRUE(directory);
        directory_ = std::make_unique<TemporaryDirectory>(*std::move(directory));
        ASSERT_TRUE(make_directories(source() / "mm"));
        ASSERT_TRUE(write_file(source() / "Kconfig", "source \"mm/Kconfig\"\nmenuconfig NUMA\n"));
        ASSERT_TRUE(write_file(source() / "mm" / "Kconfig", "config DEV_DAX\n\ttristate\n\tdepends on DAX\n"));
    }
    [[nodiscard]] fs::path source() const { return directory_->path(); }

    Status check(const std::string& fragment, const std::string& config) {
        const auto asked = parse_config(fragment, "my.config");
        if (!asked) return std::unexpected(asked.error());
        return check_config(*asked, config, source());
    }
    std::unique_ptr<TemporaryDirectory> directory_;
};

TEST_F(KernelConfig, ReadsOptionsAndComments) {
    const auto options = parse_config("# why\n\nCONFIG_NR_CPUS=16 \n# CONFIG_NUMA is not set\nCONFIG_S=\"a=b\"\n", "f");
    ASSERT_TRUE(options);
    ASSERT_EQ(options->size(), 3u);
    EXPECT_EQ((*options)[0].value, "16");
    EXPECT_EQ((*options)[0].where, "f:3");
    EXPECT_EQ((*options)[1].name, "CONFIG_NUMA");
    EXPECT_EQ((*options)[1].value, "n");
    EXPECT_EQ((*options)[2].value, "\"a=b\"");
}

TEST_F(KernelConfig, RefusesWhatIsNoOption) {
    for (const char* line : {"NUMA=y", "CONFIG_NUMA", "CONFIG_=y", "CONFIG_NUMA=", "CONFIG_N-A=y", "CONFIG NUMA=y"}) {
        const auto options = parse_config(std::string("CONFIG_SMP=y\n") + line + "\n", "my.config");
        ASSERT_FALSE(options) << line;
        EXPECT_EQ(options.error().fault, Fault::user_input);
        EXPECT_THAT(options.error().message, HasSubstr("my.config:2: "));
    }
}

TEST_F(KernelConfig, HoldsWhereAllIsAsAsked) {
    EXPECT_TRUE(check("CONFIG_NUMA=y\n# CONFIG_DEV_DAX is not set\n", "CONFIG_NUMA=y\n"));
    // The later fragment overrules.
    EXPECT_TRUE(check("CONFIG_NUMA=y\n# CONFIG_NUMA is not set\n", "# CONFIG_NUMA is not set\n"));
}

TEST_F(KernelConfig, NamesAnUnknownOption) {
    const Status status = check("CONFIG_NUMA=y\nCONFIG_NUMMA=y\n", "CONFIG_NUMA=y\n");
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().fault, Fault::user_input);
    EXPECT_EQ(status.error().message, "the kernel has no option CONFIG_NUMMA (my.config:2)");
}

TEST_F(KernelConfig, NamesAnOptionWhoseDependenciesAreNotMet) {
    const Status status = check("CONFIG_DEV_DAX=y\n", "CONFIG_NUMA=y\n");
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().message,
              "the kernel's configuration is not as asked: CONFIG_DEV_DAX=y (my.config:1) became n");
    EXPECT_FALSE(check("# CONFIG_NUMA is not set\n", "CONFIG_NUMA=y\n"));
}

TEST_F(KernelConfig, KnowsAWholeConfiguration) {
    EXPECT_TRUE(is_whole_config("#\n# Automatically generated file; DO NOT EDIT.\n# Linux/x86 6.12.0\n"));
    EXPECT_FALSE(is_whole_config("# a fragment\nCONFIG_SMP=y\n"));
}

// has_option() reads it where distributions and builds leave it.
TEST_F(KernelConfig, ThatOfAKernelLiesBesideItsImageOrItsModules) {
    const std::string text = "CONFIG_XEN=y\nCONFIG_DAX=m\n# CONFIG_XEN_DOM0 is not set\n";
    KernelImage kernel;
    kernel.release = "7.2.12-test";
    kernel.image = source() / "boot/vmlinuz-7.2.12-test";
    kernel.modules = source() / "lib/modules/7.2.12-test";
    EXPECT_EQ(has_option(kernel, "CONFIG_XEN"), std::nullopt) << "there is none";
    ASSERT_TRUE(make_directories(source() / "boot"));
    ASSERT_TRUE(write_file(source() / "boot/config-6.1.0", text));
    EXPECT_EQ(has_option(kernel, "CONFIG_XEN"), std::nullopt) << "that of another kernel";
    ASSERT_TRUE(write_file(source() / "boot/config", text));
    EXPECT_EQ(has_option(kernel, "CONFIG_XEN"), std::nullopt) << "nothing tells whose it is";
    ASSERT_TRUE(write_file(source() / "boot/config", "this is no configuration\n"));
    ASSERT_TRUE(write_file(source() / "boot/release", "7.2.12-test\n"));
    for (const char* place : {"boot/config-7.2.12-test", "boot/config", "lib/modules/7.2.12-test/config",
                              "lib/modules/7.2.12-test/build/.config"}) {
        SCOPED_TRACE(place);
        const fs::path file = source() / place;
        ASSERT_TRUE(make_directories(file.parent_path()));
        ASSERT_TRUE(write_file(file, text));
        EXPECT_EQ(has_option(kernel, "CONFIG_XEN"), true);
        EXPECT_EQ(has_option(kernel, "CONFIG_DAX"), true);
        EXPECT_EQ(has_option(kernel, "CONFIG_XEN_DOM0"), false);
        EXPECT_EQ(has_option(kernel, "CONFIG_UNHEARD_OF"), false);
        ASSERT_TRUE(write_file(file, "this is no configuration\n"));
        EXPECT_EQ(has_option(kernel, "CONFIG_XEN"), std::nullopt) << "what cannot be read tells nothing";
    }
    kernel.image = source() / "arch/x86/boot/bzImage";
    ASSERT_TRUE(write_file(source() / ".config", text));
    EXPECT_EQ(has_option(kernel, "CONFIG_XEN"), std::nullopt) << "nothing tells whose it is";
    ASSERT_TRUE(make_directories(source() / "include/config"));
    ASSERT_TRUE(write_file(source() / "include/config/kernel.release", "7.2.12-test\n"));
    EXPECT_EQ(has_option(kernel, "CONFIG_XEN"), true) << "the tree that it was built in";
}

}  // namespace
}  // namespace memrig
