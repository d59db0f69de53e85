// The proof of the probe in a real guest under TCG, where all that it asks for is known to work.
#include "machine/probe_proof.h"

#include <gtest/gtest.h>

#include "kernel/catalogue.h"
#include "machine/guest_store.h"

namespace memrig {
namespace {

TEST(ProbeProofInAGuest, Passes) {
    const auto backend = make_qemu_backend();
    const auto bench = load_bench("q35");
    const auto kernel = resolve_kernel("debian-6.1-amd64");
    ASSERT_TRUE(bench && kernel);
    const auto guest = GuestStore(*backend, {}).prepare(*bench, *kernel, Accelerator::tcg);
    ASSERT_TRUE(guest) << guest.error().line();
    const Deadline patience = Deadline::after(std::chrono::minutes(5));
    const auto live = begin_guest(*backend, *guest, {});
    ASSERT_TRUE(live) << live.error().line();
    ASSERT_TRUE(live->machine->start(patience));
    const auto hello = await_agent(*live->machine, patience);
    ASSERT_TRUE(hello) << hello.error().line();
    const Status proven = prove_probe(*live->machine, *hello, patience);
    EXPECT_TRUE(proven) << proven.error().line();
}

}  // namespace
}  // namespace memrig
