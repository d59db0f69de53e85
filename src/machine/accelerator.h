// Which accelerator to use. KVM is believed only once a guest was seen to reach the agent under it: /dev/kvm may be there,
// open, make a machine, and yet not run it.
#pragma once

#include <string>

#include "base/error.h"
#include "machine/machine.h"

namespace memrig {

struct KvmProof {
    bool proven = false;
    std::string reason;  // why not, or how long the proof took
};

// What is known of this host: cached, or found out now by booting `kernel` on `bench` under KVM (seconds; at most a minute).
Result<KvmProof> prove_kvm(Host& backend, const Bench& bench, const KernelImage& kernel);
// What was found out before; a reason that says so where nothing was.
KvmProof known_kvm_proof(const Bench& bench);

// "auto", "tcg" or "kvm". Asking for kvm where it is not proven is Fault::host with the reason.
Result<Accelerator> choose_accelerator(const std::string& wish, Host& backend, const Bench& bench,
                                       const KernelImage& kernel);

}  // namespace memrig
