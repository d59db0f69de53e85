// The choice of the accelerator: a proof of KVM, made once and remembered.
#include "machine/accelerator.h"

#include <list>
#include <utility>

#include "unit/probe/kvm_stub.h"
#include "unit/support/cache_fixture.h"

namespace memrig {
namespace {

using namespace std::chrono_literals;

class KvmProofTest : public WithCache {
protected:
    void SetUp() override {
        WithCache::SetUp();
        kernel = *kernel_from_file(kernel_path());
        bench = *load_bench("q35");
        backend.here = false;  // so that the device of this host does not matter
        backend.on_create = [this](FakeMachine& machine, unsigned) -> Status {
            machine.guest.symbol_table = std::vector<GuestSymbol>{{KvmStub::kFunction, 'T', "__x64_sys_newfstatat"}};
            machine.connect_probe = [this](const ProbeOptions& options) {
                stubs.emplace_back(fault);
                return make_gdb_probe(stubs.back().start(), options.answers_by, options);
            };
            given_up = machine.spec.answers_by;
            return {};
        };
    }
    KvmProof prove() {
        const auto proof = prove_kvm(backend, bench, kernel);
        return proof ? *proof : KvmProof{false, "no proof: " + proof.error().message};
    }
    Result<Accelerator> choose(const std::string& wish) { return choose_accelerator(wish, backend, bench, kernel); }

    KernelImage kernel;
    Bench bench;
    KvmStub::Fault fault = KvmStub::Fault::none;
    std::list<KvmStub> stubs;
    Deadline given_up{SteadyTime::max()};
};

TEST_F(KvmProofTest, KvmIsUsedWhereTheProbeWorks) {
    const KvmProof proof = prove();
    EXPECT_TRUE(proof.proven) << proof.reason;
    EXPECT_NE(proof.reason.find("the probe passed a breakpoint, held a vCPU and saw a write"), std::string::npos);
    EXPECT_EQ(choose("auto"), Accelerator::kvm);
    EXPECT_EQ(choose("kvm"), Accelerator::kvm);
    EXPECT_EQ(choose("tcg"), Accelerator::tcg);
    EXPECT_EQ(backend.created(), 1u);
}

TEST_F(KvmProofTest, ABenchWithAHypervisorHasNoKvmAndTakesItFromNoOther) {
    const Bench other = std::exchange(bench, *load_bench("xen"));
    EXPECT_FALSE(prove().proven);
    EXPECT_EQ(choose("auto"), Accelerator::tcg);
    EXPECT_EQ(backend.created(), 0u);
    bench = other;
    EXPECT_TRUE(prove().proven) << "the refusal was not kept for the kernel";
    bench = *load_bench("xen");
    EXPECT_FALSE(prove().proven) << "nor is the proof of another bench one for this";
}

TEST_F(KvmProofTest, AFailingProofIsRemembered) {
    fault = KvmStub::Fault::repeats_breakpoint;
    const SteadyTime begun = steady_clock().now();
    const KvmProof proof = prove();
    EXPECT_LT(steady_clock().now() - begun, 5s);
    EXPECT_LE(given_up.at() - begun, 6s) << "no answer of QEMU is awaited for longer";
    EXPECT_FALSE(proof.proven);
    EXPECT_NE(proof.reason.find("came up, but the probe failed: vCPU 1 does not come off the breakpoint"),
              std::string::npos)
        << proof.reason;
    EXPECT_EQ(prove().reason, proof.reason);
    EXPECT_EQ(choose("auto"), Accelerator::tcg);
    const auto chosen = choose("kvm");
    ASSERT_FALSE(chosen);
    EXPECT_EQ(chosen.error().fault, Fault::host);
    EXPECT_NE(chosen.error().message.find(proof.reason), std::string::npos);
    EXPECT_EQ(backend.created(), 1u);
}

TEST_F(KvmProofTest, AProofIsThatOfOneHostOneQemuAndOneKernel) {
    fault = KvmStub::Fault::repeats_breakpoint;
    EXPECT_FALSE(prove().proven);
    fault = KvmStub::Fault::none;
    backend.called = "another";
    EXPECT_TRUE(prove().proven) << "another host";
    backend.called = "fake";
    backend.emulator = "fake 2";
    EXPECT_TRUE(prove().proven) << "another QEMU";
    backend.emulator = "fake 1";
    const std::string sha256 = kernel.sha256;
    kernel.sha256[0] = kernel.sha256[0] == '0' ? '1' : '0';
    EXPECT_TRUE(prove().proven) << "another kernel";
    EXPECT_EQ(backend.created(), 4u);
    kernel.sha256 = sha256;
    EXPECT_FALSE(prove().proven) << "the first one is still known";
    EXPECT_EQ(backend.created(), 4u);
}

TEST_F(KvmProofTest, ADamagedProofIsMadeAnew) {
    EXPECT_TRUE(prove().proven);
    unsigned boots = 1;
    for (const char* text : {"{", "[]", R"({"proven": true, "reason": "as in 0.1.0"})"}) {
        for (const auto& file : fs::directory_iterator(directory.path() / "cache" / "hosts")) {
            if (file.path().extension() != ".json") continue;
            ASSERT_TRUE(write_file(file.path(), text));
        }
        EXPECT_TRUE(prove().proven);
        EXPECT_EQ(backend.created(), ++boots) << text;
    }
}

TEST_F(KvmProofTest, AGuestThatDoesNotComeUpFailsTheProof) {
    backend.on_create = [](FakeMachine& machine, unsigned) -> Status {
        machine.guest.greeting = fail(Fault::guest, "no answer in time");
        return {};
    };
    EXPECT_NE(prove().reason.find("did not reach the agent within 5 s: the agent did not speak"), std::string::npos);
    EXPECT_EQ(backend.created(), 1u);
}

TEST_F(KvmProofTest, AnInterruptedProofIsNotRemembered) {
    const auto whole = backend.on_create;
    backend.on_create = [](FakeMachine&, unsigned) -> Status { return fail(Fault::interrupted, "stopped"); };
    EXPECT_EQ(prove().reason, "no proof: stopped");
    backend.on_create = whole;
    EXPECT_TRUE(prove().proven);
}

}  // namespace
}  // namespace memrig
