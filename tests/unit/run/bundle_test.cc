// Bundles: what is packed comes out again, and what a stranger's file may not do.
#include <archive.h>
#include <archive_entry.h>
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/hash.h"
#include "run/bundle.h"
#include "run/trial_json.h"
#include "unit/support/cache_fixture.h"

namespace memrig {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

struct Member {
    std::string name, bytes = {};
    mode_t type = AE_IFREG;
    std::string link = {};
};

class Bundles : public WithCache {
protected:
    void SetUp() override {
        WithCache::SetUp();
        recipe = {{"schema", 2},
                  {"memrig", "1"},
                  {"scenario", "acpi-dimm-online"},
                  {"scenario_text", "schema = 1\n"},
                  {"arm", "control"},
                  {"kernel", {{"id", "debian-6.1-amd64"}, {"sha256", std::string(64, 'a')}, {"release", "6.1"}}},
                  {"bench", "q35"},
                  {"emulator", ""},
                  {"qemu", "QEMU 7.2"},
                  {"accelerator", "tcg"},
                  {"number", 2},
                  {"seed", 7},
                  {"attributes", nlohmann::json::object()},
                  {"mode", "directed"},
                  {"oracles", nlohmann::json::array()},
                  {"preemptions", 2},
                  {"points", nlohmann::json::array()},
                  {"settings", nlohmann::json::array()},
                  {"ledger", true},
                  {"lock_trace", false},
                  {"order", nlohmann::json::array()}};
        TrialResult result;
        result.number = 2;
        result.verdict = Verdict::oops;
        ASSERT_TRUE(make_directories(trial()));
        ASSERT_TRUE(write_file(trial() / "verdict.json", verdict_json(result).dump()));
        ASSERT_TRUE(write_file(trial() / "console.log", "it went wrong\n"));
        write_recipe();
    }
    fs::path trial() const { return directory.path() / "0002"; }
    fs::path file() const { return directory.path() / "x.tar.zst"; }
    void write_recipe() const { ASSERT_TRUE(write_file(trial() / "trial.json", recipe.dump())); }
    void pack() {
        fs::remove(file());
        write_recipe();
        const Status written = write_bundle(trial(), file());
        ASSERT_TRUE(written) << written.error().line();
    }
    // The three members that every bundle has.
    std::vector<Member> members() const {
        nlohmann::json facts = {{"schema", 1}, {"memrig", "1"}};
        std::vector<Member> made;
        for (const char* name : {"trial.json", "verdict.json"}) {
            made.push_back({std::string("trial/") + name, read_file(trial() / name).value()});
            facts["files"][name] = hash_file(trial() / name).value();
        }
        made.push_back({"bundle.json", facts.dump()});
        return made;
    }
    void write_tar(const std::vector<Member>& list) const {
        struct archive* writer = archive_write_new();
        archive_write_add_filter_gzip(writer);
        archive_write_set_format_pax_restricted(writer);
        ASSERT_EQ(archive_write_open_filename(writer, file().c_str()), ARCHIVE_OK);
        for (const auto& member : list) {
            struct archive_entry* entry = archive_entry_new();
            archive_entry_set_pathname(entry, member.name.c_str());
            archive_entry_set_filetype(entry, member.type);
            archive_entry_set_perm(entry, 0644);
            if (member.type == AE_IFLNK) archive_entry_set_symlink(entry, member.link.c_str());
            else if (!member.link.empty()) archive_entry_set_hardlink(entry, member.link.c_str());
            archive_entry_set_size(entry, static_cast<la_int64_t>(member.bytes.size()));
            archive_write_header(writer, entry);
            archive_write_data(writer, member.bytes.data(), member.bytes.size());
            archive_entry_free(entry);
        }
        archive_write_close(writer);
        archive_write_free(writer);
    }
    std::string refusal(const std::string& kernel = "", const std::string& emulator = "") const {
        const auto opened = open_bundle(file(), kernel, emulator);
        EXPECT_FALSE(opened);
        if (opened) return "";
        EXPECT_EQ(opened.error().fault, Fault::user_input);
        return opened.error().line();
    }
    std::string refusal_of(Member extra) const {
        std::vector<Member> list = members();
        list.push_back(std::move(extra));
        write_tar(list);
        return refusal();
    }

