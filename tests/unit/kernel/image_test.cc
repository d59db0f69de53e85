// Tells kernels from other files, by their headers.
#include <gtest/gtest.h>

#include <elf.h>

#include "base/file.h"
#include "kernel/image.h"

namespace memrig {
namespace {

std::string bzimage(std::size_t size = 4096) {
    std::string bytes(size, '\0');
    bytes.replace(0x202, 4, "HdrS");
    return bytes;
}

// A bzImage whose header points to its release.
std::string bzimage_of(const std::string& release) {
    std::string bytes = bzimage();
    bytes[0x20f] = 0x08;  // 0x800, counted from 0x200
    bytes.replace(0xa00, release.size(), release);
    return bytes;
}

std::string elf(unsigned machine, char word_size = ELFCLASS64, char endianness = ELFDATA2LSB) {
    std::string bytes(64, '\0');
    bytes.replace(0, 4,
                  "\x7f"
                  "ELF");
    bytes[EI_CLASS] = word_size;
    bytes[EI_DATA] = endianness;
    bytes[18] = static_cast<char>(machine);
    bytes[19] = static_cast<char>(machine >> 8);
    return bytes;
}

std::string arm64_image() {
    std::string bytes(4096, '\0');
    bytes.replace(0x38, 4, "ARM\x64");
    return bytes;
}

class KernelImageTest : public ::testing::Test {
protected:
    Result<KernelImage> read(const std::string& bytes) {
        EXPECT_TRUE(write_file(file, bytes));
        return kernel_from_file(file);
    }
    std::string arch(const std::string& bytes) {
        const auto kernel = read(bytes);
        return kernel ? kernel->arch : "none";
    }
    std::string release(const std::string& bytes) {
        const auto kernel = read(bytes);
        return kernel ? kernel->release : "no kernel";
    }
    // A folder of modules, as it lies below `root`.
    fs::path make_modules(const fs::path& root, const std::string& release, const char* list = "modules.order") {
        const fs::path modules = root / release;
        EXPECT_TRUE(make_directories(modules));
        EXPECT_TRUE(write_file(modules / list, ""));
        return fs::canonical(modules);
    }
    TemporaryDirectory directory = std::move(*TemporaryDirectory::make("memrig-test"));
    fs::path file = directory.path() / "kernel";
};

TEST_F(KernelImageTest, EachKindIsKnown) {
    EXPECT_EQ(arch(bzimage()), "x86_64");
    EXPECT_EQ(arch(arm64_image()), "aarch64");
    EXPECT_EQ(arch(elf(EM_X86_64)), "x86_64");
    EXPECT_EQ(arch(elf(EM_PPC64)), "ppc64le");
    EXPECT_EQ(arch(elf(EM_AARCH64)), "aarch64");
}

TEST_F(KernelImageTest, AGoodOneIsDescribed) {
    const auto kernel = read(bzimage());
    ASSERT_TRUE(kernel);
    EXPECT_EQ(kernel->id, file.string());
    EXPECT_TRUE(kernel->image.is_absolute());
    EXPECT_EQ(kernel->sha256.size(), 64u);
    EXPECT_TRUE(kernel->modules.empty());
    const std::string first = kernel->sha256;
    EXPECT_NE(read(bzimage(5000))->sha256, first);
}

TEST_F(KernelImageTest, WhatIsNoneIsTheUsersMistake) {
    const std::string cases[] = {"",          "#!/bin/sh\necho hello\n",  std::string(4096, '\0'),
                                 elf(EM_386), elf(EM_X86_64, ELFCLASS32), elf(EM_PPC64, ELFCLASS64, ELFDATA2MSB)};
    for (const auto& bytes : cases) {
        const auto kernel = read(bytes);
        ASSERT_FALSE(kernel);
        EXPECT_EQ(kernel.error().fault, Fault::user_input);
        EXPECT_NE(kernel.error().message.find("is not a kernel image"), std::string::npos);
        EXPECT_FALSE(kernel.error().remedy.empty());
    }
}

TEST_F(KernelImageTest, CutOffAnywhereIsNoCrash) {
    for (const auto& whole : {bzimage(0x210), arm64_image().substr(0, 0x40), elf(EM_X86_64)}) {
        for (std::size_t size = 0; size < whole.size(); size += 7) (void)read(whole.substr(0, size));
    }
    EXPECT_EQ(arch(elf(EM_X86_64).substr(0, 63)), "none");
    EXPECT_EQ(arch(bzimage().substr(0, 0x205)), "none");
}

TEST_F(KernelImageTest, TheReleaseIsReadFromTheImage) {
    EXPECT_EQ(release(bzimage_of("6.1.0-56-cloud-amd64 (debian@host) #1 SMP")), "6.1.0-56-cloud-amd64");
    EXPECT_EQ(release(arm64_image() + "Linux version %s (%s) Linux version 7.2.12+ (root@host) #1 SMP"), "7.2.12+");
    EXPECT_EQ(release(elf(EM_PPC64) + "Linux version 6.12.117 (root@host)"), "6.12.117");
}

TEST_F(KernelImageTest, AReleaseThatIsNoneIsLeftOut) {
    const std::string cases[] = {bzimage(),
                                 bzimage_of("../../etc (root@host)"),
                                 bzimage_of("..  (root@host)"),
                                 bzimage_of(std::string(300, '6') + " "),
                                 bzimage().replace(0x20e, 2, "\xff\xff"),
                                 arm64_image(),
                                 arm64_image() + "Linux version ",
                                 arm64_image() + "Linux version 6.1"};
    for (const auto& bytes : cases) EXPECT_EQ(release(bytes), "");
}

TEST_F(KernelImageTest, ADistributionsModulesAreFoundBesideIt) {
    const fs::path root = directory.path();
    const std::string bytes = bzimage_of("6.1.0-1 (debian)");
    ASSERT_TRUE(make_directories(root / "boot"));
    file = root / "boot/vmlinuz-6.1.0-1";
    EXPECT_EQ(modules_beside(read(bytes).value()), "");
    make_modules(root / "usr/lib/modules", "6.1.0-2");
    EXPECT_EQ(modules_beside(read(bytes).value()), "") << "these are of another release";
    const fs::path usr = make_modules(root / "usr/lib/modules", "6.1.0-1");
    EXPECT_EQ(modules_beside(read(bytes).value()), usr);
    const fs::path lib = make_modules(root / "lib/modules", "6.1.0-1");
    EXPECT_EQ(modules_beside(read(bytes).value()), lib);
    fs::create_symlink("boot/vmlinuz-6.1.0-1", root / "vmlinuz");
    EXPECT_EQ(modules_beside(kernel_from_file(root / "vmlinuz").value()), lib);
    ASSERT_TRUE(make_directories(root / "build"));
    file = root / "build/bzImage";
    EXPECT_EQ(modules_beside(read(bytes).value()), "") << "this one is not installed";
    file = usr / "vmlinuz";
    EXPECT_EQ(modules_beside(read(bytes).value()), usr);
}

TEST_F(KernelImageTest, TheUsersModulesAreTaken) {
    for (const char* list : {"modules.order", "modules.dep"}) {
        KernelImage kernel = read(bzimage_of("6.1.0-1 (root)")).value();
        const fs::path modules = make_modules(directory.path() / list, "6.1.0-1", list);
        ASSERT_TRUE(use_modules(kernel, modules / "")) << list;
        EXPECT_EQ(kernel.modules, modules);
    }
    KernelImage silent = read(bzimage()).value();
    ASSERT_TRUE(use_modules(silent, directory.path() / "modules.dep/6.1.0-1"));
    EXPECT_EQ(silent.release, "6.1.0-1");
    KernelImage linked = read(bzimage_of("6.1.0-1 (root)")).value();
    fs::create_directory_symlink(directory.path() / "modules.dep/6.1.0-1", directory.path() / "mine");
    EXPECT_TRUE(use_modules(linked, directory.path() / "mine")) << "the folder's own name counts";
}

TEST_F(KernelImageTest, OtherModulesAreTheUsersMistake) {
    KernelImage kernel = read(bzimage_of("6.1.0-1 (root)")).value();
    const fs::path root = directory.path();
    ASSERT_TRUE(make_directories(root / "6.1.0-1"));
    make_modules(root, "6.1.0-2");
    const std::pair<fs::path, const char*> cases[] = {{root / "none", "No such file"},
                                                      {file, "not a folder"},
                                                      {root / "6.1.0-1", "holds no kernel modules"},
                                                      {root / "6.1.0-2", "6.1.0-2, but the kernel"}};
    for (const auto& [folder, message] : cases) {
        const Status used = use_modules(kernel, folder);
        ASSERT_FALSE(used) << folder;
        EXPECT_EQ(used.error().fault, Fault::user_input);
        EXPECT_NE(used.error().message.find(message), std::string::npos) << used.error().message;
        EXPECT_NE(used.error().message.find(folder.string()), std::string::npos) << used.error().message;
        EXPECT_EQ(used.error().line().find('\n'), std::string::npos);
        EXPECT_FALSE(used.error().remedy.empty());
    }
    EXPECT_TRUE(kernel.modules.empty());
}

TEST_F(KernelImageTest, AFileThatIsNotThereIsTheUsersMistake) {
    for (const auto& path : {directory.path() / "nothing", directory.path()}) {
        const auto kernel = kernel_from_file(path);
        ASSERT_FALSE(kernel);
        EXPECT_EQ(kernel.error().fault, Fault::user_input);
    }
}

}  // namespace
}  // namespace memrig
