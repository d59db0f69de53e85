#include "qmp/python_runtime.h"

#include <csignal>

#include <pybind11/embed.h>

#include "base/file.h"
#include "base/paths.h"

namespace py = pybind11;

#ifdef __SANITIZE_ADDRESS__
// Python keeps its frames in memory that it maps itself. The leak checker does not look for references there, so what
// the loop thread has at hand when the program ends looks lost.
extern "C" [[gnu::visibility("default")]] const char*
__lsan_default_suppressions();  // NOLINT(bugprone-reserved-identifier)
const char* __lsan_default_suppressions() { return "leak:libpython3\n"; }
#endif

namespace memrig {

namespace {

Error python_error(const PyStatus& status) {
    return {Fault::host,
            fmt::format("cannot start Python: {}", status.err_msg != nullptr ? status.err_msg : "no reason given"),
            "run tools/setup"};
}

Status initialize_interpreter() {
    PyPreConfig preconfig;
    PyPreConfig_InitIsolatedConfig(&preconfig);
    preconfig.utf8_mode = 1;
#ifdef __SANITIZE_ADDRESS__
    // For the same reason, no arenas of Python's own either.
    preconfig.allocator = PYMEM_ALLOCATOR_MALLOC;
#endif
    if (const PyStatus status = Py_PreInitialize(&preconfig); PyStatus_Exception(status))
        return std::unexpected(python_error(status));

    // Isolated: neither PYTHON* variables nor the user's or the current directory decide what is imported.
    PyConfig config;
    PyConfig_InitIsolatedConfig(&config);
    config.install_signal_handlers = 0;  // Ctrl-C is stop_request()'s
    config.write_bytecode = 0;           // no __pycache__ in the source tree
    PyStatus status = PyConfig_SetBytesString(&config, &config.program_name, MEMRIG_PYTHON);
    if (!PyStatus_Exception(status)) status = PyConfig_SetBytesString(&config, &config.executable, MEMRIG_PYTHON);
    if (!PyStatus_Exception(status)) status = Py_InitializeFromConfig(&config);
    PyConfig_Clear(&config);
    if (PyStatus_Exception(status)) return std::unexpected(python_error(status));
    return {};
}

// Python's sockets count on it, and with no signal handlers installed Python does not see to it.
void ignore_broken_pipes() {
    struct sigaction current{};
    if (::sigaction(SIGPIPE, nullptr, &current) == 0 && current.sa_handler == SIG_DFL) std::signal(SIGPIPE, SIG_IGN);
}

// By its path and under a name of its own, so that nothing else in the tree can be imported by mistake.
void import_qmp_module(const fs::path& cache, const fs::path& source) {
    py::module_ sys = py::module_::import("sys");
    sys.attr("path").attr("append")((cache / "python").string());
    py::module_ util = py::module_::import("importlib.util");
    const py::object spec = util.attr("spec_from_file_location")(kQmpModule, source.string());
    const py::object module = util.attr("module_from_spec")(spec);
    spec.attr("loader").attr("exec_module")(module);
    sys.attr("modules")[kQmpModule] = module;
}

Status import_with_advice(const fs::path& cache) {
    const fs::path source = home_directory() / "rig" / "qmp.py";
    try {
        import_qmp_module(cache, source);
        return {};
    } catch (py::error_already_set& error) {
        const auto why = py::str(error.value()).cast<std::string>();  // what() has the traceback too
        if (error.matches(PyExc_ImportError))
            return fail_with({Fault::host, fmt::format("{} cannot import qemu.qmp: {}", MEMRIG_PYTHON, why), {}},
                             "run tools/setup");
        return fail_with({Fault::host, fmt::format("cannot load {}: {}", shown(source), why), {}},
                         "MEMRIG_HOME must name memrig's own tree");
    }
}

Status start() {
    MEMRIG_TRY(const fs::path cache, cache_directory());
    ignore_broken_pipes();
    MEMRIG_CHECK(initialize_interpreter());
    const Status imported = import_with_advice(cache);
    PyEval_SaveThread();  // the GIL, which the starting thread held
    return imported;
}

}  // namespace

Status start_python() {
    // Leaked, like the interpreter: static destructors may still come here.
    static const Status& outcome = *new Status(start());
    return outcome;
}

}  // namespace memrig
