// Starts the one embedded Python interpreter, which runs rig/qmp.py.
#pragma once

#include "base/error.h"

namespace memrig {

// The name under which rig/qmp.py can be imported once start_python() has succeeded.
inline constexpr const char* kQmpModule = "memrig_qmp";

// Starts the interpreter and imports rig/qmp.py on the first call; every call returns the outcome of the first. This
// takes a tenth of a second, so a program may call it early on a thread of its own. On return no thread holds the GIL.
// Thread-safe.
//
// The interpreter is never finalised: its loop thread may be busy when the program ends, and static destructors may
// still destroy clients.
Status start_python();

}  // namespace memrig
