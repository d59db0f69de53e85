// A finding's key gives the fingerprint that version 0.1.0 computed from the finding's text.
#include <gtest/gtest.h>

#include "campaign/fingerprint.h"
#include "oracle/finding_json.h"
#include "unit/support/finding_samples.h"

namespace memrig {
namespace {

// As 0.1.0 computed them from the text of these findings.
struct Known {
    const char* name;
    const char* hash;
};
constexpr Known kKnown[] = {
    {"cycle", "411d14a747fd"},
    {"cycle of tasks without actors", "9ddf1a16cc01"},
    {"hang", "cd2eef50d9f5"},
    {"rule", "7c3ec1f7b640"},
    {"rule, pid unknown", "c7ce30b211ed"},
    {"rule of another task", "41debc8335bd"},
    {"rule of a notifier", "7545e27ec905"},
    {"inversion", "538ff6e109f8"},
    {"inversion with a gate", "ecc6b1459428"},
    {"inversion with two gates", "c6c644a3518f"},
    {"claimed order", "cd9d3680d2c4"},
    {"crash", "abbf589a3b16"},
    {"crash nowhere", "9a7fb88749a3"},
    {"crash path entered", "1a4e42c4dc3f"},
    {"lockdep", "feef4d9ef2f2"},
    {"hung task", "1f7e16c8cf62"},
    {"warning", "970d87b278c3"},
    {"gated report", "120bc16008a0"},
    {"accounting", "2d787f07967a"},
    {"evidence", "eb2621861514"},
    {"rig", "be4ca186daee"},
};

TEST(FindingKey, GivesTheFingerprintOf010) {
    const auto all = samples::findings();
    ASSERT_EQ(all.size(), std::size(kKnown));
    std::set<std::size_t> kinds;
    for (std::size_t i = 0; i < all.size(); i++) {
        const auto& [name, finding] = all[i];
        EXPECT_EQ(name, kKnown[i].name);
        EXPECT_NE(finding.key.index(), 0u) << name << " has no key";
        EXPECT_EQ(fingerprint_of(finding).hash, kKnown[i].hash) << name << ": " << fingerprint_of(finding).text;
        kinds.insert(finding.key.index());
    }
    kinds.insert(samples::loop().finding.key.index());
    EXPECT_EQ(kinds.size(), std::variant_size_v<FindingKey> - 1) << "a kind of key has no sample";
}

TEST(FindingKey, AFindingWithoutAKeyHasTheSameFingerprint) {
    const auto all = samples::findings();
    for (std::size_t i = 0; i < all.size(); i++) {
        Finding stored = all[i].finding;
        stored.key = {};
        EXPECT_EQ(fingerprint_of(stored).hash, kKnown[i].hash) << kKnown[i].name << ": " << fingerprint_of(stored).text;
    }
}

// Only the key counts: what people read may be worded anew.
TEST(FindingKey, TheFingerprintDoesNotDependOnTheText) {
    for (auto& [name, finding] : samples::findings()) {
        const std::string hash = fingerprint_of(finding).hash;
        finding.summary = "other words";
        finding.details = {"other details"};
        EXPECT_EQ(fingerprint_of(finding).hash, hash) << name;
    }
}

TEST(FindingKey, IsReadBackFromJson) {
    for (const auto& [name, finding] : samples::findings()) {
        const nlohmann::json json = finding_json(finding);
        const auto read = read_finding(json, Reading::strict);
        ASSERT_TRUE(read) << name << ": " << read.error().message;
        EXPECT_EQ(nlohmann::json(finding_json(*read)), json) << name;
        EXPECT_EQ(read->key.index(), finding.key.index()) << name;
        EXPECT_EQ(fingerprint_of(*read).hash, fingerprint_of(finding).hash) << name;
    }
}

TEST(FindingKey, HasNamedFieldsInJson) {
    const nlohmann::json json = finding_json(samples::cycle("cycle", true).finding);
    EXPECT_EQ(json["key"]["kind"], "cycle");
    const nlohmann::json adder = {
        {"task", "adder"},
        {"holds", "mem_hotplug_lock"},
        {"taken_in", {"add_memory_resource.constprop.0.cold+0x9f", "__add_memory+0x3c"}},
        {"waits_for", "memory32's device lock"},
        {"wanted_in", {"irqentry_exit+0x35", "__device_attach.isra.0+0x2f", "device_add+0x3"}}};
    EXPECT_EQ(json["key"]["waits"][0], adder);
    EXPECT_FALSE(finding_json({"rig", Verdict::rig_fault, "s", {}}).contains("key"));
}

TEST(FindingKey, OfALoopIsItsPlaceAndItsLocks) {
    Finding loop = samples::loop().finding;
    const Fingerprint made = fingerprint_of(loop);
    EXPECT_EQ(made.text,
              "deadlock: hang: offliner goes round in offline_pages() and gets nowhere, holding device_hotplug_lock, "
              "mem_hotplug_lock < offline_pages < memory_subsys_offline");
    loop.summary = "other words";
    loop.details.clear();
    EXPECT_EQ(fingerprint_of(loop).hash, made.hash);
    const nlohmann::json json = finding_json(loop);
    EXPECT_EQ(json["key"]["kind"], "loop");
    EXPECT_EQ(json["key"]["calls"], (std::vector<std::string>{"test_pages_isolated", "dissolve_free_huge_pages"}));
    EXPECT_EQ(json["key"]["holds"], (std::vector<std::string>{"device_hotplug_lock", "mem_hotplug_lock"}));
    const auto read = read_finding(json, Reading::strict);
    ASSERT_TRUE(read);
    EXPECT_EQ(nlohmann::json(finding_json(*read)), json);
}

TEST(FindingKey, WithoutAnyOfItsFieldsIsRefusedOrReadFromTheText) {
    const auto all = samples::findings();
    for (std::size_t i = 0; i < all.size(); i++) {
        const nlohmann::json good = finding_json(all[i].finding);
        for (const auto& [field, value] : good["key"].items())
            for (const auto& bad :
                 {nlohmann::json(), nlohmann::json(7), nlohmann::json({7}), nlohmann::json("other")}) {
                if (bad.is_string() && value.is_string() && field != "kind") continue;
                nlohmann::json broken = good;
                if (bad.is_null()) broken["key"].erase(field);
                else broken["key"][field] = bad;
                EXPECT_FALSE(read_finding(broken, Reading::strict)) << broken["key"];
                const auto read = read_finding(broken, Reading::lenient);
                ASSERT_TRUE(read);
                EXPECT_EQ(read->key.index(), 0u) << broken["key"];
                EXPECT_EQ(fingerprint_of(*read).hash, kKnown[i].hash) << broken["key"];
            }
    }
    EXPECT_FALSE(read_finding({{"verdict", "fine"}}, Reading::lenient));
    EXPECT_FALSE(read_finding({{"verdict", 7}}, Reading::lenient));
    EXPECT_FALSE(read_finding(7, Reading::lenient));
}

// It comes from a guest, and from a file that somebody may have written to.
TEST(FindingKey, TakesAnything) {
    for (const std::string text : {"", " (", "\x1b[31m\n\xff", "a+0x", "kworker/", " < < ", "#1"})
        for (const FindingKey& key :
             {FindingKey(CycleKey{{{text, text, {text}, text, {text, text}}}}), FindingKey(CycleKey{}),
              FindingKey(HangKey{{{text}, {}}}), FindingKey(RuleKey{text, text, text, text, {text}}),
              FindingKey(InversionKey{{{text, text, text}}, {text, text}}), FindingKey(InversionKey{}),
              FindingKey(ClaimKey{text, text, text, {text}}), FindingKey(CrashKey{text, text, text, {text}}),
              FindingKey(ReportKey{text, text, {text}}), FindingKey(SentenceKey{text, {text}}),
              FindingKey(LoopKey{text, text, {text}, {text}, {text}}), FindingKey(LoopKey{})}) {
            const Fingerprint made = fingerprint_of({"crash", Verdict::deadlock, {}, {}, key});
            EXPECT_EQ(made.text.find_first_of("\n\x1b\xff"), std::string::npos);
            EXPECT_EQ(made.hash.size(), kFingerprintDigits);
        }
    EXPECT_LT(fingerprint_of({"x", Verdict::oops, {}, {}, SentenceKey{std::string(1'000'000, 'a')}}).text.size(),
              5000u);
}

}  // namespace
}  // namespace memrig
