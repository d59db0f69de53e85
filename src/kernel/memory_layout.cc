#include "kernel/memory_layout.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <climits>
#include <limits>
#include <memory>

#include <bpf/btf.h>

namespace memrig {

namespace {

constexpr std::array kZoneFigures = {"zone_start_pfn", "spanned_pages", "present_pages"};
constexpr std::array kNodeFigures = {"node_start_pfn", "node_spanned_pages", "node_present_pages"};
constexpr std::uint64_t kWordBits = 64;

struct LayoutClosing {
    void operator()(btf* types) const { btf__free(types); }
};
using LayoutTypes = std::unique_ptr<btf, LayoutClosing>;

// Null if there is no such structure.
const btf_type* structure(const btf& types, const char* name) {
    const std::int32_t id = btf__find_by_name_kind(&types, name, BTF_KIND_STRUCT);
    return id < 0 ? nullptr : btf__type_by_id(&types, static_cast<std::uint32_t>(id));
}

Result<std::uint64_t> offset_of(const btf& types, const btf_type& type, std::string_view member) {
    for (std::uint32_t i = 0; i < btf_vlen(&type); i++) {
        const char* name = btf__name_by_offset(&types, btf_members(&type)[i].name_off);
        const std::uint64_t bits = btf_member_bit_offset(&type, i);
        if (name != nullptr && name == member && bits % kWordBits == 0 && bits / CHAR_BIT < type.size)
            return bits / CHAR_BIT;
    }
    return fail(Fault::guest, "the kernel's BTF has no member {}", member);
}

// "ZONE_MOVABLE" is "Movable" in /proc/zoneinfo, and "ZONE_DMA32" is "DMA32".
std::string zone_name(std::string_view enumerator) {
    std::string name(enumerator.substr(std::string_view("ZONE_").size()));
    if (name.starts_with("DMA")) return name;
    for (std::size_t i = 1; i < name.size(); i++)
        name[i] = static_cast<char>(std::tolower(static_cast<unsigned char>(name[i])));
    return name;
}

std::map<std::uint64_t, std::string> zones_of(const btf& types) {
    std::map<std::uint64_t, std::string> zones;
    const std::int32_t id = btf__find_by_name_kind(&types, "zone_type", BTF_KIND_ENUM);
    const btf_type* type = id < 0 ? nullptr : btf__type_by_id(&types, static_cast<std::uint32_t>(id));
    for (std::uint32_t i = 0; type != nullptr && i < btf_vlen(type); i++) {
        const struct btf_enum& one = btf_enum(type)[i];
        const char* name = btf__name_by_offset(&types, one.name_off);
        const std::string_view text = name == nullptr ? "" : name;
        if (text.starts_with("ZONE_") && one.val >= 0) zones.emplace(one.val, zone_name(text));
    }
    return zones;
}

}  // namespace

Result<MemoryLayout> memory_layout(std::string_view bytes) {
    if (bytes.size() > std::numeric_limits<std::uint32_t>::max()) return fail(Fault::guest, "the BTF is too large");
    const LayoutTypes types(btf__new(bytes.data(), static_cast<std::uint32_t>(bytes.size())));
    if (!types) return fail(Fault::guest, "the kernel's BTF cannot be read");
    const btf_type *zone = structure(*types, "zone"), *node = structure(*types, "pglist_data");
    if (zone == nullptr || node == nullptr)
        return fail(Fault::guest, "the kernel's BTF has no struct zone and pglist_data");
    MemoryLayout layout;
    layout.zone_bytes = zone->size;
    layout.zones = zones_of(*types);
    const auto normal = std::ranges::find_if(layout.zones, [](const auto& one) { return one.second == "Normal"; });
    if (normal == layout.zones.end()) return fail(Fault::guest, "the kernel's BTF has no ZONE_NORMAL");
    layout.first_added = normal->first;
    MEMRIG_TRY(layout.zones_at, offset_of(*types, *node, "node_zones"));
    for (const char* figure : kZoneFigures) {
        MEMRIG_TRY(layout.zone_figures[figure], offset_of(*types, *zone, figure));
    }
    for (const char* figure : kNodeFigures) {
        MEMRIG_TRY(layout.node_figures[figure], offset_of(*types, *node, figure));
    }
    return layout;
}

}  // namespace memrig
