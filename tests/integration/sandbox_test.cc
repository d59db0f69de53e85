// The QEMU of a trial starts no process, whatever it is told: a guest that has broken out of its machine is confined.
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/shell.h"
#include "kernel/catalogue.h"
#include "machine/guest_store.h"

namespace memrig {
namespace {

using namespace std::chrono_literals;

class Sandbox : public ::testing::Test {
protected:
    void SetUp() override {
        const auto bench = load_bench("q35");
        ASSERT_TRUE(bench);
        const auto kernel = resolve_kernel("debian-6.1-amd64");
        ASSERT_TRUE(kernel);
        const auto prepared = GuestStore(*host, {}).prepare(*bench, *kernel, Accelerator::tcg);
        ASSERT_TRUE(prepared) << prepared.error().line();
        guest = *prepared;
    }

    // Has QEMU start a process that makes a file. True if the file was made. QEMU may be killed for trying.
    bool starts_a_process(Machine& machine) {
        const fs::path file = directory.path() / "made";
        const nlohmann::json arguments = {{"uri", "exec:touch " + shell_word(file.string())}};
        (void)machine.qmp().execute("migrate", arguments, Deadline::after(1min));
        // The state of the migration, or QEMU's end, tells that the attempt is over.
        for (const Deadline deadline = Deadline::after(2min); !deadline.expired();) {
            const auto state = machine.qmp().execute("query-migrate", nlohmann::json::object(), Deadline::after(1min));
            if (!state) break;
            const std::string status = state->value("status", std::string("none"));
            if (status == "failed" || status == "completed" || status == "none") break;
        }
        return fs::exists(file);
    }

    std::unique_ptr<Host> host = make_qemu_backend();
    std::shared_ptr<const PreparedGuest> guest;
    TemporaryDirectory directory = std::move(*TemporaryDirectory::make("memrig-sandbox"));
};

TEST_F(Sandbox, ARestoredGuestsQemuStartsNoProcess) {
    auto live = begin_guest(*host, guest, {});
    ASSERT_TRUE(live) << live.error().line();
    EXPECT_FALSE(starts_a_process(*live->machine));
}

// Without a sandbox, the test sees the process.
TEST_F(Sandbox, ABootedGuestsQemuStartsOne) {
    auto machine = host->create(guest->order, Deadline::after(5min));
    ASSERT_TRUE(machine) << machine.error().line();
    EXPECT_TRUE(starts_a_process(**machine));
}

}  // namespace
}  // namespace memrig
