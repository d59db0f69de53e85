// The real depmod and modprobe on a made-up kernel package: modules that provide and need each other's symbols.
#include <gtest/gtest.h>

#include <memory>

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/process.h"
#include "kernel/modules.h"

namespace memrig {
namespace {

using namespace std::chrono_literals;

constexpr const char* kRelease = "6.1.0-test";

Deadline soon() { return Deadline::after(60s); }

class KernelModules : public ::testing::Test {
protected:
    void SetUp() override {
        auto work = TemporaryDirectory::make("modules-test");
        ASSERT_TRUE(work);
        work_ = std::make_unique<TemporaryDirectory>(std::move(*work));
        ASSERT_TRUE(make_directories(root() / "lib/modules" / kRelease / "kernel/drivers"));
        // "base" provides a symbol, "middle" needs it and provides another, "top" needs that one.
        make_module("base", "", "base_symbol");
        make_module("middle", "base_symbol", "middle_symbol");
        make_module("top-module", "middle_symbol", "");
        make_module("other", "base_symbol", "");
        write("modules.builtin", "kernel/drivers/virtio_pci.ko\n");
        write("modules.order", "");
    }

    fs::path root() const { return work_->path() / "root"; }
    fs::path folder() const { return root() / "lib/modules" / kRelease; }
    fs::path cache() const { return work_->path() / "cache"; }
    fs::path module_path(const std::string& name) const {
        return root() / "lib/modules" / kRelease / "kernel/drivers" / (name + ".ko");
    }
    void write(const std::string& name, const std::string& text) {
        ASSERT_TRUE(write_file(root() / "lib/modules" / kRelease / name, text));
    }

    // kmod finds what a module provides in __ksymtab_strings, and what it needs among its undefined symbols.
    void make_module(const std::string& name, const std::string& needs, const std::string& provides) {
        std::string source = "const char license[] __attribute__((used, section(\".modinfo\"))) = \"license=GPL\";\n";
        if (!provides.empty())
            source +=
                "const char exported[] __attribute__((used, section(\"__ksymtab_strings\"))) = \"" + provides + "\";\n";
        if (!needs.empty()) source += "extern int " + needs + "; int* user(void) { return &" + needs + "; }\n";
        const fs::path file = work_->path() / (name + ".c");
        ASSERT_TRUE(write_file(file, source));
        const auto run = run_program({"cc", "-c", "-o", module_path(name).string(), file.string()}, soon(), true);
        ASSERT_TRUE(run) << run.error().message;
        ASSERT_TRUE(run->status.success()) << run->output;
    }

    Result<std::vector<ModuleFile>> order(const std::vector<std::string>& wanted) {
        return modules_in_order(folder(), kRelease, wanted, cache(), soon());
    }

