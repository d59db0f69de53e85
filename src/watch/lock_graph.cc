#include "watch/lock_graph.h"

#include <fmt/format.h>

namespace memrig {

namespace {

constexpr std::size_t kMostEdges = 20'000;
constexpr std::uint64_t kLargestVariable = 1u << 20;  // bytes

bool shares(LockCall call) {
    return call == LockCall::reads || call == LockCall::may_read || call == LockCall::tries_to_read ||
           call == LockCall::unreads;
}

bool succeeded(const SeenLockCall& call) {
    const auto answer = static_cast<std::int32_t>(call.answer);
    switch (call.call) {
        case LockCall::locks:
        case LockCall::reads: return true;
        case LockCall::may_lock:
        case LockCall::may_read: return answer == 0;
        case LockCall::tries:
        case LockCall::tries_to_read: return answer != 0;
        default: return false;
    }
}

}  // namespace

const std::map<std::string, LockCall>& lock_calls() {
    using enum LockCall;
    static const std::map<std::string, LockCall> calls = {
        {"mutex_lock", locks},
        {"mutex_lock_nested", locks},
        {"_mutex_lock_nest_lock", locks},
        {"mutex_lock_io_nested", locks},
        {"mutex_lock_interruptible", may_lock},
        {"mutex_lock_killable", may_lock},
        {"mutex_lock_interruptible_nested", may_lock},
        {"mutex_lock_killable_nested", may_lock},
        {"_mutex_lock_killable", may_lock},
        {"mutex_trylock", tries},
        {"_mutex_trylock_nest_lock", tries},
        {"mutex_unlock", unlocks},
        {"down_read", reads},
        {"down_read_nested", reads},
        {"down_read_non_owner", reads},
        {"down_read_interruptible", may_read},
        {"down_read_killable", may_read},
        {"down_read_killable_nested", may_read},
        {"down_read_trylock", tries_to_read},
        {"down_write", locks},
        {"down_write_nested", locks},
        {"_down_write_nest_lock", locks},
        {"down_write_killable", may_lock},
        {"down_write_killable_nested", may_lock},
        {"down_write_trylock", tries},
        {"up_read", unreads},
        {"up_read_non_owner", unreads},
        {"up_write", unlocks},
        {"downgrade_write", downgrades},
        {"__mutex_init", makes},
        {"mutex_init_generic", makes},
        {"mutex_init_lockep", makes},
        {"mutex_init_lockdep", makes},
        {"__init_rwsem", makes},
    };
    return calls;
}

LockGraph::LockGraph(const SymbolTable& symbols) : symbols_(symbols) {
    const auto has = [&](const char* function) { return !symbols.all(function).empty(); };
    const bool mutexes =
        has("__mutex_init") || has("mutex_init_generic") || has("mutex_init_lockep") || has("mutex_init_lockdep");
    sees_new_ = mutexes && has("__init_rwsem");
}

// The symbol below an address outside the kernel's image is the last one of another range, far away.
const Symbol* LockGraph::variable_at(std::uint64_t address) const {
    const Symbol* const symbol = symbols_.containing(address);
    return symbol != nullptr && address - symbol->address < kLargestVariable ? symbol : nullptr;
}

std::string LockGraph::name_of(const SeenLockCall& call) {
    std::string name;
    const Symbol* const symbol = variable_at(call.lock);
    const auto known = names_.find(call.lock);
    if (symbol != nullptr) name = symbol->address == call.lock ? symbol->name : symbols_.describe(call.lock);
    else if (call.call == LockCall::makes) name = fmt::format("a lock made in {}", symbols_.function(call.from));
    else if (known != names_.end()) name = known->second;
    else name = fmt::format("a lock of {}", symbols_.function(call.from));
    const unsigned number = ++numbers_[name];
    return number == 1 ? name : fmt::format("{} #{}", name, number);
}

const std::string& LockGraph::lock_at(const SeenLockCall& call) {
    const auto found = locks_.find(call.lock);
    if (found != locks_.end()) return found->second;
    const std::string& name = locks_.emplace(call.lock, name_of(call)).first->second;
    if (!sees_new_ && variable_at(call.lock) == nullptr)
        give_up(name, "this kernel does not show when it is made anew");
    return name;
}

void LockGraph::renew(const SeenLockCall& call) {
    if (const auto found = locks_.find(call.lock); found != locks_.end()) {
        edges_.forget(found->second);
        locks_.erase(found);
    }
    names_.erase(call.lock);
    lock_at(call);
}

void LockGraph::give_up(const std::string& lock, const char* why) {
    strange_.emplace(lock, why);
    edges_.forget(lock);
}

void LockGraph::ask(const SeenLockCall& call, bool shared) {
    complete_ = complete_ && edges_.edges().size() < kMostEdges;
    if (complete_) edges_.want(call.task, {lock_at(call), shared, symbols_.describe(call.from)});
}

// Two tasks never have a lock at the same time, unless both read. Where they seem to, its release was not seen.
void LockGraph::take(const SeenLockCall& call, bool shared) {
    const std::string& lock = lock_at(call);
    if (!shared && edges_.holds(call.task, lock)) give_up(lock, "a task took it again");
    if (!edges_.other_holders(call.task, lock, shared).empty()) give_up(lock, "two tasks had it");
    edges_.take(call.task, {lock, shared, symbols_.describe(call.from)});
}

// A lock that was taken before the graph began is not known to be held. One that another task releases belongs to no
// task.
void LockGraph::release(const SeenLockCall& call) {
    const std::string& lock = lock_at(call);
    if (edges_.release(call.task, lock) || edges_.other_holders(call.task, lock, false).empty()) return;
    give_up(lock, "another task released it");
}

void LockGraph::follow(const SeenLockCall& call) {
    calls_++;
    const bool shared = shares(call.call);
    const bool waits = call.call == LockCall::locks || call.call == LockCall::reads ||
                       call.call == LockCall::may_lock || call.call == LockCall::may_read;
    if (call.returned) {
        if (succeeded(call)) take(call, shared);
    } else if (waits) {
        ask(call, shared);
    } else if (call.call == LockCall::makes) {
        renew(call);
    } else if (call.call == LockCall::downgrades) {
        edges_.downgrade(call.task, lock_at(call));
    } else if (call.call == LockCall::unlocks || call.call == LockCall::unreads) {
        release(call);
    }
}

LockGraphFacts LockGraph::facts() const {
    LockGraphFacts facts{{}, locks_.size(), calls_, {}, complete_};
    for (const auto& edge : edges_.edges())
        if (!strange_.contains(edge.from) && !strange_.contains(edge.to)) facts.edges.push_back(edge);
    for (const auto& [lock, why] : strange_) facts.strange.push_back(fmt::format("{}: {}", lock, why));
    return facts;
}

}  // namespace memrig
