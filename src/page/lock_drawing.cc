#include "page/lock_drawing.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/file.h"
#include "base/process.h"
#include "base/text.h"
#include "oracle/lock_order.h"
#include "page/parts.h"
#include "report/lock_graph_dot.h"

namespace memrig {

namespace {

constexpr std::size_t kMostCycles = 12, kMostArrows = 40;
constexpr std::size_t kMostSvg = 150 << 10;
constexpr auto kDrawingPatience = std::chrono::seconds(20);

// Graphviz's drawing of a text in its language.
Result<std::string> svg_of(const std::string& dot) {
    MEMRIG_TRY(const TemporaryDirectory directory, TemporaryDirectory::make("memrig-drawing"));
    const std::filesystem::path file = directory.path() / "locks.dot";
    const std::filesystem::path drawing = directory.path() / "locks.svg";
    MEMRIG_CHECK(write_file(file, dot));
    // A warning of dot, such as of a font, is no part of the drawing.
    MEMRIG_TRY(const RunResult run, run_program({"dot", "-Tsvg", "-o", drawing.string(), file.string()},
                                                Deadline::after(kDrawingPatience), true, kMostSvg));
    if (!run.status.success()) return fail(Fault::rig, "dot ended with {}: {}", run.status.text(), run.output);
    return read_file(drawing, kMostSvg);
}

std::string words_of(const LockCycle& cycle, const TrialRecord& record) {
    std::vector<std::string> steps;
    for (const auto& edge : cycle.edges)
        steps.push_back(fmt::format("{} takes {}, then {}", record.order_tasks.at(edge.task), edge.from, edge.to));
    return fmt::format(
        "{}. {}", fmt::join(steps, "; "),
        cycle.gates.empty() ? "No lock keeps them apart." : fmt::format("Gated by {}.", fmt::join(cycle.gates, ", ")));
}

void draw(Element& parent, const TrialRecord& record) {
    if (!find_program("dot")) {
        parent.add("p", "There is no drawing, as Graphviz is not installed (dot).").css("legend");
        return;
    }
    const auto svg = svg_of(lock_cycles_dot(record, kMostArrows));
    pugi::xml_document document;
    if (!svg || !document.load_buffer(svg->data(), svg->size()) || !document.child("svg")) {
        parent.add("p", page::bounded("There is no drawing: " + (svg ? "dot wrote no SVG" : svg.error().line())))
            .css("legend");
        return;
    }
    parent.add("div").css("scroll locks").adopt(document.child("svg"), "The cycles of the lock graph");
    parent
        .add("p",
             "An arrow leads from a lock that a task held to the one that it asked for. A thick arrow belongs to "
             "a cycle without a gate, and a dashed one to readers alone.")
        .css("legend");
}

}  // namespace

void add_lock_graph(Element& parent, const TrialRecord& record) {
    if (record.orders.empty()) {
        parent.add("p", "Without an observer, the order of all locks is not known.");
        return;
    }
    const LockCycles found = lock_cycles(record.orders);
    parent.add("p", fmt::format("{} of two locks, {}{}.", counted(record.orders.size(), "order"),
                                found.cycles.empty() ? "no cycle" : counted(found.cycles.size(), "cycle"),
                                found.complete ? "" : ", and the search was given up before its end"));
    if (found.cycles.empty()) return;
    Element list = parent.add("ul");
    const std::size_t shown = std::min(found.cycles.size(), kMostCycles);
    for (std::size_t i = 0; i < shown; i++) list.add("li", page::bounded(words_of(found.cycles[i], record)));
    page::add_left_out(parent, found.cycles.size() - shown, "more cycle");
    draw(parent, record);
}

}  // namespace memrig
