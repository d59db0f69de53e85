// Traces of trials made by hand: golden files tests/golden/report/trace/NAME.json, the format's own rules, damaged
// files.
#include "report/trace.h"

#include <cstdlib>
#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/paths.h"
#include "unit/support/evidence_samples.h"
#include "unit/support/golden_file.h"

namespace memrig {
namespace {

using nlohmann::json;
using samples::deadlock;
using samples::Files;
using samples::gaps;
using samples::held;
using samples::kWorker;

class Trial {
public:
    explicit Trial(const std::map<std::string, std::string>& texts) {
        for (const auto& [name, text] : texts) replace(name, text);
    }
    explicit Trial(const Files& files) : Trial(files.texts()) {}
    [[nodiscard]] const fs::path& path() const { return directory_->path(); }
    // Without the sync to the disk that write_file() does: there are thousands.
    void replace(const std::string& name, const std::string& text) const {
        std::ofstream(path() / name, std::ios::binary | std::ios::trunc) << text;
    }
    [[nodiscard]] Result<TrialRecord> read() const { return read_trial_record(path()); }
    [[nodiscard]] std::string trace() const {
        const auto record = read();
        EXPECT_TRUE(record) << (record ? "" : record.error().line());
        return record ? trace_json(*record) : "";
    }

private:
    Result<TemporaryDirectory> directory_ = TemporaryDirectory::make("memrig-test");
};

// The fields that the format demands and the event lacks; empty if there are none. See "Trace Event Format", sections
// on event types.
std::string wrong_with(const json& event) {
    const auto number = [&](const char* key) { return event.contains(key) && event[key].is_number(); };
    if (!event.contains("name") || !event["name"].is_string() || event["name"] == "") return "name";
    if (!event.contains("ph") || !event["ph"].is_string()) return "ph";
    if (!number("ts") || event["ts"] < 0) return "ts";
    if (!number("pid") || !number("tid")) return "pid or tid";
    if (!event.contains("args") || !event["args"].is_object()) return "args";
    const std::string phase = event["ph"];
    if (phase == "X") return number("dur") && event["dur"] >= 0 ? "" : "dur";
    if (phase == "i") return event.contains("s") && (event["s"] == "t" || event["s"] == "g") ? "" : "s";
    if (phase == "M")
        return event["args"].contains(std::string(event["name"]).ends_with("sort_index") ? "sort_index" : "name")
                   ? ""
                   : "args of M";
    return "an unknown ph";
}

// Also: in the order of time, every thread named, and the slices of a thread one within the other.
void expect_valid(const std::string& text) {
    const json trace = json::parse(text, nullptr, false);
    ASSERT_TRUE(trace.is_object()) << text.substr(0, 200);
    EXPECT_EQ(trace["displayTimeUnit"], "ms");
    ASSERT_TRUE(trace["traceEvents"].is_array());
    double before = 0;
    std::set<std::pair<int, int>> named;
    std::map<std::pair<int, int>, std::vector<double>> open;
    for (const auto& event : trace["traceEvents"]) {
        ASSERT_EQ(wrong_with(event), "") << event.dump();
        const std::pair<int, int> thread{event["pid"], event["tid"]};
        if (event["name"] == "thread_name") named.insert(thread);
        if (event["ph"] == "M") continue;
        EXPECT_TRUE(named.contains(thread)) << event.dump();
        const double at = event["ts"];
        EXPECT_GE(at, before) << event.dump();
        before = at;
        if (event["ph"] != "X") continue;
        auto& ends = open[thread];
        while (!ends.empty() && ends.back() <= at) ends.pop_back();
        const double end = at + event["dur"].get<double>();
        EXPECT_TRUE(ends.empty() || end <= ends.back()) << event.dump();
        ends.push_back(end);
    }
}

std::vector<json> named(const std::string& text, const std::string& name) {
    std::vector<json> found;
    const json trace = json::parse(text);
    for (const auto& event : trace["traceEvents"])
        if (event["name"] == name) found.push_back(event);
    return found;
}

json one_named(const std::string& text, const std::string& name) {
    const auto found = named(text, name);
    EXPECT_EQ(found.size(), 1u) << name << "\n" << text;
    return found.empty() ? json() : found.front();
}

std::string thread_of(const std::string& text, const json& event) {
    for (const auto& header : named(text, "thread_name"))
        if (header["pid"] == event["pid"] && header["tid"] == event["tid"]) return header["args"]["name"];
    return "?";
}

TEST(Trace, Golden) {
    for (const auto& [name, files] : {std::pair{"held", held()}, {"deadlock", deadlock()}, {"gaps", gaps()}}) {
        const std::string text = Trial(files).trace();
        expect_valid(text);
        expect_golden(std::string("report/trace/") + name + ".json", text);
    }
}

TEST(Trace, ATaskIsOneTrackAlsoBeforeItsActorIsKnown) {
    const std::string text = Trial(held()).trace();
    EXPECT_EQ(thread_of(text, one_named(text, "acpi_scan_lock")), "adder");
    EXPECT_EQ(thread_of(text, one_named(text, "enters: acpi_device_hotplug+0x0")), "adder");
    EXPECT_EQ(thread_of(text, one_named(text, "is refused device_hotplug_lock")), "onliner");
    EXPECT_TRUE(named(text, "task ffffc90000004000").empty());
}

TEST(Trace, WhatDoesNotNestGetsATrackBeside) {
    const std::string text = Trial(held()).trace();
    EXPECT_EQ(thread_of(text, one_named(text, "acpi_scan_lock")), "adder");
    EXPECT_EQ(thread_of(text, one_named(text, "device_hotplug_lock")), "adder #2");
}

TEST(Trace, AWaitEndsWhereTheLockIsTaken) {
    const std::string text = Trial(held()).trace();
    const json wait = one_named(text, "waits for cpu_hotplug_lock for reading");
    EXPECT_EQ(wait["ts"], 3000);
    EXPECT_EQ(wait["dur"], 1000);
    EXPECT_EQ(wait["args"]["where"], "caller_of_wants+0x1");
}

TEST(Trace, AHoldLastsToItsRelease) {
    const json hold = one_named(Trial(held()).trace(), "held still at bus_probe_device of memory32");
    EXPECT_EQ(hold["ts"], 5000);
    EXPECT_EQ(hold["dur"], 2000);
}

TEST(Trace, ADeadlockLastsToTheEndAndIsMarked) {
    const std::string text = Trial(deadlock()).trace();
    for (const char* name :
         {"mem_hotplug_lock (not released)", "memory32's device lock (not released)",
          "waits for memory32's device lock (still waits)", "waits for mem_hotplug_lock (still waits)"}) {
        const json slice = one_named(text, name);
        EXPECT_EQ(slice["ts"].get<double>() + slice["dur"].get<double>(), 100000) << name;
        EXPECT_TRUE(slice["args"].contains("end")) << name;
    }
    EXPECT_EQ(one_named(text, "crash: panic")["s"], "g");
}

TEST(Trace, TasksAreNamedByWhatIsKnownOfThem) {
    const std::string text = Trial(deadlock()).trace();
    EXPECT_EQ(thread_of(text, one_named(text, "mem_hotplug_lock (not released)")), "adder (kworker/0:1, pid 12)");
    EXPECT_EQ(thread_of(text, one_named(text, "memory32's device lock (not released)")), "onliner (pid 90)");
}

TEST(Trace, LocksOfTheTimelineWhereThereIsNoLedger) {
    auto texts = held().texts();
    texts.erase("locks.json");
    const std::string text = Trial(texts).trace();
    expect_valid(text);
    EXPECT_EQ(one_named(text, "lock: takes device_hotplug_lock (caller_of_takes+0x1)")["ph"], "i");
}

TEST(Trace, NoFilesMakeAnEmptyTrace) {
    const std::string text = Trial(std::map<std::string, std::string>{}).trace();
    expect_valid(text);
}

TEST(Trace, ManyLocksThatAreNeverReleasedStayBounded) {
    Files files;
    for (int i = 0; i < 2000; i++) files.lock(i, kWorker, "task ffffc90000020000", "takes", fmt::format("lock {}", i));
    for (int i = 0; i < 2000; i++)
        files.lock(3000 + i, kWorker, "task ffffc90000020000", "releases", fmt::format("lock {}", i));
    const std::string text = Trial(files).trace();
    expect_valid(text);
    EXPECT_LE(named(text, "thread_name").size(), 80u);
}

// --- damaged files

TEST(TrialRecord, TruncatedFilesAreAnErrorThatNamesThem) {
    for (const auto& files : {held(), deadlock()})
        for (const auto& [name, whole] : files.texts()) {
            const Trial trial(files);
            for (std::size_t length = 0; length < whole.size(); length += 7) {
                trial.replace(name, whole.substr(0, length));
                const auto record = trial.read();
                if (record) {
                    // Only a file of lines may be shorter and whole.
                    EXPECT_TRUE(name == "console.log" || name == "qmp.jsonl") << name << " cut to " << length;
                    expect_valid(trace_json(*record));
                    continue;
                }
                EXPECT_EQ(record.error().fault, Fault::user_input);
                EXPECT_TRUE(record.error().message.starts_with((trial.path() / name).string()))
                    << record.error().message;
                EXPECT_EQ(record.error().message.find('\n'), std::string::npos);
            }
        }
}

TEST(TrialRecord, OddBytesDoNoHarm) {
    for (const auto& [name, whole] : held().texts()) {
        const Trial trial(held());
        for (std::size_t at = 0; at < whole.size(); at += 7)
            for (const char odd : {'"', '9', '\xff', '\0', '['}) {
                std::string text = whole;
                text[at] = odd;
                trial.replace(name, text);
                const auto record = trial.read();
                if (record) expect_valid(trace_json(*record));
            }
    }
}

TEST(TrialRecord, WrongTypesAreRefused) {
    const auto refused = [](const std::string& name, const std::string& text) {
        const auto record = Trial(std::map<std::string, std::string>{{name, text}}).read();
        return !record && record.error().message.find(name) != std::string::npos;
    };
    EXPECT_TRUE(refused("timeline.json", "[]"));
    EXPECT_TRUE(refused("timeline.json", R"({"schema": 2, "happenings": []})"));
    EXPECT_TRUE(refused("timeline.json", R"({"schema": 1, "happenings": {}})"));
    EXPECT_TRUE(refused("timeline.json", R"({"schema": 1, "happenings": [1]})"));
    for (const char* ms : {"-1", "1e300", "\"1\"", "null", "1e999"}) {
        EXPECT_TRUE(refused("timeline.json", fmt::format(R"({{"schema": 1, "happenings": [
            {{"ms": {}, "actor": "a", "what": "b", "text": "c"}}]}})",
                                                         ms)))
            << ms;
    }
    EXPECT_TRUE(refused("locks.json", R"({"schema": 1, "events": [{}]})"));
    EXPECT_TRUE(refused("locks.json", R"({"schema": 1, "events": [], "tasks": []})"));
    EXPECT_TRUE(refused("locks.json", R"({"schema": 1, "events": [], "tasks": {"me": {}}})"));
    EXPECT_TRUE(refused("locks.json", std::string(100000, '[')));
    EXPECT_TRUE(refused("console.log", "no time\n"));
    EXPECT_TRUE(refused("console.log", "nan text\n"));
    EXPECT_TRUE(refused("qmp.jsonl", "{\"ms\": 1}\n"));
    EXPECT_TRUE(refused("qmp.jsonl", "{\"ms\": 1, \"sent\": []}\n"));
}

TEST(TrialRecord, ATrialIsKnownByItsFiles) {
    EXPECT_TRUE(is_trial_directory(Trial(held()).path()));
    EXPECT_FALSE(is_trial_directory(Trial(std::map<std::string, std::string>{{"results.json", "{}"}}).path()));
}

}  // namespace
}  // namespace memrig
