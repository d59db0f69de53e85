// memrig bundle
#include <memory>

#include "cli/command.h"
#include "cli/output.h"
#include "run/bundle.h"

namespace memrig {

namespace {

constexpr const char* kBundleFooter =
    "The file holds the trial's recipe, verdict and evidence, and the hashes of kernel, QEMU and agent, but not the\n"
    "kernel itself. `memrig replay FILE` plays the trial again and reports whether the verdict is the same.\n\n"
    "Example:\n"
    "  memrig bundle runs/20300203T040506Z-4711 race/acpi-dimm-online/debian-6.1-amd64/mutant/0002\n"
    "  memrig replay 0002.memrig.tar.zst\n";

struct BundleOptions {
    fs::path directory, trial, out;
};

int bundle(BundleOptions options) {
    const fs::path trial = (options.directory / options.trial).lexically_normal();
    if (options.out.empty()) {
        const fs::path name = trial.has_filename() ? trial.filename() : trial.parent_path().filename();
        options.out = name.string() + ".memrig.tar.zst";
    }
    if (const Status written = write_bundle(trial, options.out); !written) return report_error(written.error());
    const Status printed = print_result(options.out.string() + "\n");
    return printed ? kExitGood : report_error(printed.error());
}

}  // namespace

void add_bundle_command(CLI::App& program, Action& action) {
    auto options = std::make_shared<BundleOptions>();
    CLI::App* command = program.add_subcommand("bundle", "Pack a trial into one file, to replay it elsewhere");
    command->footer(kBundleFooter);
    command->add_option("DIR", options->directory, "The trial's directory, or a run's or campaign's")
        ->required()
        ->type_name("");
    command->add_option("TRIAL", options->trial, "The trial's directory, relative to DIR")->type_name("");
    command
        ->add_option("--out", options->out,
                     "Output file, .tar.zst or .tar.gz; default: NUMBER.memrig.tar.zst in the current directory")
        ->type_name("FILE");
    command->callback([options, &action] { action = [options] { return bundle(*options); }; });
}

}  // namespace memrig
