// The rings of an observer that are written by the plugin's own code (src/observer/recorder.c), as in QEMU.
#pragma once

#include <algorithm>
#include <map>

#include <gtest/gtest.h>
#include <sys/mman.h>

#include "observer/channel.h"
#include "observer/recorder.h"

namespace memrig {

inline constexpr std::uint64_t kLock = 0xffffffff81b044e0, kLockCode = 0xffffffff81001000,
                               kTryCode = 0xffffffff81002000;
inline constexpr std::uint32_t kLockFunction = 0, kTryFunction = 1;

// The registers and the memory that the recorder reads of the vCPU.
struct MadeUpGuest {
    std::uint64_t argument[OBSERVER_ARGUMENTS] = {}, returns_to = 0, answer = 0;
    bool has_registers = true;
    std::map<std::uint64_t, std::uint64_t> words;  // by address
};
inline MadeUpGuest guest_;
inline constexpr RecorderGuest kMadeUpGuest = {[](unsigned, std::uint64_t* argument, std::uint64_t* returns_to) {
                                                   std::ranges::copy(guest_.argument, argument);
                                                   *returns_to = guest_.returns_to;
                                                   return guest_.has_registers;
                                               },
                                               [](unsigned, std::uint64_t* value) {
                                                   *value = guest_.answer;
                                                   return guest_.has_registers;
                                               },
                                               [](unsigned, std::uint64_t address, void* to, std::size_t bytes) {
                                                   for (std::size_t i = 0; i < bytes / 8; i++) {
                                                       const auto word = guest_.words.find(address + 8 * i);
                                                       if (word == guest_.words.end()) return false;
                                                       static_cast<std::uint64_t*>(to)[i] = word->second;
                                                   }
                                                   return true;
                                               }};

// What QEMU has of the memory: a mapping of its own.
class ObserverChannelTest : public testing::Test {
protected:
    void begin(std::uint32_t vcpus = 2, std::uint32_t ring_events = 8) {
        auto made = ObserverChannel::make(vcpus, ring_events);
        ASSERT_TRUE(made) << made.error().line();
        channel_ = *std::move(made);
        bytes_ = observer_bytes(vcpus, ring_events);
        memory_ = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, channel_->descriptor(), 0);
        ASSERT_NE(memory_, MAP_FAILED);
        ASSERT_FALSE(channel_->is_installed());
        guest_ = {};
        ASSERT_TRUE(recorder_open(&recorder_, memory_, bytes_, 1, &kMadeUpGuest));
        ASSERT_TRUE(channel_->is_installed());
    }
    void TearDown() override {
        if (memory_ != nullptr) ::munmap(memory_, bytes_);
    }
    ObserverTable table() {
        ObserverTable table{};
        table.code = OBSERVER_CODE_X86_64;
        table.functions = 2;
        table.function[0] = {kLockCode, kLockCode + 0x40, kLockCode, OBSERVER_ACCESS, 1, 0, 0};
        table.function[1] = {
            kTryCode, kTryCode + 0x40, kTryCode + 4, OBSERVER_ENTRY | OBSERVER_LEAVE | OBSERVER_ACCESS, 2, 0, 0};
        for (unsigned vcpu = 0; vcpu < 2; vcpu++)
            table.current[vcpu] = reinterpret_cast<std::uint64_t>(&current_[vcpu]);
        return table;
    }
    void begin_watching(std::uint32_t ring_events = 8) {
        begin(2, ring_events);
        channel_->watch(table());
        ASSERT_EQ(channel_->add_span({kLock, kLock + 8, reinterpret_cast<std::uint64_t>(&word_)}), 0u);
        ASSERT_TRUE(recorder_ready(&recorder_));
    }
    void touch(unsigned vcpu, std::uint64_t value, bool store = true) {
        word_ = value;
        recorder_touched(&recorder_, vcpu, kLockFunction, kLock, store);
    }
    ObserverHeader& header() { return *static_cast<ObserverHeader*>(memory_); }
    ObserverRing& ring(unsigned vcpu) { return recorder_.rings[vcpu]; }
    ObserverEvent& event(unsigned vcpu, unsigned slot) { return recorder_.events[vcpu * recorder_.ring_events + slot]; }

    std::unique_ptr<ObserverChannel> channel_;
    void* memory_ = nullptr;
    std::size_t bytes_ = 0;
    Recorder recorder_{};
    alignas(8) std::uint64_t word_ = 0;
    alignas(8) std::uint64_t current_[2] = {0xffff888000100000, 0xffff888000200000};
};

}  // namespace memrig
