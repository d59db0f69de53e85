// Chooses the accelerator of a host: KVM or TCG. KVM counts as working only after a guest was seen to reach the agent
// under it: /dev/kvm can exist, open and make a machine, and yet fail to run it.
#pragma once

#include <string>

#include "base/error.h"
#include "machine/machine.h"

namespace memrig {

struct KvmProof {
    bool proven = false;
    std::string reason;  // why KVM does not work, or how long the proof took
};

// Returns the cached proof for `host`. Without one, boots `kernel` on `bench` under KVM and caches what came of it.
// The proof takes at most 5 s. One that fails is cached, too: the guest runs under TCG then, which is always right.
Result<KvmProof> prove_kvm(Host& host, const Bench& bench, const KernelImage& kernel);
// Returns the cached proof for this host. Without one, `reason` says why KVM is not proven.
KvmProof known_kvm_proof(const Bench& bench);

// Resolves the wish "auto", "tcg" or "kvm". For "kvm" without a proof, Fault::host with the reason.
Result<Accelerator> choose_accelerator(const std::string& wish, Host& host, const Bench& bench,
                                       const KernelImage& kernel);

}  // namespace memrig
