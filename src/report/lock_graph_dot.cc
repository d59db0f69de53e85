#include "report/lock_graph_dot.h"

#include <map>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "oracle/lock_order.h"

namespace memrig {

namespace {

struct Arrow {
    std::set<std::string> tasks;
    bool only_readers = true;
    const char* colour = nullptr;
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

void colour_cycles(const TrialRecord& record, std::map<LockPair, Arrow>& arrows) {
    const auto found = lock_cycles(record.orders);
    // Those without a gate come first, and keep their colour.
    for (const auto& cycle : found.cycles)
        for (const auto& edge : cycle.edges) {
            Arrow& arrow = arrows[{edge.from, edge.to}];
            if (arrow.colour == nullptr) arrow.colour = cycle.gates.empty() ? "red" : "orange";
        }
}

}  // namespace

std::string lock_graph_dot(const TrialRecord& record) {
    std::map<LockPair, Arrow> arrows;
    for (const auto& order : record.orders) {
        Arrow& arrow = arrows[{order.from, order.to}];
        arrow.tasks.insert(record.order_tasks.at(order.task));
        arrow.only_readers = arrow.only_readers && order.to_shared;
    }
    colour_cycles(record, arrows);
    std::string text = "digraph locks {\n  node [shape=box, fontname=\"sans-serif\"];\n";
    for (const auto& [pair, arrow] : arrows)
        text += fmt::format("  {} -> {} [label={}{}{}];\n", quoted(pair.first), quoted(pair.second),
                            quoted(fmt::format("{}", fmt::join(arrow.tasks, ", "))),
                            arrow.only_readers ? ", style=dashed" : "",
                            arrow.colour == nullptr ? "" : fmt::format(", color={}", arrow.colour));
    return text + "}\n";
}

}  // namespace memrig
