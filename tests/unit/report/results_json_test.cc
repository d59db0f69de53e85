// Every sample's JSON, held against docs/results.schema.json. The checker knows the keywords that our schema uses and
// no others, and says so, so that none is passed over; tests/integration/cli_test.sh uses a complete one where it is
// installed.
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/paths.h"
#include "report/results_json.h"
#include "unit/support/finding_samples.h"
#include "unit/support/golden_file.h"
#include "unit/support/report_samples.h"

namespace memrig {
namespace {

using nlohmann::json;

class Schema {
public:
    explicit Schema(json root) : root_(std::move(root)) {}

    // The first way in which `value` does not follow the schema; empty if it does.
    [[nodiscard]] std::string check(const json& value) const { return check(root_, value, "$"); }

private:
    [[nodiscard]] std::string check(const json& schema, const json& value, const std::string& at) const {
        for (const auto& [keyword, wanted] : schema.items())
            if (auto wrong = check_keyword(schema, keyword, wanted, value, at); !wrong.empty()) return wrong;
        return {};
    }

    [[nodiscard]] std::string check_keyword(const json& schema, const std::string& keyword, const json& wanted,
                                            const json& value, const std::string& at) const {
        const std::string wrong =
            at + ": " + keyword + " " + wanted.dump() + " does not allow " + value.dump().substr(0, 60);
        if (keyword == "$schema" || keyword == "title" || keyword == "description" || keyword == "$defs") return {};
        if (keyword == "$ref")
            return check(root_.at(json::json_pointer(wanted.get<std::string>().substr(1))), value, at);
        if (keyword == "type") return has_type(value, wanted) ? "" : wrong;
        if (keyword == "const") return value == wanted ? "" : wrong;
        if (keyword == "enum") return std::ranges::find(wanted, value) != wanted.end() ? "" : wrong;
        if (keyword == "minimum") return value >= wanted ? "" : wrong;
        if (keyword == "maximum") return value <= wanted ? "" : wrong;
        if (keyword == "minItems") return value.size() >= wanted.get<std::size_t>() ? "" : wrong;
        if (keyword == "maxItems") return value.size() <= wanted.get<std::size_t>() ? "" : wrong;
        if (keyword == "required") {
            for (const auto& key : wanted)
                if (!value.contains(key.get<std::string>())) return at + ": no " + key.dump();
            return {};
        }
        if (keyword == "propertyNames") {
            for (const auto& [key, unused] : value.items())
                if (auto inner = check(wanted, key, at + "." + key); !inner.empty()) return inner;
            return {};
        }
        if (keyword == "properties") {
            for (const auto& [key, property] : wanted.items())
                if (value.contains(key))
                    if (auto inner = check(property, value[key], at + "." + key); !inner.empty()) return inner;
            return {};
        }
        if (keyword == "additionalProperties") {
            for (const auto& [key, property] : value.items()) {
                if (schema.contains("properties") && schema["properties"].contains(key)) continue;
                if (wanted.is_boolean()) return at + ": unknown " + key;
                if (auto inner = check(wanted, property, at + "." + key); !inner.empty()) return inner;
            }
            return {};
        }
        if (keyword == "items") {
            if (!value.is_array()) return {};  // "type" says so
            for (std::size_t i = 0; i < value.size(); i++)
                if (auto inner = check(wanted, value[i], at + "[" + std::to_string(i) + "]"); !inner.empty())
                    return inner;
            return {};
        }
        return at + ": this test does not know the keyword " + keyword;
    }

    static bool has_type(const json& value, const std::string& type) {
        if (type == "integer") return value.is_number_integer();
        return (type == "object" && value.is_object()) || (type == "array" && value.is_array()) ||
               (type == "string" && value.is_string()) || (type == "number" && value.is_number()) ||
               (type == "boolean" && value.is_boolean());
    }

