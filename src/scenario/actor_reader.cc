#include "scenario/actor_reader.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>

#include <fmt/format.h>

#include "scenario/scenario.h"
#include "watch/roles.h"

namespace memrig {

namespace {

constexpr std::int64_t kMostEntryCalls = 16;
constexpr std::size_t kLongestText = 32;
constexpr std::int64_t kMostRepeats = 10000;  // as in the agent
constexpr const char* kValueRule = "small letters, digits, '_', '-' and '.', at most 36";

bool is_actor_name(const std::string& text) {
    return !text.empty() && text.size() <= kLongestText && std::ranges::all_of(text, [](unsigned char c) {
        return std::islower(c) != 0 || std::isdigit(c) != 0 || c == '-';
    });
}

// Returns whether the agent can write this text (docs/agent-protocol.md). The longest text is a UUID.
bool can_be_written(const std::string& text) {
    constexpr std::size_t longest = 36;
    return !text.empty() && text.size() <= longest && std::ranges::all_of(text, [](unsigned char c) {
        return std::islower(c) != 0 || std::isdigit(c) != 0 || c == '_' || c == '-' || c == '.';
    });
}

void read_expected(TomlTable& table, Actor& actor) {
    if (!table.has("expect")) return;
    actor.expected.clear();
    for (const auto& text : table.strings("expect", true)) {
        if (const auto error = parse_errno(text)) actor.expected.push_back(*error);
        else table.report("expect", fmt::format("\"{}\" is neither \"done\" nor the name of an errno", text));
    }
    if (actor.expects_success() && actor.expected.size() > 1)
        table.report("expect", "what is done in one trial and refused in another leaves no state to be expected");
}

// Reads the answers that QEMU and the kernel are expected to give when a pc-dimm is plugged or unplugged.
void read_refusals(TomlTable& table, Actor& actor) {
    for (const auto& text : table.strings("expect", false)) {
        if (const auto refusal = parse_refusal(text)) actor.refusals.push_back(*refusal);
        else
            table.report("expect",
                         fmt::format("\"{}\" is no refusal: \"GenericError: TEXT\", \"DeviceNotFound: TEXT\", "
                                     "\"console: TEXT\", \"_OST: 0x82\", \"{}\"",
                                     text, unplug_error_answer()));
    }
}

void read_device_id(TomlTable& table, Actor& actor) {
    actor.device_id = table.string("id", actor.device_id);
    if (!is_device_id(actor.device_id)) table.report("id", kDeviceIdRule);
}

void read_calls(TomlTable& table, Actor& actor) {
    actor.calls = static_cast<unsigned>(table.integer("calls", 1, kMostEntryCalls, 1));
    if (actor.calls > 1 && !actor.is_dimm()) table.report("calls", "only of a pc-dimm or an nvdimm");
}

void read_adder(TomlTable& table, Actor& actor) {
    actor.device = static_cast<MemoryDevice>(
        table.choice("device", {"pc-dimm", "virtio-mem", "nvdimm", "dax", "dax-state", "memtrace", "xen-balloon"}));
    actor.entry = table.strings("entry", true);
    if (const OwnMemory* memory = own_memory(actor.device)) {
        actor.attributes = {"file"};
        actor.path = memory->control_file;
        actor.value = memory->text_that_adds;
        actor.onlined_by_kernel = memory->onlined_by_kernel;
        return;  // the bench decides its size
    }
    actor.bytes = table.has("size") ? table.size("size", 1) : table.size("size");
    if (table.has("size") && actor.bytes == 0) table.report("size", "a device of no size cannot be plugged");
    if (actor.device == MemoryDevice::xen_balloon) return;  // its kernel says where, and how
    actor.node = static_cast<int>(table.integer("node", 0, kMostNodes, 0));
    actor.onlined_by_kernel = table.boolean("onlined-by-kernel", false);
    actor.memmap_on_memory = table.boolean("memmap-on-memory", false);
    actor.zone = table.string("zone", "");
    if (!actor.zone.empty() && !actor.onlined_by_kernel)
        table.report("zone", "only of memory that the kernel itself brings online");
    if (actor.device == MemoryDevice::virtio_mem && table.has("most")) {
        actor.most = table.size("most");
        if (actor.most < actor.bytes) table.report("most", "\"most\" is less than \"size\"");
    }
    if (actor.plugs_device()) read_device_id(table, actor);
    actor.at_boot = table.boolean("at-boot", false);
    if (actor.at_boot && actor.device != MemoryDevice::pc_dimm) table.report("at-boot", "only of a pc-dimm");
    if (actor.at_boot && table.has("expect")) table.report("expect", "nobody plugs what is there at boot");
    if (actor.device == MemoryDevice::pc_dimm) read_refusals(table, actor);
    read_calls(table, actor);
}

void read_remover(TomlTable& table, Actor& actor) {
    constexpr std::size_t pc_dimm = 0;
    actor.entry = table.strings("entry", true);
    actor.device = static_cast<MemoryDevice>(
        table.choice("device", {"pc-dimm", "virtio-mem", "nvdimm", "dax", "dax-state", "memtrace"}, pc_dimm));
    const OwnMemory* memory = own_memory(actor.device);
    if (memory == nullptr) {
        read_device_id(table, actor);
        read_refusals(table, actor);
        read_calls(table, actor);
        if (actor.device != MemoryDevice::pc_dimm && actor.refusals.empty())
            table.report("device", fmt::format("nobody unplugs a {} that is in use: \"expect\" names the refusal",
                                               to_string(actor.device)));
        return;
    }
    actor.attributes = {"file"};
    actor.path = memory->removing_file;
    if (memory->text_that_removes == nullptr) {
        actor.bytes = table.size("size");
        actor.value = std::to_string(actor.bytes);
    } else {
        actor.value = memory->text_that_removes;
    }
    read_expected(table, actor);
}

void read_pinner(TomlTable& table, Actor& actor) {
    constexpr std::size_t page = 0;
    actor.of = table.string("of", "");
    actor.keeps = table.choice("keeps", {"page", "nothing"}, page) == page;
}

void read_filler(TomlTable& table, Actor& actor) {
    actor.of = table.string("of", "");
    actor.bytes = table.size("size", 1);
}

void read_resizer(TomlTable& table, Actor& actor) {
    actor.device = MemoryDevice::virtio_mem;
    actor.bytes = table.size("size");
    actor.entry = table.strings("entry", true);
}

void read_prober(TomlTable& table, Actor& actor) {
    actor.attributes = {"probe"};
    read_expected(table, actor);
    actor.entry = table.strings("entry", false);
}

// A vCPU's attribute `online` is the same driver-core attribute that a memory block has (drivers/base/core.c).
void read_vcpu_onliner(TomlTable& table, Actor& actor) {
    actor.attributes = {"online"};
    read_expected(table, actor);
    actor.entry = table.strings("entry", false);
}

// Returns whether the agent accepts this path (docs/agent-protocol.md).
bool is_path_below(const std::string& path, const std::vector<std::string_view>& folders) {
    constexpr std::size_t longest = 95;
    const auto is_below = [&](std::string_view folder) { return path.starts_with(folder); };
    return std::ranges::any_of(folders, is_below) && path.size() <= longest &&
           std::ranges::all_of(
               path, [](unsigned char c) { return std::isalnum(c) != 0 || std::strchr("/._-:", c) != nullptr; });
}

void read_file_writer(TomlTable& table, Actor& actor) {
    actor.attributes = {"file"};
    actor.path = table.string("path");
    if (table.has("path") && !is_path_below(actor.path, {"/sys/"}))
        table.report("path", fmt::format("\"{}\" is no file below /sys/, or longer than 95 letters", actor.path));
    actor.value = table.string("value");
    if (table.has("value") && !can_be_written(actor.value)) table.report("value", kValueRule);
    read_expected(table, actor);
    actor.entry = table.strings("entry", true);
    // No "uevent" here: the agent only waits for uevents of memory blocks.
    constexpr std::size_t now = 0;
    actor.trigger = static_cast<WriterTrigger>(table.choice("trigger", {"now", "spin"}, now));
}

void read_file_reader(TomlTable& table, Actor& actor) {
    actor.attributes = {"read"};
    actor.path = table.string("path");
    if (table.has("path") && !is_path_below(actor.path, {"/sys/", "/proc/"}))
        table.report("path",
                     fmt::format("\"{}\" is no file below /sys/ or /proc/, or longer than 95 letters", actor.path));
    actor.value = "all";
    read_expected(table, actor);
    actor.entry = table.strings("entry", true);
}

// Reads an onliner, an offliner or a writer.
void read_thread(TomlTable& table, Actor& actor) {
    if (table.has("attribute")) actor.attributes = table.strings("attribute", true);
    else (void)table.strings("attribute", false);
    for (const auto& attribute : actor.attributes)
        if (attribute != "state" && attribute != "online")
            table.report("attribute",
                         fmt::format("a memory block has no attribute \"{}\" to be onlined by: \"state\" or \"online\"",
                                     attribute));
    actor.of = table.string("of", "");
    if (actor.kind == ActorKind::onliner) actor.zone = table.string("zone", "");
    const bool writer = actor.kind == ActorKind::writer;
    actor.value = writer ? table.string("value") : table.string("value", "");
    if (table.has("value") && !can_be_written(actor.value)) table.report("value", kValueRule);
    if (!writer && !actor.value.empty() && actor.attributes.size() > 1)
        table.report("value", "\"value\" needs one \"attribute\": the values differ");
    constexpr std::size_t now = 0;
    actor.trigger = static_cast<WriterTrigger>(table.choice("trigger", {"now", "spin", "uevent"}, now));
    read_expected(table, actor);
    if (writer && actor.expects_success())
        table.report("expect", "a writer's text is one that the kernel refuses: \"expect\" names the errno");
    actor.entry = table.strings("entry", false);
}

// A check shows what these actors did.
bool acts_on_memory(ActorKind kind) {
    constexpr std::array kinds = {ActorKind::adder,   ActorKind::remover,  ActorKind::resizer,
                                  ActorKind::onliner, ActorKind::offliner, ActorKind::prober};
    return std::ranges::find(kinds, kind) != kinds.end();
}

}  // namespace

bool is_device_id(const std::string& text) {
    return is_actor_name(text) && std::isalpha(static_cast<unsigned char>(text[0])) != 0;
}

bool is_kernel_symbol(const std::string& text) {
    return !text.empty() &&
           std::ranges::all_of(text, [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '.'; });
}

bool names_function(const std::string& text) { return is_kernel_symbol(text) || find_role(text) != nullptr; }

Actor read_actor(const std::string& name, TomlTable& table) {
    static constexpr std::pair<std::string_view, ActorKind> kinds[] = {{"plug", ActorKind::adder},
                                                                       {"online", ActorKind::onliner},
                                                                       {"offline", ActorKind::offliner},
                                                                       {"write", ActorKind::writer},
                                                                       {"probe", ActorKind::prober},
                                                                       {"resize", ActorKind::resizer},
                                                                       {"unplug", ActorKind::remover},
                                                                       {"plug-vcpu", ActorKind::vcpu_plugger},
                                                                       {"online-vcpu", ActorKind::vcpu_onliner},
                                                                       {"write-file", ActorKind::file_writer},
                                                                       {"read-file", ActorKind::file_reader},
                                                                       {"pin", ActorKind::pinner},
                                                                       {"fill", ActorKind::filler}};
    Actor actor;
    actor.name = name;
    if (!is_actor_name(name))
        table.report("",
                     fmt::format("\"{}\" is no name for an actor: small letters, digits and '-', at most 32", name));
    std::vector<std::string_view> names;
    for (const auto& kind : kinds) names.push_back(kind.first);
    const std::size_t none = names.size();
    const std::size_t chosen = table.has("kind") ? table.choice("kind", names, none) : none;
    if (!table.has("kind")) (void)table.string("kind");
    if (chosen == none) return actor;  // the other keys depend on the kind
    actor.kind = kinds[chosen].second;
    switch (actor.kind) {
        case ActorKind::adder: read_adder(table, actor); break;
        case ActorKind::resizer: read_resizer(table, actor); break;
        case ActorKind::remover: read_remover(table, actor); break;
        case ActorKind::vcpu_plugger: actor.entry = table.strings("entry", true); break;
        case ActorKind::vcpu_onliner: read_vcpu_onliner(table, actor); break;
        case ActorKind::file_writer: read_file_writer(table, actor); break;
        case ActorKind::file_reader: read_file_reader(table, actor); break;
        case ActorKind::prober: read_prober(table, actor); break;
        case ActorKind::pinner: read_pinner(table, actor); break;
        case ActorKind::filler: read_filler(table, actor); break;
        case ActorKind::onliner:
        case ActorKind::offliner:
        case ActorKind::writer: read_thread(table, actor); break;
    }
    actor.repeat = static_cast<unsigned>(table.integer("repeat", 1, kMostRepeats, 1));
    if (actor.repeat > 1 && !actor.is_thread()) table.report("repeat", "only of a thread of the agent");
    actor.may_fail = table.boolean("may-fail", false);
    if (actor.may_fail && !acts_on_memory(actor.kind))
        table.report("may-fail", "only of an actor that adds, removes, onlines or offlines memory");
    actor.again_of = table.string("again", "");
    for (const auto& entry : actor.entry)
        if (entry != kBenchHotplug && !names_function(entry))
            table.report("entry", fmt::format("\"{}\" is no kernel symbol and no role", entry));
    table.finish();
    return actor;
}

}  // namespace memrig
