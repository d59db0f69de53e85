#include "watch/call_recorder.h"

#include <set>
#include <string_view>

#include "probe/function_watch.h"

namespace memrig {

namespace {

// Finds `test %reg,%reg` (REX.W 85 /r) of %rax, or of a register that `mov %rax,%reg` (REX.W 89 /r) copied it to.
std::size_t find_null_test(std::string_view code) {
    constexpr unsigned wide = 0x48, upper_target = 0x01, upper_source = 0x04, registers = 0xc0;
    std::set<unsigned> copies = {0};  // the numbers of the registers
    for (std::size_t at = 0; at + 3 <= code.size(); at++) {
        const auto byte = [&](std::size_t i) {
            return static_cast<unsigned>(static_cast<unsigned char>(code[at + i]));
        };
        const unsigned prefix = byte(0), source = (byte(2) >> 3) & 7, target = byte(2) & 7;
        if ((byte(2) & registers) != registers) continue;
        const bool upper = (prefix & upper_target) != 0;
        const unsigned number = target + (upper ? 8 : 0);
        if (byte(1) == 0x89 && source == 0 && (prefix & ~upper_target) == wide) copies.insert(number);
        const bool same = source == target && prefix == (wide | (upper ? upper_target | upper_source : 0));
        if (byte(1) == 0x85 && same && copies.contains(number)) return at;
    }
    return std::string_view::npos;
}

}  // namespace

// IS_ERR() compares with -MAX_ERRNO (include/linux/err.h), which is the sign-extended word 0xfffffffffffff000. Where an
// inlined caller tests for NULL and returns an error pointer instead, IS_ERR() comes second.
PointerTest pointer_test(std::string_view code) {
    constexpr std::string_view lowest_error("\x00\xf0\xff\xff", 4);
    const std::size_t null = find_null_test(code), error = code.find(lowest_error);
    if (null == error) return PointerTest::none;
    return null < error ? PointerTest::null : PointerTest::error;
}

Result<std::unique_ptr<CallRecorder>> CallRecorder::make(Conductor& conductor, const SymbolTable& symbols,
                                                         const std::vector<std::string>& functions) {
    std::unique_ptr<CallRecorder> made(new CallRecorder(conductor, symbols));
    for (const auto& function : functions) {
        if (symbols.all(function).empty()) continue;
        MEMRIG_TRY(const auto entries, entries_of(conductor.probe(), symbols, function));
        for (const auto entry : entries) made->entries_.emplace_back(entry, function);
    }
    return made;
}

Status CallRecorder::begin(const std::string& actor, std::uint64_t task, const std::string& entry) {
    inside_.insert_or_assign(task, Inside{actor, entry});
    if (!watches_.empty()) return {};
    for (const auto& [address, function] : entries_) {
        MEMRIG_TRY(const auto id, conductor_.watch(address, [this, name = function](const Arrival& arrival) {
            return at_entry(name, arrival);
        }));
        watches_.push_back(id);
    }
    return {};
}

Status CallRecorder::end(std::uint64_t task) {
    inside_.erase(task);
    if (!inside_.empty()) return {};
    for (const auto id : std::exchange(watches_, {})) MEMRIG_CHECK(conductor_.unwatch(id));
    return {};
}

Result<Response> CallRecorder::at_entry(const std::string& function, const Arrival& arrival) {
    const auto found = inside_.find(arrival.task);
    if (found == inside_.end()) return Response::pass();
    const Inside& inside = found->second;
    MEMRIG_TRY(const auto callers, paths_.chain(conductor_, arrival, kRecordedDepth,
                                                [&](std::string_view name) { return name == inside.entry; }));
    RecordedCalls call{inside.actor, function, {}, false, false, false, 1};
    for (const auto caller : callers) call.path.emplace_back(symbols_.function(caller));
    call.is_whole = call.path.back() == inside.entry;
    // Where a function jumps to another one, its caller may not be found. Only the first caller is then certain.
    if (!call.is_whole) call.path.resize(1);
    MEMRIG_CHECK(look_at_test(arrival, callers.front(), call));
    count(std::move(call));
    return Response::pass();
}

Status CallRecorder::look_at_test(const Arrival& arrival, std::uint64_t back, RecordedCalls& call) {
    constexpr std::size_t bytes = 48;
    if (conductor_.probe().architecture().name != "x86_64") return {};
    const auto code = conductor_.probe().read_memory(arrival.vcpu, back, bytes);
    if (!code && code.error().fault != Fault::guest) return std::unexpected(code.error());
    if (!code) return {};
    const PointerTest test = pointer_test(*code);
    call.tests_error_pointer = test == PointerTest::error;
    call.tests_null = test == PointerTest::null;
    return {};
}

void CallRecorder::count(RecordedCalls call) {
    std::string key = call.actor + '\n' + call.function;
    for (const auto& caller : call.path) key += '\n' + caller;
    const auto [place, is_new] = places_.try_emplace(std::move(key), calls_.size());
    if (is_new) calls_.push_back(std::move(call));
    else calls_[place->second].count++;
}

}  // namespace memrig
