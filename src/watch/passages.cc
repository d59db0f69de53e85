#include "watch/passages.h"

#include "base/assert.h"
#include "probe/function_watch.h"

namespace memrig {

Passages::Passages(Conductor& conductor, const SymbolTable& symbols, LockObserver* observer)
    : conductor_(conductor), symbols_(symbols), observer_(observer) {
    if (observer == nullptr) return;
    entries_ = observer->on_entry([this](const Passage& passage) { return tell_entry(passage); });
    returns_ = observer->on_leave([this](const Passage& passage) { return tell_return(passage); });
}

Status Passages::tell_entry(const Passage& passage) {
    const auto [first, last] = watched_.equal_range(passage.function);
    for (auto one = first; one != last; ++one) {
        MEMRIG_TRY(const bool wanted, one->second.enters(passage));
        if (one->second.leaves) one->second.wanted[passage.task].push_back(wanted);
    }
    return {};
}

Status Passages::tell_return(const Passage& passage) {
    const auto [first, last] = watched_.equal_range(passage.function);
    for (auto one = first; one != last; ++one) {
        auto& wanted = one->second.wanted[passage.task];
        if (wanted.empty()) continue;
        const bool is_wanted = wanted.back();
        wanted.pop_back();
        if (is_wanted) MEMRIG_CHECK(one->second.leaves(passage));
    }
    return {};
}

Status Passages::watch(const std::string& function, Needs needs, Enters enters, Leaves leaves, Priority priority) {
    MEMRIG_ASSERT(enters, "a watched function has a handler");
    const bool whole = needs == Needs::arguments || leaves;
    const Watched watched{std::move(enters), std::move(leaves)};
    MEMRIG_TRY(const auto entries, entries_of(conductor_.probe(), symbols_, function));
    for (const auto entry : entries) {
        const bool told =
            observer_ != nullptr && (whole ? observer_->tells_whole_calls_of(entry) : observer_->tells_calls_of(entry));
        if (told) watched_.emplace(entry, watched);
        else MEMRIG_CHECK(watch_by_stops(entry, watched, priority));
    }
    return {};
}

Status Passages::watch_by_stops(std::uint64_t entry, const Watched& watched, Priority priority) {
    const auto at_entry = [this, entry, watched](const Arrival& arrival) -> Result<Response> {
        MEMRIG_TRY(const std::uint64_t back, conductor_.return_address(arrival));
        Passage passage = passage_of(arrival);
        passage.caller = symbols_.describe(back);
        MEMRIG_TRY(const bool wanted, watched.enters(passage));
        if (!wanted || !watched.leaves) return Response::pass();
        const auto returns = [entry, leaves = watched.leaves](const Arrival& returned, std::uint64_t value) {
            Passage left{returned.task, returned.vcpu, entry, returned.at, "?", &returned};
            left.answer = value;
            return leaves(left);
        };
        MEMRIG_CHECK(conductor_.on_return(arrival, returns));
        return Response::pass();
    };
    const auto watch = conductor_.watch(entry, at_entry, priority);
    return watch ? Status() : std::unexpected(watch.error());
}

Result<std::optional<std::vector<std::uint64_t>>> Passages::words_at(const Passage& passage, std::size_t argument,
                                                                     std::size_t count) {
    MEMRIG_ASSERT(argument < passage.arguments.size() && count <= OBSERVER_WORDS, "the call has that argument");
    if (passage.arrival == nullptr && passage.words.size() < count) return std::nullopt;
    if (passage.arrival == nullptr)
        return std::vector<std::uint64_t>(passage.words.begin(), passage.words.begin() + static_cast<long>(count));
    std::vector<std::uint64_t> places;
    for (std::size_t i = 0; i < count; i++) places.push_back(passage.arguments[argument] + 8 * i);
    auto words = conductor_.probe().read_words(passage.vcpu, places);
    if (!words && words.error().fault != Fault::guest) return std::unexpected(words.error());
    if (!words) return std::nullopt;
    MEMRIG_ASSERT(words->size() == count, "the probe reads a word at each address");
    return *std::move(words);
}

}  // namespace memrig
