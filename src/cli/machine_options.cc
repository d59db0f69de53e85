#include "cli/machine_options.h"

namespace memrig {

void add_bench_options(CLI::App& command, RunSpec& spec) {
    command.add_option("--bench", spec.bench, "Bench (`memrig benches list`); default: the scenario's first")
        ->type_name("BENCH");
    command
        .add_option("--emulator", spec.emulator,
                    "QEMU: an id (`memrig emulators list`) or the program's path; default: the one in PATH")
        ->type_name("ID|PATH");
}

void add_accelerator_option(CLI::App& command, std::string& accelerator) {
    command.add_option("--accel", accelerator, "Accelerator; KVM is used only if it is proven to work")
        ->type_name("auto|tcg|kvm")
        ->check(CLI::IsMember({"auto", "tcg", "kvm"}).description(""))
        ->capture_default_str();
}

}  // namespace memrig