    json root_;
};

Schema schema() {
    const auto text = read_file(home_directory() / "docs" / "results.schema.json");
    EXPECT_TRUE(text.has_value());
    return Schema(json::parse(*text));
}

json written(const RunResults& results) { return json::parse(results_json_text(results)); }

TEST(ResultsJson, Golden) {
    for (const auto& [name, results] : samples::all_runs())
        expect_golden("report/" + name + ".json", results_json_text(results));
}

TEST(ResultsSchema, EverySampleFollowsIt) {
    for (const RunResults& results :
         {samples::all_as_expected(), samples::not_as_expected(), samples::many_not_as_expected(),
          samples::with_rig_fault(), samples::interrupted(), samples::odd_text(), samples::nothing_ran(),
          samples::explored(), samples::freely(), samples::one_skipped()})
        EXPECT_EQ(schema().check(written(results)), "");
}

TEST(ResultsSchema, NamesEveryVerdict) {
    for (const auto name : verdict_names()) {
        RunResults results = samples::all_as_expected();
        results.arms[0].trials[0].verdict = *parse_verdict(name);
        EXPECT_EQ(schema().check(written(results)), "");
    }
}

TEST(ResultsSchema, EveryKindOfKeyFollowsIt) {
    RunResults results = samples::all_as_expected();
    for (const auto& [name, finding] : samples::findings()) {
        results.arms[0].trials[0].findings = {finding};
        const json good = written(results);
        const json::json_pointer key("/arms/0/trial_results/0/findings/0/key");
        EXPECT_EQ(schema().check(good), "") << name;
        for (const char* field : {"kind", "more"}) {
            json bad = good;
            bad[key][field] = "other";
            EXPECT_NE(schema().check(bad), "") << name;
        }
    }
}

TEST(ResultsSchema, HostsFollowItToo) {
    RunResults results = samples::all_as_expected();
    results.hosts = {{"libvirt:A", "libvirt 9.0.0, QEMU 7.2.22", 1, "it was switched off"}, {"libvirt:B", "", 0, ""}};
    results.arms[0].trials[0].host = "libvirt:A";
    EXPECT_EQ(schema().check(written(results)), "");
    EXPECT_EQ(written(results)["arms"][0]["trial_results"][0]["host"], "libvirt:A");
    EXPECT_FALSE(written(results)["hosts"][1].contains("lost"));
}

TEST(ResultsSchema, TheObserverFollowsItToo) {
    RunResults results = samples::all_as_expected();
    EXPECT_FALSE(written(results)["arms"][0]["trial_results"][0].contains("observed"));
    results.arms[0].trials[0].observed = 67;
    results.arms[0].trials[1].unobserved = "this QEMU takes no plugin";
    EXPECT_EQ(schema().check(written(results)), "");
    EXPECT_EQ(written(results)["arms"][0]["trial_results"][0]["observed"], 67);
    EXPECT_FALSE(written(results)["arms"][0]["trial_results"][0].contains("unobserved"));
    EXPECT_EQ(written(results)["arms"][0]["trial_results"][1]["unobserved"], "this QEMU takes no plugin");
}

TEST(ResultsSchema, TheCheckerSeesMistakes) {
    const json good = written(samples::not_as_expected());
    const auto broken = [&](const char* pointer, const json& value) {
        json bad = good;
        bad[json::json_pointer(pointer)] = value;
        return schema().check(bad);
    };
    EXPECT_EQ(schema().check(good), "");
    EXPECT_NE(broken("/schema", 2), "");
    EXPECT_NE(broken("/arms/0/trials", "4"), "");
    EXPECT_NE(broken("/arms/0/verdicts/fine", 1), "");
    EXPECT_NE(broken("/arms/0/trial_results/0/verdict", "ok"), "");
    EXPECT_NE(broken("/arms/0/trial_results/0/seconds/restore", -1), "");
    EXPECT_NE(broken("/kernels/0/more", 1), "");
    json bad = good;
    bad["arms"][0].erase("expected");
    EXPECT_NE(schema().check(bad), "");
}

TEST(ResultsSchema, TheCheckerSeesMistakesInWhatAModeAdds) {
    const auto broken = [](const RunResults& results, const char* pointer, const json& value) {
        json bad = written(results);
        EXPECT_TRUE(bad.contains(json::json_pointer(pointer))) << pointer;
        bad[json::json_pointer(pointer)] = value;
        return schema().check(bad);
    };
    const RunResults explored = samples::explored(), freely = samples::freely();
    EXPECT_NE(broken(explored, "/arms/0/explored/orders", 0), "");
    EXPECT_NE(broken(explored, "/arms/0/explored/points", "device_add"), "");
    EXPECT_NE(broken(explored, "/arms/1/trial_results/1/order/0/nth", 0), "");
    EXPECT_NE(broken(explored, "/arms/0/trial_results/2/order_came_to_pass", 0), "");
    EXPECT_NE(broken(freely, "/arms/1/rate/rate", 1.5), "");
    EXPECT_NE(broken(freely, "/arms/1/rate/interval_95", json::array({0.1})), "");
    EXPECT_NE(broken(freely, "/arms/1/rate/interval_95", json::array({0.1, 0.2, 0.3})), "");
    EXPECT_NE(broken(freely, "/arms/1/rate/trials_for_99", 0), "");
}

TEST(ResultsJson, SaysOfEachModeWhatBelongsToIt) {
    const json explored = written(samples::explored());
    EXPECT_EQ(explored["arms"][1]["mode"], "explore");
    EXPECT_EQ(explored["arms"][1]["explored"]["orders"], 5);
    EXPECT_EQ(explored["arms"][1]["explored"]["run"], 2);
    EXPECT_TRUE(explored["arms"][1]["explored"]["stopped_at_first"].get<bool>());
    EXPECT_FALSE(explored["arms"][0].contains("rate"));
    EXPECT_FALSE(explored["arms"][0]["trial_results"][0].contains("order")) << "the one without switches";
    EXPECT_EQ(explored["arms"][0]["trial_results"][2]["order"][1]["at"], "blocked mem_hotplug_lock");
    EXPECT_EQ(explored["arms"][0]["trial_results"][2]["order_came_to_pass"], false);
    EXPECT_EQ(explored["exit_status"], 0) << "of a mutant, one order is enough";

    const json freely = written(samples::freely());
    EXPECT_EQ(freely["arms"][1]["rate"]["seen"], 2);
    EXPECT_EQ(freely["arms"][1]["rate"]["trials"], 10);
    EXPECT_EQ(freely["arms"][1]["rate"]["rate"], 0.2);
    EXPECT_FALSE(freely["arms"][2]["rate"].contains("trials_for_99")) << "what was not seen has no such number";
    EXPECT_FALSE(freely["arms"][1].contains("explored"));
    EXPECT_FALSE(written(samples::all_as_expected())["arms"][0].contains("rate"));
}

TEST(ResultsJson, KeepsASeedOf64Bits) {
    EXPECT_EQ(written(samples::all_as_expected())["seed"].get<std::uint64_t>(), 18446744073709551615ull);
}

TEST(ResultsJson, WhatIsNoNumberIsZero) {
    RunResults results = samples::all_as_expected();
    results.seconds = std::nan("");
    results.arms[0].trials[0].verdict_seconds = 1.0 / 3;
    EXPECT_EQ(written(results)["seconds"], 0);
    EXPECT_EQ(written(results)["arms"][0]["trial_results"][0]["seconds"]["verdict"], 0.333333);
}

}  // namespace
}  // namespace memrig
