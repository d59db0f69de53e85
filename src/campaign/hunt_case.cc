#include "campaign/hunt_case.h"

#include <algorithm>
#include <array>
#include <sstream>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <toml++/toml.h>

#include "base/assert.h"

namespace memrig {

namespace {

using HuntJson = nlohmann::json;

constexpr std::array kStrategies = {HuntStrategy::priorities, HuntStrategy::delays, HuntStrategy::nobody,
                                    HuntStrategy::loop};
// The number of times that a thread of the strategy `loop` does its work.
constexpr int kLoopRepeats = 50;

// A bench of the hunt, and how many vCPUs it has for actors.
struct HuntBench {
    const char* name;
    unsigned actors;
    unsigned weight;  // how often it is taken
    // The middle of the first DIMM's first block. q35 puts that DIMM at 4 GiB, or behind the virtio-mem device.
    const char* page;
};
constexpr std::array kHuntBenches = {
    HuntBench{"q35-many", 5, 6, "0x104000000"}, HuntBench{"q35-many-virtio-mem", 5, 3, "0x144000000"},
    HuntBench{"q35-numa", 2, 2, "0x104000000"}, HuntBench{"q35-vcpu", 2, 1, "0x104000000"}};

const HuntBench* find_hunt_bench(const std::string& name) {
    const auto* found = std::ranges::find(kHuntBenches, name, &HuntBench::name);
    return found == kHuntBenches.end() ? nullptr : found;
}

HuntActor writer_of(const char* name, const char* path, const char* value) {
    return {name, {{"kind", "write-file"}, {"path", path}, {"value", value}, {"entry", "kernfs_fop_write_iter"}}};
}
HuntActor reader_of(const char* name, const char* path, const char* entry) {
    return {name, {{"kind", "read-file"}, {"path", path}, {"entry", entry}}};
}
HuntActor block_writer(const char* name, const char* kind, const char* attribute, const char* value) {
    HuntActor actor{name, {{"kind", kind}, {"attribute", attribute}, {"of", "first"}}};
    if (*value != '\0') actor.keys.emplace_back("value", value);
    return actor;
}

// It brings online what another racer plugs.
HuntActor onliner_of(const char* name, const char* adder) {
    return {name, {{"kind", "online"}, {"attribute", "state"}, {"trigger", "spin"}, {"of", adder}}};
}

std::string lines_of(const std::string& name, const std::vector<std::pair<std::string, std::string>>& keys) {
    std::string text = fmt::format("[actor.{}]\n", name);
    for (const auto& [key, value] : keys) text += fmt::format("{} = \"{}\"\n", key, value);
    return text + "\n";
}

std::string race_text(const HuntCase& one) {
    std::vector<std::string> names;
    for (const auto& actor : one.racers) names.push_back('"' + actor.name + '"');
    std::string text = fmt::format("[[step]]\nrace = [{}]\n", fmt::join(names, ", "));
    if (one.strategy == HuntStrategy::delays) return text + fmt::format("by = \"delays\"\nseed = {}\n", one.seed);
    if (one.strategy != HuntStrategy::priorities) return text + "by = \"nobody\"\n";
    if (!one.switches) {
        text +=
            fmt::format("by = \"priorities\"\nseed = {}\ndepth = {}\nlength = {}\n", one.seed, one.depth, one.length);
        if (!one.changes.empty()) text += fmt::format("changes = [\"{}\"]\n", fmt::join(one.changes, "\", \""));
        return text;
    }
    text += "by = \"switches\"\n";
    for (const auto& taken : *one.switches)
        text += fmt::format("\n[[step.switch]]\nactor = \"{}\"\nat = \"{}\"\nnth = {}\nto = \"{}\"\n{}", taken.actor,
                            taken.at, taken.nth, taken.to, taken.forced ? "forced = true\n" : "");
    return text;
}

}  // namespace

const char* to_string(HuntStrategy strategy) {
    switch (strategy) {
        case HuntStrategy::priorities: return "priorities";
        case HuntStrategy::delays: return "delays";
        case HuntStrategy::nobody: return "nobody";
        case HuntStrategy::loop: return "loop";
    }
    return "?";
}

std::optional<HuntStrategy> parse_hunt_strategy(const std::string& text) {
    for (const auto strategy : kStrategies)
        if (text == to_string(strategy)) return strategy;
    return std::nullopt;
}

bool HuntActor::is_thread() const {
    const std::string& kind = keys.front().second;
    return kind != "plug" && kind != "unplug" && kind != "plug-vcpu";
}

bool HuntActor::changes_machine() const {
    const std::string& kind = keys.front().second;
    return kind != "write-file" && kind != "read-file";
}

std::string HuntActor::needs() const {
    const auto of = std::ranges::find(keys, "of", &std::pair<std::string, std::string>::first);
    return of == keys.end() || of->second == "first" ? "" : of->second;
}

std::vector<std::string> hunt_benches() {
    std::vector<std::string> names;
    for (const auto& bench : kHuntBenches) names.emplace_back(bench.name);
    return names;
}

std::vector<HuntActor> hunt_actors(const std::string& bench) {
    MEMRIG_ASSERT(find_hunt_bench(bench) != nullptr, "the caller has checked the bench");
    HuntActor second{
        "second", {{"kind", "plug"}, {"device", "pc-dimm"}, {"size", "128M"}, {"id", "dimm1"}, {"entry", "{hotplug}"}}};
    std::vector<HuntActor> actors = {
        second,
        {"remover", {{"kind", "unplug"}, {"id", "dimm0"}, {"entry", "{hotplug}"}}},
        block_writer("onliner", "online", "state", "online"),
        block_writer("kernel-onliner", "online", "state", "online_kernel"),
        block_writer("movable-onliner", "online", "state", "online_movable"),
        block_writer("file-onliner", "online", "online", ""),
        block_writer("offliner", "offline", "state", ""),
        block_writer("file-offliner", "offline", "online", ""),
        onliner_of("second-onliner", "second"),
        writer_of("compactor", "/sys/devices/system/node/node0/compact", "1"),
        writer_of("ksm-start", "/sys/kernel/mm/ksm/run", "1"),
        writer_of("ksm-unmerge", "/sys/kernel/mm/ksm/run", "2"),
        writer_of("huge-pages", "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "4"),
        writer_of("lru-gen", "/sys/kernel/mm/lru_gen/enabled", "n"),
        writer_of("soft-poisoner", "/sys/devices/system/memory/soft_offline_page", find_hunt_bench(bench)->page),
        reader_of("zone-reader", "/proc/zoneinfo", "proc_reg_read_iter"),
        reader_of("type-reader", "/proc/pagetypeinfo", "proc_reg_read_iter"),
        reader_of("iomem-reader", "/proc/iomem", "proc_reg_read_iter"),
        reader_of("node-reader", "/sys/devices/system/node/node0/meminfo", "kernfs_fop_read_iter")};
    if (bench == "q35-vcpu") actors.push_back({"vcpu", {{"kind", "plug-vcpu"}, {"entry", "{hotplug}"}}});
    if (bench == "q35-many-virtio-mem") {
        actors.push_back({"virtio-mem",
                          {{"kind", "plug"}, {"device", "virtio-mem"}, {"size", "256M"}, {"entry", "{driver-adder}"}}});
        actors.push_back(onliner_of("virtio-mem-onliner", "virtio-mem"));
    }
    return actors;
}

// A modulus is not uniform to the last bit, but the same everywhere: the standard's distributions are not.
HuntCase composed_case(const std::vector<std::string>& benches, std::mt19937_64& random) {
    MEMRIG_ASSERT(!benches.empty(), "a hunt has a bench");
    const auto below = [&](std::uint64_t bound) { return random() % bound; };
    std::vector<const HuntBench*> choices;
    for (const auto& name : benches) {
        const HuntBench* bench = find_hunt_bench(name);
        MEMRIG_ASSERT(bench != nullptr, "the caller has checked the bench");
        choices.insert(choices.end(), bench->weight, bench);
    }
    const HuntBench& bench = *choices[below(choices.size())];
    HuntCase one;
    one.bench = bench.name;
    one.seed = random() >> 1;  // TOML's integers are signed
    one.size = below(2) == 0 ? "128M" : "256M";
    static constexpr std::array values = {"online", "online_movable", "online_kernel"};
    if (below(3) != 0) one.onlined = values[below(values.size())];
    // Pages of user space lie in Movable first.
    one.load = one.onlined == "online_movable" && below(2) == 0;
    one.depth = 2 + static_cast<unsigned>(below(3));
    auto actors = hunt_actors(one.bench);
    for (std::size_t i = actors.size(); i > 1; i--) std::swap(actors[i - 1], actors[below(i)]);
    const std::size_t wanted = 2 + below(3);
    const auto has = [&](const std::string& name) {
        return std::ranges::find(one.racers, name, &HuntActor::name) != one.racers.end();
    };
    const auto fits = [&](const HuntActor& actor) {
        unsigned vcpus = actor.is_thread() ? 1 : 0;
        bool by_qmp = !actor.is_thread();
        for (const auto& other : one.racers) {
            vcpus += other.is_thread() ? 1 : 0;
            by_qmp = by_qmp || !other.is_thread();
        }
        return vcpus + (by_qmp ? 1 : 0) <= bench.actors && !has(actor.name);
    };
    // Two of them at least change memory or vCPUs, as far as the bench has room for them.
    for (const bool changes : {true, false})
        for (const auto& actor : actors) {
            if (one.racers.size() >= (changes ? 2 : wanted)) break;
            if ((!changes || actor.changes_machine()) && actor.needs().empty() && fits(actor))
                one.racers.push_back(actor);
        }
    for (const auto& actor : actors)
        if (has(actor.needs()) && below(2) == 0 && fits(actor)) one.racers.push_back(actor);
    return one;
}

Result<std::string> hunted_arm(const Scenario& scenario, const std::string& arm) {
    const auto found = std::ranges::find(scenario.arms, arm, &ScenarioArm::name);
    if (found == scenario.arms.end() || arm == "control")
        return fail(Fault::user_input, "scenario {} has no arm \"{}\" that changes the kernel", scenario.name, arm);
    if (!found->settings.empty() || !found->failures.empty())
        return fail(Fault::user_input,
                    "arm \"{}\" of {} changes the scenario, too, or makes a call of one of its actors fail", arm,
                    scenario.name);
    try {
        toml::table root = toml::parse(scenario.text);
        toml::table& changes = *root["arm"][arm].as_table();
        changes.erase("mutant");
        // Whatever convicts it is a find.
        changes.insert_or_assign(
            "expect", toml::array{"oops", "deadlock", "hang", "rule-broken", "lock-order", "warning", "accounting"});
        std::ostringstream text;
        text << toml::table{{"arm", toml::table{{"mutant", changes}}}} << "\n";
        return text.str();
    } catch (const toml::parse_error& error) {
        return fail(Fault::user_input, "scenario {} is not TOML: {}", scenario.name, error.description());
    }
}

std::string scenario_text(const HuntCase& one, const std::string& arm) {
    std::string text = fmt::format(
        "# Composed by `memrig hunt`, case {}.\nschema = 1\ntitle = \"A race of {}\"\nverifies = \"memory hotplug "
        "holds in every order\"\nbenches = [\"{}\"]\ntrials = 1\n\n",
        one.number,
        [&] {
            std::vector<std::string> names;
            for (const auto& actor : one.racers) names.push_back(actor.name);
            return fmt::format("{}", fmt::join(names, ", "));
        }(),
        one.bench);
    // Without a ledger, nobody sees an order of locks.
    if (one.strategy == HuntStrategy::priorities)
        text.insert(text.size() - 1, "lock_order = [\"cpu_hotplug_lock before mem_hotplug_lock\"]\n");
    text += lines_of("first", {{"kind", "plug"}, {"device", "pc-dimm"}, {"size", one.size}, {"entry", "{hotplug}"}});
    if (one.onlined) text += lines_of("before", {{"kind", "online"}, {"attribute", "state"}, {"value", *one.onlined}});
    if (one.load) text += lines_of("load", {{"kind", "fill"}, {"size", "48M"}});
    for (const auto& actor : one.racers) {
        auto table = lines_of(actor.name, actor.keys);
        if (one.strategy == HuntStrategy::loop && actor.is_thread()) {
            table.pop_back();
            table += fmt::format("repeat = {}\n\n", kLoopRepeats);
        }
        text += table;
    }
    for (const auto& [name, plays] :
         {std::pair{"first", true}, {"before", one.onlined.has_value()}, {"load", one.load}})
        if (plays) text += fmt::format("[[step]]\nstart = \"{0}\"\n\n[[step]]\nfinish = \"{0}\"\n\n", name);
    text += race_text(one) + "\n[[step]]\nsettle = true\n\n";
    text += "[arm.control]\npurpose = \"the kernel as shipped\"\nexpect = \"held\"\n\n";
    return text + arm;
}

HuntJson case_json(const HuntCase& one) {
    HuntJson racers = HuntJson::array();
    for (const auto& actor : one.racers) racers.push_back({{"name", actor.name}, {"keys", actor.keys}});
    HuntJson json = {{"number", one.number}, {"strategy", to_string(one.strategy)},
                     {"seed", one.seed},     {"bench", one.bench},
                     {"size", one.size},     {"load", one.load},
                     {"racers", racers},     {"depth", one.depth},
                     {"length", one.length}, {"changes", one.changes}};
    if (one.onlined) json["onlined"] = *one.onlined;
    return json;
}

std::optional<HuntCase> case_of(const HuntJson& json) {
    try {
        HuntCase one;
        const auto strategy = parse_hunt_strategy(json.at("strategy").get<std::string>());
        if (!strategy) return std::nullopt;
        one.number = json.at("number").get<unsigned>();
        one.strategy = *strategy;
        one.seed = json.at("seed").get<std::uint64_t>();
        one.bench = json.at("bench").get<std::string>();
        one.size = json.at("size").get<std::string>();
        one.load = json.at("load").get<bool>();
        one.depth = json.at("depth").get<unsigned>();
        one.length = json.at("length").get<unsigned>();
        one.changes = json.at("changes").get<std::vector<unsigned>>();
        if (json.contains("onlined")) one.onlined = json.at("onlined").get<std::string>();
        for (const auto& actor : json.at("racers"))
            one.racers.push_back({actor.at("name").get<std::string>(),
                                  actor.at("keys").get<std::vector<std::pair<std::string, std::string>>>()});
        return one;
    } catch (const HuntJson::exception&) {
        return std::nullopt;
    }
}

}  // namespace memrig
