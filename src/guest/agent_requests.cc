// AgentLink's requests: encodes each request, and parses its reply.
#include <algorithm>

#include "guest/agent_link.h"
#include "guest/payload.h"
#include "guest/replies.h"

namespace memrig {

namespace {

constexpr std::size_t kNamesPerRequest = 500;

const char* trigger_word(WriterTrigger trigger) {
    switch (trigger) {
        case WriterTrigger::now: return "now";
        case WriterTrigger::spin: return "spin";
        case WriterTrigger::uevent: return "uevent";
    }
    return "unknown";
}

std::string request(std::string_view verb) {
    std::string payload;
    add_field(payload, "verb", verb);
    return payload;
}

std::string with(std::string payload, std::string_view key, std::string_view value) {
    add_field(payload, key, value);
    return payload;
}

// A request whose reply may be long: the agent may deflate it.
std::string large_request(std::string_view verb) { return with(request(verb), "encoding", "deflate"); }

std::string writer_request(const WriterSpec& spec, bool doorbell) {
    std::string payload = request("start-writer");
    payload += '\n';
    add_field(payload, "writer", spec.name);
    add_field(payload, "cpu", std::to_string(spec.cpu));
    add_field(payload, "first", std::to_string(spec.first_block));
    add_field(payload, "last", std::to_string(spec.last_block));
    add_field(payload, "attribute", spec.attribute);
    add_field(payload, "value", spec.value);
    add_field(payload, "trigger", trigger_word(spec.trigger));
    add_field(payload, "doorbell", doorbell ? "1" : "0");
    if (spec.repeat > 1) add_field(payload, "repeat", std::to_string(spec.repeat));
    if (!spec.path.empty()) add_field(payload, "path", spec.path);
    return payload;
}

}  // namespace

Result<std::vector<GuestSymbol>> AgentLink::symbols(const std::vector<std::string>& names, Deadline deadline) {
    if (names.empty()) {
        MEMRIG_TRY(const std::string all, ask("all symbols", large_request("symbols"), deadline));
        return parse_symbols(all);
    }
    std::vector<GuestSymbol> found;
    for (std::size_t begin = 0; begin < names.size(); begin += kNamesPerRequest) {
        std::string payload = request("symbols");
        const std::size_t end = std::min(names.size(), begin + kNamesPerRequest);
        for (std::size_t i = begin; i < end; i++) {
            payload += '\n';
            add_field(payload, "name", names[i]);
        }
        MEMRIG_TRY(const std::string lines, ask("symbols", payload, deadline));
        MEMRIG_TRY(std::vector<GuestSymbol> batch, parse_symbols(lines));
        std::ranges::move(batch, std::back_inserter(found));
    }
    return found;
}

Result<std::vector<MemoryBlock>> AgentLink::blocks(Deadline deadline) {
    MEMRIG_TRY(const std::string lines, ask("the memory blocks", large_request("blocks"), deadline));
    return parse_blocks(lines);
}

Result<MemoryFigures> AgentLink::memory(Deadline deadline) {
    MEMRIG_TRY(const std::string lines, ask("the memory figures", request("memory"), deadline));
    return parse_memory(lines);
}

Result<std::map<std::string, std::uint64_t>> AgentLink::slabs(Deadline deadline) {
    MEMRIG_TRY(const std::string lines, ask("the slab caches", large_request("slabs"), deadline));
    return parse_slabs(lines);
}

Result<BlockedTasks> AgentLink::blocked_tasks(Deadline deadline) {
    MEMRIG_TRY(const std::string lines, ask("the blocked tasks", request("blocked-tasks"), deadline));
    return parse_blocked_tasks(lines);
}

Result<PassedTime> AgentLink::pass_time(Deadline deadline) {
    MEMRIG_TRY(const std::string lines, ask("timers and RCU", request("pass-time"), deadline));
    return parse_passed_time(lines);
}

Result<std::uint64_t> AgentLink::pin_page(const std::string& name, std::uint64_t first_block, std::uint64_t last_block,
                                          Deadline deadline) {
    std::string payload = with(request("pin-page"), "pin", name);
    payload = with(with(payload, "first", std::to_string(first_block)), "last", std::to_string(last_block));
    MEMRIG_TRY(const std::string lines, ask("a pinned page", payload, deadline));
    return parse_pinned_page(lines);
}

Status AgentLink::unpin_page(const std::string& name, Deadline deadline) {
    MEMRIG_CHECK(ask("the end of a pinned page", with(request("unpin-page"), "pin", name), deadline));
    return {};
}

Result<std::uint64_t> AgentLink::fill_memory(const std::string& name, std::uint64_t bytes, std::uint64_t first_block,
                                             std::uint64_t last_block, Deadline deadline) {
    std::string payload = with(with(request("fill-memory"), "fill", name), "bytes", std::to_string(bytes));
    payload = with(with(payload, "first", std::to_string(first_block)), "last", std::to_string(last_block));
    MEMRIG_TRY(const std::string lines, ask("filled memory", payload, deadline));
    return parse_filled_pages(lines);
}

Status AgentLink::start_writer(const WriterSpec& spec, Deadline deadline) {
    MEMRIG_CHECK(ask("a writer", writer_request(spec, false), deadline));
    return {};
}

Result<Doorbell> AgentLink::arm_writer(const WriterSpec& spec, Deadline deadline) {
    MEMRIG_TRY(const std::string lines, ask("a writer", writer_request(spec, true), deadline));
    return parse_doorbell(lines);
}

Status AgentLink::stop_writer(const std::string& name, Deadline deadline) {
    MEMRIG_CHECK(ask("a writer's end", with(request("stop-writer"), "writer", name), deadline));
    return {};
}

Result<std::string> AgentLink::read_guest_file(const std::string& path, Deadline deadline) {
    MEMRIG_TRY(const std::string lines, ask(path, with(large_request("read-file"), "path", path), deadline));
    return parse_file(lines);
}

Status AgentLink::write_guest_file(const std::string& path, const std::string& text, Deadline deadline) {
    MEMRIG_CHECK(ask("a write to " + path, with(with(request("write-file"), "path", path), "text", text), deadline));
    return {};
}

Status AgentLink::sysrq(char key, Deadline deadline) {
    MEMRIG_CHECK(ask("a sysrq", with(request("sysrq"), "key", std::string(1, key)), deadline));
    return {};
}

Status AgentLink::power_off(Deadline deadline) {
    MEMRIG_CHECK(ask("a power-off", request("power-off"), deadline));
    return {};
}

}  // namespace memrig
