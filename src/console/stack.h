// Parses call traces as old and new kernels print them on x86, powerpc and arm64.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace memrig::console {

// One line, read as an entry of a call trace. `function` is empty if the line is no entry, has no symbol, or is marked
// as unreliable ("? func", "func (unreliable)").
struct StackLine {
    bool is_entry = false;
    std::string_view function;
};
StackLine stack_line(std::string_view text);

// Removes the address before a symbol from the front: "[c000000000123456]", "[<ffffffff81234567>]", "[<0>]". Returns
// false if there is none.
bool take_address(std::string_view& text);

// The symbol of "func+0x1c/0x40" at the front of `text`; empty if there is none.
std::string_view symbol_at(std::string_view text);

// True if the line shows registers, or marks an interrupt, within or around a call trace.
bool is_register_line(std::string_view text);

// Collects the first call trace in the lines that it is fed.
class StackReader {
public:
    // `needs_header`: the trace must follow "Call Trace:"; otherwise any run of stack lines counts.
    explicit StackReader(bool needs_header) : needs_header_(needs_header) {}

    // Returns whether the line was part of a call trace.
    bool feed(std::string_view text);
    [[nodiscard]] bool waiting() const { return state_ == State::waiting; }
    [[nodiscard]] bool reading() const { return state_ == State::reading; }
    // The end of the trace was seen.
    [[nodiscard]] bool done() const { return state_ == State::done; }
    std::vector<std::string> take() { return std::move(functions_); }

private:
    enum class State : std::uint8_t { waiting, reading, done };

    bool read(std::string_view text);
    void add(std::string_view function);

    bool needs_header_;
    State state_ = State::waiting;
    bool user_mode_ = false;  // powerpc: the exception's registers belong to user space
    std::vector<std::string> functions_;
};

}  // namespace memrig::console
