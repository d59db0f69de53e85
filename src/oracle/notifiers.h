// What the kernel tells of its memory blocks to whoever has asked to be told, checked while a trial runs.
//
// Documentation/core-api/memory-hotplug.rst, Memory hotplug event notifier: whatever is going to be done is announced (MEM_GOING_ONLINE,
// MEM_GOING_OFFLINE), and then is done or cancelled (MEM_ONLINE, MEM_CANCEL_ONLINE; MEM_OFFLINE, MEM_CANCEL_OFFLINE). All of it goes
// through memory_notify(action, arg), drivers/base/memory.c.
//
// N1: no task says that something was done or cancelled that it has not announced, or announces what it has announced already.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "oracle/rules.h"

namespace memrig {

enum class Notice { going_online, online, cancel_online, going_offline, offline, cancel_offline, other };
const char* to_string(Notice notice);  // "MEM_GOING_ONLINE"

// Which number is which is told by the first notice of a plain online: 1 << 3 where they are bits (include/linux/memory.h up to v6.12 and
// its early stable releases), 3 where they are counted, since.
class NoticeNumbers {
public:
    [[nodiscard]] Notice meaning(std::uint64_t action);
    [[nodiscard]] bool known() const { return counted_.has_value(); }

private:
    std::optional<bool> counted_;
};

// In force from make() to its end; conductor and ledger must outlive it. Same thread as the conductor.
class NotifierWatch {
public:
    static Result<std::unique_ptr<NotifierWatch>> make(Conductor& conductor, const LockLedger& ledger,
                                                       const SymbolTable& symbols);

    [[nodiscard]] const std::vector<RuleBreach>& breaches() const { return breaches_; }
    [[nodiscard]] std::uint64_t checks() const { return checks_; }
    // "" if it could be watched.
    [[nodiscard]] const std::string& gap() const { return gap_; }

private:
    NotifierWatch(Conductor& conductor, const LockLedger& ledger, const SymbolTable& symbols)
        : conductor_(conductor), ledger_(ledger), paths_(symbols) {}
    Result<Response> at_notice(const Arrival& arrival);

    Conductor& conductor_;
    const LockLedger& ledger_;
    CallPaths paths_;
    NoticeNumbers numbers_;
    std::map<std::uint64_t, Notice> announced_;  // by task: what it is about to do
    std::vector<RuleBreach> breaches_;
    std::uint64_t checks_ = 0;
    std::string gap_;
};

}  // namespace memrig
