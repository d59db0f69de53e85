#include "machine/accelerator.h"

#include <unistd.h>

#include <sys/utsname.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/paths.h"
#include "machine/guest_store.h"

namespace memrig {

namespace {

using namespace std::chrono_literals;
// For the whole proof. Where KVM works, a guest reaches the agent in about a second.
constexpr auto kProofPatience = 5s;
constexpr const char* kDevice = "/dev/kvm";

// The file with the proof for a host. Its name is a hash of what can change the result of KVM: this host's kernel and
// machine, the bench's architecture and emulator. `elsewhere` is the name of another host, of which nothing else is
// known.
Result<fs::path> proof_file(const Bench& bench, const std::string& elsewhere = {}) {
    MEMRIG_TRY(const fs::path cache, cache_directory());
    MEMRIG_CHECK(make_directories(cache / "hosts"));
    utsname name{};
    ::uname(&name);
    const auto machine_id = read_file("/etc/machine-id", 4096);
    Hasher hasher;
    hasher.add(name.release).add(name.version).add(name.nodename).add(machine_id ? *machine_id : "").add(bench.arch);
    if (!bench.emulator.identity.empty()) hasher.add(bench.emulator.identity);
    if (!elsewhere.empty()) hasher.add(elsewhere);
    return cache / "hosts" / ("kvm-" + hasher.finish().substr(0, 16) + ".json");
}

Result<KvmProof> read_proof(const fs::path& file) {
    MEMRIG_TRY(const std::string text, read_file(file, 1 << 16));
    const auto json = nlohmann::json::parse(text, nullptr, false);
    if (!json.is_object()) return fail(Fault::host, "{} is damaged", file.string());
    return KvmProof{json.value("proven", false), json.value("reason", "")};
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

Result<KvmProof> try_kvm(Host& host, const Bench& bench, const KernelImage& kernel) {
    MachineSpec spec{bench, kernel, {}, Accelerator::kvm, {}};
    MEMRIG_TRY(const Initramfs initramfs, make_guest_initramfs(bench, kernel));
    spec.initramfs = initramfs.path;
    const auto begun = steady_clock().now();
    const Deadline deadline = Deadline::after(kProofPatience);
    const auto reach_agent = [&]() -> Status {
        MEMRIG_TRY(const auto machine, host.create(spec, deadline));
        MEMRIG_CHECK(machine->start(deadline));
        const auto hello = await_agent(*machine, deadline);
        return hello ? Status() : std::unexpected(hello.error());
    };
    if (const Status reached = reach_agent(); !reached) {
        if (reached.error().fault == Fault::interrupted) return std::unexpected(reached.error());
        return KvmProof{false, fmt::format("a guest did not reach the agent within {} s: {}", kProofPatience.count(),
                                           first_line(reached.error().message))};
    }
    return KvmProof{true, fmt::format("a guest reached the agent in {:.1f} s", seconds(steady_clock().now() - begun))};
}

}  // namespace

KvmProof known_kvm_proof(const Bench& bench) {
    if (::access(kDevice, R_OK | W_OK) != 0)
        return {false, fmt::format("{} is not there or may not be opened", kDevice)};
    const auto file = proof_file(bench);
    const auto proof = file ? read_proof(*file) : std::unexpected(file.error());
    return proof ? *proof : KvmProof{false, "not tried yet; the first `memrig run --accel auto` finds out"};
}

Result<KvmProof> prove_kvm(Host& host, const Bench& bench, const KernelImage& kernel) {
    if (host.is_here() && ::access(kDevice, R_OK | W_OK) != 0) return known_kvm_proof(bench);
    MEMRIG_TRY(const fs::path file, proof_file(bench, host.is_here() ? "" : host.name()));
    MEMRIG_TRY(const FileLock lock, FileLock::take(file.string() + ".lock"));
    if (const auto known = read_proof(file)) return *known;
    MEMRIG_TRY(const KvmProof proof, try_kvm(host, bench, kernel));
    MEMRIG_CHECK(write_file(file, nlohmann::json{{"proven", proof.proven}, {"reason", proof.reason}}.dump(2)));
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
