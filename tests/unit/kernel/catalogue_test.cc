// Kernels by id and by path.
#include "kernel/catalogue.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/file.h"

namespace memrig {
namespace {

class KernelCatalogue : public ::testing::Test {
protected:
    void SetUp() override {
        std::string bytes(4096, '\0');
        bytes.replace(0x202, 4, "HdrS");
        bytes[0x20f] = 0x08;  // 0x800, counted from 0x200
        bytes.replace(0xa00, 13, "6.1.0-1 (root");
        ASSERT_TRUE(make_directories(directory.path() / "boot"));
        ASSERT_TRUE(write_file(image(), bytes));
        for (const char* parent : {"lib/modules", "mine"}) {
            ASSERT_TRUE(make_directories(modules(parent)));
            ASSERT_TRUE(write_file(modules(parent) / "modules.order", ""));
        }
    }
    fs::path image() const { return directory.path() / "boot/vmlinuz-6.1.0-1"; }
    fs::path modules(const std::string& parent) const { return directory.path() / parent / "6.1.0-1"; }
    TemporaryDirectory directory = std::move(*TemporaryDirectory::make("memrig-test"));
};

TEST_F(KernelCatalogue, EachSuiteHasItsFlavours) {
    const auto entries = kernel_catalogue();
    ASSERT_TRUE(entries) << entries.error().line();
    const auto has = [&](const std::string& suite, const std::string& arch, const std::string& package) {
        return std::ranges::any_of(*entries, [&](const KernelEntry& entry) {
            return entry.suite == suite && entry.debian_arch == arch && entry.package == package;
        });
    };
    for (const char* suite : {"bookworm", "trixie", "forky", "sid", "experimental"}) {
        for (const char* package : {"linux-image-cloud-amd64", "linux-image-amd64", "linux-image-rt-amd64"})
            EXPECT_TRUE(has(suite, "amd64", package)) << suite << ": " << package;
        EXPECT_TRUE(has(suite, "ppc64el", "linux-image-powerpc64le")) << suite;
        EXPECT_TRUE(has(suite, "arm64", "linux-image-cloud-arm64")) << suite;
    }
    std::vector<std::string> ids;
    for (const auto& entry : *entries) ids.push_back(entry.id);
    std::ranges::sort(ids);
    EXPECT_EQ(std::ranges::adjacent_find(ids), ids.end());
}

TEST_F(KernelCatalogue, AKernelByPathFindsItsModules) {
    const auto kernel = resolve_kernel(image().string());
    ASSERT_TRUE(kernel) << kernel.error().line();
    EXPECT_EQ(kernel->id, image().string());
    EXPECT_EQ(kernel->release, "6.1.0-1");
    EXPECT_EQ(kernel->modules, fs::canonical(modules("lib/modules")));
}

TEST_F(KernelCatalogue, TheUsersModulesComeFirst) {
    const auto kernel = resolve_kernel(image().string(), modules("mine"));
    ASSERT_TRUE(kernel) << kernel.error().line();
    EXPECT_EQ(kernel->modules, fs::canonical(modules("mine")));
    const auto none = resolve_kernel(image().string(), modules("no-such-folder"));
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().fault, Fault::user_input);
}

TEST_F(KernelCatalogue, ModulesAreForOneKernelByPath) {
    const std::vector<std::vector<std::string>> misfits = {{}, {"./a", "./b"}, {"debian-6.1-amd64"}};
    for (const auto& kernels : misfits) {
        const Status fit = check_modules(kernels, modules("mine"));
        ASSERT_FALSE(fit) << kernels.size();
        EXPECT_EQ(fit.error().fault, Fault::user_input);
        EXPECT_FALSE(fit.error().remedy.empty());
        EXPECT_TRUE(check_modules(kernels, {}));
    }
    EXPECT_TRUE(check_modules({"./a"}, modules("mine")));
    EXPECT_FALSE(resolve_kernel("debian-6.1-amd64", modules("mine")));
}

}  // namespace
}  // namespace memrig
