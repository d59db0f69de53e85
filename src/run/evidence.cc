#include "run/evidence.h"

#include <algorithm>

#include "base/file.h"
#include "base/json_text.h"

namespace memrig {

namespace {
double ms(SteadyTime at, SteadyTime origin) { return seconds(at - origin) * 1e3; }

// Replaces control characters. A guest may print any bytes, but each of its lines must stay one line in the file.
std::string flat(std::string text) {
    for (char& c : text)
        if (static_cast<unsigned char>(c) < 0x20 && c != '\t') c = '?';
    return text;
}
}  // namespace

std::string text_of(const nlohmann::json& json) { return json_document(json, 1); }

Status write_machine_evidence(Machine& machine, Probe* probe, SteadyTime origin, const fs::path& directory) {
    std::string console;
    for (const auto& line : machine.console().lines())
        console += fmt::format("{:10.3f} {}\n", ms(line.at, origin), flat(line.text));
    MEMRIG_CHECK(write_file(directory / "console.log", console));
    std::string qmp;
    for (const auto& line : machine.qmp().transcript())
        qmp += fmt::format("{{\"ms\": {:.3f}, \"{}\": {}}}\n", ms(line.at, origin), line.sent ? "sent" : "received",
                           flat(line.text));
    MEMRIG_CHECK(write_file(directory / "qmp.jsonl", qmp));
    MEMRIG_CHECK(write_file(directory / "agent.log", machine.agent_transcript()));
    if (probe == nullptr) return {};
    std::string packets;
    for (const auto& line : probe->transcript())
        packets += fmt::format("{:10.3f} {} {}\n", ms(line.at, origin), line.sent ? '>' : '<', flat(line.text));
    return write_file(directory / "probe.log", packets);
}

Status write_schedule_evidence(const Timeline& timeline, const LockLedger* ledger,
                               const std::map<std::uint64_t, TaskLabel>& tasks,
                               const std::map<std::string, std::uint64_t>& stops, const fs::path& directory) {
    MEMRIG_CHECK(write_file(directory / "timeline.json", text_of(timeline.json())));
    nlohmann::json events = nlohmann::json::array();
    for (const auto& event : ledger != nullptr ? ledger->events() : std::vector<LockEvent>())
        events.push_back({{"ms", ms(event.at, timeline.origin())},
                          {"task", fmt::format("{:#x}", event.task)},
                          {"vcpu", event.vcpu},
                          {"action", to_string(event.action)},
                          {"shared", event.shared},
                          {"lock", event.lock},
                          {"instance", fmt::format("{:#x}", event.instance)},
                          {"where", event.where},
                          {"path", event.path}});
    nlohmann::json labels = nlohmann::json::object();
    for (const auto& [task, label] : tasks) {
        nlohmann::json row = nlohmann::json::object();
        if (!label.actor.empty()) row["actor"] = label.actor;
        if (!label.name.comm.empty()) row["comm"] = label.name.comm;
        if (label.name.pid > 0) row["pid"] = label.name.pid;
        labels[fmt::format("{:#x}", task)] = std::move(row);
    }
    const nlohmann::json locks = {{"schema", 1},
                                  {"gaps", ledger != nullptr ? ledger->gaps() : std::vector<std::string>()},
                                  {"tasks", std::move(labels)},
                                  {"stops", stops},
                                  {"events", std::move(events)}};
    return write_file(directory / "locks.json", text_of(locks));
}

Status write_lock_graph(const LockGraphFacts& graph, const std::map<std::uint64_t, TaskLabel>& tasks,
                        const fs::path& directory) {
    auto edges = nlohmann::json::array();
    for (const auto& edge : graph.edges) {
        const auto label = tasks.find(edge.task);
        const std::string task = label == tasks.end()           ? fmt::format("task {:x}", edge.task)
                                 : !label->second.actor.empty() ? label->second.actor
                                                                : label->second.name.text();
        edges.push_back({{"task", task},
                         {"from", edge.from},
                         {"to", edge.to},
                         {"from_shared", edge.from_shared},
                         {"to_shared", edge.to_shared},
                         {"from_where", edge.from_where},
                         {"to_where", edge.to_where},
                         {"gates", edge.gates},
                         {"shared_gates", edge.shared_gates}});
    }
    const nlohmann::json json = {{"schema", 1},
                                 {"locks", graph.locks},
                                 {"calls", graph.calls},
                                 {"strange", graph.strange},
                                 {"complete", graph.complete},
                                 {"edges", std::move(edges)}};
    return write_file(directory / "lockgraph.json", text_of(json));
}

Status write_race(const RaceRecord& race, const fs::path& directory) {
    auto switches = nlohmann::json::array();
    for (const auto& one : race.switches) switches.push_back(one.text());
    return write_file(directory / "race.json", text_of({{"schema", 1},
                                                        {"points_passed", race.points_passed},
                                                        {"passed", race.passed},
                                                        {"switches", std::move(switches)},
                                                        {"complete", race.complete}}));
}

Status write_prototypes(Probe& probe, const SymbolTable& symbols, const fs::path& directory) {
    MEMRIG_TRY(const std::string btf, read_btf(probe, symbols));
    return write_file(directory / "btf", btf);
}

Status write_recorded_calls(const std::vector<RecordedCalls>& calls, const fs::path& directory) {
    auto list = nlohmann::json::array();
    for (const auto& call : calls)
        list.push_back({{"actor", call.actor},
                        {"function", call.function},
                        {"path", call.path},
                        {"whole", call.is_whole},
                        {"tests_error_pointer", call.tests_error_pointer},
                        {"tests_null", call.tests_null},
                        {"count", call.count}});
    return write_file(directory / "calls.json", text_of({{"schema", 1}, {"calls", std::move(list)}}));
}

Result<std::vector<RecordedCalls>> read_recorded_calls(const fs::path& directory) {
    constexpr std::uint64_t most = 64u << 20;
    const fs::path path = directory / "calls.json";
    const auto text = read_file(path, most);
    if (!text) return fail(Fault::user_input, "{}", text.error().message);
    try {
        std::vector<RecordedCalls> calls;
        const auto json = nlohmann::json::parse(*text);
        for (const auto& one : json.at("calls"))
            calls.push_back({one.at("actor").get<std::string>(), one.at("function").get<std::string>(),
                             one.at("path").get<std::vector<std::string>>(), one.at("whole").get<bool>(),
                             one.at("tests_error_pointer").get<bool>(), one.at("tests_null").get<bool>(),
                             one.at("count").get<unsigned>()});
        return calls;
    } catch (const nlohmann::json::exception& error) {
        return fail(Fault::user_input, "{} is damaged: {}", path.string(), error.what());
    }
}

}  // namespace memrig
