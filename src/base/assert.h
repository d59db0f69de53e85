// MEMRIG_ASSERT(condition, "what must hold"): ends the program where memrig itself is wrong, also in release builds.
//
// Use it for preconditions that headers state, and for indices into lists that come from elsewhere. Do not use it for
// input of a user, a guest, QEMU or a file: wrong input is an Error. It is cheap enough for all but the loops of
// parsers.
#pragma once

namespace memrig {

// Prints one line to stderr and aborts. The kernel then ends our children (base/process.h).
[[noreturn]] void assertion_failed(const char* file, int line, const char* condition, const char* what) noexcept;

}  // namespace memrig

#define MEMRIG_ASSERT(condition, what) \
    (static_cast<bool>(condition) ? void() : ::memrig::assertion_failed(__FILE__, __LINE__, #condition, what))
