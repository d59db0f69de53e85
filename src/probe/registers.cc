#include "probe/registers.h"

#include <algorithm>

namespace memrig {

const RegisterPlace* RegisterLayout::find(std::string_view name) const {
    const auto found = places.find(name);
    return found == places.end() ? nullptr : &found->second;
}

std::uint64_t Registers::get(std::string_view name) const {
    const RegisterPlace* place = layout_->find(name);
    if (place == nullptr || place->offset + place->bytes > raw_.size()) return 0;
    std::uint64_t value = 0;
    for (std::size_t i = std::min<std::size_t>(place->bytes, 8); i-- > 0;)
        value = value << 8 | static_cast<unsigned char>(raw_[place->offset + i]);
    return value;
}

void Registers::set(std::string_view name, std::uint64_t value) {
    const RegisterPlace* place = layout_->find(name);
    if (place == nullptr || place->offset + place->bytes > raw_.size()) return;
    for (std::size_t i = 0; i < place->bytes && i < 8; i++)
        raw_[place->offset + i] = static_cast<char>(value >> (8 * i));
}

}  // namespace memrig
