#include "machine/fake_machine.h"

#include <cstdlib>

#include <sys/socket.h>

#include "base/file.h"
#include "machine/guest_feature.h"

namespace memrig {

namespace {
constexpr auto kPatience = std::chrono::seconds(60);
}

FakeMachine::FakeMachine(const Bench& bench) : stub(*find_architecture(bench.arch), bench.vcpus()) {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) std::abort();
    serial_ = Descriptor(ends[0]);
    console_ = std::make_unique<ConsoleLog>(Descriptor(ends[1]));
    for (const GuestFeature& feature : guest_features()) {
        guest.files[std::string(feature.path)] = "";
        if (!feature.unlike.empty()) guest.files[std::string(feature.unlike)] = "another text";
    }
}

void FakeMachine::print(std::string_view text) {
    const std::size_t before = console_->size();
    if (!write_all(serial_.get(), text, Deadline::after(kPatience))) std::abort();
    (void)console_->wait_for(std::string(text), before, Deadline::after(kPatience));
}

Result<Probe*> FakeMachine::probe() {
    MEMRIG_CHECK(probe_status);
    if (!connect_probe) return &stub;
    if (!connected_) {
        MEMRIG_TRY(connected_, connect_probe(probe_options(spec)));
    }
    return connected_.get();
}

Status FakeMachine::save(const std::filesystem::path& file, Deadline) {
    MEMRIG_CHECK(save_status);
    return write_file(file, "a fake machine's state");
}

unsigned FakeHost::created() const {
    const std::lock_guard guard(mutex_);
    return created_;
}

unsigned FakeHost::restored() const {
    const std::lock_guard guard(mutex_);
    return restored_;
}

Result<std::unique_ptr<Machine>> FakeHost::create(const MachineSpec& spec, Deadline) {
    auto machine = std::make_unique<FakeMachine>(spec.bench);
    machine->spec = spec;
    const std::lock_guard guard(mutex_);
    created_++;
    if (on_create) MEMRIG_CHECK(on_create(*machine, created_));
    return machine;
}

Result<std::unique_ptr<Machine>> FakeHost::restore(const MachineSpec& spec, const std::filesystem::path& file,
                                                   Deadline) {
    MEMRIG_CHECK(read_file(file));
    auto machine = std::make_unique<FakeMachine>(spec.bench);
    machine->spec = spec;
    const std::lock_guard guard(mutex_);
    restored_++;
    if (on_restore) MEMRIG_CHECK(on_restore(*machine, restored_));
    return machine;
}

}  // namespace memrig
