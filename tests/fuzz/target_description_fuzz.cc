// Any bytes as a target description and what it includes: reading must come back, and a layout must be sound.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "probe/target_description.h"

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

}  // namespace

// The input's first line break parts target.xml from what every include reads.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): bytes are what the fuzzer has, text is what is
    // parsed
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const std::string target(text.substr(0, text.find('\n')));
    const std::string included(target.size() < text.size() ? text.substr(target.size() + 1) : std::string_view());
    const auto layout = memrig::read_target_description([&](const std::string& name) -> memrig::Result<std::string> {
        return name == "target.xml" ? target : included;
    });
    if (!layout) return 0;
    require((*layout)->arch != nullptr);
    std::size_t bytes = 0;
    for (const auto& [name, place] : (*layout)->places) {
        require(place.bytes > 0);
        bytes = std::max(bytes, place.offset + place.bytes);
    }
    // A `g` answer of any length is read without harm.
    for (const std::size_t length : {std::size_t{0}, bytes / 2, bytes}) {
        memrig::Registers registers(*layout, std::string(length, '\xff'));
        (void)registers.pc();
        registers.set((*layout)->arch->sp, 1);
    }
    return 0;
}
