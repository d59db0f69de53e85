// Errors as values: each says whose fault it is, what is wrong and, if known, what to do.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

namespace memrig {

// Whose fault an error is. It decides the exit status and, in a trial, the verdict.
enum class Fault {
    guest,       // the kernel under test or the agent in it
    rig,         // memrig, QEMU or a tool of ours
    host,        // the machine we run on: a missing program, a full disk, no permission
    user_input,  // an argument or a file that the user gave
    interrupted  // the user asked memrig to stop
};

const char* to_string(Fault fault);

// The way in which a process of ours ended.
enum class ProcessEnd {
    exited,  // by itself, with an exit status
    killed   // by a signal
};

struct Error {
    Fault fault = Fault::rig;
    std::string message;                         // one line, no full stop
    std::string remedy;                          // what to do about it; may be empty
    std::optional<ProcessEnd> process_end = {};  // set if the error is that a process ended

    // "message (remedy)", as the user sees it.
    [[nodiscard]] std::string line() const;
};

template <class T>
using Result = std::expected<T, Error>;
using Status = Result<void>;

template <class... Args>
[[nodiscard]] std::unexpected<Error> fail(Fault fault, fmt::format_string<Args...> text, Args&&... args) {
    return std::unexpected(Error{fault, fmt::format(text, std::forward<Args>(args)...), {}});
}

// An error for the system call that has just failed: "cannot WHAT: " and errno's text.
[[nodiscard]] std::unexpected<Error> fail_errno(Fault fault, const std::string& what);
// The same error with this remedy.
[[nodiscard]] std::unexpected<Error> fail_with(Error error, std::string remedy);

// The same error with "DOING: " before its message.
[[nodiscard]] std::unexpected<Error> in_context(Error error, const std::string& doing);

}  // namespace memrig

#define MEMRIG_JOIN2(a, b) a##b
#define MEMRIG_JOIN(a, b) MEMRIG_JOIN2(a, b)

// Declares `var` as the value of `expr`, or returns its error from the calling function.
#define MEMRIG_TRY(var, expr) MEMRIG_TRY_IMPL(MEMRIG_JOIN(memrig_result_, __LINE__), var, expr)
#define MEMRIG_TRY_IMPL(tmp, var, expr)                                      \
    auto tmp = (expr);                                                       \
    if (!tmp) return std::unexpected<memrig::Error>(std::move(tmp).error()); \
    var = std::move(*tmp)

// Returns the error of `expr` from the calling function, if it has one.
#define MEMRIG_CHECK(expr) MEMRIG_CHECK_IMPL(MEMRIG_JOIN(memrig_status_, __COUNTER__), expr)
#define MEMRIG_CHECK_IMPL(tmp, expr)                                                                \
    do {                                                                                            \
        if (auto tmp = (expr); !tmp) return std::unexpected<memrig::Error>(std::move(tmp).error()); \
    } while (false)
