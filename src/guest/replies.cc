#include "guest/replies.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>

#include <zlib.h>

#include "guest/payload.h"

namespace memrig {

namespace {

constexpr int kMaxErrno = 4095;
// No kernel has smaller memory blocks or larger pages. So a block has at least one page, whatever the guest sends.
constexpr std::uint64_t kLeastBlock = 1 << 20;
constexpr std::size_t kMaxWriterName = 32;

Error unexpected_line(std::string_view what) {
    return {Fault::guest, fmt::format("the agent sent an unexpected line in {}", what), {}};
}

bool is_writer_name(std::string_view name) {
    return !name.empty() && name.size() <= kMaxWriterName && std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    });
}

Result<ZoneFigures> zone_figures(const Fields& fields) {
    ZoneFigures zone;
    MEMRIG_TRY(zone.zone, fields.text("zone"));
    MEMRIG_TRY(zone.node, fields.small_number("node"));
    MEMRIG_TRY(zone.present, fields.number("present"));
    MEMRIG_TRY(zone.managed, fields.number("managed"));
    MEMRIG_TRY(zone.spanned, fields.number("spanned"));
    MEMRIG_TRY(zone.free, fields.number("free"));
    MEMRIG_TRY(zone.start_pfn, fields.number("start_pfn"));
    return zone;
}

Result<MemoryBlock> memory_block(const Fields& fields) {
    MemoryBlock block;
    MEMRIG_TRY(block.id, fields.number("block"));
    MEMRIG_TRY(block.state, fields.text("state"));
    MEMRIG_TRY(block.valid_zones, fields.text("valid_zones"));
    MEMRIG_TRY(block.node, fields.small_number("node"));
    block.removable = fields.find("removable") == "1";
    return block;
}

// Undoes the byte stuffing that keeps the frame's start byte out of binary payloads.
Result<std::string> unstuff(std::string_view stuffed) {
    constexpr char kEscape = '\xF4';
    std::string out;
    out.reserve(stuffed.size());
    for (std::size_t i = 0; i < stuffed.size(); i++) {
        if (stuffed[i] != kEscape) {
            out += stuffed[i];
        } else if (++i < stuffed.size() && (stuffed[i] == 0 || stuffed[i] == 1)) {
            out += static_cast<char>(kEscape + stuffed[i]);
        } else {
            return fail(Fault::guest, "the agent sent deflated parts with a malformed escape");
        }
    }
    return out;
}

}  // namespace

Status parse_status(std::string_view payload) {
    const auto lines = split_lines(payload);
    if (lines.size() != 1)
        return fail(Fault::guest, "the agent ended a reply with {} lines instead of one", lines.size());
    MEMRIG_TRY(const Fields fields, Fields::parse(lines[0]));
    MEMRIG_TRY(const std::string status, fields.text("status"));
    if (status == "ok") return {};
    if (status != "error") return fail(Fault::guest, "the agent ended a reply with the status '{}'", escape(status));
    MEMRIG_TRY(const std::string doing, fields.text("doing"));
    MEMRIG_TRY(const std::string name, fields.text("errno"));
    MEMRIG_TRY(const std::string text, fields.text("text"));
    return fail(Fault::guest, "the guest cannot {}: {} ({})", doing, text, name);
}

Result<AgentHello> parse_hello(std::string_view payload) {
    const auto lines = split_lines(payload);
    if (lines.empty()) return fail(Fault::guest, "the agent sent an empty greeting");
    MEMRIG_TRY(const Fields fields, Fields::parse(lines[0]));
    AgentHello hello;
    MEMRIG_TRY(const int protocol, fields.small_number("protocol"));
    MEMRIG_TRY(hello.release, fields.text("release"));
    MEMRIG_TRY(hello.machine, fields.text("machine"));
    MEMRIG_TRY(hello.block_bytes, fields.number("block_bytes"));
    if (hello.block_bytes != 0 && (!std::has_single_bit(hello.block_bytes) || hello.block_bytes < kLeastBlock))
        return fail(Fault::guest, "the agent says that a memory block has {} bytes", hello.block_bytes);
    MEMRIG_TRY(const int cpus, fields.small_number("cpus"));
    hello.protocol = static_cast<unsigned>(protocol);
    hello.cpus = static_cast<unsigned>(std::max(cpus, 0));
    for (std::size_t i = 1; i < lines.size(); i++) {
        MEMRIG_TRY(const Fields more, Fields::parse(lines[i]));
        MEMRIG_TRY(std::string warning, more.text("warning"));
        hello.warnings.push_back(std::move(warning));
    }
    return hello;
}

