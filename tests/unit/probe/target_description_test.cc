// Target descriptions: where each register lies, includes, and what is no description.
#include <gtest/gtest.h>

#include <map>

#include "probe/target_description.h"

namespace memrig {
namespace {

using Files = std::map<std::string, std::string>;

Result<std::shared_ptr<const RegisterLayout>> read(const Files& files) {
    return read_target_description([&](const std::string& name) -> Result<std::string> {
        const auto found = files.find(name);
        if (found == files.end()) return fail(Fault::rig, "no annex {}", name);
        return found->second;
    });
}

std::string reg(const std::string& name, int bits = 64, const std::string& more = "") {
    return fmt::format("<reg name=\"{}\" bitsize=\"{}\" {}/>", name, bits, more);
}

const std::string kNeeded =
    reg("rax") + reg("rdi") + reg("rsi") + reg("rdx") + reg("rcx") + reg("r8") + reg("r9") + reg("rsp") + reg("rip");

std::string target(const std::string& inside, const std::string& arch = "i386:x86-64") {
    return "<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\"><target><architecture>" + arch +
           "</architecture>" + inside + "</target>";
}

std::string feature(const std::string& inside) { return "<feature name=\"f\">" + inside + "</feature>"; }

void target_description_expect_error(const Files& files, const std::string& words) {
    const auto layout = read(files);
    ASSERT_FALSE(layout);
    EXPECT_EQ(layout.error().fault, Fault::rig);
    EXPECT_NE(layout.error().message.find(words), std::string::npos) << layout.error().message;
}

TEST(TargetDescription, RegistersFollowEachOther) {
    const auto layout = read({{"target.xml", target(feature(kNeeded + reg("eflags", 32) + reg("cs", 32)))}});
    ASSERT_TRUE(layout) << layout.error().message;
    EXPECT_EQ((*layout)->arch->name, "x86_64");
    const RegisterPlace* rip = (*layout)->find("rip");
    ASSERT_NE(rip, nullptr);
    EXPECT_EQ(rip->number, 8u);
    EXPECT_EQ(rip->offset, 64u);
    EXPECT_EQ(rip->bytes, 8u);
    EXPECT_EQ((*layout)->find("cs")->offset, 76u);
    EXPECT_EQ((*layout)->find("cs")->bytes, 4u);
    EXPECT_EQ((*layout)->find("xmm0"), nullptr);
}

TEST(TargetDescription, IncludesAreReadInTheirPlace) {
    const auto layout = read({{"target.xml", target("<xi:include href=\"a.xml\"/><xi:include href=\"b.xml\"/>")},
                              {"a.xml", feature(reg("first", 128))},
                              {"b.xml", feature("<xi:include href=\"c.xml\"/>")},
                              {"c.xml", feature(kNeeded)}});
    ASSERT_TRUE(layout) << layout.error().message;
    EXPECT_EQ((*layout)->find("rax")->offset, 16u);
    EXPECT_EQ((*layout)->find("rax")->number, 1u);
}

TEST(TargetDescription, NumbersDecideTheOrder) {
    const auto layout =
        read({{"target.xml", target(feature(reg("late", 32, "regnum=\"100\"") + reg("later", 32) + kNeeded))}});
    ASSERT_TRUE(layout);
    EXPECT_EQ((*layout)->find("later")->number, 101u);
    EXPECT_EQ((*layout)->find("rax")->number, 102u);
    const auto turned =
        read({{"target.xml", target(feature(reg("last", 32, "regnum=\"100\"") + reg("rax", 64, "regnum=\"0\"") +
                                            kNeeded.substr(reg("rax").size())))}});
    ASSERT_TRUE(turned);
    EXPECT_EQ((*turned)->find("rax")->offset, 0u);
    EXPECT_EQ((*turned)->find("last")->offset, 72u);
}

TEST(TargetDescription, EachArchitectureIsKnown) {
    for (const auto& arch : architectures()) {
        std::string registers;
        for (const auto name : arch.arguments) registers += reg(std::string(name));
        for (const auto name : {arch.pc, arch.sp, arch.return_value, arch.link})
            if (!name.empty()) registers += reg(std::string(name));
        const auto layout = read({{"target.xml", target(feature(registers), std::string(arch.gdb_name))}});
        ASSERT_TRUE(layout) << arch.name << ": " << layout.error().message;
        EXPECT_EQ((*layout)->arch, &arch);
    }
}

TEST(TargetDescription, WhatIsWrongIsSaid) {
    target_description_expect_error({}, "no annex target.xml");
    target_description_expect_error({{"target.xml", "this is no XML <"}}, "is not XML");
    target_description_expect_error({{"target.xml", target(feature(kNeeded), "mips")}}, "'mips'");
    target_description_expect_error({{"target.xml", feature(kNeeded)}}, "''");
    target_description_expect_error({{"target.xml", target("<xi:include href=\"gone.xml\"/>")}}, "no annex gone.xml");
    target_description_expect_error({{"target.xml", target(feature(reg("odd", 7) + kNeeded))}},
                                    "register odd has 7 bits");
    target_description_expect_error({{"target.xml", target(feature(reg("none", 0) + kNeeded))}},
                                    "register none has 0 bits");
    target_description_expect_error({{"target.xml", target(feature(reg("huge", 65536) + kNeeded))}}, "register huge");
}

TEST(TargetDescription, ARegisterThatIsNeededHasToBeThere) {
    for (const std::string name : {"rax", "rdi", "r9", "rsp", "rip"}) {
        std::string without = kNeeded;
        without.erase(without.find(reg(name)), reg(name).size());
        target_description_expect_error({{"target.xml", target(feature(without))}},
                                        "register " + name + " is not described");
    }
}

TEST(TargetDescription, IncludesWithoutAnEndAreAnError) {
    target_description_expect_error({{"target.xml", target("<xi:include href=\"target.xml\"/>")}}, "too many");
}

}  // namespace
}  // namespace memrig
