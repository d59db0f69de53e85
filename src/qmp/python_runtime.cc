#include "qmp/python_runtime.h"

#include <csignal>

#include <pybind11/embed.h>

#include "base/file.h"
#include "base/paths.h"

namespace py = pybind11;

#ifdef __SANITIZE_ADDRESS__
// Python keeps its frames in memory that it maps itself. The leak checker does not look for references there, so
// objects that the loop thread uses when the program ends look lost.
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
    // For the same reason, Python must not use its own arenas.
    preconfig.allocator = PYMEM_ALLOCATOR_MALLOC;
#endif
    if (const PyStatus status = Py_PreInitialize(&preconfig); PyStatus_Exception(status))
        return std::unexpected(python_error(status));

    // Isolated: PYTHON* variables, the user's directory and the current one have no influence on imports.
    PyConfig config;
    PyConfig_InitIsolatedConfig(&config);
    config.install_signal_handlers = 0;  // stop_request() handles Ctrl-C
    config.write_bytecode = 0;           // no __pycache__ in the source tree
    PyStatus status = PyConfig_SetBytesString(&config, &config.program_name, MEMRIG_PYTHON);
    if (!PyStatus_Exception(status)) status = PyConfig_SetBytesString(&config, &config.executable, MEMRIG_PYTHON);
    if (!PyStatus_Exception(status)) status = Py_InitializeFromConfig(&config);
    PyConfig_Clear(&config);
    if (PyStatus_Exception(status)) return std::unexpected(python_error(status));
    return {};
}

// Python's sockets need SIGPIPE ignored, and Python does not ignore it without its own signal handlers.
void ignore_broken_pipes() {
    struct sigaction current{};
    if (::sigaction(SIGPIPE, nullptr, &current) == 0 && current.sa_handler == SIG_DFL) std::signal(SIGPIPE, SIG_IGN);
}

// Imports the module by its path and under its own name, so that nothing else in the tree is imported by mistake.
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
        const auto why = py::str(error.value()).cast<std::string>();  // what() would include the traceback
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
    PyEval_SaveThread();  // releases the GIL, which this thread holds since the start
    return imported;
}

}  // namespace

Status start_python() {
    // Leaked, like the interpreter: static destructors may still call this.
    static const Status& outcome = *new Status(start());
    return outcome;
}

}  // namespace memrig
