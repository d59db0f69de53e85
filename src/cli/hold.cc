#include "cli/hold.h"

#include <poll.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/file.h"
#include "base/shell.h"
#include "base/stop_request.h"
#include "probe/symbol_file.h"

namespace memrig {

namespace {

std::string gdb_text(const Endpoints& ways, const PreparedGuest& guest, const Architecture& architecture,
                     const fs::path& symbols) {
    utsname host{};
    ::uname(&host);
    const char* gdb = guest.order.bench.arch == host.machine ? "gdb" : "gdb-multiarch";
    std::string text = fmt::format("gdb:      {} {} -ex {}\n", gdb, shell_word(symbols.string()),
                                   shell_word("target remote " + ways.gdb.string()));
    text += fmt::format("symbols:  {} from the guest's own /proc/kallsyms, with their addresses; no types, no lines\n",
                        guest.symbols.size());
    if (const auto offset = kaslr_offset(guest.symbols, architecture))
        text += fmt::format("KASLR:    {:#x}; with the vmlinux of this kernel: add-symbol-file vmlinux -o {:#x}\n",
                            *offset, *offset);
    return text;
}

// Waits for Enter, a stop request, or the guest's end. The end of stdin, as from /dev/null, is no Enter. Returns a
// message if the user did not end the hold.
std::string wait_for_user(const Endpoints& ways) {
    pollfd watched[] = {{stop_request().descriptor(), POLLIN, 0}, {ways.ended, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
    for (;;) {
        if (::poll(watched, std::size(watched), -1) < 0 && errno != EINTR) return "poll failed";
        if (watched[0].revents != 0) return "";
        if (watched[1].revents != 0) return "the guest has ended";
        if (watched[2].revents == 0) continue;
        char text[256];
        const ssize_t n = ::read(STDIN_FILENO, text, sizeof text);
        if (n > 0) return "";
        watched[2].fd = -1;
    }
}

}  // namespace

Status hold_guest(Machine& machine, const PreparedGuest& guest, bool stopped, const Terminal& terminal) {
    MEMRIG_TRY(const Endpoints ways, machine.hand_over(!stopped));
    std::string text = stopped ? "\nthe guest is stopped at its verdict\n" : "\nthe guest runs on\n";
    const Architecture* architecture = find_architecture(guest.order.bench.arch);
    if (architecture != nullptr) {
        const fs::path symbols = ways.directory / "kernel.symbols";
        MEMRIG_CHECK(write_file(symbols, symbol_file(guest.symbols, *architecture)));
        text += gdb_text(ways, guest, *architecture, symbols);
    }
    text += fmt::format("QMP:      {}\nconsole:  {} (output only: the agent is the guest's init)\n", ways.qmp.string(),
                        ways.console.string());
    terminal.print(text + "press Enter or Ctrl-C to end it\n");
    const std::string ended = wait_for_user(ways);
    if (!ended.empty()) terminal.print(ended + "\n");
    return {};
}

}  // namespace memrig
