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
    EXPECT_TRUE(kernel->modules_root.empty());
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

TEST_F(KernelImageTest, AFileThatIsNotThereIsTheUsersMistake) {
    for (const auto& path : {directory.path() / "nothing", directory.path()}) {
        const auto kernel = kernel_from_file(path);
        ASSERT_FALSE(kernel);
        EXPECT_EQ(kernel.error().fault, Fault::user_input);
    }
}

}  // namespace
}  // namespace memrig
