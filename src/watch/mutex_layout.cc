#include "watch/mutex_layout.h"

#include "probe/architecture.h"
#include "probe/function_watch.h"
#include "probe/packet.h"

namespace memrig {

namespace {

constexpr const char* kTrylock = "mutex_trylock";
constexpr std::uint64_t kOwnerFlags = 7;
// Bytes of a task_struct in which its `stack` lies: POWER has 256 of thread_info before it.
constexpr std::size_t kTaskHeadBytes = 512;

// Whether `owner` is the task_struct of the task with this kernel stack.
Result<bool> is_task(Probe& probe, unsigned vcpu, std::uint64_t owner, std::uint64_t stack) {
    if (!is_kernel_address(owner)) return false;
    const auto head = probe.read_memory(vcpu, owner, kTaskHeadBytes);
    if (!head && head.error().fault != Fault::guest) return std::unexpected(head.error());
    if (!head) return false;
    for (std::size_t at = 0; at + 8 <= head->size(); at += 8)
        if (little_endian(std::string_view(*head).substr(at, 8)) == stack) return true;
    return false;
}

}  // namespace

const char* to_string(MutexLayout layout) {
    switch (layout) {
        case MutexLayout::owner_first: return "a mutex begins with its owner";
        case MutexLayout::elsewhere: return "a mutex does not begin with its owner";
        case MutexLayout::unknown: return "nobody was seen taking a mutex";
    }
    return "?";
}

Result<std::unique_ptr<MutexProbe>> MutexProbe::make(Conductor& conductor, const SymbolTable& symbols) {
    std::unique_ptr<MutexProbe> probe(new MutexProbe(conductor));
    if (symbols.all(kTrylock).empty()) return probe;
    MutexProbe* self = probe.get();
    MEMRIG_TRY(const auto entries, entries_of(conductor.probe(), symbols, kTrylock));
    for (const auto entry : entries) {
        MEMRIG_TRY(const auto id,
                   conductor.watch(entry, [self](const Arrival& arrival) { return self->at_trylock(arrival); }));
        probe->watches_.push_back(id);
    }
    return probe;
}

Result<Response> MutexProbe::at_trylock(const Arrival& arrival) {
    const std::uint64_t mutex = arrival.registers.argument(0);
    MEMRIG_CHECK(conductor_.on_return(arrival, [seen = seen_, this, mutex](const Arrival& back, std::uint64_t value) {
        const bool took = (value & 0xffffffff) != 0;
        return *seen && took ? taken(back, mutex) : Status();
    }));
    return Response::pass();
}

Status MutexProbe::taken(const Arrival& arrival, std::uint64_t mutex) {
    MEMRIG_TRY(const std::uint64_t word, conductor_.probe().read_u64(arrival.vcpu, mutex));
    MEMRIG_TRY(const bool first, is_task(conductor_.probe(), arrival.vcpu, word & ~kOwnerFlags, arrival.task));
    if (!first) layout_ = MutexLayout::elsewhere;
    else if (layout_ == MutexLayout::unknown) layout_ = MutexLayout::owner_first;
    return {};
}

Status MutexProbe::end() {
    *seen_ = false;
    for (const auto id : watches_) MEMRIG_CHECK(conductor_.unwatch(id));
    watches_.clear();
    return {};
}

}  // namespace memrig
