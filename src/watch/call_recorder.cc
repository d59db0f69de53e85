#include "watch/call_recorder.h"

#include <set>
#include <string_view>

#include "probe/function_watch.h"

namespace memrig {

namespace {

// Returns true for `call rel32` of a function within 16 MiB. Another instruction may contain the byte.
bool is_near_call(std::string_view code) {
    constexpr std::size_t length = 5;
    return code.size() >= length && code[0] == '\xe8' && (code[length - 1] == '\0' || code[length - 1] == '\xff');
}

// Finds `test %reg,%reg` (REX.W 85 /r) of %rax, or of a register that `mov %reg,%reg` (REX.W 89 /r) copied it to.
std::size_t find_null_test(std::string_view code) {
    constexpr unsigned wide = 0x48, target_bit = 0x01, source_bit = 0x04, registers = 0xc0;
    std::set<unsigned> copies = {0};  // the numbers of the registers that have what was in %rax
    for (std::size_t at = 0; at + 3 <= code.size(); at++) {
        // A function may change these registers.
        if (is_near_call(code.substr(at)))
            for (const unsigned number : {0u, 1u, 2u, 6u, 7u, 8u, 9u, 10u, 11u}) copies.erase(number);
        const auto byte = [&](std::size_t i) {
            return static_cast<unsigned>(static_cast<unsigned char>(code[at + i]));
        };
        const unsigned prefix = byte(0);
        if ((prefix & ~(target_bit | source_bit)) != wide || (byte(2) & registers) != registers) continue;
        const unsigned source = ((byte(2) >> 3) & 7) + ((prefix & source_bit) != 0 ? 8 : 0);
        const unsigned target = (byte(2) & 7) + ((prefix & target_bit) != 0 ? 8 : 0);
        if (byte(1) == 0x85 && source == target && copies.contains(target)) return at;
        if (byte(1) != 0x89) continue;
        if (copies.contains(source)) copies.insert(target);
        else copies.erase(target);
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
