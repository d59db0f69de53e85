// The QEMUs known by id: what is read, what is chosen, and how one from the cache is run.
#include "machine/emulator.h"

#include <algorithm>

#include "base/paths.h"
#include "machine/qemu_command.h"
#include "unit/support/cache_fixture.h"

namespace memrig {
namespace {

constexpr const char* kGood =
    "schema = 1\n[[emulator]]\nid = \"new\"\ndescription = \"d\"\nsuite = \"s-backports\"\n"
    "packages = [\"qemu-system-x86_64=qemu-system-x86\"]\n";

void expect_bad(const std::string& text, const std::string& message) {
    const auto entries = parse_emulators(text, "e.toml");
    ASSERT_FALSE(entries) << text;
    EXPECT_EQ(entries.error().fault, Fault::user_input);
    EXPECT_NE(entries.error().message.find(message), std::string::npos) << entries.error().message;
}

TEST(Emulators, AreRead) {
    const auto entries = parse_emulators(kGood, "e.toml");
    ASSERT_TRUE(entries) << entries.error().message;
    ASSERT_EQ(entries->size(), 1u);
    EXPECT_EQ(entries->front().suite, "s-backports");
    EXPECT_EQ(entries->front().packages.at("qemu-system-x86_64"), "qemu-system-x86");
}

TEST(Emulators, MistakesHaveTheirLine) {
    const std::string good = kGood;
    expect_bad(good + good.substr(good.find("[[")), "e.toml:8:6: there is a \"new\" already");
    std::string path = good;
    expect_bad(path.replace(path.find("new"), 3, "a/b"), "e.toml:3:6: an id with a '/'");
    expect_bad("schema = 1\n[[emulator]]\nid = \"a\"\ndescription = \"d\"\nsuite = \"s\"\npackages = [\"qemu\"]\n",
               "e.toml:6:12: \"qemu\" is not PROGRAM=PACKAGE");
    expect_bad(good + "arch = \"amd64\"\n", "arch");
}

TEST(Emulators, TheShippedOnesAreGood) {
    const auto entries = emulator_catalogue();
    ASSERT_TRUE(entries) << entries.error().message;
    EXPECT_TRUE(find_emulator("debian-12-backports"));
}

class EmulatorTest : public WithCache {};

TEST_F(EmulatorTest, TheOneInPathUnlessAnotherIsAskedFor) {
    const auto emulator = resolve_emulator("", "qemu-system-x86_64");
    ASSERT_TRUE(emulator);
    EXPECT_EQ(emulator->program, "qemu-system-x86_64");
    EXPECT_TRUE(emulator->identity.empty());
}

TEST_F(EmulatorTest, OneThatIsNotKnownIsTheUsersMistake) {
    for (const char* name : {"no-such", "/nonexistent/qemu", "/"}) {
        const auto emulator = resolve_emulator(name, "qemu-system-x86_64");
        ASSERT_FALSE(emulator);
        EXPECT_EQ(emulator.error().fault, Fault::user_input) << name;
    }
    const auto foreign = resolve_emulator("debian-12-backports", "qemu-system-sparc");
    ASSERT_FALSE(foreign);
    EXPECT_EQ(foreign.error().message, "the emulator debian-12-backports has no qemu-system-sparc");
}

TEST_F(EmulatorTest, AnotherBuildOfTheUsersOwnIsAnotherEmulator) {
    const fs::path program = directory.path() / "qemu";
    const auto built = [&](const char* text) {
        EXPECT_TRUE(write_file(program, text));
        fs::permissions(program, fs::perms::owner_all);
        return resolve_emulator(program.string(), "qemu-system-x86_64");
    };
    const auto first = built("#!/bin/sh\necho QEMU 99\n"), second = built("#!/bin/sh\nexit 7 # \n");
    ASSERT_TRUE(first && second);
    EXPECT_NE(first->identity, second->identity);
    const auto version = emulator_version(*second);
    ASSERT_FALSE(version);
    EXPECT_EQ(version.error().fault, Fault::host);
    ASSERT_TRUE(built("#!/bin/sh\necho QEMU 99\n"));
    EXPECT_EQ(*emulator_version(*first), "QEMU 99");
}

TEST_F(EmulatorTest, OneInTheCacheHasItsFirmwareAndLibraries) {
    const auto entry = find_emulator("debian-12-backports");
    const auto cache = cache_directory();
    ASSERT_TRUE(entry && cache);
    const fs::path root = *cache / "packages" / "qemu_10" / "root";
    for (const char* part : {"usr/bin", "usr/share/seabios", "usr/lib/x86_64-linux-gnu"})
        ASSERT_TRUE(make_directories(root / part));
    ASSERT_TRUE(make_directories(*cache / "emulators"));
    ASSERT_TRUE(write_file(*cache / "emulators" / "debian-12-backports.qemu-system-x86_64",
                           (*cache / "packages" / "qemu_10").string()));
    auto none = cached_emulator(*entry, "qemu-system-x86_64");
    ASSERT_TRUE(none);
    EXPECT_FALSE(*none) << "the program is not there";

    const fs::path program = root / "usr" / "bin" / "qemu-system-x86_64";
    ASSERT_TRUE(write_file(program, "#!/bin/sh\necho \"$LD_LIBRARY_PATH\"\n"));
    fs::permissions(program, fs::perms::owner_all);
    MachineSpec order;
    order.bench.emulator.program = "qemu-system-x86_64";
    ASSERT_TRUE(use_emulator(order.bench, "debian-12-backports"));
    EXPECT_EQ(order.bench.emulator.identity, "qemu_10");
    const auto libraries = emulator_version(order.bench.emulator);
    ASSERT_TRUE(libraries);
    EXPECT_TRUE(libraries->starts_with((root / "usr/lib/x86_64-linux-gnu").string())) << *libraries;
    const auto argv = qemu_command(order, false);
    EXPECT_EQ(argv.front(), program.string());
    const auto firmware = std::ranges::find(argv, "-L");
    ASSERT_NE(firmware, argv.end());
    EXPECT_EQ(*(firmware + 1), (root / "usr/share/seabios").string());
}

}  // namespace
}  // namespace memrig
