// A make-believe kernel that tells of memory blocks.
#pragma once

#include "kernel_fixture.h"
#include "watch/notifiers.h"

namespace memrig {

class NotifierTest : public ::testing::Test {
protected:
    using Reproaches = std::vector<std::string>;
    static constexpr std::uint64_t kPages = 32768, kDevice = 0xffff888004000000, kArgument = 0xffffc90000012800;

    void SetUp() override {
        ledger = *LockLedger::make(kernel.conductor, kernel.symbols, MutexWatching::calls);
        make({});
    }
    void make(NotifierSpec order) {
        watch.reset();
        ASSERT_TRUE(kernel.conductor.unwatch_all());
        watch = *NotifierWatch::make(kernel.conductor, *ledger, kernel.symbols, std::move(order));
    }
    // All blocks are on node 1, which has that many pages before.
    static NotifierSpec on_node_one(std::uint64_t pages) {
        NotifierSpec order;
        order.block_bytes = 128 << 20;
        order.present = {{1, pages}};
        order.block = [](std::uint64_t) { return BlockFacts{1, false}; };
        return order;
    }
    // blocking_notifier_call_chain(`chain`, action, kArgument)
    void will_tell(std::uint64_t task, std::uint64_t action, const std::string& chain = "memory_chain") {
        kernel.probe.poke_u64(FakeKernel::sp(task), kernel.at("somebody", 0x41));
        kernel.probe.will_stop(
            1, kernel.at("blocking_notifier_call_chain"),
            {{"rsp", FakeKernel::sp(task)}, {"rdi", kernel.at(chain)}, {"rsi", action}, {"rdx", kArgument}});
    }
    // The chain answers.
    void answers(std::uint64_t task, std::uint64_t answer) { kernel.will_return(1, task, "somebody", answer); }
    void about_block(std::uint64_t task, const char* function, unsigned block) {
        kernel.run();
        kernel.put_device(kDevice, fmt::format("memory{}", block));
        kernel.will_call(1, task, function, "somebody", kDevice);
        kernel.run();
    }
    void tells(std::uint64_t task, std::uint64_t action, const std::vector<std::uint64_t>& words) {
        for (std::size_t i = 0; i < words.size(); i++) kernel.probe.poke_u64(kArgument + 8 * i, words[i]);
        will_tell(task, action);
        answers(task, 1);
        kernel.run();
    }
    void notices(std::uint64_t task, const std::vector<std::uint64_t>& actions) {
        for (const auto action : actions) will_tell(task, action);
    }
    std::vector<std::string> reproaches() {
        kernel.run();
        std::vector<std::string> list;
        for (const auto& breach : watch->breaches()) list.push_back(breach.rule + " " + breach.reproach);
        return list;
    }

    FakeKernel kernel{{"mutex_lock", "mutex_trylock", "mutex_unlock", "percpu_down_write", "percpu_up_write",
                       "get_online_mems", "put_online_mems", "bus_probe_device", "device_online", "device_offline",
                       "memory_notify", "memory_subsys_online", "memory_subsys_offline", "blocking_notifier_call_chain",
                       "somebody", "register_cpu_under_node"},
                      {"device_hotplug_lock", "mem_hotplug_lock", "cpu_hotplug_lock", "acpi_scan_lock", "memory_chain",
                       "another_chain"}};
    std::unique_ptr<LockLedger> ledger;
    std::unique_ptr<NotifierWatch> watch;
};

}  // namespace memrig
