#include "watch/lock_observer.h"

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

#include <fmt/ranges.h>

#include "base/assert.h"
#include "base/log.h"
#include "probe/kernel_objects.h"
#include "watch/lock_names.h"

namespace memrig {

namespace {

constexpr std::size_t kWord = 8;
constexpr std::uint64_t kMegabyte = 1u << 20, kGigabyte = 1u << 30, kMostDirect = 64 * kGigabyte;
// Xen gives dom0 its memory in the largest pieces that it has (alloc_chunk(), xen/arch/x86/pv/dom0_build.c). Smaller
// ones than this would go unseen.
constexpr std::uint64_t kPiece = 2 * kMegabyte;
constexpr std::size_t kMostObserved = 100'000;
constexpr std::size_t kMostDifferences = 16;
// The per-CPU variables that begin with the task that runs on the CPU. x86: `pcpu_hot` from v6.2 to v6.14, else
// `current_task` (arch/x86/include/asm/current.h). arm64: `__entry_task` (arch/arm64/kernel/process.c).
constexpr std::array kCurrent = {"pcpu_hot", "current_task", "__entry_task"};

}  // namespace

LockObserver::LockObserver(Conductor& conductor, const SymbolTable& symbols, ObserverChannel& channel,
                           HostAddress host_address, const std::map<std::uint64_t, ObservedCall>& others)
    : conductor_(conductor),
      symbols_(symbols),
      channel_(channel),
      host_address_(std::move(host_address)),
      functions_(observed_functions(symbols, conductor.probe().architecture(), others, channel.reads_registers())),
      locks_(functions_.functions),
      tasks_(conductor) {}

Result<std::unique_ptr<LockObserver>> LockObserver::make(Conductor& conductor, const SymbolTable& symbols,
                                                         ObserverChannel& channel, HostAddress host_address,
                                                         const std::map<std::uint64_t, ObservedCall>& others) {
    std::unique_ptr<LockObserver> observer(
        new LockObserver(conductor, symbols, channel, std::move(host_address), others));
    MEMRIG_TRY(const auto words, observer->current_words());
    MEMRIG_CHECK(observer->find_entries());
    MEMRIG_CHECK(observer->find_stacks(words));
    ObserverTable& table = observer->functions_.table;
    for (std::size_t cpu = 0; cpu < words.size(); cpu++) {
        MEMRIG_TRY(table.current[cpu], observer->host_address_(words[cpu], kWord));
    }
    for (const char* mutex : {locks::device_hotplug, locks::acpi_scan})
        if (const auto address = symbols.unique(mutex)) MEMRIG_CHECK(observer->watch_mutex(*address, mutex));
    for (const char* rwsem : {locks::mem_hotplug, locks::cpu_hotplug}) MEMRIG_CHECK(observer->watch_rwsem(rwsem));
    channel.watch(table);
    LockObserver* const self = observer.get();
    observer->stops_ = conductor.on_stop([self](const Arrival& stop) { return self->look(stop); });
    observer->end_ = conductor.on_unwatch_all([self]() -> Status {
        if (!self->ended_) MEMRIG_CHECK(self->conductor_.look());
        self->ended_ = true;
        return {};
    });
    return observer;
}

Result<std::vector<std::uint64_t>> LockObserver::current_words() {
    const auto offsets = symbols_.unique("__per_cpu_offset");
    std::optional<std::uint64_t> current;
    for (const char* name : kCurrent)
        if (!current) current = symbols_.unique(name);
    if (!current || !offsets)
        return fail(Fault::guest, "the observer does not find where this kernel keeps the task of each CPU");
    std::vector<std::uint64_t> words;
    for (std::uint64_t cpu = 0; cpu < channel_.vcpus(); cpu++) {
        MEMRIG_TRY(const std::uint64_t offset, conductor_.probe().read_u64(0, *offsets + cpu * kWord));
        words.push_back(*current + offset);
    }
    for (unsigned vcpu = 0; vcpu < conductor_.probe().vcpus(); vcpu++) {
        MEMRIG_ASSERT(vcpu < words.size(), "the channel has a ring for each vCPU");
        MEMRIG_TRY(const std::uint64_t task, conductor_.probe().read_u64(vcpu, words[vcpu]));
        if (!is_kernel_address(task))
            return fail(Fault::guest, "the observer does not find the task that runs on vCPU {}", vcpu);
    }
    return words;
}

Result<bool> LockObserver::is_in_pieces() {
    const auto type = symbols_.unique("xen_domain_type");
    if (!type) return false;
    constexpr unsigned char paravirtualised = 1;  // XEN_PV_DOMAIN, include/xen/xen.h
    MEMRIG_TRY(const std::string byte, conductor_.probe().read_memory(0, *type, 1));
    return static_cast<unsigned char>(byte.at(0)) == paravirtualised;
}

Result<ObserverSpan> LockObserver::direct_memory(std::uint64_t address) {
    const std::uint64_t start = address & ~(kGigabyte - 1), first = start + kMegabyte;
    ObserverSpan span{};
    const auto base = host_address_(first, kWord);
    if (!base && base.error().fault == Fault::interrupted) return std::unexpected(base.error());
    MEMRIG_TRY(const bool in_pieces, is_in_pieces());
    // True if the words at the end of each piece from `from` to `to` are where they would be if all were in one.
    const auto follows = [&](std::uint64_t from, std::uint64_t to) -> Result<bool> {
        for (std::uint64_t end = in_pieces ? from + kPiece : to; end <= to; end += kPiece) {
            const auto last = host_address_(end - kWord, kWord);
            if (!last && last.error().fault == Fault::interrupted) return std::unexpected(last.error());
            if (!last || *last - *base != end - kWord - first) return false;
        }
        return true;
    };
    std::uint64_t bytes = 0;
    bool grows = base.has_value();
    // The steps double until one of them leads out of the memory, and then halve.
    for (std::uint64_t step = 64 * kMegabyte; base && step >= 2 * kMegabyte && bytes < kMostDirect;) {
        MEMRIG_TRY(const bool reached, follows(start + bytes, start + bytes + step));
        if (reached) bytes += step;
        grows = grows && reached;
        step = grows ? bytes : step / 2;
        span = {first, start + bytes, *base};
    }
    return address >= span.start && address < span.end ? span : ObserverSpan{};
}

Status LockObserver::find_stacks(const std::vector<std::uint64_t>& current_words) {
    ObserverTable& table = functions_.table;
    OwnerTasks running(conductor_);  // most of them idle tasks, which take no lock and have no pid of their own
    for (unsigned vcpu = 0; vcpu < conductor_.probe().vcpus() && table.direct.start == table.direct.end; vcpu++) {
        MEMRIG_TRY(const std::uint64_t current, conductor_.probe().read_u64(vcpu, current_words[vcpu]));
        MEMRIG_TRY(const Registers registers, conductor_.probe().registers(vcpu));
        MEMRIG_TRY(const std::uint64_t stack, running.task_of(current, vcpu));
        // A vCPU that is in user mode, or on the stack of an interrupt, shows nothing.
        if (stack == current || stack != (registers.sp() & ~(conductor_.stack_bytes() - 1))) continue;
        MEMRIG_TRY(table.direct, direct_memory(current));
        table.stack_offset = running.all().at(current).stack_at;
        tasks_.learn_stack_at(table.stack_offset);
    }
    return {};
}

Status LockObserver::find_entries() {
    const Architecture& architecture = conductor_.probe().architecture();
    for (std::uint32_t i = 0; i < functions_.table.functions; i++) {
        ObserverFunction& function = functions_.table.function[i];
        if ((function.watched & OBSERVER_ENTRY) == 0) continue;
        MEMRIG_TRY(const std::string code, conductor_.probe().read_memory(0, function.start, architecture.longest_nop));
        function.entry = function.start + architecture.nop_length(code);
    }
    return {};
}

Result<std::uint32_t> LockObserver::add_span(std::uint64_t address, std::uint64_t size, const std::string& name) {
    MEMRIG_TRY(const std::uint64_t host, host_address_(address, size));
    const auto span = channel_.add_span({address, address + size, host});
    if (!span) return fail(Fault::guest, "the observer cannot watch {}", name);
    return *span;
}

Status LockObserver::watch_mutex(std::uint64_t address, const std::string& name) {
    names_.for_each([&](const auto& listener) {
        listener(address, name);
        return true;
    });
    if (const auto known = std::ranges::find(watched_, address, &Watched::address); known != watched_.end()) {
        known->name = name;
        return {};
    }
    MEMRIG_TRY(const std::uint32_t span, add_span(address, kWord, name));
    MEMRIG_TRY(const std::uint64_t owner, conductor_.probe().read_u64(0, address));
    const std::uint32_t number = locks_.add_mutex(span, owner);
    MEMRIG_ASSERT(number == watched_.size(), "locks are numbered one after the other");
    watched_.push_back({name, address, true});
    return {};
}

Status LockObserver::watch_rwsem(const std::string& name) {
    const auto address = symbols_.unique(name);
    std::optional<std::uint32_t> span;
    if (address) {
        const std::uint64_t size = std::min<std::uint64_t>(symbols_.end_of(*address) - *address, 512);
        MEMRIG_TRY(span, add_span(*address, size, name));
    }
    const std::uint32_t number = locks_.add_rwsem(name, span);
    MEMRIG_ASSERT(number == watched_.size(), "locks are numbered one after the other");
    watched_.push_back({name, address.value_or(0)});
    return {};
}

Status LockObserver::look(const Arrival& stop) {
    if (ended_) return {};
    auto acts = std::exchange(glanced_, {});
    for (ObservedAct& act : locks_.follow(channel_.read(true), true)) {
        count(act);
        acts.push_back(std::move(act));
    }
    for (const ObservedAct& act : acts) MEMRIG_CHECK(tell(act, stop));
    return check_owners(stop);
}

Status LockObserver::check_owners(const Arrival& stop) {
    std::vector<std::uint64_t> addresses;
    for (const auto& lock : watched_)
        if (lock.mutex) addresses.push_back(lock.address);
    if (addresses.empty()) return {};
    MEMRIG_TRY(const auto words, conductor_.probe().read_words(stop.vcpu, addresses));
    MEMRIG_ASSERT(words.size() == addresses.size(), "the probe reads a word at each address");
    auto word = words.begin();
    for (std::uint32_t lock = 0; lock < watched_.size(); lock++) {
        if (!watched_[lock].mutex) continue;
        const std::uint64_t owner = owner_in_word(*word++), holder = locks_.holder_of(lock);
        if (owner == holder || misread_.size() >= kMostDifferences) continue;
        const auto named = [](std::uint64_t task) { return task == 0 ? "nobody" : fmt::format("task {:x}", task); };
        misread_.insert(fmt::format("{} is owned by {}, and by {} as the observer saw it", watched_[lock].name,
                                    named(owner), named(holder)));
    }
    return {};
}

void LockObserver::stop_where_tasks_wait() {
    glances_ = conductor_.glance([this] { return glance(); });
}

bool LockObserver::glance() {
    if (ended_) return false;
    if (held_ != conductor_.held()) stopped_for_.clear();
    held_ = conductor_.held();
    bool stop = false;
    for (const ObservedAct& act : locks_.follow(channel_.read(false), false)) {
        stop |= stops_for(act);
        glanced_.push_back(act);
    }
    return stop || glanced_.size() >= kMostObserved;
}

bool LockObserver::count(const ObservedAct& act) {
    const bool counts = act.passed && !act.left && counted_.calls > 0 && act.vcpu == counted_.vcpu &&
                        functions_.table.function[*act.passed].start == counted_.function;
    counted_.calls -= counts ? 1 : 0;
    return counts;
}

bool LockObserver::stops_for(const ObservedAct& act) {
    if (count(act)) return counted_.calls == 0;
    if (!act.passed) {
        const bool waits = act.action == LockAction::wants || act.action == LockAction::refused;
        return waits && stopped_for_.emplace(act.task, act.lock, act.action).second;
    }
    const bool awaited = !held_.empty() && !act.left && awaited_.contains(functions_.table.function[*act.passed].start);
    return awaited && stopped_for_.emplace(act.task, *act.passed, std::nullopt).second;
}

std::optional<std::uint32_t> LockObserver::find(std::uint64_t function) const {
    for (std::uint32_t i = 0; i < functions_.table.functions; i++)
        if (functions_.table.function[i].start == function) return i;
    return std::nullopt;
}

bool LockObserver::tells_calls_of(std::uint64_t function) const {
    const auto found = find(function);
    return found && functions_.functions[*found].told;
}

bool LockObserver::tells_whole_calls_of(std::uint64_t function) const {
    const auto found = find(function);
    return found && functions_.functions[*found].whole;
}

Status LockObserver::expect_call(const Arrival& entry) {
    if (!tells_whole_calls_of(entry.address)) return {};
    auto& arguments = expected_calls_[{entry.task, entry.address}];
    // A task that was parked at the entry comes there again before it enters.
    if (!arguments.empty() && !entry.again)
        misread_.insert(fmt::format("{} was called, and the observer did not tell", symbols_.function(entry.address)));
    arguments.clear();
    for (std::size_t i = 0; i < OBSERVER_ARGUMENTS; i++) arguments.push_back(entry.registers.argument(i));
    return std::exchange(follows_an_answer_, true) ? Status() : expect_answer(entry);
}

// One stop is enough, so the breakpoint does not stay for other calls, as that of on_return() does.
Status LockObserver::expect_answer(const Arrival& entry) {
    MEMRIG_TRY(const std::uint64_t back, conductor_.return_address(entry));
    const auto watch = std::make_shared<Conductor::WatchId>();
    const auto returns = [this, watch,
                          call = std::pair(entry.task, entry.address)](const Arrival& arrival) -> Result<Response> {
        if (arrival.task != call.first) return Response::pass();
        expected_answers_[call] = {arrival.registers.return_value()};
        MEMRIG_CHECK(conductor_.unwatch(*watch));
        return Response::pass();
    };
    MEMRIG_TRY(*watch, conductor_.watch(back, returns));
    return {};
}

void LockObserver::check(Expected& expected, const Passage& passage, const std::vector<std::uint64_t>& told,
                         const char* does) {
    const auto found = expected.find({passage.task, passage.function});
    if (found == expected.end()) return;
    if (found->second != told && misread_.size() < kMostDifferences)
        misread_.insert(fmt::format("{} {} {:x}, and {:x} as the observer saw it", symbols_.function(passage.function),
                                    does, fmt::join(found->second, ", "), fmt::join(told, ", ")));
    expected.erase(found);
}

// The plugin knows the stack of most tasks, even of those that have ended since.
Result<std::uint64_t> LockObserver::task_of(const ObservedAct& act, unsigned vcpu) {
    const auto known = tasks_.all().find(act.task);
    if (act.stack != 0 && known != tasks_.all().end() && known->second.task == act.stack) return act.stack;
    MEMRIG_TRY(const std::uint64_t task, tasks_.taker_of(act.task, vcpu));
    return act.stack != 0 ? act.stack : task;
}

Status LockObserver::tell(const ObservedAct& act, const Arrival& stop) {
    // Only a task that is seen with a lock gets a name.
    if (act.passed && act.stack != 0) return tell_passage(act, act.stack, stop);
    MEMRIG_TRY(const std::uint64_t task, task_of(act, stop.vcpu));
    if (act.passed) return tell_passage(act, task, stop);
    MEMRIG_ASSERT(act.lock < watched_.size(), "an act is of a lock that is watched");
    const Watched& lock = watched_[act.lock];
    const std::string where = act.from == 0 ? "?" : symbols_.describe(act.from);
    LockEvent event{stop.at, task, act.vcpu, act.action, act.shared, lock.name, lock.address, where, {}};
    listeners_.for_each([&](const auto& listener) {
        listener(event);
        return true;
    });
    if (events_.size() < kMostObserved) events_.push_back(std::move(event));
    else dropped_++;
    return {};
}

void LockObserver::tell_lock_call(const ObservedAct& act, std::uint64_t task) {
    if (act.arguments.empty()) return;  // a contradiction, which was noted
    callers_[task] = act.task;
    const SeenLockCall call{
        functions_.functions[*act.passed].call, act.left, task, act.arguments.front(), act.from, act.answer};
    lock_calls_.for_each([&](const auto& listener) {
        listener(call);
        return true;
    });
}

Status LockObserver::tell_passage(const ObservedAct& act, std::uint64_t task, const Arrival& stop) {
    if (functions_.functions[*act.passed].call != LockCall::none) {
        tell_lock_call(act, task);
        return {};
    }
    const std::string caller = act.from == 0 ? "?" : symbols_.describe(act.from);
    Passage passage{task, act.vcpu, functions_.table.function[*act.passed].start, stop.at, caller};
    passage.arguments = act.arguments;
    passage.words = act.words;
    if (act.left) passage.answer = act.answer;
    if (act.left) check(expected_answers_, passage, {act.answer}, "returns");
    else check(expected_calls_, passage, act.arguments, "is called with");
    logger(LogLayer::watch)
        .debug("task {:x} {} {}", task, act.left ? "leaves" : "enters", symbols_.function(passage.function));
    Status told;
    (act.left ? returns_ : entries_).for_each([&](const auto& listener) {
        return (told = listener(passage)).has_value();
    });
    return told;
}

Status LockObserver::learn_owner(std::uint64_t task) {
    const auto caller = callers_.find(task);
    if (caller == callers_.end()) return {};
    MEMRIG_TRY(const std::uint64_t seen, tasks_.taker_of(caller->second, 0));
    if (seen != task) tasks_.note(caller->second, task);  // it has ended
    return {};
}

bool LockObserver::watches(const std::string& lock) const {
    return std::ranges::find(watched_, lock, &Watched::name) != watched_.end();
}

std::vector<std::string> LockObserver::faults() const {
    std::vector<std::string> all = channel_.faults();
    const auto& contradictions = locks_.contradictions();
    all.insert(all.end(), contradictions.begin(), contradictions.end());
    all.insert(all.end(), misread_.begin(), misread_.end());
    if (dropped_ > 0) all.push_back(fmt::format("only {} lock events of the observer are kept", kMostObserved));
    return all;
}

}  // namespace memrig
