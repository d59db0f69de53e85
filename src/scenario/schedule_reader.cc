#include "scenario/schedule_reader.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <map>
#include <optional>
#include <set>

#include "scenario/actor_reader.h"
#include "watch/lock_names.h"

namespace memrig {

namespace {

constexpr std::pair<const char*, StepKind> kStepKeys[] = {{"start", StepKind::start},   {"hold", StepKind::hold},
                                                          {"await", StepKind::await},   {"release", StepKind::release},
                                                          {"finish", StepKind::finish}, {"check", StepKind::check},
                                                          {"race", StepKind::race},     {"settle", StepKind::settle}};

// The trial's seed chooses among so many points at most.
constexpr std::int64_t kLongestRace = 1'000'000;
constexpr std::int64_t kDeepest = 16;
constexpr std::int64_t kMostArrivals = 1'000'000;

Switch read_switch(TomlTable& table) {
    Switch one;
    one.actor = table.string("actor");
    one.at = table.string("at");
    one.nth = static_cast<unsigned>(table.integer("nth", 1, kMostArrivals, 1));
    one.to = table.string("to");
    one.forced = table.boolean("forced", false);
    table.finish();
    return one;
}

std::vector<unsigned> read_changes(TomlTable& table) {
    std::vector<unsigned> changes;
    for (const auto& text : table.strings("changes", false)) {
        unsigned at = 0;
        const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), at);
        if (code == std::errc() && end == text.data() + text.size() && at > 0 && at <= kLongestRace)
            changes.push_back(at);
        else table.report("changes", fmt::format("\"{}\" is no number of a point, from 1", text));
    }
    return changes;
}

Race read_race(TomlTable& table) {
    Race race;
    race.actors = table.strings("race", true);
    if (table.has("race") && race.actors.size() < 2) table.report("race", "a race has two actors at least");
    race.points = table.strings("points", false);
    for (const auto& point : race.points)
        if (!is_kernel_symbol(point)) table.report("points", fmt::format("\"{}\" is no kernel symbol", point));
    for (auto& one : table.tables("switch", false)) race.switches.push_back(read_switch(one));
    constexpr std::size_t priorities = 0;
    race.by = static_cast<RaceBy>(
        table.choice("by", {"priorities", "switches", "delays", "nobody"},
                     race.switches.empty() ? priorities : static_cast<std::size_t>(RaceBy::switches)));
    if (!race.switches.empty() && race.by != RaceBy::switches)
        table.report("by", fmt::format("a race by {} has no switches", to_string(race.by)));
    race.depth = static_cast<unsigned>(table.integer("depth", 1, kDeepest, race.depth));
    race.length = static_cast<unsigned>(table.integer("length", 1, kLongestRace, race.length));
    if (table.has("seed"))
        race.seed = static_cast<std::uint64_t>(table.integer("seed", 0, std::numeric_limits<std::int64_t>::max()));
    race.changes = read_changes(table);
    for (const char* key : {"depth", "length", "changes"})
        if (race.by != RaceBy::priorities && table.has(key)) table.report(key, "only of a race by priorities");
    return race;
}

// Nothing if the table is not a step.
std::optional<Step> read_step(TomlTable& table) {
    Step step;
    int kinds = 0;
    for (const auto& [key, kind] : kStepKeys) {
        if (!table.has(key)) continue;
        kinds++;
        step.kind = kind;
        if (kind == StepKind::settle || kind == StepKind::check) {
            if (!table.boolean(key)) table.report(key, fmt::format("\"{}\" can only be true", key));
        } else if (kind == StepKind::race) {
            step.race = read_race(table);
        } else {
            step.actor = table.string(key);
        }
    }
    if (kinds != 1) {
        table.report("",
                     "a step has exactly one of \"start\", \"hold\", \"await\", \"release\", \"finish\", \"check\", "
                     "\"race\", \"settle\"");
        return std::nullopt;
    }
    if (step.kind == StepKind::hold) {
        step.at = table.string("at");
        if (table.has("at") && !names_function(step.at))
            table.report("at", fmt::format("\"{}\" is no kernel symbol and no role", step.at));
        if (table.has("device")) {
            table.choice("device", {"memory-block"});
            step.memory_block = true;
        }
        step.parked = table.boolean("parked", false);
    }
    if (step.kind == StepKind::await) {
        for (const auto& text : table.strings("any", true)) {
            const auto evidence = parse_evidence(text);
            if (evidence && names_function(evidence->subject)) step.any.push_back(*evidence);
            else
                table.report(
                    "any",
                    fmt::format("\"{}\" is no evidence: \"refused LOCK\", \"entered FUNCTION\", \"queued FUNCTION\", "
                                "\"blocked LOCK\", \"asleep LOCK\" or \"stalled FUNCTION\"",
                                text));
        }
    }
    table.finish();
    return step;
}

