// The observer's locks over a FakeProbe: the rings are written by the plugin's own code, with the memory of the test as
// the guest's.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <set>

#include <gmock/gmock.h>
#include <sys/mman.h>

#include "kernel_fixture.h"
#include "observer/recorder.h"
#include "watch/lock_observer.h"

namespace memrig {

inline constexpr std::uint64_t kObservedTask = 0xffff888003000000;

// The registers and the memory that the recorder reads of the vCPU.
struct ObservedCallOfTest {
    std::array<std::uint64_t, OBSERVER_ARGUMENTS> arguments = {};
    std::array<std::uint64_t, OBSERVER_WORDS> words = {};
    std::uint64_t returns_to = 0xffffffff81ffff00, answer = 0;
};
inline ObservedCallOfTest called;
inline constexpr RecorderGuest kObservedGuest = {[](unsigned, std::uint64_t* argument, std::uint64_t* returns_to) {
                                                     std::ranges::copy(called.arguments, argument);
                                                     *returns_to = called.returns_to;
                                                     return true;
                                                 },
                                                 [](unsigned, std::uint64_t* value) {
                                                     *value = called.answer;
                                                     return true;
                                                 },
                                                 [](unsigned, std::uint64_t, void* to, std::size_t bytes) {
                                                     std::memcpy(to, called.words.data(), bytes);
                                                     return true;
                                                 }};

class LockObserverTest : public ::testing::Test {
protected:
    void SetUp() override {
        auto made = ObserverChannel::make(3, 64);
        ASSERT_TRUE(made);
        channel = *std::move(made);
        bytes = observer_bytes(3, 64);
        memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, channel->descriptor(), 0);
        ASSERT_NE(memory, MAP_FAILED);
        called = {};
        ASSERT_TRUE(recorder_open(&recorder, memory, bytes, 1, &kObservedGuest));
        for (std::uint64_t vcpu = 0; vcpu < 3; vcpu++) {
            kernel.probe.poke_u64(kernel.at("__per_cpu_offset", vcpu * 8), 0xffff888010000000 + vcpu * 0x1000);
            kernel.probe.poke_u64(kernel.at("current_task") + 0xffff888010000000 + vcpu * 0x1000, kObservedTask);
            current[vcpu] = kObservedTask;
        }
        kernel.probe.poke_u64(kernel.at("device_hotplug_lock"), 0);
        kernel.probe.poke_u64(kernel.at("acpi_scan_lock"), 0);
        kernel.probe.poke_u64(kObservedTask + 0x20, kAdder);
    }
    void TearDown() override { ::munmap(memory, bytes); }
    Status begin() {
        auto made = LockObserver::make(kernel.conductor, kernel.symbols, *channel,
                                       [this](std::uint64_t address, std::uint64_t) { return host(address); },
                                       {{kernel.at("slab_callback"), {}},
                                        {kernel.at("bus_probe_device"), {.whole = true}},
                                        {kernel.at("blocking_notifier_call_chain"), {.whole = true, .pointer = 3}}});
        if (!made) return std::unexpected(made.error());
        observer = *std::move(made);
        EXPECT_TRUE(recorder_ready(&recorder));
        return {};
    }
    // Where the test has the words of the guest.
    Result<std::uint64_t> host(std::uint64_t address) {
        for (std::uint64_t vcpu = 0; vcpu < 3; vcpu++)
            if (address == kernel.at("current_task") + 0xffff888010000000 + vcpu * 0x1000)
                return reinterpret_cast<std::uint64_t>(&current[vcpu]);
        if (kernel.symbols.unique("device_hotplug_lock") == address) return reinterpret_cast<std::uint64_t>(&lock);
        if (address == kDeviceLock) return reinterpret_cast<std::uint64_t>(&device_lock);
        if (address == kernel.at("acpi_scan_lock") || address == kernel.at("mem_hotplug_lock") ||
            address == kernel.at("cpu_hotplug_lock"))
            return reinterpret_cast<std::uint64_t>(&other);
        if (address >= kDirectMemory && address + 8 <= kDirectMemory + direct_bytes)
            return 0x7f0000000000 + (address - kDirectMemory) + (elsewhere.contains(address >> 21) ? 1ull << 32 : 0);
        return fail(Fault::rig, "nothing at {:x}", address);
    }
    void store(unsigned vcpu, const std::string& function, std::uint64_t address, std::uint64_t& word,
               std::uint64_t value) {
        word = value;
        kernel.probe.poke_u64(address, value);
        const ObserverFunction* found = recorder_function(&recorder, kernel.at(function, 0x20));
        ASSERT_NE(found, nullptr) << function;
        recorder_touched(&recorder, vcpu, recorder_index(&recorder, found), address, true);
    }
    std::vector<std::string> told() {
        std::vector<std::string> lines;
        for (const auto& event : observer->events())
            lines.push_back(fmt::format("{:x} {} {}", event.task, to_string(event.action), event.lock));
        return lines;
    }

    // The memory that the kernel maps directly; nothing of it is there unless a test says so.
    static constexpr std::uint64_t kDirectMemory = 0xffff888000000000;
    std::uint64_t direct_bytes = 0;
    std::set<std::uint64_t> elsewhere;  // the numbers of pieces of 2 MiB that are not behind the piece before them
    static constexpr std::uint64_t kDeviceLock = 0xffff888001000050;
    void enter(unsigned vcpu, const std::string& function) {
        const ObserverFunction* found = recorder_function(&recorder, kernel.at(function, 0x20));
        ASSERT_NE(found, nullptr) << function;
        recorder_passed(&recorder, vcpu, recorder_index(&recorder, found), OBSERVER_EVENT_ENTRY);
    }
    // The probe is a second witness of calls of bus_probe_device() from now on.
    void expect_calls() {
        const auto expects = [this](const Arrival& arrival) -> Result<Response> {
            MEMRIG_CHECK(observer->expect_call(arrival));
            return Response::pass();
        };
        ASSERT_TRUE(kernel.conductor.watch(kernel.at("bus_probe_device"), expects));
    }
    void answer(unsigned vcpu, const std::string& function) {
        ASSERT_NE(recorder_function(&recorder, kernel.at(function)), nullptr) << function;
        recorder_answered(&recorder, vcpu, called.returns_to);
    }
    FakeKernel kernel{
        {"mutex_lock", "mutex_trylock", "mutex_unlock", "slab_callback", "bus_probe_device", "device_online",
         "device_offline", "blocking_notifier_call_chain", "memory_subsys_online", "memory_subsys_offline", "last"},
        {"device_hotplug_lock", "acpi_scan_lock", "mem_hotplug_lock", "cpu_hotplug_lock", "__per_cpu_offset",
         "current_task", "xen_domain_type", "end"}};
    std::unique_ptr<ObserverChannel> channel;
    std::unique_ptr<LockObserver> observer;
    void* memory = nullptr;
    std::size_t bytes = 0;
    Recorder recorder{};
    alignas(8) std::uint64_t current[3] = {}, lock = 0, device_lock = 0, other = 0;
};

}  // namespace memrig
