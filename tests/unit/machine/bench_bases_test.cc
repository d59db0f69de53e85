// Bases of benches: what a bench inherits, and golden messages about wrong bases (tests/golden/benches/bases.cases).
#include <cstdlib>

#include "base/paths.h"
#include "golden_bench.h"

namespace memrig {
namespace {

// A home with benches of the test's own. "good" is there.
class BenchBases : public ::testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(directory);
        ASSERT_EQ(::setenv("MEMRIG_HOME", directory->path().c_str(), 1), 0);
        ASSERT_TRUE(fs::create_directories(benches()));
        add("good", good);
    }
    void TearDown() override {
        if (home) ::setenv("MEMRIG_HOME", home->c_str(), 1);
        else ::unsetenv("MEMRIG_HOME");
    }
    fs::path benches() const { return directory->path() / "rig" / "benches"; }
    void add(const std::string& name, const std::string& text) const {
        EXPECT_TRUE(write_file(benches() / (name + ".toml"), text));
    }
    // A bench of that name whose base is `base`, with `more` behind it.
    void add_on(const std::string& name, const std::string& base, const std::string& more = "") const {
        add(name, fmt::format("schema = 1\nname = \"{}\"\nbase = \"{}\"\n{}", name, base, more));
    }

    const std::string good = read_file(golden_path("benches/good.toml")).value_or("");
    Result<TemporaryDirectory> directory = TemporaryDirectory::make("memrig-bench-test");
    std::optional<std::string> home =
        std::getenv("MEMRIG_HOME") != nullptr ? std::optional<std::string>(std::getenv("MEMRIG_HOME")) : std::nullopt;
};

TEST_F(BenchBases, AllIsInheritedButTheNameAndTheDescription) {
    add_on("own", "good");
    const auto own = load_bench("own"), base = load_bench("good");
    ASSERT_TRUE(own && base) << own.error().message;
    EXPECT_EQ(own->name, "own");
    EXPECT_EQ(own->description, "");
    EXPECT_EQ(own->arch, base->arch);
    EXPECT_EQ(own->arguments, base->arguments);
    EXPECT_EQ(own->restorable, base->restorable);
    EXPECT_EQ(own->memory_bytes, base->memory_bytes);
    EXPECT_EQ(own->spare, base->spare);
    EXPECT_EQ(own->link_devices, base->link_devices);
    EXPECT_EQ(own->append, base->append);
    EXPECT_EQ(own->modules, base->modules);
    EXPECT_EQ(own->hotplug.function, base->hotplug.function);
    EXPECT_EQ(own->virtio_mem->id, base->virtio_mem->id);
    EXPECT_EQ(own->writes, base->writes);
}

TEST_F(BenchBases, TablesAreMergedKeyByKeyAndArraysAreReplaced) {
    add_on("own", "good",
           "machine = \"pc\"\narguments = [\"-snapshot\"]\n[memory]\nslots = 8\n[kernel]\nmodules = [\"kmem\"]\n");
    const auto own = load_bench("own");
    ASSERT_TRUE(own) << own.error().message;
    EXPECT_EQ(own->machine, "pc");
    EXPECT_EQ(own->arguments, std::vector<std::string>{"-snapshot"});
    EXPECT_EQ(own->slots, 8u);
    EXPECT_EQ(own->max_memory_bytes, 8ull << 30);
    EXPECT_EQ(own->modules, std::vector<std::string>{"kmem"});
    EXPECT_EQ(own->append, "isolcpus=domain,0 panic=-1");
}

TEST_F(BenchBases, TheNearestOfFourBasesCounts) {
    add_on("d", "good", "machine = \"d\"\ncpu = \"d\"\n[vcpus]\nactors = 4\n");
    add_on("c", "d", "machine = \"c\"\ncpu = \"c\"\n");
    add_on("b", "c", "machine = \"b\"\n");
    add_on("a", "b");
    const auto bench = load_bench("a");
    ASSERT_TRUE(bench) << bench.error().message;
    EXPECT_EQ(bench->name, "a");
    EXPECT_EQ(bench->machine, "b");
    EXPECT_EQ(bench->cpu, "c");
    EXPECT_EQ(bench->actors, 4u);
    EXPECT_EQ(bench->spare, 2u);
}

TEST_F(BenchBases, TheTextChangesWithAnyOfTheFiles) {
    add_on("base", "good");
    add_on("own", "base");
    const auto before = load_bench("own");
    ASSERT_TRUE(before);
    add("good", good + "# changed\n");
    const auto after = load_bench("own");
    ASSERT_TRUE(after);
    EXPECT_NE(before->text, after->text) << "it is part of the key of saved guests";
    EXPECT_TRUE(before->text.ends_with(good)) << before->text;
}

TEST_F(BenchBases, AFileOfTheUsersMayHaveAShippedBase) {
    const fs::path file = directory->path() / "good.toml";
    ASSERT_TRUE(write_file(file, "schema = 1\nname = \"mine\"\nbase = \"good\"\n[vcpus]\nspare = 0\n"));
    const auto bench = load_bench(file.string());
    ASSERT_TRUE(bench) << bench.error().message;
    EXPECT_EQ(bench->name, "mine");
    EXPECT_EQ(bench->spare, 0u);
}

// The input of a case is several files, each behind a line "-- NAME". The bench "own" is loaded.
TEST_F(BenchBases, MistakesAreReportedWithTheirFileLineAndColumn) {
    const auto cases = golden_cases("benches/bases.cases");
    EXPECT_GE(cases.size(), 13u);
    for (const auto& [name, input, expected] : cases) {
        SCOPED_TRACE(name);
        fs::remove_all(benches());
        fs::create_directories(benches());
        add("good", good);
        for (std::size_t at = input.find("-- "), next; at != std::string::npos; at = next) {
            const std::size_t end = input.find('\n', at);
            next = input.find("\n-- ", end);
            if (next != std::string::npos) next++;
            add(input.substr(at + 3, end - at - 3), input.substr(end + 1, next - end - 1));
        }
        const auto bench = load_bench("own");
        ASSERT_FALSE(bench);
        EXPECT_EQ(bench.error().fault, Fault::user_input);
        expect_golden_case("benches/bases.cases", name, bench.error().message + "\n");
    }
}

}  // namespace
}  // namespace memrig