// Follows the actors through the steps, and reports steps that their state does not allow.
class StepChecker {
public:
    explicit StepChecker(const Schedule& schedule) : schedule_(schedule) {}

    void check(const Step& step, TomlTable& table) {
        const char* key = nullptr;
        for (const auto& [name, kind] : kStepKeys)
            if (kind == step.kind) key = name;
        if (settled_) table.report(key, "no step can follow the settling");
        if (step.kind == StepKind::settle) {
            settled_ = true;
            for (const auto& actor : held_) table.report(key, fmt::format("actor \"{}\" is still held", actor));
            return;
        }
        if (step.kind == StepKind::check || step.kind == StepKind::race) check_quiet(key, table);
        if (step.kind == StepKind::check) return;
        if (raced_) table.report(key, "only a settling can follow a race");
        if (step.race) {
            check_race(*step.race, key, table);
            return;
        }
        if (schedule_.find(step.actor) == nullptr) {
            table.report(key, fmt::format("there is no actor \"{}\"", step.actor));
            return;
        }
        check_actor(step, key, table);
    }

    void finish(TomlTable& root) {
        if (!settled_) root.report("step", "the last step has to be { settle = true }");
        for (const auto& actor : schedule_.actors)
            if (!started_.contains(actor.name))
                root.report("actor", fmt::format("no step starts actor \"{}\"", actor.name));
    }

private:
    // The memory is looked at while nobody changes it.
    void check_quiet(const char* key, TomlTable& table) const {
        for (const auto& actor : started_)
            if (last_.at(actor) != StepKind::finish)
                table.report(key, fmt::format("actor \"{}\" has not finished before the {}", actor, key));
    }

    void check_race(const Race& race, const char* key, TomlTable& table) {
        static constexpr std::array can_race = {ActorKind::adder,      ActorKind::onliner,      ActorKind::offliner,
                                                ActorKind::remover,    ActorKind::vcpu_plugger, ActorKind::file_writer,
                                                ActorKind::file_reader};
        raced_ = true;
        const std::set<std::string> before = started_;
        for (const auto& name : race.actors) {
            const Actor* actor = schedule_.find(name);
            if (actor == nullptr) {
                table.report(key, fmt::format("there is no actor \"{}\"", name));
                continue;
            }
            if (!started_.insert(name).second) table.report(key, fmt::format("actor \"{}\" was started already", name));
            last_[name] = StepKind::finish;
            const bool memory = (actor->device == MemoryDevice::pc_dimm && !actor->at_boot) || actor->is_thread() ||
                                (actor->device == MemoryDevice::virtio_mem && actor->kind == ActorKind::adder);
            if (std::ranges::find(can_race, actor->kind) == can_race.end() || !memory)
                table.report(key, fmt::format("actor \"{}\" cannot take part in a race", name));
            if (!actor->refusals.empty() || actor->expected != std::vector{0} || actor->may_fail)
                table.report(key,
                             fmt::format("actor \"{}\" races: any answer to it will do, so it expects none", name));
            if (actor->kind == ActorKind::remover && !plugs_one_of(before, actor->device_id))
                table.report(key, fmt::format("actor \"{}\" takes away what was not plugged before the race", name));
        }
        for (const auto& name : race.actors)
            if (const Actor* actor = schedule_.find(name)) check_needs(*actor, key, table);
        for (const auto& one : race.switches)
            for (const auto& name : {one.actor, one.to})
                if (std::ranges::find(race.actors, name) == race.actors.end())
                    table.report("switch", fmt::format("actor \"{}\" does not take part in the race", name));
    }

    [[nodiscard]] bool plugs_one_of(const std::set<std::string>& actors, const std::string& device) const {
        return std::ranges::any_of(actors, [&](const std::string& name) {
            const Actor* actor = schedule_.find(name);
            return actor != nullptr && actor->kind == ActorKind::adder && actor->device_id == device;
        });
    }

