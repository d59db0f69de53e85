#include "campaign/keeping_backend.h"

namespace memrig {

// What the trial owns: it destroys this one, and the machine itself goes to the keeper.
class KeepingBackend::Kept final : public Machine {
public:
    Kept(std::unique_ptr<Machine> machine, KeepingBackend& keeper) : machine_(std::move(machine)), keeper_(keeper) {}
    ~Kept() override { keeper_.kept_ = std::move(machine_); }
    Kept(const Kept&) = delete;
    Kept& operator=(const Kept&) = delete;

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

private:
    std::unique_ptr<Machine> machine_;
    KeepingBackend& keeper_;
};

Result<std::unique_ptr<Machine>> KeepingBackend::restore(const MachineOrder& order, const std::filesystem::path& file,
                                                         Deadline deadline) {
    kept_.reset();
    MEMRIG_TRY(auto machine, backend_.restore(order, file, deadline));
    return std::make_unique<Kept>(std::move(machine), *this);
}

}  // namespace memrig
