// A backend whose restored machine outlives the trial that used it.
#pragma once

#include <memory>
#include <string>

#include "machine/machine.h"

namespace memrig {

// Not thread-safe: it is for one trial at a time, whose machine take() is asked for on the same thread.
class KeepingBackend final : public Backend {
public:
    explicit KeepingBackend(Backend& backend) : backend_(backend) {}

    // That of the last trial, as its judge left it; null where there was none.
    std::unique_ptr<Machine> take() { return std::move(kept_); }

    std::string name() const override { return backend_.name(); }
    Result<std::string> version(const Bench& bench) override { return backend_.version(bench); }
    Result<std::unique_ptr<Machine>> create(const MachineOrder& order, Deadline deadline) override {
        return backend_.create(order, deadline);
    }
    Result<std::unique_ptr<Machine>> restore(const MachineOrder& order, const std::filesystem::path& file,
                                             Deadline deadline) override;

private:
    class Kept;
    Backend& backend_;
    std::unique_ptr<Machine> kept_;
};

}  // namespace memrig