// A line is "DELTA TYPE NAME". DELTA is the difference to the address of the previous line, in hex. TYPE is a letter as
// nm prints it.
Result<std::vector<GuestSymbol>> parse_symbols(std::string_view lines) {
    std::vector<GuestSymbol> symbols;
    std::uint64_t address = 0;
    for (const std::string_view line : split_lines(lines)) {
        std::uint64_t delta = 0;
        const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), delta, 16);
        const auto rest = line.substr(static_cast<std::size_t>(end - line.data()));
        if (error != std::errc{} || rest.size() < 4 || rest[0] != ' ' || rest[2] != ' ')
            return std::unexpected(unexpected_line("a list of symbols"));
        auto name = unescape(rest.substr(3));
        if (!name) return std::unexpected(unexpected_line("a list of symbols"));
        address += delta;
        symbols.push_back({address, rest[1], std::move(*name)});
    }
    return symbols;
}

Result<std::vector<MemoryBlock>> parse_blocks(std::string_view lines) {
    std::vector<MemoryBlock> blocks;
    for (const std::string_view line : split_lines(lines)) {
        MEMRIG_TRY(const Fields fields, Fields::parse(line));
        MEMRIG_TRY(MemoryBlock block, memory_block(fields));
        blocks.push_back(std::move(block));
    }
    std::ranges::sort(blocks, {}, &MemoryBlock::id);
    return blocks;
}

Result<MemoryFigures> parse_memory(std::string_view lines) {
    MemoryFigures figures;
    for (const std::string_view line : split_lines(lines)) {
        MEMRIG_TRY(const Fields fields, Fields::parse(line));
        if (fields.kind() == "page_bytes") {
            MEMRIG_TRY(figures.page_bytes, fields.number("page_bytes"));
            if (!std::has_single_bit(figures.page_bytes) || figures.page_bytes > kLeastBlock)
                return fail(Fault::guest, "the agent says that a page has {} bytes", figures.page_bytes);
        } else if (fields.kind() == "zone") {
            MEMRIG_TRY(ZoneFigures zone, zone_figures(fields));
            figures.zones.push_back(std::move(zone));
        } else if (fields.kind() == "meminfo") {
            MEMRIG_TRY(const std::string name, fields.text("meminfo"));
            MEMRIG_TRY(figures.meminfo[name], fields.number("value"));
        } else if (fields.kind() == "vmstat") {
            MEMRIG_TRY(const std::string name, fields.text("vmstat"));
            MEMRIG_TRY(figures.vmstat[name], fields.number("value"));
        } else if (fields.kind() == "nodes") {
            MEMRIG_TRY(const std::string name, fields.text("nodes"));
            MEMRIG_TRY(figures.nodes[name], fields.text("list"));
        } else if (fields.kind() == "fill") {
            MEMRIG_TRY(const std::string name, fields.text("fill"));
            MEMRIG_TRY(figures.lost_pages[name], fields.number("lost"));
        } else {
            return std::unexpected(unexpected_line("the memory figures"));
        }
    }
    return figures;
}

Result<std::map<std::string, std::uint64_t>> parse_slabs(std::string_view lines) {
    std::map<std::string, std::uint64_t> objects;
    for (const std::string_view line : split_lines(lines)) {
        MEMRIG_TRY(const Fields fields, Fields::parse(line));
        if (fields.kind() != "slab") return std::unexpected(unexpected_line("the slab caches"));
        MEMRIG_TRY(const std::string name, fields.text("slab"));
        MEMRIG_TRY(const std::uint64_t count, fields.number("objects"));
        objects[name] += count;
    }
    return objects;
}

Result<Doorbell> parse_doorbell(std::string_view lines) {
    Doorbell doorbell;
    for (const std::string_view line : split_lines(lines)) {
        MEMRIG_TRY(const Fields fields, Fields::parse(line));
        MEMRIG_TRY(doorbell.address, fields.number("doorbell"));
    }
    if (doorbell.address == 0) return fail(Fault::guest, "the agent names no doorbell");
    return doorbell;
}

Result<std::uint64_t> parse_pinned_page(std::string_view lines) {
    std::uint64_t pfn = 0;
    for (const std::string_view line : split_lines(lines)) {
        MEMRIG_TRY(const Fields fields, Fields::parse(line));
        MEMRIG_TRY(pfn, fields.number("pfn"));
    }
    if (pfn == 0) return fail(Fault::guest, "the agent names no page that it pinned");
    return pfn;
}

Result<std::uint64_t> parse_filled_pages(std::string_view lines) {
    std::optional<std::uint64_t> pages;
    for (const std::string_view line : split_lines(lines)) {
        MEMRIG_TRY(const Fields fields, Fields::parse(line));
        MEMRIG_TRY(pages, fields.number("pages"));
    }
    if (!pages) return fail(Fault::guest, "the agent does not say how many pages it filled");
    return *pages;
}

