// Makes the history of each lock out of the observer's events: which task took it, was refused, waited for it and
// released it, in which order.
//
// An event comes after its access, from a thread that the host may hold up in between. Then another vCPU's event may
// get a number before it, and the word may have changed again. Two facts make the history exact all the same. Only the
// owner of a mutex ends its ownership: so a task that finds itself as the owner has the mutex, and an owner that finds
// itself gone has released it, however late it looks. And a mutex has one owner: so where a task takes a lock that
// another one has not yet released, that release is one of the next events, and came first.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "observer/layout.h"
#include "watch/lock_event.h"
#include "watch/observed_functions.h"

namespace memrig {

// Returns the task_struct that owns a mutex with this owner word; 0: nobody.
std::uint64_t owner_in_word(std::uint64_t word);

// A lock event as the observer sees it: tasks and locks by their addresses.
struct ObservedAct {
    std::uint64_t sequence = 0;  // the event's number. Acts come in the order in which they happened, which may differ
    std::uint64_t task = 0;      // its task_struct
    std::uint64_t stack = 0;     // the base of its kernel stack then; 0 if it is not known
    std::uint32_t lock = 0;      // what add_mutex() or add_rwsem() returned
    LockAction action = LockAction::wants;
    unsigned vcpu = 0;
    bool shared = false;
    std::uint64_t from = 0;  // the address behind the call by which the task came to the lock's function; 0: not known
    // The function that the task entered or left, by ObserverEvent::function, if its calls are told. Then there is no
    // lock.
    std::optional<std::uint32_t> passed = {};
    bool left = false;  // that function
    // The call's, as far as they are known. Behind its return, only a lock function's arguments are told.
    std::vector<std::uint64_t> arguments = {}, words = {};
    std::uint64_t answer = 0;  // of one that was left
};

// Not thread-safe. The functions must outlive it.
class ObservedLocks {
public:
    explicit ObservedLocks(const std::vector<ObservedFunction>& functions) : functions_(functions) {}

    // Follows a lock from now on, and returns its number. `span` is ObserverEvent::span of the mutex's owner word, or
    // of the whole rwsem. It is nothing for an rwsem that is only seen by the functions that take it
    // (ObservedFunction::fixed). `owner` is the value of the owner word now. A span is of one lock.
    std::uint32_t add_mutex(std::uint32_t span, std::uint64_t owner);
    std::uint32_t add_rwsem(const std::string& name, std::optional<std::uint32_t> span);

    // Returns what the events say, with those that earlier calls could not decide. If the guest is stopped, there is
    // nothing more to come, and all is decided.
    std::vector<ObservedAct> follow(const std::vector<ObserverEvent>& events, bool guest_is_stopped);
    // Returns the task that holds the lock as the writer, by its task_struct; 0: nobody.
    [[nodiscard]] std::uint64_t holder_of(std::uint32_t lock) const { return locks_.at(lock).holder; }
    // Returns a line for each way in which the events contradict themselves, so that some are missing. At most a few.
    [[nodiscard]] const std::vector<std::string>& contradictions() const { return contradictions_; }

private:
    struct Lock {
        bool mutex = false;
        std::string name;                                     // of an rwsem
        std::uint64_t holder = 0;                             // the task that holds it as the writer; 0: nobody
        std::map<std::uint64_t, std::uint64_t> wanting = {};  // by task: ObservedAct::from of its wish
    };
    // A call that a task is in.
    struct Call {
        std::uint32_t function = 0;
        std::optional<std::uint32_t> lock;  // which it has touched
        bool took = false;
        std::uint64_t from = 0;  // as ObservedAct::from
    };
    // The outcome of following an event.
    enum class Followed {
        done,
        too_early,  // what happened before it has yet to come
        postponed   // what happened before it is at the front of the queue now, and it comes again behind that
    };
    Followed follow_one(const ObserverEvent& event, bool guest_is_stopped);
    Followed touched_mutex(const ObserverEvent& event, std::uint32_t number, bool guest_is_stopped);
    void touched_rwsem(const ObserverEvent& event, std::uint32_t number);
    void passed(const ObserverEvent& event);
    // Returns the entry of the call that the answer is of; nothing if the task is in no such call.
    std::optional<ObserverEvent> returned(const ObserverEvent& event);
    // Tells the returns of lock functions that were not seen, of those that the task is in the last of.
    void return_from_locks(const ObserverEvent& event);
    void tell_return(const ObserverEvent& entry, const ObserverEvent& now);
    void entered(const ObserverEvent& event);
    Followed left(const ObserverEvent& event, bool guest_is_stopped);
    // Takes the lock, behind the release by its holder.
    Followed take(const ObserverEvent& event, std::uint32_t number, bool guest_is_stopped);
    // Moves the release by the holder, and what that task did before, to the front of the queue, and then `event`.
    // Returns false if there is no such release.
    bool postpone(const ObserverEvent& event, const Lock& lock, std::uint32_t number);
    void contradict(std::string line);
    [[nodiscard]] bool releases(const ObserverEvent& event, const Lock& lock, std::uint32_t number) const;
    // `from` is known from an earlier event of the same call, or 0.
    void tell(const ObserverEvent& event, std::uint32_t lock, LockAction action, bool shared = false,
              std::uint64_t from = 0);
    void want(const ObserverEvent& event, std::uint32_t number);
    [[nodiscard]] std::optional<std::uint32_t> fixed_lock(const ObservedFunction& function) const;
    [[nodiscard]] const ObservedFunction& function_of(const ObserverEvent& event) const;

    const std::vector<ObservedFunction>& functions_;
    std::vector<Lock> locks_;
    std::map<std::uint32_t, std::uint32_t> by_span_;
    std::map<std::uint64_t, std::vector<Call>> calls_;  // by task
    // By task: the entries of the whole calls that it is in, outermost first.
    std::map<std::uint64_t, std::vector<ObserverEvent>> passing_;
    std::deque<ObserverEvent> queue_;
    std::set<std::uint64_t> postponed_;  // the numbers of events that were postponed
    std::vector<ObservedAct> acts_;
    std::vector<std::string> contradictions_;
};

}  // namespace memrig
