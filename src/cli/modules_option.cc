#include "cli/modules_option.h"

namespace memrig {

void add_modules_option(CLI::App& command, std::filesystem::path& modules) {
    command
        .add_option("--modules", modules,
                    "Modules of a kernel by path: its lib/modules/RELEASE; default: found beside the kernel")
        ->type_name("DIR")
        ->needs(command.get_option("--kernel"));
}

}  // namespace memrig
