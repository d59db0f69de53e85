// Chooses the accelerator of a host: KVM or TCG. KVM counts as working only after a guest was seen to reach the agent
// under it, and the probe to do its work in that guest. /dev/kvm can exist, open and make a machine, and yet fail to
// run it; and a guest can run where no breakpoint is ever passed.
#pragma once

#include <string>

#include "base/error.h"
#include "machine/machine.h"

namespace memrig {

struct KvmProof {
    bool proven = false;
    std::string reason;  // why KVM does not work, or what was seen
};

// memrig's authors had no machine on which KVM works. `memrig doctor` says so.
inline constexpr const char* kKvmUnseen = "memrig was never seen with KVM on hardware";

// Returns the cached proof for `host`, its QEMU, and `kernel`. Without one, boots `kernel` on `bench` under KVM, runs
// prove_probe() in it, and caches what came of it. The proof takes at most 5 s. One that fails is cached, too: the
// guest runs under TCG then, which is always right.
Result<KvmProof> prove_kvm(Host& host, const Bench& bench, const KernelImage& kernel);
// Returns a cached proof for this host and the bench's QEMU, if possible one that succeeded. Without one, `reason` says
// why KVM is not proven.
KvmProof known_kvm_proof(const Bench& bench);

// Resolves the wish "auto", "tcg" or "kvm". For "kvm" without a proof, Fault::host with the reason.
Result<Accelerator> choose_accelerator(const std::string& wish, Host& host, const Bench& bench,
                                       const KernelImage& kernel);

}  // namespace memrig
