// A vCPU's registers: where each lies (from gdb's target description) and what it holds.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "probe/architecture.h"

namespace memrig {

struct RegisterPlace {
    unsigned number = 0;     // as `p` and `P` packets count
    std::size_t offset = 0;  // in the reply to `g`, bytes
    std::size_t bytes = 0;
};

// Immutable once made; shared by all register sets of a machine.
struct RegisterLayout {
    const Architecture* arch = nullptr;
    std::map<std::string, RegisterPlace, std::less<>> places;

    [[nodiscard]] const RegisterPlace* find(std::string_view name) const;
};

// The registers of one vCPU at a stop. Both architectures of interest are little-endian here (ppc64le's stub sends
// registers in guest order).
class Registers {
public:
    Registers(std::shared_ptr<const RegisterLayout> layout, std::string raw)
        : layout_(std::move(layout)), raw_(std::move(raw)) {
        MEMRIG_ASSERT(layout_ && layout_->arch != nullptr, "registers have a layout and an architecture");
    }

    // 0 for a register that the stub did not send: the layout was checked for those we use when it was read.
    [[nodiscard]] std::uint64_t get(std::string_view name) const;
    void set(std::string_view name, std::uint64_t value);
    [[nodiscard]] std::uint64_t pc() const { return get(layout_->arch->pc); }
    [[nodiscard]] std::uint64_t sp() const { return get(layout_->arch->sp); }
    // From 0. REQUIRES: the calling convention has a register for it.
    [[nodiscard]] std::uint64_t argument(std::size_t index) const {
        MEMRIG_ASSERT(index < layout_->arch->arguments.size(), "the argument is in a register");
        return get(layout_->arch->arguments[index]);
    }
    [[nodiscard]] std::uint64_t return_value() const { return get(layout_->arch->return_value); }

private:
    std::shared_ptr<const RegisterLayout> layout_;
    std::string raw_;
};

}  // namespace memrig
