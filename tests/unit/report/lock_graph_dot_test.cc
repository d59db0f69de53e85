// Lock graphs of trials made by hand, in the language DOT.
#include "report/lock_graph_dot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/file.h"

namespace memrig {
namespace {

using testing::HasSubstr;
using testing::Not;

nlohmann::json order(const char* task, const char* from, const char* to, std::vector<std::string> gates = {}) {
    return {{"task", task},         {"from", from},       {"to", to},
            {"from_shared", false}, {"to_shared", false}, {"from_where", "f+0x1"},
            {"to_where", "g+0x2"},  {"gates", gates},     {"shared_gates", nlohmann::json::array()}};
}

Result<TrialRecord> record_of(const std::string& text) {
    const auto directory = *TemporaryDirectory::make("memrig-lock-graph");
    EXPECT_TRUE(write_file(directory.path() / "lockgraph.json", text));
    return read_trial_record(directory.path());
}

std::string dot_of(const std::vector<nlohmann::json>& edges) {
    const auto record = record_of(nlohmann::json{{"schema", 1}, {"edges", edges}}.dump());
    EXPECT_TRUE(record) << (record ? "" : record.error().line());
    return record ? lock_graph_dot(*record) : "";
}

TEST(LockGraphDotTest, AnArrowNamesItsTasks) {
    const std::string dot = dot_of({order("ann", "a", "b"), order("bob", "a", "b"), order("bob", "b", "say \"c\"")});
    EXPECT_THAT(dot, HasSubstr("\"a\" -> \"b\" [label=\"ann, bob\"];"));
    EXPECT_THAT(dot, HasSubstr("\"b\" -> \"say \\\"c\\\"\" [label=\"bob\"];"));
    EXPECT_THAT(dot, Not(HasSubstr("color")));
}

TEST(LockGraphDotTest, ACycleIsRedUnlessItHasAGate) {
    EXPECT_THAT(dot_of({order("ann", "a", "b"), order("bob", "b", "a")}), HasSubstr("color=red"));
    const std::string gated = dot_of({order("ann", "a", "b", {"gate"}), order("bob", "b", "a", {"gate"})});
    EXPECT_THAT(gated, HasSubstr("color=orange"));
    EXPECT_THAT(gated, Not(HasSubstr("color=red")));
}

TEST(LockGraphDotTest, TheCyclesAloneComeWithoutTheOtherOrdersAndTheGravestFirst) {
    const auto record =
        record_of(nlohmann::json{{"schema", 1},
                                 {"edges",
                                  {order("ann", "a", "b", {"gate"}), order("bob", "b", "a", {"gate"}),
                                   order("ann", "x", "y"), order("bob", "y", "x"), order("ann", "lonely", "pair")}}}
                      .dump());
    ASSERT_TRUE(record);
    const std::string all = lock_cycles_dot(*record, 10);
    EXPECT_THAT(all, HasSubstr("\"a\" -> \"b\" [label=\"ann\", class=gated];"));
    EXPECT_THAT(all, HasSubstr("\"x\" -> \"y\" [label=\"ann\", class=ungated];"));
    EXPECT_THAT(all, Not(HasSubstr("lonely")));
    EXPECT_THAT(lock_cycles_dot(*record, 2), Not(HasSubstr("class=gated")));
}

TEST(LockGraphDotTest, AnOrderOfReadersIsDashed) {
    auto shared = order("ann", "a", "b");
    shared["to_shared"] = true;
    EXPECT_THAT(dot_of({shared}), HasSubstr("style=dashed"));
    EXPECT_THAT(dot_of({shared, order("bob", "a", "b")}), Not(HasSubstr("style=dashed")));
}

TEST(LockGraphDotTest, ADamagedFileIsAnError) {
    auto wrong = order("ann", "a", "b");
    wrong["gates"] = 7;
    for (const std::string& text :
         {std::string("{"), std::string("[]"), std::string(R"({"schema": 2, "edges": []})"),
          std::string(R"({"schema": 1})"), nlohmann::json{{"schema", 1}, {"edges", {wrong}}}.dump(),
          std::string(R"({"schema": 1, "edges": [7]})")}) {
        const auto record = record_of(text);
        ASSERT_FALSE(record) << text;
        EXPECT_EQ(record.error().fault, Fault::user_input);
        EXPECT_THAT(record.error().message, HasSubstr("lockgraph.json")) << text;
    }
}

}  // namespace
}  // namespace memrig
