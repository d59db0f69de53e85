#include <nlohmann/json.hpp>

#include "base/json_text.h"
#include "oracle/finding_json.h"
#include "report/story_text.h"

namespace memrig {

namespace {

using OrderedJson = nlohmann::ordered_json;

OrderedJson path_json(const std::vector<std::string>& path, const LineLookup& lines) {
    OrderedJson list = OrderedJson::array();
    for (const auto& place : path) {
        const std::string at = lines ? lines(place) : "";
        list.push_back(at.empty() ? OrderedJson{{"place", place}} : OrderedJson{{"place", place}, {"line", at}});
    }
    return list;
}

OrderedJson lane_json(const LaneState& lane) {
    OrderedJson json = {{"held", lane.held}};
    if (lane.waits) json["waits"] = *lane.waits;
    if (lane.refused) json["refused"] = *lane.refused;
    if (lane.held_still) json["held_still"] = true;
    return json;
}

OrderedJson row_json(const StoryRow& row, const LineLookup& lines) {
    OrderedJson json = {{"ms", row.ms}, {"kind", to_string(row.kind)}};
    if (!row.task.empty()) json["task"] = row.task;
    json["text"] = row.text;
    if (row.grave) json["grave"] = true;
    if (!row.path.empty()) json["path"] = path_json(row.path, lines);
    json["lanes"] = OrderedJson::array();
    for (const auto& lane : row.lanes) json["lanes"].push_back(lane_json(lane));
    if (row.left_out_before > 0) json["left_out_before"] = row.left_out_before;
    return json;
}

OrderedJson graph_json(const WaitGraph& graph) {
    OrderedJson edges = OrderedJson::array();
    for (const auto& edge : graph.edges)
        edges.push_back({{"task", graph.tasks[edge.task].label},
                         {"does", to_string(edge.kind)},
                         {"lock", graph.locks[edge.lock]},
                         {"where", edge.where},
                         {"in_cycle", edge.in_cycle}});
    return {{"ms", graph.at}, {"at_end", graph.at_end}, {"edges", std::move(edges)}};
}

}  // namespace

std::string story_json(const Story& story, const LineLookup& lines) {
    const TrialRecipe& recipe = story.recipe;
    OrderedJson json = {
        {"schema", 1},
        {"scenario", recipe.scenario},
        {"arm", recipe.arm},
        {"number", recipe.number},
        {"kernel", {{"id", recipe.kernel}, {"release", recipe.kernel_release}, {"sha256", recipe.kernel_sha256}}},
        {"bench", recipe.bench},
        {"qemu", recipe.qemu_version},
        {"mode", to_string(recipe.manner.mode)},
        {"seed", recipe.seed},
        {"choices", story.result.choices},
        {"purpose", story.purpose},
        {"expected", OrderedJson::array()},
        {"verdict", to_string(story.result.verdict)},
        {"as_expected", story.result.as_expected},
        {"reason", story.result.reason},
        {"findings", OrderedJson::array()},
        {"tasks", OrderedJson::array()},
        {"other_tasks", story.other_tasks},
        {"locks", story.locks},
        {"contention", graph_json(story.graph)},
        {"events", OrderedJson::array()},
        {"doubts", story.doubts},
        {"again", story.again}};
    for (const Verdict verdict : story.expected) json["expected"].push_back(to_string(verdict));
    for (const auto& finding : story.result.findings) json["findings"].push_back(finding_json(finding));
    for (const auto& task : story.tasks) json["tasks"].push_back({{"name", task.name}, {"label", task.label}});
    for (const auto& row : story.rows) json["events"].push_back(row_json(row, lines));
    return json_document(json, 1);
}

}  // namespace memrig
