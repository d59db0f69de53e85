#include "report/lock_graph_dot.h"

#include <map>
#include <optional>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "oracle/lock_order.h"

namespace memrig {

namespace {

struct Arrow {
    std::set<std::string> tasks;
    bool only_readers = true;
    std::optional<bool> gated;  // nothing: of no cycle
};
using LockPair = std::pair<std::string, std::string>;

std::string quoted(const std::string& text) {
    std::string quoted = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') quoted += '\\';
        quoted += c;
    }
    return quoted + '"';
}

void mark_cycles(const TrialRecord& record, std::map<LockPair, Arrow>& arrows) {
    const auto found = lock_cycles(record.orders);
    // Those without a gate come first, and stay so.
    for (const auto& cycle : found.cycles)
        for (const auto& edge : cycle.edges) {
            Arrow& arrow = arrows[{edge.from, edge.to}];
            if (!arrow.gated) arrow.gated = !cycle.gates.empty();
        }
}

std::map<LockPair, Arrow> arrows_of(const TrialRecord& record) {
    std::map<LockPair, Arrow> arrows;
    for (const auto& order : record.orders) {
        Arrow& arrow = arrows[{order.from, order.to}];
        arrow.tasks.insert(record.order_tasks.at(order.task));
        arrow.only_readers = arrow.only_readers && order.to_shared;
    }
    mark_cycles(record, arrows);
    return arrows;
}

constexpr const char* kBegin = "digraph locks {\n  node [shape=box, fontname=\"sans-serif\"];\n";

std::string line_of(const LockPair& pair, const Arrow& arrow, const std::string& look) {
    return fmt::format("  {} -> {} [label={}{}{}];\n", quoted(pair.first), quoted(pair.second),
                       quoted(fmt::format("{}", fmt::join(arrow.tasks, ", "))),
                       arrow.only_readers ? ", style=dashed" : "", look);
}

}  // namespace

std::string lock_graph_dot(const TrialRecord& record) {
    std::string text = kBegin;
    for (const auto& [pair, arrow] : arrows_of(record))
        text += line_of(pair, arrow, !arrow.gated ? "" : *arrow.gated ? ", color=orange" : ", color=red");
    return text + "}\n";
}

std::string lock_cycles_dot(const TrialRecord& record, std::size_t most) {
    std::string text = std::string(kBegin) + "  bgcolor=transparent;\n";
    const auto arrows = arrows_of(record);
    for (const bool gated : {false, true})
        for (const auto& [pair, arrow] : arrows)
            if (arrow.gated == gated && most > 0) {
                text += line_of(pair, arrow, gated ? ", class=gated" : ", class=ungated");
                most--;
            }
    return text + "}\n";
}

}  // namespace memrig
