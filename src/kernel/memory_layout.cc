#include "kernel/memory_layout.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <climits>
#include <limits>
#include <memory>
#include <optional>

#include <bpf/btf.h>

namespace memrig {

namespace {

constexpr std::array kZoneFigures = {"zone_start_pfn", "spanned_pages", "present_pages"};
constexpr std::array kNodeFigures = {"node_start_pfn", "node_spanned_pages", "node_present_pages"};
constexpr std::uint64_t kWordBits = 64, kWordBytes = 8;

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

// The places, in bytes, at which these words follow each other; two at most.
std::vector<std::uint64_t> places_of(std::string_view memory, const std::vector<std::uint64_t>& words) {
    constexpr std::size_t enough = 2;
    std::string bytes;
    for (const std::uint64_t word : words)
        for (unsigned i = 0; i < kWordBytes; i++) bytes += static_cast<char>(word >> (CHAR_BIT * i));
    std::vector<std::uint64_t> places;
    for (std::size_t at = 0; places.size() < enough && (at = memory.find(bytes, at)) != std::string_view::npos; at++)
        if (at % kWordBytes == 0) places.push_back(at);
    return places;
}

Result<std::uint64_t> only_place_of(std::string_view memory, const std::vector<std::uint64_t>& words,
                                    const std::string& what) {
    const auto places = places_of(memory, words);
    if (places.size() == 1) return places.front();
    return fail(Fault::guest, "the figures of {} were found {}", what,
                places.empty() ? "nowhere" : "at more than one place");
}

std::uint64_t word_at(std::string_view memory, std::uint64_t at) {
    std::uint64_t word = 0;
    if (at > memory.size() || memory.size() - at < kWordBytes) return word;
    for (unsigned i = kWordBytes; i-- > 0;) word = word << CHAR_BIT | static_cast<unsigned char>(memory[at + i]);
    return word;
}

// The place of the first word from `from` to `to` that points to this text. Pointers far from `near` are not followed;
// 0: any is.
std::optional<std::uint64_t> pointer_to(std::string_view memory, std::string_view text, const TextAt& text_at,
                                        std::uint64_t from, std::uint64_t to, std::uint64_t near) {
    constexpr std::uint64_t far = 64u << 10, kernel_half = 1ull << 63;
    for (std::uint64_t at = from; at < to && at < memory.size(); at += kWordBytes) {
        const std::uint64_t word = word_at(memory, at);
        if (word < kernel_half || (near != 0 && std::max(word, near) - std::min(word, near) > far)) continue;
        if (text_at(word) == text) return at;
    }
    return std::nullopt;
}

// zone::name follows the figures closely, and the compiler keeps the texts of all zones together (zone_names[],
// mm/page_alloc.c).
Status place_zones(std::string_view node, const std::vector<ZoneSample>& zones, const TextAt& text_at,
                   MemoryLayout& layout) {
    constexpr std::uint64_t most_before_name = 32 * kWordBytes, most_zone = 32u << 10;
    const auto first =
        std::ranges::find_if(zones, [](const ZoneSample& zone) { return zone.present != 0; }) - zones.begin();
    const auto index = static_cast<std::uint64_t>(first);
    if (index + 1 >= zones.size()) return fail(Fault::guest, "no zone but the last one has memory");
    const ZoneSample& zone = zones[index];
    MEMRIG_TRY(const std::uint64_t place,
               only_place_of(node, {zone.start_pfn, zone.managed, zone.spanned, zone.present}, zone.name));
    const auto name = pointer_to(node, zone.name, text_at, place, place + most_before_name, 0);
    if (!name) return fail(Fault::guest, "the name of {} does not follow its figures", zone.name);
    const auto next = pointer_to(node, zones[index + 1].name, text_at, *name, *name + most_zone, word_at(node, *name));
    if (!next) return fail(Fault::guest, "no zone {} follows {}", zones[index + 1].name, zone.name);
    layout.zone_bytes = *next - *name;
    if (place < index * layout.zone_bytes) return fail(Fault::guest, "the first zone lies outside of its node");
    layout.zones_at = place - index * layout.zone_bytes;
    for (std::uint64_t i = 0; i < zones.size(); i++) {
        const std::uint64_t at = layout.zones_at + i * layout.zone_bytes;
        if (text_at(word_at(node, at + (*name - place))) != zones[i].name)
            return fail(Fault::guest, "{} is not where it would be", zones[i].name);
    }
    return {};
}

// The places of two of the four figures, from the first one on.
constexpr std::uint64_t kSpannedAt = 2 * kWordBytes, kPresentAt = 3 * kWordBytes;

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

Result<MemoryLayout> find_memory_layout(std::string_view node, const std::vector<ZoneSample>& zones,
                                        const TextAt& text_at) {
    MemoryLayout layout;
    MEMRIG_CHECK(place_zones(node, zones, text_at, layout));
    std::uint64_t begin = std::numeric_limits<std::uint64_t>::max(), end = 0, present = 0;
    for (std::uint64_t i = 0; i < zones.size(); i++) {
        const ZoneSample& zone = zones[i];
        layout.zones.emplace(i, zone.name);
        if (zone.name == "Normal") layout.first_added = i;
        if (zone.present == 0) continue;
        begin = std::min(begin, zone.start_pfn);
        end = std::max(end, zone.start_pfn + zone.spanned);
        present += zone.present;
    }
    if (std::ranges::find(zones, "Normal", &ZoneSample::name) == zones.end())
        return fail(Fault::guest, "the kernel has no zone Normal");
    layout.zone_figures = {{"zone_start_pfn", 0}, {"spanned_pages", kSpannedAt}, {"present_pages", kPresentAt}};
    MEMRIG_TRY(const std::uint64_t at, only_place_of(node, {begin, present, end - begin}, "the node"));
    if (at < layout.zones_at + zones.size() * layout.zone_bytes - kWordBytes)
        return fail(Fault::guest, "the figures of the node do not lie behind its zones");
    layout.node_figures = {
        {"node_start_pfn", at}, {"node_present_pages", at + kWordBytes}, {"node_spanned_pages", at + 2 * kWordBytes}};
    return layout;
}

}  // namespace memrig
