// Observation of trials made by hand, as the director and the ledger write it.
#pragma once

#include <fstream>
#include <map>
#include <string>

#include <nlohmann/json.hpp>

#include "base/file.h"

namespace memrig::samples {

using nlohmann::json;

constexpr const char* kAdder = "0xffffc90000004000";
constexpr const char* kOnliner = "0xffffc90000010000";
constexpr const char* kWorker = "0xffffc90000020000";

struct Files {
    json timeline = {{"schema", 1}, {"happenings", json::array()}};
    json locks = {{"schema", 1}, {"gaps", json::array()}, {"stops", json::object()}, {"events", json::array()}};
    std::string console, qmp;

    void happens(double ms, const std::string& actor, const std::string& what, const std::string& text) {
        timeline["happenings"].push_back({{"ms", ms}, {"actor", actor}, {"what", what}, {"text", text}});
    }
    // As the director and the ledger write it: the event in both files.
    void lock(double ms, const char* task, const std::string& actor, const std::string& action, const std::string& name,
              bool shared = false) {
        const std::string where = "caller_of_" + action.substr(0, 5) + "+0x1";
        locks["events"].push_back({{"ms", ms + 0.000123},
                                   {"task", task},
                                   {"vcpu", 1},
                                   {"action", action},
                                   {"shared", shared},
                                   {"lock", name},
                                   {"instance", "0xffff888000000010"},
                                   {"where", where}});
        happens(ms, actor, "lock", action + " " + name + (shared ? " for reading" : "") + " (" + where + ")");
    }
    static std::string dumped(const json& document) {
        return document.dump(1, ' ', false, json::error_handler_t::replace);
    }
    [[nodiscard]] std::map<std::string, std::string> texts() const {
        return {{"timeline.json", dumped(timeline)},
                {"locks.json", dumped(locks)},
                {"console.log", console},
                {"qmp.jsonl", qmp}};
    }
};

// A control that held; one of the adder's locks outlives a lock taken before it.
inline Files held() {
    Files files;
    files.happens(0.5, "rig", "step", "start adder");
    files.lock(1, kAdder, "task ffffc90000004000", "takes", "acpi_scan_lock");
    files.happens(1.5, "adder", "enters", "acpi_device_hotplug+0x0");
    files.lock(2, kAdder, "adder", "takes", "device_hotplug_lock");
    files.lock(3, kAdder, "adder", "wants", "cpu_hotplug_lock", true);
    files.lock(4, kAdder, "adder", "takes", "cpu_hotplug_lock", true);
    files.happens(5, "adder", "held", "bus_probe_device of memory32");
    files.happens(5.1, "rig", "step", "start onliner");
    files.lock(6, kOnliner, "onliner", "is refused", "device_hotplug_lock");
    files.happens(6.1, "onliner", "evidence", "refused device_hotplug_lock");
    files.happens(7, "rig", "step", "release adder");
    files.lock(8, kAdder, "adder", "releases", "acpi_scan_lock");
    files.lock(9, kAdder, "adder", "releases", "cpu_hotplug_lock", true);
    files.lock(10, kAdder, "adder", "releases", "device_hotplug_lock");
    files.lock(11, kWorker, "task ffffc90000020000", "takes", "cpu_hotplug_lock", true);
    files.lock(12, kWorker, "task ffffc90000020000", "releases", "cpu_hotplug_lock", true);
    files.happens(13, "onliner", "write", "memory32: done");
    files.console = "     0.250 [    1.000000] Memory: 131072K\n     0.300 \n    12.500 odd \x1b[31m\xff text\n";
    files.qmp =
        "{\"ms\": 0.100, \"sent\": {\"execute\":\"device_add\",\"arguments\":{}}}\n"
        "{\"ms\": 0.200, \"received\": {\"return\": {}}}\n"
        "{\"ms\": 0.300, \"received\": {\"event\": \"STOP\", \"timestamp\": {}}}\n"
        "{\"ms\": 0.400, \"received\": {\"error\": {\"class\": \"GenericError\", \"desc\": \"no slot\"}}}\n";
    return files;
}

// The AB-BA deadlock, with what a ledger may say of the tasks besides.
inline Files deadlock() {
    Files files;
    files.lock(1, kAdder, "adder", "takes", "mem_hotplug_lock");
    files.lock(2, kOnliner, "onliner", "takes", "memory32's device lock");
    files.lock(3, kAdder, "adder", "wants", "memory32's device lock");
    files.lock(4, kOnliner, "onliner", "wants", "mem_hotplug_lock");
    files.happens(5, "", "crash", "panic");
    files.happens(100, "rig", "stuck", "2 blocked tasks, a cycle");
    files.locks["tasks"] = {{kAdder, {{"actor", "adder"}, {"pid", 12}, {"comm", "kworker/0:1"}}},
                            {kOnliner, {{"pid", 90}}}};
    return files;
}

// A ledger with gaps: a release without a take, a take that was not released before the next, a wish without an end.
inline Files gaps() {
    Files files;
    files.lock(1, kWorker, "task ffffc90000020000", "releases", "acpi_scan_lock");
    files.lock(2, kWorker, "task ffffc90000020000", "takes", "acpi_scan_lock");
    files.lock(3, kWorker, "task ffffc90000020000", "takes", "acpi_scan_lock");
    files.lock(4, kWorker, "task ffffc90000020000", "wants", "mem_hotplug_lock");
    files.lock(5, kWorker, "task ffffc90000020000", "wants", "cpu_hotplug_lock", true);
    files.lock(6, kWorker, "task ffffc90000020000", "is refused", "cpu_hotplug_lock", true);
    return files;
}

// Into a directory that is there. Without the sync to the disk that write_file() does.
inline void write_evidence(const Files& files, const fs::path& directory) {
    for (const auto& [name, text] : files.texts())
        std::ofstream(directory / name, std::ios::binary | std::ios::trunc) << text;
}

}  // namespace memrig::samples
