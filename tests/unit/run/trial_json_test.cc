// Trials as JSON: what is written is read back whole, and what was damaged is the user's to know, with the file's name.
#include "run/trial_json.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "run/evidence.h"

namespace memrig {
namespace {

using Json = nlohmann::json;

const Interleaving kOrder = {{"adder", "bus_probe_device", 2, "onliner", false},
                             {"onliner", "blocked mem_hotplug_lock", 1, "adder", true}};

class TrialJsonTest : public ::testing::Test {
protected:
    TrialJsonTest() {
        scenario.name = "race/acpi-dimm-online";
        scenario.text = "schema = 1\n# ünï\n";
        arm.name = "mutant";
        PreparedGuest prepared;
        prepared.order.kernel.id = "debian-6.1-amd64";
        prepared.order.kernel.sha256 = std::string(64, 'a');
        prepared.order.bench.name = "q35";
        prepared.order.bench.emulator.id = "debian-12-backports";
        prepared.qemu_version = "QEMU emulator version 10.0.2";
        prepared.hello.release = "6.1.0-44-cloud-amd64";
        guest = std::make_shared<const PreparedGuest>(std::move(prepared));
    }
    TrialSpec order() const {
        TrialSpec order{guest, scenario, arm, 7, 18446744073709551615ull, {{"onliner", "state"}}, {}, {}, kOrder};
        order.manner.mode = Mode::explore;
        order.manner.oracles = {"crash", "rules"};
        order.manner.preemptions = 3;
        order.manner.points = {"device_add", "online_pages"};
        order.manner.settings = {"adder.size=128M"};
        order.manner.ledger = false;
        return order;
    }
    static TrialResult result() {
        TrialResult result;
        result.number = 7;
        result.seed = 18446744073709551615ull;
        result.choices = {{"onliner.attribute", "state"}};
        result.verdict = Verdict::rule_broken;
        result.reason = "R3: \"quoted\"";
        const RuleKey rule{
            "R3", "onliner", "memory_subsys_online", "without device_hotplug_lock", {"device_online+0x6c"}};
        const InversionKey inversion{{{"adder", "A", "B"}, {"onliner", "B", "A"}}, {"device_hotplug_lock"}};
        result.findings = {{"rules", Verdict::rule_broken, "R3", {"one", "two"}, rule},
                           {"lock-order", Verdict::held, "gated", {}, inversion},
                           {"crash", Verdict::oops, "of 0.1.0, without a key", {}}};
        result.as_expected = true;
        result.restore_seconds = 0.25;
        result.schedule_seconds = 0.5;
        result.verdict_seconds = 1.75;
        result.stops = 4711;
        result.order = kOrder;
        result.order_came_to_pass = false;
        return result;
    }
    fs::path recipe_file() const { return directory.path() / "trial.json"; }
    fs::path verdict_file() const { return directory.path() / "verdict.json"; }

    // Whatever `read` says of a damaged file, it says it to the user, and names the file.
    template <class Read>
    void expect_refused(const fs::path& file, const std::string& text, Read read) {
        ASSERT_TRUE(write_file(file, text));
        const auto got = read();
        ASSERT_FALSE(got) << text.substr(0, 200);
        EXPECT_EQ(got.error().fault, Fault::user_input);
        EXPECT_NE(got.error().message.find(file.string()), std::string::npos) << got.error().message;
    }
    // Every key taken away, every value of a kind that it must not have, and the file cut short.
    template <class Read>
    void expect_strict(const fs::path& file, const Json& good, Read read) {
        const Json flat = good.flatten();
        for (const auto& [place, value] : flat.items()) {
            if (value.is_null() || value.empty()) continue;  // an empty list or table
            const Json::json_pointer pointer(place);
            const Json other_kind = value.is_string() ? Json(1) : Json("1");
            for (const auto& other : {Json(), Json::array({1}), Json::object({{"a", 1}}), other_kind}) {
                Json bad = good;
                bad[pointer] = other;
                expect_refused(file, bad.dump(), read);
            }
            Json bad = good;
            Json& parent = bad[pointer.parent_pointer()];
            const bool free = place.starts_with("/attributes/") || place.starts_with("/choices/");
            if (!parent.is_object() || free) continue;  // one element less is as good
            parent.erase(pointer.back());
            expect_refused(file, bad.dump(), read);
        }
        const std::string text = good.dump();
        for (std::size_t cut = 0; cut < text.size(); cut += 17) expect_refused(file, text.substr(0, cut), read);
        for (const auto* none : {"", "7", "null", "[]", "{}", "\"text\""}) expect_refused(file, none, read);
    }

