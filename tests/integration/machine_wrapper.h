// Machines and hosts that hand everything on to real ones. Tests override what is to go wrong.
#pragma once

#include <memory>

#include "machine/machine.h"

namespace memrig {

class MachineWrapper : public Machine {
public:
    explicit MachineWrapper(std::unique_ptr<Machine> machine) : machine_(std::move(machine)) {}
    QmpClient& qmp() override { return machine_->qmp(); }
    Result<Probe*> probe() override { return machine_->probe(); }
    GuestLink& agent() override { return machine_->agent(); }
    const ConsoleLog& console() const override { return machine_->console(); }
    std::optional<Error> death(Duration grace) override { return machine_->death(grace); }
    Status start(Deadline deadline) override { return machine_->start(deadline); }
    Status save(const std::filesystem::path& file, Deadline deadline) override {
        return machine_->save(file, deadline);
    }
    std::string agent_transcript() override { return machine_->agent_transcript(); }
    Accelerator accelerator() const override { return machine_->accelerator(); }
    int process_id() const override { return machine_->process_id(); }
    ObserverChannel* observer() override { return machine_->observer(); }

protected:
    std::unique_ptr<Machine> machine_;
};

// A host that runs QEMU itself. `wrap()` is called for each machine that it restores.
class HostWrapper : public Host {
public:
    std::string name() const override { return real_->name(); }
    Result<std::string> version(const Bench& bench) override { return real_->version(bench); }
    Result<std::filesystem::path> observer_plugin(const Bench& bench, Accelerator accelerator) override {
        return real_->observer_plugin(bench, accelerator);
    }
    Result<std::unique_ptr<Machine>> create(const MachineSpec& spec, Deadline deadline) override {
        return real_->create(spec, deadline);
    }
    Result<std::unique_ptr<Machine>> restore(const MachineSpec& spec, const std::filesystem::path& file,
                                             Deadline deadline) override {
        auto machine = real_->restore(spec, file, deadline);
        if (!machine) return machine;
        return wrap(*std::move(machine));
    }

private:
    virtual std::unique_ptr<Machine> wrap(std::unique_ptr<Machine> machine) = 0;
    std::unique_ptr<Host> real_ = make_qemu_backend();
};

}  // namespace memrig