Result<PassedTime> parse_passed_time(std::string_view lines) {
    PassedTime passed;
    for (const std::string_view line : split_lines(lines)) {
        MEMRIG_TRY(const Fields fields, Fields::parse(line));
        MEMRIG_TRY(const int cpus, fields.small_number("cpus"));
        MEMRIG_TRY(const int rcu, fields.small_number("rcu"));
        passed = {static_cast<unsigned>(std::max(cpus, 0)), rcu != 0};
    }
    if (passed.cpus == 0) return fail(Fault::guest, "the agent names no CPU on which a timer expired");
    return passed;
}

Result<BlockedTasks> parse_blocked_tasks(std::string_view lines) {
    BlockedTasks look;
    std::vector<BlockedTask>& tasks = look.tasks;
    bool complete = false;
    for (const std::string_view line : split_lines(lines)) {
        MEMRIG_TRY(const Fields fields, Fields::parse(line));
        if (complete) return std::unexpected(unexpected_line("a list of tasks"));
        if (fields.kind() == "task") {
            BlockedTask task;
            MEMRIG_TRY(task.tid, fields.small_number("task"));
            MEMRIG_TRY(task.comm, fields.text("comm"));
            MEMRIG_TRY(const std::string state, fields.text("state"));
            task.state = state.empty() ? '?' : state[0];
            MEMRIG_TRY(task.voluntary, fields.number("voluntary"));
            MEMRIG_TRY(task.involuntary, fields.number("involuntary"));
            tasks.push_back(std::move(task));
        } else if (fields.kind() == "frame" && !tasks.empty()) {
            MEMRIG_TRY(std::string frame, fields.text("frame"));
            tasks.back().stack.push_back(std::move(frame));
        } else if (fields.kind() == "look") {
            MEMRIG_TRY(look.begin_ms, fields.number("look"));
            MEMRIG_TRY(look.end_ms, fields.number("end"));
            if (look.end_ms < look.begin_ms) return std::unexpected(unexpected_line("a list of tasks"));
            complete = true;
        } else {
            return std::unexpected(unexpected_line("a list of tasks"));
        }
    }
    if (!complete) return fail(Fault::guest, "the agent sent a list of tasks without the times of its look");
    return look;
}

Result<std::string> parse_file(std::string_view lines) {
    std::string text;
    for (const std::string_view line : split_lines(lines)) {
        MEMRIG_TRY(const Fields fields, Fields::parse(line));
        MEMRIG_TRY(const std::string data, fields.text("data"));
        if (text.size() + data.size() > kMaxGuestFile)
            return fail(Fault::guest, "the agent sent more of a file than 1 MiB");
        text += data;
    }
    return text;
}

Result<WriterReport> parse_write_event(std::string_view payload) {
    const auto lines = split_lines(payload);
    if (lines.size() != 1) return std::unexpected(unexpected_line("an event"));
    MEMRIG_TRY(const Fields fields, Fields::parse(lines[0]));
    WriterReport write;
    MEMRIG_TRY(write.writer, fields.text("write"));
    MEMRIG_TRY(write.block, fields.number("block"));
    MEMRIG_TRY(write.error, fields.small_number("code"));
    if (!is_writer_name(write.writer) || write.error < 0 || write.error > kMaxErrno)
        return std::unexpected(unexpected_line("an event"));
    return write;
}

Result<std::string> inflate_reply(std::string_view stuffed) {
    MEMRIG_TRY(std::string packed, unstuff(stuffed));
    z_stream stream{};
    if (::inflateInit2(&stream, -MAX_WBITS) != Z_OK) return fail(Fault::rig, "zlib does not start");
    stream.next_in = reinterpret_cast<Bytef*>(packed.data());
    stream.avail_in = static_cast<uInt>(packed.size());
    std::string text;
    std::array<char, 1 << 16> buffer;
    int status = Z_OK;
    while (status == Z_OK && text.size() <= kMaxReply) {
        stream.next_out = reinterpret_cast<Bytef*>(buffer.data());
        stream.avail_out = static_cast<uInt>(buffer.size());
        status = ::inflate(&stream, Z_NO_FLUSH);
        text.append(buffer.data(), buffer.size() - stream.avail_out);
    }
    const bool all_used = stream.avail_in == 0;
    ::inflateEnd(&stream);
    if (text.size() > kMaxReply) return fail(Fault::guest, "the agent sent a reply of more than {} bytes", kMaxReply);
    if (status != Z_STREAM_END || !all_used)
        return fail(Fault::guest, "the agent sent deflated parts that do not inflate");
    return text;
}

}  // namespace memrig
