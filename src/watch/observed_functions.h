// Tells the observer which functions of the kernel to watch, and tells memrig what each of them does with a lock.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "observer/layout.h"
#include "probe/architecture.h"
#include "probe/symbols.h"
#include "watch/lock_call.h"

namespace memrig {

// The act of a function with the lock that it touches.
enum class ObservedRole {
    locks_mutex,    // takes it, or waits for it. Also a part of such a function, which mutex_trylock() may have, too
    tries_mutex,    // takes it, or returns without it
    unlocks_mutex,  // releases it
    locks_rwsem,    // takes a per-CPU rwsem as the writer; it has the lock when it returns
    enters_rwsem,   // is called by that one, and touches the rwsem before it waits
    unlocks_rwsem,  // releases a per-CPU rwsem as the writer
    reads_rwsem,    // takes one fixed rwsem as a reader; it has the lock when it returns
    unreads_rwsem,  // releases one fixed rwsem as a reader
    none            // it does nothing with a lock: its calls are told
};

// Returns ObserverFunction::kind. Functions of one kind call each other: the one that was called may not be the one
// that touches the lock.
std::uint32_t kind_of(ObservedRole role);

struct ObservedFunction {
    ObservedRole role;
    std::string name;                // its plain name
    std::string fixed;               // the lock, where it is not an argument
    bool told = false;               // its calls are told
    bool whole = false;              // with their arguments and their returns
    LockCall call = LockCall::none;  // what it does with the lock that is its argument, if that is told
};

// The part of a function's calls that is to be told.
struct ObservedCall {
    bool whole = false;              // with the arguments and the return. Only where the plugin reads registers
    unsigned pointer = 0;            // ObserverFunction::pointer
    LockCall lock = LockCall::none;  // not none: the call is told as one of a lock (LockObserver::on_lock_call())
};

struct ObservedFunctions {
    ObserverTable table{};                    // without ObserverTable::current; ObserverFunction::entry is the start
    std::vector<ObservedFunction> functions;  // by ObserverEvent::function
    std::vector<std::string> gaps;            // what cannot be watched in this kernel, and why
};

// The functions are those of kernel/locking/mutex.c, kernel/locking/percpu-rwsem.c, kernel/rcu/sync.c, kernel/cpu.c and
// mm/memory_hotplug.c (get_online_mems()). All of the mutex code is watched by what it does to the owner. So it does
// not matter which of its functions a compiler has inlined. The calls of the functions that begin at the addresses in
// `others` are told, too; the whole ones only if `whole`.
ObservedFunctions observed_functions(const SymbolTable& symbols, const Architecture& architecture,
                                     const std::map<std::uint64_t, ObservedCall>& others = {}, bool whole = false);

}  // namespace memrig
