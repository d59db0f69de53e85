#include "kernel/prototypes.h"

#include <limits>
#include <memory>

#include <bpf/btf.h>

namespace memrig {

namespace {

constexpr auto kNoMemory = static_cast<std::uint64_t>(-12);  // -ENOMEM
constexpr std::uint64_t kAcpiNoMemory = 4;                   // AE_NO_MEMORY, include/acpi/acexcep.h
constexpr std::uint64_t kNotifyBad = 0x8002;                 // NOTIFY_BAD, include/linux/notifier.h

struct Closing {
    void operator()(btf* types) const { btf__free(types); }
};
using Types = std::unique_ptr<btf, Closing>;

std::string_view name_of(const btf& types, const btf_type& type) {
    const char* name = btf__name_by_offset(&types, type.name_off);
    return name == nullptr ? "" : name;
}

// Follows typedefs and qualifiers. Null for void. A chain that is too long is damaged.
const btf_type* resolved(const btf& types, std::uint32_t id, bool* is_acpi_status = nullptr) {
    constexpr int longest = 32;
    for (int i = 0; i < longest; i++) {
        const btf_type* type = btf__type_by_id(&types, id);
        if (type == nullptr) return nullptr;
        if (is_acpi_status != nullptr && btf_is_typedef(type) && name_of(types, *type) == "acpi_status")
            *is_acpi_status = true;
        if (!btf_is_typedef(type) && !btf_is_mod(type)) return type;
        id = type->type;
    }
    return nullptr;
}

enum class Notifying { no, listener, chain };
// The first argument is `struct notifier_block *`; or a pointer to that, or `struct ..._notifier_head *`.
Notifying notifying(const btf& types, std::uint32_t id) {
    const btf_type* type = resolved(types, id);
    int depth = 0;
    for (; depth < 2 && type != nullptr && btf_is_ptr(type); depth++) type = resolved(types, type->type);
    if (type == nullptr || !btf_is_struct(type)) return Notifying::no;
    const std::string_view name = name_of(types, *type);
    if (name.ends_with("_notifier_head")) return Notifying::chain;
    if (name != "notifier_block") return Notifying::no;
    return depth == 1 ? Notifying::listener : Notifying::chain;
}

}  // namespace

Result<Prototypes> Prototypes::parse(std::string_view bytes) {
    if (bytes.size() > std::numeric_limits<std::uint32_t>::max()) return fail(Fault::guest, "the BTF is too large");
    const Types types(btf__new(bytes.data(), static_cast<std::uint32_t>(bytes.size())));
    if (!types) return fail(Fault::guest, "the kernel's BTF cannot be read");
    const auto kind_of = [&](const btf_type& proto) {
        bool is_acpi_status = false;
        const btf_type* returned = resolved(*types, proto.type, &is_acpi_status);
        if (is_acpi_status) return Kind::acpi_status;
        if (returned == nullptr) return Kind::none;
        if (btf_is_ptr(returned)) return Kind::pointer;
        const bool is_signed = btf_is_int(returned) && (btf_int_encoding(returned) & BTF_INT_SIGNED) != 0;
        if (!is_signed || returned->size < sizeof(std::int32_t)) return Kind::none;
        // A chain that is not called at all is no failure: nobody would hear of it.
        switch (btf_vlen(&proto) > 0 ? notifying(*types, btf_params(&proto)[0].type) : Notifying::no) {
            case Notifying::listener: return Kind::notifier;
            case Notifying::chain: return Kind::none;
            case Notifying::no: break;
        }
        return Kind::error_number;
    };
    Prototypes made;
    for (std::uint32_t id = 1; id < btf__type_cnt(types.get()); id++) {
        const btf_type* function = btf__type_by_id(types.get(), id);
        if (function == nullptr || !btf_is_func(function)) continue;
        const btf_type* proto = btf__type_by_id(types.get(), function->type);
        if (proto == nullptr || !btf_is_func_proto(proto)) continue;
        const auto [place, is_new] = made.kinds_.try_emplace(std::string(name_of(*types, *function)), kind_of(*proto));
        // Several functions of one name: only what they have in common is known.
        if (!is_new && place->second != kind_of(*proto)) place->second = Kind::none;
    }
    return made;
}

bool Prototypes::returns_acpi_status(std::string_view function) const {
    const auto found = kinds_.find(function);
    return found != kinds_.end() && found->second == Kind::acpi_status;
}

std::optional<std::uint64_t> Prototypes::failure_of(std::string_view function,
                                                    std::optional<PointerFailure> pointer) const {
    const auto found = kinds_.find(function);
    if (found == kinds_.end()) return std::nullopt;
    switch (found->second) {
        case Kind::none: return std::nullopt;
        case Kind::error_number: return kNoMemory;
        case Kind::acpi_status: return kAcpiNoMemory;
        case Kind::notifier: return kNotifyBad;
        case Kind::pointer: break;
    }
    if (!pointer) return std::nullopt;
    return *pointer == PointerFailure::null ? 0 : kNoMemory;
}

}  // namespace memrig