    nlohmann::json recipe;
};

TEST_F(Bundles, HoldTheTrialAndAreOpenedAgain) {
    for (const char* name : {"x.tar.zst", "x.tar.gz"}) {
        const fs::path out = directory.path() / name;
        const Status written = write_bundle(trial(), out);
        ASSERT_TRUE(written) << written.error().line();
        const auto opened = open_bundle(out, "", "");
        ASSERT_TRUE(opened) << opened.error().line();
        EXPECT_THAT(opened->warnings, IsEmpty());
        const auto read = read_recipe(opened->directory.path());
        ASSERT_TRUE(read) << read.error().line();
        EXPECT_EQ(read->seed, 7u);
        EXPECT_EQ(read_verdict(opened->directory.path())->verdict, Verdict::oops);
        // The evidence is for people: nobody reads it here.
        EXPECT_FALSE(fs::exists(opened->directory.path() / "console.log"));
    }
}

TEST_F(Bundles, AReaderGetsTheEvidence) {
    ASSERT_TRUE(write_file(trial() / "qmp.jsonl", "{}\n"));
    ASSERT_TRUE(write_file(trial() / "probe.log", "of no use\n"));
    pack();
    const auto unpacked = unpack_evidence(file());
    ASSERT_TRUE(unpacked) << unpacked.error().line();
    EXPECT_EQ(read_file(unpacked->path() / "qmp.jsonl").value_or("none"), "{}\n");
    EXPECT_TRUE(fs::exists(unpacked->path() / "verdict.json"));
    EXPECT_FALSE(fs::exists(unpacked->path() / "probe.log"));
    // Evidence that was changed after it was packed.
    std::vector<Member> list = members();
    list.push_back({"trial/qmp.jsonl", "forged"});
    write_tar(list);
    const auto forged = unpack_evidence(file());
    ASSERT_FALSE(forged);
    EXPECT_THAT(forged.error().line(), HasSubstr("qmp.jsonl is not what was packed"));
    EXPECT_EQ(forged.error().fault, Fault::user_input);
}

TEST_F(Bundles, AnExistingFileAndWhatIsNoTrialAreRefused) {
    pack();
    EXPECT_THAT(write_bundle(trial(), file()).error().message, HasSubstr("already exists"));
    EXPECT_THAT(write_bundle(directory.path(), directory.path() / "y").error().message,
                HasSubstr("is not a trial's directory"));
}

TEST_F(Bundles, AHandMadeOneIsReadToo) {
    write_tar(members());
    const auto opened = open_bundle(file(), "", "");
    ASSERT_TRUE(opened) << opened.error().line();
    EXPECT_THAT(opened->warnings, testing::ElementsAre(HasSubstr("another version of memrig")));
}

TEST_F(Bundles, NothingButPlainFilesOfItsOwnIsTaken) {
    const char* words = "does not belong in a bundle";
    EXPECT_THAT(refusal_of({"../outside", "x"}), HasSubstr(words));
    EXPECT_THAT(refusal_of({"/tmp/outside", "x"}), HasSubstr(words));
    EXPECT_THAT(refusal_of({"trial/../outside", "x"}), HasSubstr(words));
    EXPECT_THAT(refusal_of({"trial/deep/er", "x"}), HasSubstr(words));
    EXPECT_THAT(refusal_of({"trial/.hidden", "x"}), HasSubstr(words));
    EXPECT_THAT(refusal_of({"trial/link", "", AE_IFLNK, "/etc/passwd"}), HasSubstr(words));
    EXPECT_THAT(refusal_of({"trial/hard", "", AE_IFREG, "trial/trial.json"}), HasSubstr(words));
    EXPECT_THAT(refusal_of({"trial/fifo", "", AE_IFIFO}), HasSubstr(words));
    EXPECT_THAT(refusal_of({"trial/trial.json", "{}"}), HasSubstr("twice"));
}

TEST_F(Bundles, SizesAndNumbersAreBounded) {
    // A header (POSIX ustar) that claims 4 GiB, with nothing behind it.
    std::string header(512, '\0');
    header.replace(0, 11, "trial/large").replace(100, 7, "0000644").replace(124, 11, "40000000000");
    header.replace(148, 8, "        ").replace(156, 1, "0").replace(257, 5, "ustar").replace(263, 2, "00");
    unsigned sum = 0;
    for (const unsigned char c : header) sum += c;
    header.replace(148, 6, fmt::format("{:06o}", sum)).replace(154, 1, 1, '\0');
    ASSERT_TRUE(write_file(file(), header));
    EXPECT_THAT(refusal(), HasSubstr("too large"));
    std::vector<Member> list = members();
    for (int i = 0; i < 100; i++) list.push_back({fmt::format("trial/{}", i), "x"});
    write_tar(list);
    EXPECT_THAT(refusal(), HasSubstr("too many files"));
}

TEST_F(Bundles, DamageIsSeen) {
    ASSERT_TRUE(write_file(file(), "no archive"));
    EXPECT_THAT(refusal(), HasSubstr("is not a bundle"));
    pack();
    const std::string whole = read_file(file()).value();
    ASSERT_TRUE(write_file(file(), whole.substr(0, whole.size() / 2)));
    EXPECT_THAT(refusal(), HasSubstr("is not a bundle"));
    std::vector<Member> list = members();
    list.front().bytes.back() = ' ';
    write_tar(list);
    EXPECT_THAT(refusal(), HasSubstr("is not what was packed"));
    list = members();
    list.pop_back();
    write_tar(list);
    EXPECT_THAT(refusal(), HasSubstr("it has no bundle.json"));
}

// A recipe that names a program of this host would have it run.
TEST_F(Bundles, AFileOfThisHostIsNotTakenFromARecipe) {
    recipe["emulator"] = "/usr/bin/touch";
    pack();
    EXPECT_THAT(refusal(), HasSubstr("--emulator"));
    recipe["emulator"] = "";
    recipe["kernel"]["id"] = "/boot/vmlinuz";
    pack();
    EXPECT_THAT(refusal(), HasSubstr("--kernel"));
    EXPECT_TRUE(open_bundle(file(), "debian-6.1-amd64", ""));
    recipe["kernel"]["id"] = "debian-6.1-amd64";
    recipe["bench"] = "/tmp/bench.toml";
    pack();
    EXPECT_THAT(refusal(), HasSubstr("its bench is a file"));
}

}  // namespace
}  // namespace memrig
