#include "machine/accelerator.h"

#include <map>

#include <sys/utsname.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/paths.h"
#include "base/text.h"
#include "machine/guest_store.h"
#include "machine/probe_proof.h"

namespace memrig {

namespace {

using namespace std::chrono_literals;
// For the whole proof. Where KVM works, a guest reaches the agent in about a second.
constexpr auto kProofPatience = 5s;
constexpr unsigned kProofFormat = 2;  // to be increased when the proof changes, or its format
constexpr const char* kDevice = "/dev/kvm";

// The file with the proofs for a host and a QEMU: one for each kernel of a guest. Its name is a hash of what can change
// the result of KVM: the format of the proof, this host's kernel and machine, the bench's architecture, and the
// emulator with its version. `elsewhere` is the name of another host, of which nothing else is known.
Result<fs::path> proof_file(const Bench& bench, const std::string& version, const std::string& elsewhere = {}) {
    MEMRIG_TRY(const fs::path cache, cache_directory());
    MEMRIG_CHECK(make_directories(cache / "hosts"));
    utsname name{};
    ::uname(&name);
    const auto machine_id = read_file("/etc/machine-id", 4096);
    Hasher hasher;
    hasher.add(std::to_string(kProofFormat)).add(name.release).add(name.version).add(name.nodename);
    hasher.add(machine_id ? *machine_id : "").add(bench.arch).add(version);
    if (!bench.emulator.identity.empty()) hasher.add(bench.emulator.identity);
    if (!elsewhere.empty()) hasher.add(elsewhere);
    return cache / "hosts" / ("kvm-" + hasher.finish().substr(0, 16) + ".json");
}

// Returns the proofs by the sha256 of the kernel. None if there is no such file, or if it is damaged: they are then
// made again.
std::map<std::string, KvmProof> read_proofs(const fs::path& file) {
    std::map<std::string, KvmProof> proofs;
    const auto text = read_file(file, 1 << 20);
    const auto json = nlohmann::json::parse(text ? *text : "", nullptr, false);
    if (!json.is_object()) return proofs;
    for (const auto& [kernel, proof] : json.items())
        if (proof.is_object()) proofs[kernel] = {proof.value("proven", false), proof.value("reason", "")};
    return proofs;
}

Status write_proofs(const fs::path& file, const std::map<std::string, KvmProof>& proofs) {
    nlohmann::json json = nlohmann::json::object();
    for (const auto& [kernel, proof] : proofs) json[kernel] = {{"proven", proof.proven}, {"reason", proof.reason}};
    return write_file(file, json.dump(2));
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

Result<std::unique_ptr<Machine>> boot(Host& host, const MachineSpec& spec, AgentHello& hello) {
    MEMRIG_TRY(auto machine, host.create(spec, spec.answers_by));
    MEMRIG_CHECK(machine->start(spec.answers_by));
    MEMRIG_TRY(hello, await_agent(*machine, spec.answers_by));
    return machine;
}

Result<KvmProof> try_kvm(Host& host, const Bench& bench, const KernelImage& kernel) {
    MEMRIG_TRY(const Initramfs initramfs, make_guest_initramfs(bench, kernel));
    const auto begun = steady_clock().now();
    const MachineSpec spec{bench, kernel, initramfs.path, Accelerator::kvm, {}, Deadline::after(kProofPatience)};
    AgentHello hello;
    const auto machine = boot(host, spec, hello);
    const double boot_seconds = seconds(steady_clock().now() - begun);
    const Status proven = machine ? prove_probe(**machine, hello, spec.answers_by) : std::unexpected(machine.error());
    if (proven)
        return KvmProof{true, fmt::format("{} reached the agent in {:.1f} s, and the probe passed a breakpoint, held a "
                                          "vCPU and saw a write",
                                          kernel.id, boot_seconds)};
    if (proven.error().fault == Fault::interrupted) return std::unexpected(proven.error());
    const std::string why = first_line(proven.error().message);
    if (machine) return KvmProof{false, fmt::format("{} came up, but the probe failed: {}", kernel.id, why)};
    return KvmProof{false,
                    fmt::format("{} did not reach the agent within {} s: {}", kernel.id, kProofPatience.count(), why)};
}

Result<std::map<std::string, KvmProof>> proofs_here(const Bench& bench) {
    MEMRIG_TRY(const std::string version, emulator_version(bench.emulator));
    MEMRIG_TRY(const fs::path file, proof_file(bench, version));
    return read_proofs(file);
}

// The reason that KVM cannot even be tried here, or "".
std::string why_not_tried() {
    if (::access(kDevice, R_OK | W_OK) == 0) return {};
    return fmt::format("{} is not there or may not be opened", kDevice);
}

}  // namespace

KvmProof known_kvm_proof(const Bench& bench) {
    if (const std::string why = why_not_tried(); !why.empty()) return {false, why};
    const auto proofs = proofs_here(bench);
    if (!proofs) return {false, proofs.error().message};
    for (const bool proven : {true, false})
        for (const auto& [kernel, proof] : *proofs)
            if (proof.proven == proven) return proof;
    return {false, "not tried yet; the first `memrig run --accel auto` finds out"};
}

Result<KvmProof> prove_kvm(Host& host, const Bench& bench, const KernelImage& kernel) {
    // Proofs are kept by kernel, so this one is not for the other benches of that kernel.
    if (bench.hypervisor)
        return KvmProof{
            false, fmt::format("a hypervisor starts the kernel of bench {}, and memrig has done that under TCG alone",
                               bench.name)};
    if (const std::string why = host.is_here() ? why_not_tried() : ""; !why.empty()) return KvmProof{false, why};
    MEMRIG_TRY(const std::string version, host.version(bench));
    MEMRIG_TRY(const fs::path file, proof_file(bench, version, host.is_here() ? "" : host.name()));
    // A cache that is read-only keeps no proof. Then it is made again.
    const auto lock = FileLock::take(file.string() + ".lock");
    if (!lock && lock.error().fault == Fault::interrupted) return std::unexpected(lock.error());
    auto proofs = read_proofs(file);
    if (const auto known = proofs.find(kernel.sha256); known != proofs.end()) return known->second;
    MEMRIG_TRY(const KvmProof proof, try_kvm(host, bench, kernel));
    proofs[kernel.sha256] = proof;
    if (const Status kept = write_proofs(file, proofs); !kept)
        logger(LogLayer::machine).warn("the proof of KVM is not kept: {}", one_line(kept.error().message));
    return proof;
}

Result<Accelerator> choose_accelerator(const std::string& wish, Host& host, const Bench& bench,
                                       const KernelImage& kernel) {
    if (wish == "tcg") return Accelerator::tcg;
    if (wish != "kvm" && wish != "auto")
        return fail(Fault::user_input, "there is no accelerator \"{}\": auto, tcg or kvm", wish);
    MEMRIG_TRY(const KvmProof proof, prove_kvm(host, bench, kernel));
    if (proof.proven) return Accelerator::kvm;
    if (wish == "kvm") return fail(Fault::host, "KVM does not work here: {}", proof.reason);
    return Accelerator::tcg;
}

}  // namespace memrig
