#include "machine/observer_plugin.h"

#include <array>
#include <charconv>
#include <map>
#include <mutex>

#include "base/assert.h"
#include "base/file.h"
#include "base/paths.h"
#include "machine/qemu_command.h"

namespace memrig {

namespace {

// The versions of QEMU's plugin interface that the plugin is built for, the newest first (src/observer/CMakeLists.txt).
constexpr std::array kInterfaces = {4u, 1u};

std::string first_line_of(const std::string& text) { return text.substr(0, text.find('\n')); }

Result<fs::path> try_plugins(const Emulator& emulator) {
    std::string why = "its plugin was not built";
    for (const unsigned interface : kInterfaces) {
        const fs::path plugin = observer_plugin(interface);
        if (!fs::exists(plugin)) continue;
        const Status taken = try_emulator(emulator, {"-plugin", plugin_option(plugin)});
        if (taken) return plugin;
        if (taken.error().fault != Fault::host) return std::unexpected(taken.error());
        why = taken.error().message;
    }
    return fail(Fault::host, "{} does not take the observer: {}", emulator.program, why);
}

// Asks QEMU's human monitor, and returns the number behind the last occurrence of `before` in its answer.
Result<std::uint64_t> ask_for_address(QmpClient& qmp, unsigned vcpu, const std::string& command, std::uint64_t address,
                                      std::string_view before, Deadline deadline) {
    const std::string line = fmt::format("{} {:#x}", command, address);
    const auto answer = qmp.execute("human-monitor-command", {{"command-line", line}, {"cpu-index", vcpu}}, deadline);
    if (!answer) return in_context(answer.error().error(), line);
    const std::string text = answer->is_string() ? answer->get<std::string>() : std::string();
    const std::size_t at = text.rfind(before);
    std::uint64_t number = 0;
    if (at != std::string::npos) {
        const char* const digits = text.data() + at + before.size();
        const auto [end, code] = std::from_chars(digits, text.data() + text.size(), number, 16);
        if (code == std::errc() && end != digits) return number;
    }
    return fail(Fault::rig, "QEMU's monitor answers \"{}\" to \"{}\"", first_line_of(text), line);
}

// The page tables of a vCPU that runs a hypervisor's code, or a user's, need not map the kernel: any vCPU's will do.
Result<std::uint64_t> physical_address_of(QmpClient& qmp, unsigned vcpus, std::uint64_t address, Deadline deadline) {
    MEMRIG_ASSERT(vcpus > 0, "the machine has a vCPU");
    for (unsigned vcpu = 0;; vcpu++) {
        auto physical = ask_for_address(qmp, vcpu, "gva2gpa", address, "gpa: 0x", deadline);
        if (physical || physical.error().fault != Fault::rig || vcpu + 1 == vcpus) return physical;
    }
}

Result<std::uint64_t> host_address_of_byte(QmpClient& qmp, unsigned vcpus, std::uint64_t address, Deadline deadline) {
    MEMRIG_TRY(const std::uint64_t physical, physical_address_of(qmp, vcpus, address, deadline));
    return ask_for_address(qmp, 0, "gpa2hva", physical, " is 0x", deadline);
}

}  // namespace

Result<fs::path> find_observer_plugin(const Emulator& emulator) {
    static std::mutex mutex;
    static std::map<std::pair<std::string, std::string>, Result<fs::path>> known;
    const std::lock_guard guard(mutex);
    const std::pair key(emulator.program, emulator.identity);
    if (const auto found = known.find(key); found != known.end()) return found->second;
    auto tried = try_plugins(emulator);
    if (!tried && tried.error().fault != Fault::host) return tried;
    return known.emplace(key, std::move(tried)).first->second;
}

Result<std::uint64_t> host_address_of(QmpClient& qmp, unsigned vcpus, std::uint64_t address, std::uint64_t size,
                                      Deadline deadline) {
    MEMRIG_ASSERT(size > 0, "memory of a size is asked for");
    MEMRIG_TRY(const std::uint64_t first, host_address_of_byte(qmp, vcpus, address, deadline));
    constexpr std::uint64_t page = 4096;  // no kernel has smaller ones
    if (address / page == (address + size - 1) / page) return first;
    MEMRIG_TRY(const std::uint64_t last, host_address_of_byte(qmp, vcpus, address + size - 1, deadline));
    if (last - first == size - 1) return first;
    return fail(Fault::rig, "the {} bytes at {:#x} of the guest are not in one piece", size, address);
}

}  // namespace memrig
