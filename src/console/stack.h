// Call traces as the architectures print them: x86, powerpc and arm64, old and new.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace memrig::console {

// The function of a line of a call trace; empty where the line is none, has no symbol, or is not to be trusted
// ("? func", "func (unreliable)").
struct StackLine {
    bool is_entry = false;
    std::string_view function;
};
StackLine stack_line(std::string_view text);

// Takes an address that stands before a symbol off the front: "[c000000000123456]", "[<ffffffff81234567>]", "[<0>]".
bool take_address(std::string_view& text);

// The symbol of "func+0x1c/0x40" at the front of `text`; empty where there is none.
std::string_view symbol_at(std::string_view text);

// A line that belongs to a call trace's surroundings: registers, markers between the stacks of one task.
bool is_register_line(std::string_view text);

// Collects the first call trace that it is fed, line by line.
class StackReader {
public:
    // `needs_header`: only what follows "Call Trace:" counts; else any run of stack lines will do.
    explicit StackReader(bool needs_header) : needs_header_(needs_header) {}

    // Tells whether the line was part of a call trace.
    bool feed(std::string_view text);
    [[nodiscard]] bool waiting() const { return state_ == State::waiting; }
    [[nodiscard]] bool reading() const { return state_ == State::reading; }
    // The trace was seen to its end.
    [[nodiscard]] bool done() const { return state_ == State::done; }
    std::vector<std::string> take() { return std::move(functions_); }

private:
    enum class State : std::uint8_t { waiting, reading, done };

    bool read(std::string_view text);
    void add(std::string_view function);

    bool needs_header_;
    State state_ = State::waiting;
    bool user_mode_ = false;  // powerpc: the exception's registers are those of user space
    std::vector<std::string> functions_;
};

}  // namespace memrig::console
