// The functions of the kernel that take and release the mutex or rwsem that is their first argument, whichever it is.
//
// kernel/locking/mutex.c and kernel/locking/rwsem.c. A kernel with CONFIG_DEBUG_LOCK_ALLOC has those with `nested` in
// their names: the others are macros there.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace memrig {

enum class LockCall {
    none,
    locks,          // waits for it, and has it when it returns
    reads,          // likewise, as a reader
    may_lock,       // waits for it, and has it if it returns 0
    may_read,       // likewise, as a reader
    tries,          // has it if it returns something other than 0
    tries_to_read,  // likewise, as a reader
    unlocks,
    unreads,
    downgrades,  // the writer becomes a reader
    makes        // initialises it: a lock that was there is gone
};

// Returns what each of these functions does, by its name. A kernel may lack some.
const std::map<std::string, LockCall>& lock_calls();

// A call that the observer saw.
struct SeenLockCall {
    LockCall call = LockCall::none;
    bool returned = false;     // else the task comes to the function's entry
    std::uint64_t task = 0;    // the base of its kernel stack
    std::uint64_t lock = 0;    // its address
    std::uint64_t from = 0;    // where the call returns to
    std::uint64_t answer = 0;  // what it has returned
};

}  // namespace memrig
