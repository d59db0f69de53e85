// Holds a vCPU's registers: where each lies (from gdb's target description) and its value.
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
    unsigned number = 0;     // the number in `p` and `P` packets
    std::size_t offset = 0;  // in the reply to `g`, in bytes
    std::size_t bytes = 0;
};

// Immutable after it was made. All register sets of a machine share it.
struct RegisterLayout {
    const Architecture* arch = nullptr;
    std::map<std::string, RegisterPlace, std::less<>> places;

    [[nodiscard]] const RegisterPlace* find(std::string_view name) const;
};

// The registers of one vCPU at a stop. On all supported architectures, the stub sends them as little-endian (for
// ppc64le, in the guest's byte order).
class Registers {
public:
    Registers(std::shared_ptr<const RegisterLayout> layout, std::string raw)
        : layout_(std::move(layout)), raw_(std::move(raw)) {
        MEMRIG_ASSERT(layout_ && layout_->arch != nullptr, "registers have a layout and an architecture");
    }

    // Returns 0 for a register that the stub did not send. Reading the layout checks that it has the registers we use.
    [[nodiscard]] std::uint64_t get(std::string_view name) const;
    void set(std::string_view name, std::uint64_t value);
    [[nodiscard]] std::uint64_t pc() const { return get(layout_->arch->pc); }
    [[nodiscard]] std::uint64_t sp() const { return get(layout_->arch->sp); }
    // Returns an argument of the function just entered; `index` counts from 0. REQUIRES: the calling convention passes
    // it in a register.
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
