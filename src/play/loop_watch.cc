#include "play/loop_watch.h"

#include <algorithm>

#include "base/hash.h"
#include "play/while_running.h"
#include "probe/direct_calls.h"

namespace memrig {

namespace {

using namespace std::chrono_literals;

constexpr unsigned kLoopSamples = 12;
constexpr auto kSampleInterval = 20ms;
constexpr std::size_t kSampledFrames = 4;  // the innermost functions of a sample, whose calls are watched
constexpr std::size_t kLoopPathDepth = 8;
constexpr std::size_t kMostWatched = 200;
// A function that other tasks enter, or that is always entered in another state, only costs stops.
constexpr unsigned kMostStrangers = 50;
constexpr unsigned kMostNewStates = 200;
// The entries in one state by which a loop is found, before its passes are counted.
constexpr unsigned kRecurrences = 3;
constexpr auto kPause = 250ms;       // before the guest is asked for its time again
constexpr unsigned kLastPasses = 5;  // those that come after the time that has to pass
// These make no verdict: a look that gives up proves nothing.
constexpr auto kSearchPatience = 20s;
constexpr auto kPassPatience = 10s;

// Many loops call them, and they do nothing for the loop. Some are no functions of their own (trampolines, thunks).
bool says_nothing_of_loop(std::string_view function) {
    return function.find("resched") != std::string_view::npos || function.starts_with("__x86_") ||
           function.starts_with("__SCT__") || function.starts_with("__fentry__");
}

void add_number(std::string& bytes, std::uint64_t number) {
    for (unsigned i = 0; i < 8; i++) bytes += static_cast<char>(number >> (8 * i));
}

}  // namespace

Result<RunEnd> LoopWatch::run_until(const std::function<bool()>& done, Deadline deadline) {
    // A loop that stops the guest again and again leaves the conductor no pause in which to see the deadline.
    return context_.conductor.run_until([&] { return over_() || done() || deadline.expired(); }, deadline,
                                        context_.agent().descriptor());
}

std::size_t LoopWatch::lock_events() const {
    return ledger_ == nullptr
               ? 0
               : static_cast<std::size_t>(std::ranges::count(ledger_->events(), task_, &LockEvent::task));
}

Result<std::uint64_t> LoopWatch::clock_of_guest() {
    MEMRIG_TRY(const BlockedTasks seen, while_running(context_.conductor, [&] {
                   return context_.agent().blocked_tasks(Deadline::after(kAgentPatience));
               }));
    return seen.begin_ms;
}

// --- samples

Result<std::optional<Arrival>> LoopWatch::find_on_vcpu() {
    Conductor& conductor = context_.conductor;
    for (unsigned vcpu = 0; vcpu < conductor.probe().vcpus(); vcpu++) {
        MEMRIG_TRY(Registers registers, conductor.probe().registers(vcpu));
        if ((registers.sp() & ~(conductor.stack_bytes() - 1)) != task_) continue;
        const std::uint64_t pc = registers.pc();
        return Arrival{vcpu, pc, std::move(registers), task_, steady_clock().now()};
    }
    return std::optional<Arrival>();
}

Result<std::set<std::uint64_t>> LoopWatch::callees_of(std::uint64_t function) {
    MEMRIG_TRY(const auto calls, direct_calls(context_.conductor.probe(), symbols_, function));
    std::set<std::uint64_t> callees;
    for (const auto& call : calls)
        if (!says_nothing_of_loop(symbols_.containing(call.target)->name)) callees.insert(call.target);
    return callees;
}

Result<std::set<std::uint64_t>> LoopWatch::take_samples(LoopRecord& loop) {
    Conductor& conductor = context_.conductor;
    std::set<std::uint64_t> functions;
    for (unsigned i = 0; i < kLoopSamples && !over_(); i++) {
        MEMRIG_CHECK(run_until([] { return false; }, Deadline::after(kSampleInterval)));
        MEMRIG_CHECK(conductor.look());
        MEMRIG_TRY(const auto found, find_on_vcpu());
        if (!found) continue;
        MEMRIG_TRY(auto frames, paths_.addresses(conductor.probe(), *found, kSampledFrames));
        frames.insert(frames.begin(), found->address);
        std::string line;
        for (const auto frame : frames) {
            line += (line.empty() ? "" : " < ") + symbols_.describe(frame);
            if (const Symbol* symbol = symbols_.containing(frame); symbol != nullptr) functions.insert(symbol->address);
        }
        loop.samples.push_back(std::move(line));
    }
    std::set<std::uint64_t> callees;
    for (const auto function : functions) {
        MEMRIG_TRY(auto more, callees_of(function));
        callees.merge(more);
    }
    return callees;
}

// --- states

Result<std::string> LoopWatch::state_of(const Arrival& arrival) {
    Conductor& conductor = context_.conductor;
    const Architecture& arch = conductor.probe().architecture();
    const std::uint64_t sp = arrival.registers.sp();
    MEMRIG_TRY(const std::string stack,
               conductor.probe().read_memory(arrival.vcpu, sp, task_ + conductor.stack_bytes() - sp));
    std::string numbers;
    for (const std::uint64_t number : {arrival.address, sp, arrival.registers.argument(0)}) add_number(numbers, number);
    if (!arch.link.empty()) add_number(numbers, arrival.registers.get(arch.link));
    for (const auto name : arch.preserved) add_number(numbers, arrival.registers.get(name));
    return Hasher().add(numbers).add(stack).finish();
}

Result<Response> LoopWatch::at_entry(const Arrival& arrival) {
    const auto found = watched_.find(arrival.address);
    if (found == watched_.end()) return Response::pass();
    Watched& watched = found->second;
    if (arrival.task == task_) {
        MEMRIG_TRY(const std::string state, state_of(arrival));
        const auto [entry, added] = states_.try_emplace(state);
        Passes& passes = entry->second;
        passes.count++;
        if (added) {
            watched.new_states++;
            passes.order = states_.size();
            passes.address = arrival.address;
            passes.sp = arrival.registers.sp();
            MEMRIG_TRY(passes.site, context_.conductor.return_address(arrival));
            MEMRIG_TRY(auto callers, paths_.addresses(context_.conductor.probe(), arrival, kLoopPathDepth));
            if (callers.empty() || callers.front() != passes.site) callers.insert(callers.begin(), passes.site);
            for (const auto caller : callers) passes.path.push_back(symbols_.describe(caller));
        }
    } else {
        watched.strangers++;
    }
    if (!searching_ || (watched.strangers < kMostStrangers && watched.new_states < kMostNewStates))
        return Response::pass();
    const auto id = watched.id;
    watched_.erase(found);
    MEMRIG_CHECK(context_.conductor.unwatch(id));
    return Response::pass();
}

Status LoopWatch::watch(std::uint64_t function) {
    // Before an elision makes the call return at once.
    MEMRIG_TRY(const auto id,
               context_.conductor.watch(
                   function, [this](const Arrival& arrival) { return at_entry(arrival); }, Priority::rule));
    watched_[function] = {id};
    return {};
}

Status LoopWatch::unwatch_all() {
    for (const auto& [function, watched] : std::exchange(watched_, {}))
        MEMRIG_CHECK(context_.conductor.unwatch(watched.id));
    return {};
}

Result<LoopWatch::States::const_iterator> LoopWatch::find_state(const std::set<std::uint64_t>& functions,
                                                                Deadline give_up) {
    for (const auto function : functions) {
        if (watched_.size() == kMostWatched) break;
        MEMRIG_CHECK(watch(function));
    }
    searching_ = true;
    const auto recurs = [](const auto& state) { return state.second.count >= kRecurrences; };
    MEMRIG_CHECK(run_until([&] { return watched_.empty() || std::ranges::any_of(states_, recurs); },
                           Deadline::after(kSearchPatience).earlier(give_up)));
    searching_ = false;
    MEMRIG_CHECK(unwatch_all());
    auto outermost = states_.cend();
    for (auto state = states_.cbegin(); state != states_.cend(); ++state) {
        const Passes& passes = state->second;
        if (passes.count < 2) continue;
        if (outermost == states_.cend() || passes.sp > outermost->second.sp ||
            (passes.sp == outermost->second.sp && passes.order < outermost->second.order))
            outermost = state;
    }
    return outermost;
}

Status LoopWatch::count_to(unsigned passes, const States::const_iterator& state, Deadline give_up) {
    MEMRIG_CHECK(watch(state->second.address));
    for (;;) {
        const unsigned before = state->second.count;
        MEMRIG_CHECK(
            run_until([&] { return state->second.count >= passes; }, Deadline::after(kPassPatience).earlier(give_up)));
        if (over_() || state->second.count >= passes || state->second.count == before || give_up.expired()) break;
    }
    return unwatch_all();
}

Status LoopWatch::count(const States::const_iterator& state, LoopRecord& loop, Deadline give_up) {
    MEMRIG_TRY(const std::uint64_t begin, clock_of_guest());
    MEMRIG_CHECK(count_to(kLoopPasses - kLastPasses, state, give_up));
    while (loop.guest_ms < kLoopMs && state->second.count >= kLoopPasses - kLastPasses && !over_() &&
           !give_up.expired()) {
        MEMRIG_CHECK(run_until([] { return false; }, Deadline::after(kPause)));
        MEMRIG_TRY(const std::uint64_t now, clock_of_guest());
        loop.guest_ms = now - begin;
    }
    MEMRIG_CHECK(count_to(kLoopPasses, state, give_up));
    loop.passes = state->second.count;
    return {};
}

void LoopWatch::describe(const States::const_iterator& state, LoopRecord& loop) const {
    const Passes& passes = state->second;
    loop.function = std::string(symbols_.function(passes.address));
    loop.path = passes.path;
    const auto caller = symbols_.function(passes.site);
    std::map<std::size_t, std::string> others;  // by their order
    for (const auto& [digest, other] : states_)
        if (other.count > 1 && other.sp == passes.sp && symbols_.function(other.site) == caller)
            others.emplace(other.order, std::string(symbols_.function(other.address)));
    for (const auto& [order, name] : others)
        if (name != loop.function && std::ranges::find(loop.also, name) == loop.also.end()) loop.also.push_back(name);
}

Result<bool> LoopWatch::look(const Actor& actor, const std::function<bool()>& over, Deadline give_up) {
    const auto task = context_.roster.task_of(actor.name);
    if (!task) return false;
    task_ = *task;
    over_ = [this, &actor, &over] { return over() || context_.roster.finished(actor); };
    states_.clear();
    LoopRecord loop;
    loop.actor = actor.name;
    const std::size_t before = lock_events();
    MEMRIG_TRY(const auto functions, take_samples(loop));
    if (!over_()) {
        MEMRIG_TRY(const auto state, find_state(functions, give_up));
        if (state != states_.cend() && !over_()) {
            describe(state, loop);
            MEMRIG_CHECK(count(state, loop, give_up));
        }
    }
    if (over_()) return false;
    loop.lock_events = lock_events() - before;
    if (ledger_ != nullptr) loop.held = ledger_->held_by(task_);
    const bool proven = !lack_of_proof(loop);
    context_.record.note_loop(std::move(loop));
    return proven;
}

}  // namespace memrig
