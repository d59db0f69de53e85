// Fake machines, for tests that run trials without QEMU. Each part of a machine is the fake of its layer.
#pragma once

#include <functional>
#include <mutex>

#include "guest/fake_guest_link.h"
#include "machine/machine.h"
#include "probe/fake_probe.h"
#include "qmp/fake_qmp_client.h"

namespace memrig {

class FakeMachine final : public Machine {
public:
    // Its guest has every GuestFeature. REQUIRES: the probe knows the bench's architecture.
    explicit FakeMachine(const Bench& bench);

    FakeQmpClient monitor;
    FakeProbe stub;
    FakeGuestLink guest;
    std::optional<Error> ended;  // what death() returns
    Status probe_status, start_status;
    // Makes the probe, instead of `stub`; for a test with a gdbstub of its own.
    std::function<Result<std::unique_ptr<Probe>>(const ProbeOptions&)> connect_probe;
    MachineSpec spec;    // as the host got it
    Status save_status;  // on success, save() writes a small file
    // Prints `text` as the guest would. Returns once the console has it.
    void print(std::string_view text);

    QmpClient& qmp() override { return monitor; }
    Result<Probe*> probe() override;
    GuestLink& agent() override { return guest; }
    const ConsoleLog& console() const override { return *console_; }
    std::optional<Error> death(Duration) override { return ended; }
    Status start(Deadline) override { return start_status; }
    Status save(const std::filesystem::path& file, Deadline deadline) override;
    std::string agent_transcript() override { return {}; }
    Accelerator accelerator() const override { return spec.accelerator; }
    int process_id() const override { return 0; }

private:
    Descriptor serial_;
    std::unique_ptr<ConsoleLog> console_;
    std::unique_ptr<Probe> connected_;
};

// Makes FakeMachines, and lets a test change or fail each of them. Thread-safe once its fields are set.
class FakeHost final : public Host {
public:
    // Called for each new machine, with its number (from 1); calls do not overlap. create() or restore() returns the
    // error of this call, if there is one.
    std::function<Status(FakeMachine&, unsigned)> on_create, on_restore;

    bool keeps = true;                    // what keeps_guests() returns
    bool here = true;                     // what is_here() returns
    std::string emulator = "fake 1";      // what version() returns
    std::string called = "fake";          // what name() returns
    std::function<Status()> on_question;  // what answers() returns; empty: success

    [[nodiscard]] unsigned created() const;
    [[nodiscard]] unsigned restored() const;

    std::string name() const override { return called; }
    Status answers(Deadline) override { return on_question ? on_question() : Status(); }
    Result<std::string> version(const Bench&) override { return emulator; }
    [[nodiscard]] bool is_here() const override { return here; }
    [[nodiscard]] bool keeps_guests() const override { return keeps; }
    Result<std::unique_ptr<Machine>> create(const MachineSpec& spec, Deadline deadline) override;
    // Fault::host if `file` does not exist.
    Result<std::unique_ptr<Machine>> restore(const MachineSpec& spec, const std::filesystem::path& file,
                                             Deadline deadline) override;

private:
    mutable std::mutex mutex_;
    unsigned created_ = 0, restored_ = 0;
};

}  // namespace memrig