    TemporaryDirectory directory = std::move(*TemporaryDirectory::make("memrig-test"));
    Scenario scenario;
    ScenarioArm arm;
    std::shared_ptr<const PreparedGuest> guest;
};

TEST_F(TrialJsonTest, ARecipeIsReadBackWhole) {
    ASSERT_TRUE(write_file(recipe_file(), text_of(recipe_json(order()))));
    const auto recipe = read_recipe(directory.path());
    ASSERT_TRUE(recipe) << recipe.error().message;
    EXPECT_EQ(recipe->scenario, "race/acpi-dimm-online");
    EXPECT_EQ(recipe->scenario_text, scenario.text);
    EXPECT_EQ(recipe->arm, "mutant");
    EXPECT_EQ(recipe->kernel, "debian-6.1-amd64");
    EXPECT_EQ(recipe->kernel_sha256, std::string(64, 'a'));
    EXPECT_EQ(recipe->kernel_release, "6.1.0-44-cloud-amd64");
    EXPECT_EQ(recipe->bench, "q35");
    EXPECT_EQ(recipe->emulator, "debian-12-backports");
    EXPECT_EQ(recipe->qemu_version, "QEMU emulator version 10.0.2");
    EXPECT_EQ(recipe->accelerator, to_string(guest->order.accelerator));
    EXPECT_EQ(recipe->number, 7u);
    EXPECT_EQ(recipe->seed, 18446744073709551615ull);
    EXPECT_EQ(recipe->attributes, (std::map<std::string, std::string>{{"onliner", "state"}}));
    EXPECT_EQ(recipe->manner.mode, Mode::explore);
    EXPECT_EQ(recipe->manner.oracles, (std::set<std::string>{"crash", "rules"}));
    EXPECT_EQ(recipe->manner.preemptions, 3u);
    EXPECT_EQ(recipe->manner.points, (std::vector<std::string>{"device_add", "online_pages"}));
    EXPECT_EQ(recipe->manner.settings, std::vector<std::string>{"adder.size=128M"});
    EXPECT_FALSE(recipe->manner.ledger);
    EXPECT_EQ(recipe->order, kOrder);
}

TEST_F(TrialJsonTest, HowLocksWereSeenIsReadBack) {
    TrialSpec observed = order();
    observed.manner.observe = Observing::stops;
    EXPECT_FALSE(recipe_json(observed).contains("observe"));
    for (const Observing observing : kWaysToObserve) {
        observed.manner.observe = observing;
        ASSERT_TRUE(write_file(recipe_file(), text_of(recipe_json(observed))));
        EXPECT_EQ(read_recipe(directory.path())->manner.observe, observing);
    }
    for (const Json& wrong : {Json("eyes"), Json(7)}) {
        Json bad = recipe_json(observed);
        bad["observe"] = wrong;
        expect_refused(recipe_file(), bad.dump(), [&] { return read_recipe(directory.path()); });
    }
    TrialResult seen = result();
    seen.observed = 67;
    ASSERT_TRUE(write_file(verdict_file(), text_of(verdict_json(seen))));
    EXPECT_EQ(read_verdict(directory.path())->observed, 67u);
    EXPECT_EQ(read_verdict(directory.path())->unobserved, "");
    seen.observed.reset();
    seen.unobserved = "this QEMU takes no plugin";
    ASSERT_TRUE(write_file(verdict_file(), text_of(verdict_json(seen))));
    EXPECT_FALSE(read_verdict(directory.path())->observed);
    EXPECT_EQ(read_verdict(directory.path())->unobserved, "this QEMU takes no plugin");
}

TEST_F(TrialJsonTest, ARecipeHasTheModulesOfAKernelByPath) {
    const std::string folder = "/lib/modules/6.1.0-44-cloud-amd64";
    for (const std::string id : {"debian-6.1-amd64", "./bzImage"}) {
        PreparedGuest prepared;
        prepared.order = guest->order;
        prepared.order.kernel.id = id;
        prepared.order.kernel.modules = folder;
        guest = std::make_shared<const PreparedGuest>(std::move(prepared));
        ASSERT_TRUE(write_file(recipe_file(), text_of(recipe_json(order()))));
        EXPECT_EQ(read_recipe(directory.path())->modules, id == "./bzImage" ? folder : "") << id;
    }
    Json bad = recipe_json(order());
    bad["kernel"]["modules"] = 7;
    expect_refused(recipe_file(), bad.dump(), [&] { return read_recipe(directory.path()); });
}

TEST_F(TrialJsonTest, ARecipeHasThePointsThatWereUsed) {
    TrialSpec used = order();
    used.manner.points.clear();
    EXPECT_EQ(recipe_json(used)["points"], Json(default_points()));
    scenario.points = {"online_pages"};
    EXPECT_EQ(recipe_json(used)["points"], Json({"online_pages"}));
}

TEST_F(TrialJsonTest, EachModeIsReadBack) {
    for (const Mode mode : {Mode::directed, Mode::free, Mode::explore}) {
        TrialSpec one = order();
        one.manner.mode = mode;
        ASSERT_TRUE(write_file(recipe_file(), text_of(recipe_json(one))));
        EXPECT_EQ(read_recipe(directory.path())->manner.mode, mode);
    }
}

TEST_F(TrialJsonTest, ADamagedRecipeIsRefused) {
    TrialSpec by_stops = order();
    by_stops.manner.observe = Observing::stops;  // what a recipe means that does not say it
    Json good = recipe_json(by_stops);
    good.erase("memrig");  // is for people
    expect_strict(recipe_file(), good, [&] { return read_recipe(directory.path()); });
}

TEST_F(TrialJsonTest, ARecipeThatSaysWhatThereIsNotIsRefused) {
    const auto read = [&] { return read_recipe(directory.path()); };
    const std::pair<const char*, Json> table[] = {{"/schema", 3},
                                                  {"/mode", "fast"},
                                                  {"/oracles/0", "delphi"},
                                                  {"/number", 0},
                                                  {"/number", -1},
                                                  {"/number", 1.5},
                                                  {"/number", 4294967296},
                                                  {"/seed", -1},
                                                  {"/preemptions", -2},
                                                  {"/order", "each"},
                                                  {"/order/0/nth", -1},
                                                  {"/order/0/nth", 4294967296},
                                                  {"/order/1/forced", 1},
                                                  {"/points", "device_add"},
                                                  {"/settings", Json{{"a", "b"}}},
                                                  {"/attributes", Json::array({"state"})},
                                                  {"/kernel", "debian"},
                                                  {"/scenario_text", 7}};
    for (const auto& [place, value] : table) {
        Json bad = recipe_json(order());
        bad[Json::json_pointer(place)] = value;
        expect_refused(recipe_file(), bad.dump(), read);
    }
}

TEST_F(TrialJsonTest, ADirectoryWithoutARecipeIsNoTrials) {
    const auto recipe = read_recipe(directory.path());
    ASSERT_FALSE(recipe);
    EXPECT_EQ(recipe.error().fault, Fault::user_input);
    EXPECT_NE(recipe.error().message.find("it has no trial.json"), std::string::npos);
}

// --- the verdict

TEST_F(TrialJsonTest, AVerdictIsReadBackWhole) {
    ASSERT_TRUE(write_file(verdict_file(), text_of(verdict_json(result()))));
    const auto read = read_verdict(directory.path());
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(verdict_json(*read), verdict_json(result()));
    EXPECT_EQ(read->seed, 18446744073709551615ull);
    EXPECT_EQ(read->order, kOrder);
    EXPECT_FALSE(read->order_came_to_pass);
    ASSERT_EQ(read->findings.size(), 3u);
    EXPECT_TRUE(std::holds_alternative<RuleKey>(read->findings[0].key));
    EXPECT_TRUE(std::holds_alternative<std::monostate>(read->findings[2].key));
    EXPECT_EQ(read->findings[0].details, (std::vector<std::string>{"one", "two"}));
}

TEST_F(TrialJsonTest, EachVerdictIsReadBack) {
    for (const auto name : verdict_names()) {
        TrialResult one = result();
        one.verdict = *parse_verdict(name);
        ASSERT_TRUE(write_file(verdict_file(), text_of(verdict_json(one))));
        EXPECT_EQ(read_verdict(directory.path())->verdict, one.verdict);
    }
}

TEST_F(TrialJsonTest, ADamagedVerdictIsRefused) {
    Json good = verdict_json(result());
    good.erase("schema");
    expect_strict(verdict_file(), good, [&] { return read_verdict(directory.path()); });
}

TEST_F(TrialJsonTest, AVerdictThatThereIsNotIsRefused) {
    const auto read = [&] { return read_verdict(directory.path()); };
    for (const auto* place : {"/verdict", "/findings/1/verdict"}) {
        Json bad = verdict_json(result());
        bad[Json::json_pointer(place)] = "fine";
        expect_refused(verdict_file(), bad.dump(), read);
    }
    fs::remove(verdict_file());
    const auto none = read();
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().fault, Fault::user_input);
    EXPECT_NE(none.error().message.find(verdict_file().string()), std::string::npos);
}

// --- the journal's lines

TEST_F(TrialJsonTest, AnOutcomeIsReadBackWhole) {
    TrialOutcome outcome;
    outcome.result = result();
    outcome.result.directory = "control/0007";
    outcome.branches = {{{}, kOrder}, 5, 61};
    outcome.missing_points = {"memory_notify"};
    const auto read = read_outcome(outcome_json(outcome).dump(), "the journal, line 2,");
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(outcome_json(*read), outcome_json(outcome));
    EXPECT_EQ(read->branches.orders, outcome.branches.orders);
    EXPECT_EQ(read->result.directory, outcome.result.directory);
    const auto bad = read_outcome("{}", "the journal, line 2,");
    ASSERT_FALSE(bad);
    EXPECT_TRUE(bad.error().message.starts_with("the journal, line 2, is damaged: ")) << bad.error().message;
}

// A file that is there, but cannot be read, is not missing.
TEST_F(TrialJsonTest, AFileThatCannotBeReadIsNamedWithTheReason) {
    const auto expect_reason = [](const auto& read, const fs::path& file) {
        ASSERT_FALSE(read);
        EXPECT_EQ(read.error().fault, Fault::user_input);
        EXPECT_NE(read.error().message.find(file.string()), std::string::npos) << read.error().message;
        EXPECT_NE(read.error().message.find("is a directory"), std::string::npos) << read.error().message;
    };
    ASSERT_TRUE(make_directories(recipe_file()));
    ASSERT_TRUE(make_directories(verdict_file()));
    expect_reason(read_recipe(directory.path()), recipe_file());
    expect_reason(read_verdict(directory.path()), verdict_file());
}

}  // namespace
}  // namespace memrig
