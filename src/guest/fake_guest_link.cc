#include "guest/fake_guest_link.h"

#include <algorithm>
#include <cstdlib>

#include <sys/eventfd.h>
#include <unistd.h>

namespace memrig {

FakeGuestLink::FakeGuestLink() : news_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!news_.valid()) std::abort();
}

void FakeGuestLink::note(const std::string& request) {
    {
        const std::lock_guard lock(mutex_);
        requests_.push_back(request);
    }
    if (on_request) on_request(request);
}

void FakeGuestLink::report(WriterReport write) {
    const std::lock_guard lock(mutex_);
    if (write.seen == SteadyTime{}) write.seen = std::chrono::steady_clock::now();
    writes_.push_back(std::move(write));
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t n = ::write(news_.get(), &one, sizeof one);
}

std::vector<std::string> FakeGuestLink::requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
}

std::vector<WriterSpec> FakeGuestLink::orders() const {
    const std::lock_guard lock(mutex_);
    return orders_;
}

Result<AgentHello> FakeGuestLink::hello(Deadline) {
    note("hello");
    return greeting;
}

Result<std::vector<GuestSymbol>> FakeGuestLink::symbols(const std::vector<std::string>& names, Deadline) {
    note("symbols");
    if (!symbol_table || names.empty()) return symbol_table;
    std::vector<GuestSymbol> found;
    for (const GuestSymbol& symbol : *symbol_table) {
        const auto is_wanted = [&](const std::string& name) {
            return symbol.name == name || symbol.name.starts_with(name + ".");
        };
        if (std::ranges::any_of(names, is_wanted)) found.push_back(symbol);
    }
    return found;
}

Result<std::vector<MemoryBlock>> FakeGuestLink::blocks(Deadline) {
    note("blocks");
    return block_list;
}

Result<MemoryFigures> FakeGuestLink::memory(Deadline) {
    note("memory");
    return figures;
}

Result<std::map<std::string, std::uint64_t>> FakeGuestLink::slabs(Deadline) {
    note("slabs");
    return slab_objects;
}

Result<PassedTime> FakeGuestLink::pass_time(Deadline) {
    note("pass-time");
    return passed_time;
}

Result<BlockedTasks> FakeGuestLink::blocked_tasks(Deadline) {
    note("blocked-tasks");
    if (!tasks) return std::unexpected(tasks.error());
    const std::uint64_t now = clock_ms;
    clock_ms += clock_step;
    return BlockedTasks{*tasks, now, now};
}

Result<std::uint64_t> FakeGuestLink::pin_page(const std::string& name, std::uint64_t, std::uint64_t, Deadline) {
    note("pin-page " + name);
    return pinned_pfn;
}

Result<std::uint64_t> FakeGuestLink::fill_memory(const std::string& name, std::uint64_t, std::uint64_t, std::uint64_t,
                                                 Deadline) {
    note("fill-memory " + name);
    return filled_pages;
}

Status FakeGuestLink::unpin_page(const std::string& name, Deadline) {
    note("unpin-page " + name);
    return {};
}

Result<Doorbell> FakeGuestLink::arm_writer(const WriterSpec& spec, Deadline deadline) {
    MEMRIG_CHECK(start_writer(spec, deadline));
    return doorbell;
}

Status FakeGuestLink::start_writer(const WriterSpec& spec, Deadline) {
    {
        const std::lock_guard lock(mutex_);
        orders_.push_back(spec);
    }
    note("start-writer " + spec.name);
    return writer_status;
}

Status FakeGuestLink::stop_writer(const std::string& name, Deadline) {
    note("stop-writer " + name);
    return writer_status;
}

std::vector<WriterReport> FakeGuestLink::writes() {
    const std::lock_guard lock(mutex_);
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t n = ::read(news_.get(), &count, sizeof count);
    return writes_;
}

Result<bool> FakeGuestLink::wait_writes(std::size_t seen, Deadline) {
    note("wait-writes");
    const std::lock_guard lock(mutex_);
    return writes_.size() > seen;
}

Result<std::string> FakeGuestLink::read_guest_file(const std::string& path, Deadline) {
    note("read-file " + path);
    const auto file = files.find(path);
    if (file == files.end())
        return fail(Fault::guest, "the guest cannot open {}: No such file or directory (ENOENT)", path);
    return file->second;
}

Status FakeGuestLink::write_guest_file(const std::string& path, const std::string& text, Deadline) {
    note("write-file " + path);
    const auto file = files.find(path);
    if (file == files.end())
        return fail(Fault::guest, "the guest cannot open {}: No such file or directory (ENOENT)", path);
    file->second = text;
    return {};
}

Status FakeGuestLink::sysrq(char key, Deadline) {
    note(std::string("sysrq ") + key);
    return sysrq_status;
}

Status FakeGuestLink::power_off(Deadline) {
    note("power-off");
    return {};
}

}  // namespace memrig
