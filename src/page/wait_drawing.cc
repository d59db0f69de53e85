#include "page/wait_drawing.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/text.h"

namespace memrig {

namespace {

constexpr double kTaskWidth = 300, kGap = 260, kLockWidth = 250, kLine = 16, kPad = 8, kBetween = 22, kEdge = 8;
constexpr std::size_t kTaskColumns = 42, kLockColumns = 34;

struct Box {
    double top = 0, height = 0;
    [[nodiscard]] double middle() const { return top + height / 2; }
};

// Stacks a column's boxes, and spreads them over at least `least_height`.
std::vector<Box> stacked(const std::vector<std::size_t>& lines, double least_height) {
    double sum = 0;
    for (const std::size_t n : lines) sum += 2 * kPad + kLine * static_cast<double>(n) + kBetween;
    const double more = std::max(0.0, least_height - sum) / static_cast<double>(lines.size());
    std::vector<Box> boxes;
    double top = kEdge;
    for (const std::size_t n : lines) {
        const double height = 2 * kPad + kLine * static_cast<double>(n);
        boxes.push_back({top + more / 2, height});
        top += height + kBetween + more;
    }
    return boxes;
}

double height_of(const std::vector<Box>& boxes) { return boxes.back().top + boxes.back().height + kEdge; }

void draw_box(Element& svg, const Box& box, double left, double width, const char* kind,
              const std::vector<std::string>& lines) {
    Element group = svg.add("g");
    group.css(kind);
    group.add("rect").set("x", left).set("y", box.top).set("width", width).set("height", box.height).set("rx", 6.0);
    double y = box.top + kPad + 12;
    for (const auto& line : lines) {
        group.add("text", line).set("x", left + 10).set("y", y).css(&line == &lines.front() ? "name" : "more");
        y += kLine;
    }
}

// Draws an edge from the task's right side to the lock's left side. Its word is on the line, nearer to the task.
void draw_edge(Element& svg, const GraphEdge& edge, double from_y, double to_y) {
    const double x1 = kEdge + kTaskWidth, x2 = x1 + kGap;
    Element group = svg.add("g");
    group.css(std::string("edge ") +
              (edge.kind == GraphEdgeKind::holds   ? "holds"
               : edge.kind == GraphEdgeKind::waits ? "waits"
                                                   : "refused") +
              (edge.in_cycle ? " cycle" : ""));
    if (!edge.where.empty()) group.add("title", fmt::format("{} at {}", to_string(edge.kind), edge.where));
    group.add("line").set("x1", x1).set("y1", from_y).set("x2", x2).set("y2", to_y);
    // A dot marks a hold, an arrow a wait, a cross a refusal.
    if (edge.kind == GraphEdgeKind::holds) group.add("circle").set("cx", x2 - 5).set("cy", to_y).set("r", 5.0);
    else if (edge.kind == GraphEdgeKind::waits)
        group.add("path").css("head").set("d", fmt::format("M{:.1f} {:.1f}l-11 -5v10z", x2, to_y));
    else group.add("path").css("cross").set("d", fmt::format("M{:.1f} {:.1f}l9 9m0 -9l-9 9", x2 - 13, to_y - 4.5));
    const double share = 0.26;
    group.add("text", to_string(edge.kind))
        .set("x", x1 + share * kGap)
        .set("y", from_y + share * (to_y - from_y) - 5)
        .set("text-anchor", "middle");
}

void draw(Element& parent, const WaitGraph& graph) {
    std::vector<std::vector<std::string>> task_lines;
    std::vector<std::size_t> task_counts;
    for (const auto& task : graph.tasks) {
        std::vector<std::string> lines = {cut(task.label, kTaskColumns)};
        for (const auto& lock : task.also_holds) lines.push_back(cut("also holds " + lock, kTaskColumns + 4));
        task_counts.push_back(std::max<std::size_t>(lines.size(), 2));
        task_lines.push_back(std::move(lines));
    }
    const auto tasks = stacked(task_counts, 0);
    const auto locks = stacked(std::vector<std::size_t>(graph.locks.size(), 1), height_of(tasks));
    const double width = 2 * kEdge + kTaskWidth + kGap + kLockWidth;
    Element svg = add_drawing(parent, width, std::max(height_of(tasks), height_of(locks)),
                              fmt::format("Wait-for graph: {} and {}; the same follows in words",
                                          counted(graph.tasks.size(), "task"), counted(graph.locks.size(), "lock")));
    svg.css("graph");
    std::vector<std::size_t> at_task(graph.tasks.size()), at_lock(graph.locks.size());
    for (const auto& edge : graph.edges) at_task[edge.task]++, at_lock[edge.lock]++;
    std::vector<std::size_t> task_used(graph.tasks.size()), lock_used(graph.locks.size());
    // The edges of a box are one below the other, in the order of the boxes at their other ends.
    auto edges = graph.edges;
    const auto spread = [](const Box& box, std::size_t index, std::size_t of) {
        return box.top + box.height * (static_cast<double>(index) + 1) / (static_cast<double>(of) + 1);
    };
    std::vector<double> from(edges.size()), to(edges.size());
    std::vector<std::size_t> order(edges.size());
    for (std::size_t i = 0; i < order.size(); i++) order[i] = i;
    std::ranges::sort(order, {}, [&](std::size_t i) { return std::pair(edges[i].lock, i); });
    for (const std::size_t i : order)
        from[i] = spread(tasks[edges[i].task], task_used[edges[i].task]++, at_task[edges[i].task]);
    std::ranges::sort(order, {}, [&](std::size_t i) { return std::pair(edges[i].task, i); });
    for (const std::size_t i : order)
        to[i] = spread(locks[edges[i].lock], lock_used[edges[i].lock]++, at_lock[edges[i].lock]);
    for (std::size_t i = 0; i < edges.size(); i++) draw_edge(svg, edges[i], from[i], to[i]);
    for (std::size_t i = 0; i < tasks.size(); i++) draw_box(svg, tasks[i], kEdge, kTaskWidth, "task", task_lines[i]);
    for (std::size_t i = 0; i < locks.size(); i++)
        draw_box(svg, locks[i], kEdge + kTaskWidth + kGap, kLockWidth, "lockbox", {cut(graph.locks[i], kLockColumns)});
}

}  // namespace

void add_wait_graph(Element& parent, const WaitGraph& graph) {
    if (graph.locks.empty()) {
        parent.add("p", "No task wanted a lock that another task held, so there is no wait-for graph.");
        if (graph.tasks.empty()) return;
        parent.add("p", "Locks that actors held at the end of the record:");
        Element list = parent.add("ul");
        for (const auto& task : graph.tasks)
            list.add("li", fmt::format("{}: {}", task.label, fmt::join(task.also_holds, ", ")));
        return;
    }
    parent.add("p", moment_text(graph) + ", by the lock ledger:");
    draw(parent, graph);
    if (!graph.cycle.empty()) parent.add("p", "The cycle: " + graph.cycle + ".").css("cycle-text");
    Element list = parent.add("ul");
    for (const auto& edge : graph.edges) list.add("li", edge_text(graph, edge));
}

}  // namespace memrig