    void check_actor(const Step& step, const char* key, TomlTable& table) {
        const std::string& actor = step.actor;
        if (step.kind == StepKind::start) {
            last_[actor] = step.kind;
            if (!started_.insert(actor).second)
                table.report(key, fmt::format("actor \"{}\" was started already", actor));
            check_needs(*schedule_.find(actor), key, table);
            if (schedule_.find(actor)->kind == ActorKind::pinner) held_.insert(actor);
            return;
        }
        if (!started_.contains(actor)) table.report(key, fmt::format("actor \"{}\" was not started", actor));
        // The director arms a hold when the step before it of the same actor is done, which only these two kinds do.
        if (step.kind == StepKind::hold) {
            const StepKind before = last_[actor];
            if (!held_.insert(actor).second) table.report(key, fmt::format("actor \"{}\" is held already", actor));
            else if (before != StepKind::start && before != StepKind::release)
                table.report(
                    key,
                    fmt::format("actor \"{}\" must be held by its first step after its start or a release", actor));
        }
        last_[actor] = step.kind;
        if (step.kind == StepKind::release && held_.erase(actor) == 0)
            table.report(key, fmt::format("actor \"{}\" is not held", actor));
        if (step.kind == StepKind::finish && held_.contains(actor))
            table.report(key, fmt::format("actor \"{}\" is held, and cannot finish", actor));
        if (step.kind == StepKind::await && held_.contains(actor))
            table.report(key, fmt::format("actor \"{}\" is held, and cannot show anything", actor));
        if (step.asks_for(Observation::Kind::stalled) && std::ranges::none_of(held_, [&](const std::string& other) {
                return schedule_.find(other)->kind == ActorKind::pinner;
            }))
            table.report("any", fmt::format("nobody keeps a page pinned that actor \"{}\" could stall on", actor));
    }

    void check_needs(const Actor& actor, const char* key, TomlTable& table) const {
        const auto begun = [&](ActorKind kind) {
            return std::ranges::any_of(schedule_.actors, [&](const Actor& other) {
                return other.kind == kind && started_.contains(other.name);
            });
        };
        switch (actor.kind) {
            case ActorKind::adder:
            case ActorKind::vcpu_plugger:
            case ActorKind::file_writer:
            case ActorKind::file_reader: return;
            case ActorKind::vcpu_onliner:
                if (!begun(ActorKind::vcpu_plugger))
                    table.report(key, fmt::format("actor \"{}\" needs a vCPU that was plugged before", actor.name));
                return;
            default: break;
        }
        const bool plugged = std::ranges::any_of(schedule_.actors, [&](const Actor& other) {
            return other.kind == ActorKind::adder && started_.contains(other.name) &&
                   (actor.of.empty() || actor.of == other.name);
        });
        if (!plugged)
            table.report(key,
                         fmt::format("actor \"{}\" needs a device that was plugged before: which blocks there are is "
                                     "known only then",
                                     actor.name));
    }

    const Schedule& schedule_;
    std::set<std::string> started_, held_;
    std::map<std::string, StepKind> last_;  // by actor: its last step
    bool settled_ = false, raced_ = false;
};

}  // namespace

