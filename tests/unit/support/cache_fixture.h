// The fixture of the tests of saved guests, trials and campaigns: a cache, a kernel and an output directory of their
// own.
#pragma once

#include <cstdlib>

#include <gtest/gtest.h>

#include "base/file.h"
#include "machine/fake_machine.h"
#include "machine/guest_store.h"

namespace memrig {

class WithCache : public ::testing::Test {
protected:
    void SetUp() override {
        ASSERT_EQ(::setenv("MEMRIG_CACHE", (directory.path() / "cache").c_str(), 1), 0);
        std::string bytes(4096, '\0');
        bytes.replace(0x202, 4, "HdrS");
        ASSERT_TRUE(write_file(kernel_path(), bytes));
        backend.on_create = [](FakeMachine& machine, unsigned) -> Status {
            machine.guest.symbol_table =
                std::vector<GuestSymbol>{{0xffffffff81000100, 't', "state_store"}, {0xffffffff81000200, 'T', "panic"}};
            return {};
        };
    }
    fs::path kernel_path() const { return directory.path() / "bzImage"; }
    fs::path guests() const { return directory.path() / "cache" / "guests"; }
    // Directories of saved guests, whole or not.
    std::size_t saved() const {
        std::size_t count = 0;
        std::error_code code;
        for (const auto& entry : fs::directory_iterator(guests(), code)) count += entry.is_directory() ? 1 : 0;
        return count;
    }

    TemporaryDirectory directory = std::move(*TemporaryDirectory::make("memrig-test"));
    FakeHost backend;
};

}  // namespace memrig
