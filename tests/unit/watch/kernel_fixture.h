// A make-believe x86-64 kernel for the tests of what watches its functions: a FakeProbe, symbols, stacks, calls and
// returns.
#pragma once

#include <gtest/gtest.h>

#include "probe/conductor.h"
#include "probe/fake_probe.h"
#include "probe/symbols.h"

namespace memrig {

// Each function is 0x100 bytes long; `name + 0x41` is a place in it.
class FakeKernel {
public:
    explicit FakeKernel(std::vector<std::string> functions, std::vector<std::string> data = {}) {
        std::vector<Symbol> list;
        std::uint64_t address = 0xffffffff81000000;
        for (const auto& name : functions) list.push_back({address += 0x100, 't', name});
        address = 0xffffffff82000000;
        for (const auto& name : data) list.push_back({address += 0x100, 'D', name});
        symbols = SymbolTable(std::move(list));
    }

    std::uint64_t at(const std::string& name, std::uint64_t offset = 0) const {
        const auto address = symbols.unique(name);
        if (!address) ADD_FAILURE() << "the fake kernel has no one " << name;
        return address.value_or(0) + offset;
    }

    // Functions that only some kernels have.
    void add_function(const std::string& name) {
        std::vector<Symbol> list(symbols.list().begin(), symbols.list().end());
        list.push_back({0xffffffff81f00000, 't', name});
        symbols = SymbolTable(std::move(list));
    }
    void remove_function(const std::string& name) {
        std::vector<Symbol> list(symbols.list().begin(), symbols.list().end());
        std::erase_if(list, [&](const Symbol& symbol) { return symbol.name == name; });
        symbols = SymbolTable(std::move(list));
    }

    // A stack's base names its task; calls in these tests are made at its middle.
    static std::uint64_t sp(std::uint64_t task) { return task + 0x2000; }

    // `task` calls `function` from `caller`+0x41 on `vcpu`.
    void will_call(unsigned vcpu, std::uint64_t task, const std::string& function, const std::string& caller,
                   std::uint64_t argument = 0, std::uint64_t depth = 0) {
        probe.poke_u64(sp(task) - depth, at(caller, 0x41));
        probe.will_stop(vcpu, at(function), {{"rsp", sp(task) - depth}, {"rdi", argument}});
    }
    // The call returns to `caller`.
    void will_return(unsigned vcpu, std::uint64_t task, const std::string& caller, std::uint64_t value = 0,
                     std::uint64_t depth = 0) {
        probe.will_stop(vcpu, at(caller, 0x41), {{"rsp", sp(task) - depth + 8}, {"rax", value}});
    }
    // A `struct device` of that name at `address`.
    void put_device(std::uint64_t address, const std::string& name) {
        const std::uint64_t text = address + 0x4000;
        probe.poke_u64(address, text);
        EXPECT_TRUE(probe.write_memory(0, text, name + std::string(1, '\0')));
    }
    // Plays what was scripted to its end.
    void run() {
        const auto end = conductor.run_until([] { return false; }, Deadline(SteadyTime::min()));
        ASSERT_TRUE(end) << end.error().message;
    }

    FakeProbe probe{*find_architecture("x86_64"), 3};
    Conductor conductor{probe, probe.architecture().kernel_stack_bytes};
    SymbolTable symbols;
};

inline constexpr std::uint64_t kAdder = 0xffffc90000004000;
inline constexpr std::uint64_t kOnliner = 0xffffc90000010000;
inline constexpr std::uint64_t kThird = 0xffffc90000018000;

}  // namespace memrig
