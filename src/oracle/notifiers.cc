#include "oracle/notifiers.h"

#include <array>

#include "probe/elision.h"

namespace memrig {

namespace {

constexpr std::size_t kPathDepth = 6;
constexpr std::size_t kMostBreaches = 64;

// include/linux/memory.h, in the order in which both the bits and the numbers count.
constexpr std::array kInOrder = {Notice::online,       Notice::going_offline, Notice::offline,
                                 Notice::going_online, Notice::cancel_online, Notice::cancel_offline};

// What must have been announced before; `other` where the notice is itself an announcement, or none of ours.
Notice announcement_of(Notice notice) {
    switch (notice) {
        case Notice::online:
        case Notice::cancel_online: return Notice::going_online;
        case Notice::offline:
        case Notice::cancel_offline: return Notice::going_offline;
        default: return Notice::other;
    }
}

}  // namespace

const char* to_string(Notice notice) {
    switch (notice) {
        case Notice::going_online: return "MEM_GOING_ONLINE";
        case Notice::online: return "MEM_ONLINE";
        case Notice::cancel_online: return "MEM_CANCEL_ONLINE";
        case Notice::going_offline: return "MEM_GOING_OFFLINE";
        case Notice::offline: return "MEM_OFFLINE";
        case Notice::cancel_offline: return "MEM_CANCEL_OFFLINE";
        case Notice::other: break;
    }
    return "another notice";
}

Notice NoticeNumbers::meaning(std::uint64_t action) {
    // A plain online begins with MEM_GOING_ONLINE (3, or bit 3) or, since v6.8, MEM_PREPARE_ONLINE (6, or bit 6).
    if (!counted_ && (action == 3 || action == 6)) counted_ = true;
    if (!counted_ && (action == 1u << 3 || action == 1u << 6)) counted_ = false;
    if (!counted_) return Notice::other;
    for (std::size_t i = 0; i < kInOrder.size(); i++)
        if (action == (*counted_ ? i : std::uint64_t{1} << i)) return kInOrder.at(i);
    return Notice::other;
}

Result<std::unique_ptr<NotifierWatch>> NotifierWatch::make(Conductor& conductor, const LockLedger& ledger,
                                                           const SymbolTable& symbols) {
    std::unique_ptr<NotifierWatch> watch(new NotifierWatch(conductor, ledger, symbols));
    NotifierWatch* self = watch.get();
    if (symbols.all("memory_notify").empty()) {
        watch->gap_ = "N1: memory_notify has no symbol";
        return watch;
    }
    MEMRIG_TRY(const auto entries, entries_of(conductor.probe(), symbols, "memory_notify"));
    for (const auto entry : entries)
        MEMRIG_CHECK(conductor.watch(entry, [self](const Arrival& arrival) { return self->at_notice(arrival); }));
    return watch;
}

// memory_notify(unsigned long action, struct memory_notify *). A task is about one block at a time.
Result<Response> NotifierWatch::at_notice(const Arrival& arrival) {
    const Notice notice = numbers_.meaning(arrival.registers.argument(0));
    if (notice == Notice::other) return Response::pass();
    checks_++;
    const Notice needed = announcement_of(notice);
    const auto announced = announced_.find(arrival.task);
    std::string reproach;
    if (needed == Notice::other) {
        if (announced != announced_.end())
            reproach = fmt::format("with {}, but has not said yet what became of its {}", to_string(notice),
                                   to_string(announced->second));
        announced_[arrival.task] = notice;
    } else {
        if (announced == announced_.end() || announced->second != needed)
            reproach = fmt::format("with {}, but without a {} before", to_string(notice), to_string(needed));
        announced_.erase(arrival.task);
    }
    if (reproach.empty() || breaches_.size() >= kMostBreaches) return Response::pass();
    RuleBreach breach{"N1", "memory_notify", "", arrival.task, {}, {}, 0, reproach};
    MEMRIG_TRY(breach.path, paths_.read(conductor_.probe(), arrival, kPathDepth));
    for (const auto& event : ledger_.held_by(arrival.task)) breach.held.push_back(event.lock);
    breaches_.push_back(std::move(breach));
    return Response::pass();
}

}  // namespace memrig
