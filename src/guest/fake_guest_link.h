// A fake GuestLink for tests: gives scripted answers, and records the requests.
#pragma once

#include <functional>
#include <mutex>

#include "base/descriptor.h"
#include "guest/guest_link.h"

namespace memrig {

// Each answer is a public field, which is returned unchanged; an Error makes the request fail. With `on_request`, a
// test may react to a request, for example report a write as a writer would. Thread-safe except for the fields.
class FakeGuestLink final : public GuestLink {
public:
    FakeGuestLink();

    Result<AgentHello> greeting = AgentHello{1, "6.1.0-fake", "x86_64", 128ull << 20, 3, {}};
    Result<std::vector<GuestSymbol>> symbol_table = std::vector<GuestSymbol>{};
    Result<std::vector<MemoryBlock>> block_list = std::vector<MemoryBlock>{};
    Result<MemoryFigures> figures = MemoryFigures{};
    Result<std::map<std::string, std::uint64_t>> slab_objects = std::map<std::string, std::uint64_t>{};
    Result<std::vector<BlockedTask>> tasks = std::vector<BlockedTask>{};
    std::uint64_t clock_ms = 1000;      // the guest's clock: blocked_tasks() reads it
    std::uint64_t clock_step = 10'000;  // what passes on it after each blocked_tasks()
    Result<PassedTime> passed_time = PassedTime{3, true};
    Result<std::uint64_t> pinned_pfn = std::uint64_t{0x100000};
    Result<std::uint64_t> filled_pages = std::uint64_t{512};
    std::map<std::string, std::string> files;  // texts by path; a write replaces the text of an existing path
    Status writer_status;                      // answers start_writer(), arm_writer() and stop_writer()
    Doorbell doorbell;                         // answers arm_writer()
    Status sysrq_status;
    // Called before a request is answered, with "start-writer racer", "read-file /path", "sysrq w", "blocks", ...
    std::function<void(const std::string&)> on_request;

    // Adds a write as if a writer had reported it.
    void report(WriterReport write);
    // The requests so far, in order, in the form that on_request gets.
    std::vector<std::string> requests() const;
    std::vector<WriterSpec> orders() const;

    Result<AgentHello> hello(Deadline deadline) override;
    Result<std::vector<GuestSymbol>> symbols(const std::vector<std::string>& names, Deadline deadline) override;
    Result<std::vector<MemoryBlock>> blocks(Deadline deadline) override;
    Result<MemoryFigures> memory(Deadline deadline) override;
    Result<std::map<std::string, std::uint64_t>> slabs(Deadline deadline) override;
    Result<BlockedTasks> blocked_tasks(Deadline deadline) override;
    Result<PassedTime> pass_time(Deadline deadline) override;
    Result<std::uint64_t> pin_page(const std::string& name, std::uint64_t first_block, std::uint64_t last_block,
                                   Deadline deadline) override;
    Status unpin_page(const std::string& name, Deadline deadline) override;
    Result<std::uint64_t> fill_memory(const std::string& name, std::uint64_t bytes, std::uint64_t first_block,
                                      std::uint64_t last_block, Deadline deadline) override;
    Status start_writer(const WriterSpec& spec, Deadline deadline) override;
    Result<Doorbell> arm_writer(const WriterSpec& spec, Deadline deadline) override;
    Status stop_writer(const std::string& name, Deadline deadline) override;
    std::vector<WriterReport> writes() override;
    // Does not wait: a scripted write that was not reported by now will not come.
    Result<bool> wait_writes(std::size_t seen, Deadline deadline) override;
    Result<std::string> read_guest_file(const std::string& path, Deadline deadline) override;
    Status write_guest_file(const std::string& path, const std::string& text, Deadline deadline) override;
    Status sysrq(char key, Deadline deadline) override;
    Status power_off(Deadline deadline) override;
    int descriptor() const override { return news_.get(); }
    void shorten_waits_when(std::function<bool()>, Duration) override {}

private:
    void note(const std::string& request);

    mutable std::mutex mutex_;
    std::vector<std::string> requests_;
    std::vector<WriterSpec> orders_;
    std::vector<WriterReport> writes_;
    Descriptor news_;
};

}  // namespace memrig
