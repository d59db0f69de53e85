// Finds the source line of a place in a kernel, from the debug information of its vmlinux (elfutils' libdw).
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "base/error.h"

namespace memrig {

// A place is a function and an offset, as call paths have it: "online_store+0x47". Not thread-safe.
class SourceLines {
public:
    // Opens an ELF file with a symbol table and DWARF. `release` is the kernel's, as the guest says it: a vmlinux of
    // another release is refused. Fails with Fault::user_input in all these cases.
    static Result<SourceLines> open(const std::filesystem::path& vmlinux, const std::string& release);
    SourceLines(SourceLines&&) noexcept;
    SourceLines& operator=(SourceLines&&) noexcept;
    ~SourceLines();

    // Returns "drivers/base/core.c:2790". Empty if the place is not known, or if several functions fit it. A size
    // ("online_store+0x47/0x90") tells functions of one name apart. An
    // offset is that of a return address, so the line is the call's; the offset 0 is the function itself.
    [[nodiscard]] std::string at(const std::string& place) const;

private:
    struct State;
    explicit SourceLines(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace memrig
