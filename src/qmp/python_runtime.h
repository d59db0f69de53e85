// The one embedded Python interpreter, which runs rig/qmp.py.
#pragma once

#include "base/error.h"

namespace memrig {

// The name under which rig/qmp.py can be imported once start_python() has succeeded.
inline constexpr const char* kQmpModule = "memrig_qmp";

// Starts the interpreter and imports rig/qmp.py on the first call; every call returns that one's outcome. It takes a
// tenth of a second, so a program may call it early, on a thread of its own, to save that later. On return no thread
// holds the GIL. Thread-safe.
//
// The interpreter is never finalised: its loop thread may be in the middle of something when the program ends, and
// clients may be destroyed as late as in static destructors.
Status start_python();

}  // namespace memrig