    std::unique_ptr<TemporaryDirectory> work_;
};

std::vector<std::string> names(const std::vector<ModuleFile>& files) {
    std::vector<std::string> list;
    for (const ModuleFile& file : files) list.push_back(file.name);
    return list;
}

TEST_F(KernelModules, DependenciesComeFirstAndOnce) {
    const auto files = order({"top_module", "other"});
    ASSERT_TRUE(files) << files.error().message;
    EXPECT_EQ(names(*files), (std::vector<std::string>{"base", "middle", "top_module", "other"}));
    EXPECT_TRUE(read_module(files->front()));
}

TEST_F(KernelModules, ABuiltinNeedsNoFile) {
    const auto files = order({"virtio_pci"});
    ASSERT_TRUE(files) << files.error().message;
    EXPECT_TRUE(files->empty());
}

TEST_F(KernelModules, AMissingOneIsNamed) {
    const auto files = order({"base", "nonesuch"});
    ASSERT_FALSE(files);
    EXPECT_EQ(files.error().fault, Fault::guest);
    EXPECT_NE(files.error().message.find("nonesuch"), std::string::npos) << files.error().message;
    EXPECT_FALSE(order({"../base"}));
    EXPECT_FALSE(order({"-r"}));
}

TEST_F(KernelModules, AnUnknownReleaseIsNamed) {
    const auto files = modules_in_order(root() / "lib/modules/5.0", "5.0", {"base"}, cache(), soon());
    ASSERT_FALSE(files);
    EXPECT_NE(files.error().message.find("5.0"), std::string::npos);
}

TEST_F(KernelModules, NoneWantedNeedsNoKernel) {
    EXPECT_TRUE(modules_in_order(work_->path() / "nowhere", "x", {}, cache(), soon())->empty());
}

TEST_F(KernelModules, ThePackageIsNotWrittenTo) {
    ASSERT_TRUE(order({"base"}));
    EXPECT_FALSE(fs::exists(root() / "lib/modules" / kRelease / "modules.dep"));
}

TEST_F(KernelModules, AChangedPackageIsIndexedAnew) {
    ASSERT_EQ(names(order({"other"}).value()), (std::vector<std::string>{"base", "other"}));
    make_module("other", "middle_symbol", "");
    EXPECT_EQ(names(order({"other"}).value()), (std::vector<std::string>{"base", "middle", "other"}));
}

// As `make modules_install` leaves them, and as a distribution does that has its modules elsewhere.
TEST_F(KernelModules, LinksToFoldersAreFollowedExceptToTheSource) {
    ASSERT_TRUE(make_directories(work_->path() / "tree/kernel"));
    ASSERT_TRUE(write_file(work_->path() / "tree/kernel/trap.ko", "no ELF file"));
    for (const char* link : {"build", "source"}) fs::create_directory_symlink(work_->path() / "tree", folder() / link);
    fs::rename(folder() / "kernel", work_->path() / "elsewhere");
    fs::create_directory_symlink(work_->path() / "elsewhere", folder() / "kernel");
    fs::create_directory_symlink(work_->path() / "nowhere", folder() / "updates");
    const auto files = order({"other"});
    ASSERT_TRUE(files) << files.error().message;
    EXPECT_EQ(names(*files), (std::vector<std::string>{"base", "other"}));
    EXPECT_FALSE(order({"trap"}));
    make_module("other", "middle_symbol", "");
    EXPECT_EQ(names(order({"other"}).value()), (std::vector<std::string>{"base", "middle", "other"}));
    fs::create_directory_symlink(folder(), folder() / "kernel/round");
    EXPECT_TRUE(order({"base"})) << "a link that leads round does no harm";
}

TEST_F(KernelModules, CompressedOnesAreReadDecompressed) {
    const std::string plain = read_file(module_path("base")).value();
    const fs::path packed = module_path("base").string() + ".xz";
    const std::unique_ptr<struct archive, decltype(&archive_write_free)> writer(archive_write_new(),
                                                                                archive_write_free);
    archive_write_set_format_raw(writer.get());
    archive_write_add_filter_xz(writer.get());
    ASSERT_EQ(archive_write_open_filename(writer.get(), packed.c_str()), ARCHIVE_OK);
    const std::unique_ptr<struct archive_entry, decltype(&archive_entry_free)> entry(archive_entry_new(),
                                                                                     archive_entry_free);
    archive_entry_set_filetype(entry.get(), AE_IFREG);
    ASSERT_EQ(archive_write_header(writer.get(), entry.get()), ARCHIVE_OK);
    ASSERT_EQ(archive_write_data(writer.get(), plain.data(), plain.size()), static_cast<la_ssize_t>(plain.size()));
    ASSERT_EQ(archive_write_close(writer.get()), ARCHIVE_OK);
    fs::remove(module_path("base"));
    const auto files = order({"middle"});
    ASSERT_TRUE(files) << files.error().message;
    ASSERT_EQ(names(*files), (std::vector<std::string>{"base", "middle"}));
    EXPECT_EQ(read_module(files->front()).value(), plain);
}

TEST_F(KernelModules, WhatIsNoModuleIsRefused) {
    ASSERT_TRUE(write_file(module_path("text"), "no ELF file"));
    EXPECT_FALSE(read_module({"text", module_path("text")}));
    EXPECT_FALSE(read_module({"none", module_path("none")}));
}

}  // namespace
}  // namespace memrig
