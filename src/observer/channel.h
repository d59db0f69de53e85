// memrig's side of the memory that it shares with the observer, its plugin inside QEMU: it hands over the table and
// reads the events.
//
// The plugin's side of the memory belongs to a process that runs an untrusted guest. So everything in it is copied once
// and checked before it is used. Each damage is a line of faults(). It does not fail a trial, but a trial whose
// observer has a fault proves nothing by what the observer did not see.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/descriptor.h"
#include "base/error.h"
#include "observer/layout.h"

namespace memrig {

// Not thread-safe. The memory lives as long as this object, or as QEMU has it.
class ObserverChannel {
public:
    static constexpr std::uint32_t kRingEvents = 1 << 14;

    // Makes the memory for this number of vCPUs, those included that may be plugged. Fault::host if there is none.
    // REQUIRES: 0 < vcpus <= OBSERVER_MOST_VCPUS, and `ring_events` is a power of two up to OBSERVER_MOST_EVENTS.
    static Result<std::unique_ptr<ObserverChannel>> make(std::uint32_t vcpus, std::uint32_t ring_events = kRingEvents);
    ObserverChannel(const ObserverChannel&) = delete;
    ObserverChannel& operator=(const ObserverChannel&) = delete;
    ~ObserverChannel();

    // The memory, to be inherited by QEMU. Its size is sealed: QEMU cannot take it away from memrig.
    [[nodiscard]] int descriptor() const { return descriptor_.get(); }
    [[nodiscard]] std::uint32_t vcpus() const { return vcpus_; }
    // Returns true once the plugin has been loaded and has found the memory.
    [[nodiscard]] bool is_installed() const;

    // Returns true if the plugin reads registers, and so takes OBSERVER_CALL. REQUIRES: is_installed().
    [[nodiscard]] bool reads_registers() const;

    // Hands over the table. The plugin takes it when the guest runs next. REQUIRES: called once, before the guest runs
    // for the first time in this QEMU. Code that ran before is not watched, and is a fault.
    void watch(const ObserverTable& table);
    // Watches the span, too, from now on, and returns its index in ObserverEvent::span. Nothing if there are too many,
    // or if the span is empty, too long, or not at a multiple of 8 bytes in QEMU.
    std::optional<std::uint32_t> add_span(const ObserverSpan& span);

    // Returns the events since the last call, in the order of their numbers. If the guest is stopped, all events are
    // there, and one that is missing is a fault. If it runs, the events behind one that is just being written are left
    // for the next call.
    std::vector<ObserverEvent> read(bool guest_is_stopped);
    // Returns a line for each way in which the events are not all that happened. At most a few are kept.
    [[nodiscard]] const std::vector<std::string>& faults() const { return faults_; }

private:
    struct Reader {
        std::uint64_t read = 0, sequence = 0, dropped = 0;  // of this ring
        bool damaged = false;
    };
    ObserverChannel(Descriptor descriptor, void* memory, std::uint32_t vcpus, std::uint32_t ring_events);
    [[nodiscard]] ObserverRing& ring(std::uint32_t vcpu) const;
    void read_ring(std::uint32_t vcpu, std::vector<ObserverEvent>& events);
    [[nodiscard]] bool is_good(const ObserverEvent& event, std::uint32_t vcpu, const Reader& reader) const;
    void check_header(bool guest_is_stopped);
    void tell(std::string fault);

    Descriptor descriptor_;
    ObserverHeader* shared_;
    std::uint32_t vcpus_, ring_events_;
    std::uint32_t functions_ = 0, spans_ = 0;
    std::vector<Reader> readers_;
    std::vector<ObserverEvent> waiting_;  // they were read, but one before them was not
    std::uint64_t next_ = 1;              // the number of the next event to return
    std::vector<std::string> faults_;
};

}  // namespace memrig
