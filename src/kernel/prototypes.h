// The prototypes of a kernel's functions, from its BTF (Documentation/bpf/btf.rst), and the value by which each one
// says that it failed.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace memrig {

// The value by which a caller knows that a function which returns a pointer has failed.
enum class PointerFailure {
    null,   // NULL
    error,  // ERR_PTR(-errno): the caller compares with the lowest error pointer (include/linux/err.h)
};

// Immutable. Thread-safe.
class Prototypes {
public:
    // Reads the kernel's BTF, as it lies between __start_BTF and __stop_BTF. Fault::guest if it is none.
    static Result<Prototypes> parse(std::string_view btf);

    // Returns what the function returns if it runs out of memory: -ENOMEM, AE_NO_MEMORY of ACPICA, NOTIFY_BAD of a
    // notifier, NULL or ERR_PTR(-ENOMEM). Nothing if its type has no value for a failure, such as void, bool or a
    // count, or if the function is not known. `pointer`: nothing if it is not known how the caller tells.
    [[nodiscard]] std::optional<std::uint64_t> failure_of(std::string_view function,
                                                          std::optional<PointerFailure> pointer) const;
    // True for a function of ACPICA, which returns an acpi_status.
    [[nodiscard]] bool returns_acpi_status(std::string_view function) const;

private:
    enum class Kind { none, error_number, pointer, acpi_status, notifier };
    std::map<std::string, Kind, std::less<>> kinds_;
};

}  // namespace memrig
