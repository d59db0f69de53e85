#include "watch/layout_probe.h"

#include <algorithm>

#include "probe/architecture.h"
#include "probe/function_watch.h"
#include "probe/kernel_objects.h"
#include "probe/packet.h"
#include "watch/lock_names.h"

namespace memrig {

namespace {

constexpr std::uint64_t kOwnerFlags = 7;
// The part of a mutex that is searched for its owner, in bytes. The spinlock of an rt_mutex grows with its debugging.
constexpr std::size_t kMutexHeadBytes = 128;
constexpr std::uint64_t kStackEndMagic = 0x57AC6E9D;  // include/uapi/linux/magic.h
constexpr std::uint64_t kLeastStackBytes = 4096, kMostStackBytes = 128 << 10;

// Returns the memory, or "" where there is none.
Result<std::string> bytes_at(Probe& probe, unsigned vcpu, std::uint64_t address, std::size_t size) {
    auto bytes = probe.read_memory(vcpu, address, size);
    if (!bytes && bytes.error().fault != Fault::guest) return std::unexpected(bytes.error());
    return bytes.value_or("");
}

std::uint64_t word_in(const std::string& bytes, std::size_t at) {
    return little_endian(std::string_view(bytes).substr(at, 8));
}

}  // namespace

Result<std::unique_ptr<LayoutProbe>> LayoutProbe::make(Conductor& conductor, const SymbolTable& symbols) {
    std::unique_ptr<LayoutProbe> probe(new LayoutProbe(conductor));
    LayoutProbe* self = probe.get();
    for (const char* tries : locks::mutex_tries) {
        if (symbols.all(tries).empty()) continue;
        MEMRIG_TRY(const auto entries, entries_of(conductor.probe(), symbols, tries));
        for (const auto entry : entries) {
            MEMRIG_TRY(const auto id,
                       conductor.watch(entry, [self](const Arrival& arrival) { return self->at_trylock(arrival); }));
            probe->watches_.push_back(id);
        }
    }
    return probe;
}

std::optional<std::uint64_t> LayoutProbe::owner_offset() const {
    if (!offsets_ || offsets_->empty()) return std::nullopt;
    return offsets_->front();
}

Result<Response> LayoutProbe::at_trylock(const Arrival& arrival) {
    MEMRIG_CHECK(look_at_stack(arrival));
    const std::uint64_t mutex = arrival.registers.argument(0);
    MEMRIG_CHECK(conductor_.on_return(arrival, [seen = seen_, this, mutex](const Arrival& back, std::uint64_t value) {
        const bool took = (value & 0xffffffff) != 0;
        return *seen && took ? look_at_mutex(back, mutex) : Status();
    }));
    return Response::pass();
}

Status LayoutProbe::look_at_stack(const Arrival& arrival) {
    const std::uint64_t sp = arrival.registers.sp();
    for (std::uint64_t bytes = kLeastStackBytes; bytes <= kMostStackBytes; bytes *= 2) {
        MEMRIG_TRY(const std::string end, bytes_at(conductor_.probe(), arrival.vcpu, sp & ~(bytes - 1), 8));
        if (end.size() < 8 || word_in(end, 0) != kStackEndMagic) continue;
        stacks_agree_ = stacks_agree_ && (stack_bytes_ == 0 || stack_bytes_ == bytes);
        stack_bytes_ = bytes;
        return {};
    }
    return {};
}

Status LayoutProbe::look_at_mutex(const Arrival& arrival, std::uint64_t mutex) {
    taken_++;
    MEMRIG_TRY(const std::string head, bytes_at(conductor_.probe(), arrival.vcpu, mutex, kMutexHeadBytes));
    std::vector<std::uint64_t> here;
    const std::uint64_t bytes = stack_bytes() != 0 ? stack_bytes() : conductor_.stack_bytes();
    for (std::size_t at = 0; at + 8 <= head.size(); at += 8) {
        const bool still = !offsets_ || std::ranges::find(*offsets_, at) != offsets_->end();
        if (!still) continue;
        MEMRIG_TRY(const bool owner, is_task(conductor_.probe(), arrival.vcpu, word_in(head, at) & ~kOwnerFlags,
                                             arrival.registers.sp() & ~(bytes - 1)));
        if (owner) here.push_back(at);
    }
    offsets_ = std::move(here);
    return {};
}

Status LayoutProbe::end() {
    *seen_ = false;
    for (const auto id : watches_) MEMRIG_CHECK(conductor_.unwatch(id));
    watches_.clear();
    return {};
}

}  // namespace memrig