namespace {
// True if the actor has the bench's virtio-mem device give memory, where another one plugs DIMMs.
bool fits_beside_dimm(const Actor& actor, const Actor& first) {
    return first.device == MemoryDevice::pc_dimm && actor.device == MemoryDevice::virtio_mem && !actor.plugs_device();
}

// Checks that the devices that are plugged, resized and unplugged fit each other.
void check_devices(const Schedule& schedule, TomlTable& root) {
    const auto adder = std::ranges::find(schedule.actors, ActorKind::adder, &Actor::kind);
    if (adder == schedule.actors.end()) return;
    std::set<std::string> ids;
    for (const auto& actor : schedule.actors) {
        if (actor.kind == ActorKind::adder && actor.plugs_device() && actor.expects_qemu_to() &&
            !ids.insert(actor.device_id).second)
            root.report("actor", fmt::format("actor \"{}\" plugs another \"{}\", and does not expect to be refused",
                                             actor.name, actor.device_id));
        if (const Actor* of = schedule.find(actor.of);
            !actor.of.empty() && (of == nullptr || of->kind != ActorKind::adder))
            root.report("actor", fmt::format("actor \"{}\": nobody plugs \"{}\"", actor.name, actor.of));
        if (actor.kind == ActorKind::adder && actor.device != adder->device && !fits_beside_dimm(actor, *adder))
            root.report("actor",
                        "all devices that are plugged have to be of one kind; only the bench's virtio-mem device may "
                        "follow a DIMM");
        if (actor.kind == ActorKind::remover && adder->device != actor.device)
            root.report("actor", fmt::format("actor \"{}\" can only unplug a {}", actor.name, to_string(actor.device)));
        if (actor.kind != ActorKind::resizer) continue;
        if (adder->device != MemoryDevice::virtio_mem)
            root.report("actor", fmt::format("actor \"{}\" can only resize a virtio-mem device", actor.name));
    }
}

void check_fillers(const Schedule& schedule, TomlTable& root) {
    constexpr std::ptrdiff_t most = 2;  // as in the agent
    if (std::ranges::count(schedule.actors, ActorKind::filler, &Actor::kind) > most)
        root.report("actor", fmt::format("at most {} actors can fill memory", most));
}

// Checks that each round of a loop plugs and unplugs the same devices.
void check_loop(const Schedule& schedule, TomlTable& root) {
    const auto comes_and_goes = [&](const Actor& actor) {
        const auto takes_away = [&](const Actor& other) {
            return other.kind == ActorKind::remover && other.device_id == actor.device_id && other.expects_success() &&
                   actor.expects_success();
        };
        return actor.device == MemoryDevice::pc_dimm && !actor.at_boot &&
               std::ranges::any_of(schedule.actors, takes_away);
    };
    for (const auto& actor : schedule.actors)
        if (actor.kind == ActorKind::vcpu_plugger || (actor.kind == ActorKind::adder && !comes_and_goes(actor)))
            root.report("loop",
                        fmt::format("actor \"{}\": what a loop plugs is a pc-dimm that is unplugged in the same "
                                    "round",
                                    actor.name));
    for (const auto& actor : schedule.actors)
        if (actor.kind == ActorKind::filler)
            root.report("loop", fmt::format("actor \"{}\" fills memory once, and not in each round", actor.name));
    for (const auto& step : schedule.steps)
        if (step.kind != StepKind::start && step.kind != StepKind::finish && step.kind != StepKind::settle)
            root.report("loop", fmt::format("no lock is watched in a loop, and nobody held: \"{}\"", step.text()));
}

void read_loop(TomlTable& root, Schedule& schedule) {
    auto loop = root.table("loop", false);
    if (!loop) return;
    schedule.rounds = static_cast<unsigned>(loop->integer("rounds", kStretches + 1, kMostRounds));
    schedule.warm_up = static_cast<unsigned>(loop->integer("warm-up", 1, kMostRounds));
    if (schedule.rounds < schedule.warm_up + kStretches)
        loop->report("rounds", fmt::format("at least {} more than the warm-up", kStretches));
    loop->finish();
    check_loop(schedule, root);
}
}  // namespace

namespace {
bool is_in(const Race& race, const std::string& actor) {
    return std::ranges::find(race.actors, actor) != race.actors.end();
}
}  // namespace

Schedule read_schedule(TomlTable& root) {
    Schedule schedule;
    if (auto actors = root.table("actor", true)) {
        for (auto& [name, table] : actors->named_tables()) schedule.actors.push_back(read_actor(name, table));
        actors->finish();
    }
    check_devices(schedule, root);
    check_fillers(schedule, root);
    if (!schedule.actors.empty() && std::ranges::count(schedule.actors, ActorKind::adder, &Actor::kind) == 0)
        root.report("actor", "one actor has to be of the kind \"plug\"");
    for (const auto& text : root.strings("lock_order", false)) {
        const auto claim = parse_lock_order(text);
        if (claim && is_watched_lock(claim->first) && is_watched_lock(claim->second))
            schedule.lock_order.push_back(*claim);
        else
            root.report("lock_order",
                        fmt::format("\"{}\" is no order of two locks that are watched: \"cpu_hotplug_lock "
                                    "before mem_hotplug_lock\"",
                                    text));
    }
    if (std::ranges::count(schedule.actors, ActorKind::vcpu_plugger, &Actor::kind) > 1)
        root.report("actor", "only one actor can be of the kind \"plug-vcpu\"");
    StepChecker checker(schedule);
    // After an actor or a step that could not be read, the steps are not checked: that would report mistakes that only
    // follow from the first one.
    bool followed = !schedule.actors.empty();
    for (auto& table : root.tables("step", true)) {
        const auto step = read_step(table);
        followed = followed && step.has_value();
        if (followed) checker.check(*step, table);
        if (step) schedule.steps.push_back(*step);
    }
    if (followed && !schedule.steps.empty()) checker.finish(root);
    for (auto& actor : schedule.actors) actor.races = schedule.race() != nullptr && is_in(*schedule.race(), actor.name);
    read_loop(root, schedule);
    return schedule;
}

}  // namespace memrig
