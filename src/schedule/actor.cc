#include "schedule/actor.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "hotplug/unplug_error.h"

namespace memrig {

const char* to_string(MemoryDevice device) {
    switch (device) {
        case MemoryDevice::pc_dimm: return "pc-dimm";
        case MemoryDevice::virtio_mem: return "virtio-mem";
        case MemoryDevice::nvdimm: return "nvdimm";
        case MemoryDevice::dax: return "dax";
        case MemoryDevice::dax_state: return "dax-state";
        case MemoryDevice::memtrace: return "memtrace";
        case MemoryDevice::xen_balloon: return "xen-balloon";
    }
    return "?";
}

const OwnMemory* own_memory(MemoryDevice device) {
    switch (device) {
        case MemoryDevice::dax: return &kDax;
        case MemoryDevice::dax_state: return &kDaxState;
        case MemoryDevice::memtrace: return &kMemtrace;
        case MemoryDevice::pc_dimm:
        case MemoryDevice::virtio_mem:
        case MemoryDevice::nvdimm:
        case MemoryDevice::xen_balloon: break;
    }
    return nullptr;
}

bool Actor::is_thread() const {
    switch (kind) {
        case ActorKind::onliner:
        case ActorKind::offliner:
        case ActorKind::writer:
        case ActorKind::prober:
        case ActorKind::vcpu_onliner:
        case ActorKind::file_writer:
        case ActorKind::file_reader: return true;
        case ActorKind::adder:
        case ActorKind::remover: return own_memory(device) != nullptr;
        case ActorKind::resizer:
        case ActorKind::vcpu_plugger:
        case ActorKind::filler:
        case ActorKind::pinner: break;
    }
    return false;
}

bool Actor::writes_to_one_file() const {
    return kind == ActorKind::vcpu_onliner || kind == ActorKind::file_writer || kind == ActorKind::file_reader ||
           ((kind == ActorKind::adder || kind == ActorKind::remover) && is_thread());
}

std::string Actor::value_for(const std::string& attribute) const {
    if (!value.empty()) return value;
    if (kind == ActorKind::prober) return "address";  // what the agent writes is each block's own
    const bool online = kind != ActorKind::offliner;
    if (attribute == "online") return online ? "1" : "0";
    return online ? "online" : "offline";
}

bool Refusal::is(const std::string& answer) const {
    return answer.starts_with(by + ": ") && answer.find(text, by.size() + 2) != std::string::npos;
}

std::string unplug_error_answer() { return Refusal{"event", kUnplugError}.shown(); }

std::optional<Refusal> parse_refusal(const std::string& text) {
    // Those of QMP are in qapi/error.json.
    if (text == unplug_error_answer()) return Refusal{"event", kUnplugError};
    for (const char* by : {"console", "_OST", "GenericError", "CommandNotFound", "DeviceNotActive", "DeviceNotFound"})
        if (const std::string head = std::string(by) + ": "; text.starts_with(head) && text.size() > head.size())
            return Refusal{by, text.substr(head.size())};
    return std::nullopt;
}

bool Actor::expects_qemu_to() const { return std::ranges::all_of(refusals, &Refusal::by_kernel); }

bool Actor::refused_by_qemu_alone() const {
    return !refusals.empty() && std::ranges::none_of(refusals, &Refusal::by_kernel);
}

bool Actor::expects_answer(const std::string& answer) const {
    if (may_fail || races || !again_of.empty()) return true;
    if (refusals.empty()) return answer == kDone;
    return std::ranges::any_of(refusals, [&](const Refusal& refusal) { return refusal.is(answer); });
}

std::string Actor::expected_answer() const {
    std::string text;
    for (const auto& refusal : refusals) text += (text.empty() ? "" : " or ") + refusal.shown();
    return text.empty() ? kDone : text;
}

bool Actor::expects(int error) const {
    return may_fail || races || std::ranges::find(expected, error) != expected.end();
}

std::string errno_name(int error) {
    if (error == 0) return kDone;
    const char* name = ::strerrorname_np(error);
    return name != nullptr ? name : fmt::format("errno {}", error);
}

std::string errno_names(const std::vector<int>& errors) {
    std::string text;
    for (const int error : errors) text += (text.empty() ? "" : " or ") + errno_name(error);
    return text;
}

std::optional<int> parse_errno(const std::string& name) {
    constexpr int most = 133;  // EHWPOISON, the last one of Linux
    for (int error = 0; error <= most; error++)
        if (errno_name(error) == name) return error;
    return std::nullopt;
}

}  // namespace memrig
