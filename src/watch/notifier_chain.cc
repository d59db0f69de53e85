#include "watch/notifier_chain.h"

#include <algorithm>

#include "base/assert.h"

namespace memrig {

namespace {

// A struct blocking_notifier_head is a struct rw_semaphore and, behind it, the list. The size of the semaphore depends
// on the debugging options that are built in. These are its limits in bytes.
constexpr std::uint64_t kLeastSemaphore = 24;
constexpr std::uint64_t kMostSemaphore = 256;
constexpr std::size_t kMostMembers = 64;

// Reads a struct notifier_block: the function, the next block, the priority.
Result<std::optional<NotifierChain::Member>> member_at(Probe& probe, std::uint64_t block, unsigned vcpu,
                                                       std::uint64_t& next) {
    const auto words = probe.read_words(vcpu, {block, block + 8, block + 16});
    if (!words) {
        if (words.error().fault != Fault::guest) return std::unexpected(words.error());
        return std::nullopt;
    }
    MEMRIG_ASSERT(words->size() == 3, "the probe reads a word at each address");
    next = (*words)[1];
    if (!is_kernel_address((*words)[0]) || (next != 0 && !is_kernel_address(next))) return std::nullopt;
    return NotifierChain::Member{block, (*words)[0], static_cast<std::int32_t>((*words)[2])};
}

}  // namespace

Status NotifierChain::begin(const Passage& passage) {
    Call& call = calls_[passage.task] = {};
    MEMRIG_TRY(call.members, members_of(conductor_.probe(), symbols_, passage.arguments.front(), passage.vcpu));
    if (call.members.empty()) gap_ = "the members of the chain of memory notifiers cannot be read";
    bool too_late = false;
    for (const auto& member : call.members) {
        MEMRIG_TRY(const auto since, watch_member(member.function, passage.at));
        too_late = too_late || (since && passage.arrival == nullptr && passage.at <= *since);
    }
    if (too_late) calls_.erase(passage.task);
    return {};
}

Result<std::optional<SteadyTime>> NotifierChain::watch_member(std::uint64_t function, SteadyTime now) {
    if (observer_ != nullptr && observer_->tells_calls_of(function)) return std::nullopt;
    const auto [watched, is_new] = watched_.emplace(function, now);
    if (is_new) MEMRIG_CHECK(conductor_.watch(function, [this](const Arrival& called) { return at_member(called); }));
    return watched->second;
}

Status NotifierChain::watch_new(std::uint64_t block, const Arrival& arrival) {
    const auto function = conductor_.probe().read_u64(arrival.vcpu, block);
    if (!function && function.error().fault != Fault::guest) return std::unexpected(function.error());
    if (function && is_kernel_address(*function)) MEMRIG_CHECK(watch_member(*function, arrival.at));
    return {};
}

// notifier_fn_t(struct notifier_block *, unsigned long, void *)
Result<Response> NotifierChain::at_member(const Arrival& arrival) {
    if (const auto call = calls_.find(arrival.task); call != calls_.end())
        call->second.called.push_back(arrival.registers.argument(0));
    return Response::pass();
}

Status NotifierChain::follow(LockObserver& observer, std::uint64_t head) {
    observer_ = &observer;
    entries_ = observer.on_entry([this](const Passage& passage) -> Status {
        note_call(passage.task, passage.function);
        return {};
    });
    MEMRIG_TRY(const auto members, members_of(conductor_.probe(), symbols_, head, 0));
    for (const auto& member : members) MEMRIG_CHECK(watch_member(member.function, SteadyTime::min()));
    return {};
}

void NotifierChain::note_call(std::uint64_t task, std::uint64_t function) {
    const auto call = calls_.find(task);
    if (call == calls_.end()) return;
    auto& called = call->second.called;
    for (const auto& member : call->second.members) {
        if (member.function != function || std::ranges::find(called, member.block) != called.end()) continue;
        called.push_back(member.block);
        return;
    }
}

Result<std::vector<NotifierChain::Member>> NotifierChain::members_of(Probe& probe, const SymbolTable& symbols,
                                                                     std::uint64_t head, unsigned vcpu) {
    std::vector<std::uint64_t> places;
    for (std::uint64_t at = kLeastSemaphore; at <= kMostSemaphore; at += 8) places.push_back(head + at);
    const auto words = probe.read_words(vcpu, places);
    if (!words && words.error().fault != Fault::guest) return std::unexpected(words.error());
    if (!words) return std::vector<Member>();
    for (const std::uint64_t first : *words) {
        // Skip the semaphore's own list of waiters, which points into the semaphore.
        if (!is_kernel_address(first) || (first >= head && first <= head + kMostSemaphore)) continue;
        std::uint64_t next = 0;
        MEMRIG_TRY(auto member, member_at(probe, first, vcpu, next));
        if (!member || !symbols.describe(member->function).ends_with("+0x0")) continue;
        std::vector<Member> members;
        while (member && members.size() < kMostMembers) {
            members.push_back(*member);
            if (next == 0) return members;
            MEMRIG_TRY(member, member_at(probe, next, vcpu, next));
        }
    }
    return std::vector<Member>();
}

std::string NotifierChain::name_of(const Member& member) const {
    std::string name = symbols_.describe(member.function);
    return fmt::format("{} (priority {})", name.substr(0, name.rfind('+')), member.priority);
}

std::optional<std::string> NotifierChain::end(std::uint64_t task, bool stopped) {
    const auto found = calls_.find(task);
    if (found == calls_.end()) return std::nullopt;
    const Call call = std::move(found->second);
    calls_.erase(found);
    if (call.members.empty()) return std::nullopt;
    const Member* before = nullptr;
    for (const std::uint64_t block : call.called) {
        const auto member = std::ranges::find(call.members, block, &Member::block);
        if (member == call.members.end()) continue;
        if (before != nullptr && member->priority > before->priority)
            return fmt::format("{} is called before {}", name_of(*before), name_of(*member));
        before = &*member;
    }
    for (const auto& member : call.members)
        if (!stopped && std::ranges::find(call.called, member.block) == call.called.end())
            return fmt::format("{} is not called", name_of(member));
    return "";
}

}  // namespace memrig
