#include "probe/stop_reply.h"

#include <algorithm>

#include "probe/packet.h"

namespace memrig {

Result<Stop> parse_stop_reply(std::string_view text, const std::vector<std::string>& threads) {
    Stop stop;
    if (text.starts_with("W") || text.starts_with("X")) {
        stop.cause = StopCause::exited;
        return stop;
    }
    const auto signal = text.size() >= 3 && text[0] == 'T' ? parse_hex(text.substr(1, 2)) : std::nullopt;
    if (!signal) return fail(Fault::rig, "the gdbstub sends '{}' for a stop", text.substr(0, 64));
    constexpr std::uint64_t sigint = 2;
    stop.cause = *signal == sigint ? StopCause::interrupt : StopCause::breakpoint;
    bool known = false;
    for (std::size_t at = 3; at < text.size();) {
        const std::size_t end = std::min(text.find(';', at), text.size());
        const std::string_view pair = text.substr(at, end - at);
        const std::string_view key = pair.substr(0, pair.find(':'));
        const std::string_view value = key.size() < pair.size() ? pair.substr(key.size() + 1) : std::string_view();
        if (key == "thread") {
            const auto found = std::ranges::find(threads, value);
            known = found != threads.end();
            stop.vcpu = static_cast<unsigned>(found - threads.begin());
        } else if (key == "watch" || key == "rwatch" || key == "awatch") {
            stop.cause = StopCause::watchpoint;
            stop.watched = parse_hex(value).value_or(0);
        }
        at = end + 1;
    }
    if (!known) return fail(Fault::rig, "the gdbstub names no known vCPU in '{}'", text.substr(0, 64));
    return stop;
}

}  // namespace memrig
