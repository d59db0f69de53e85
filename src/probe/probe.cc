#include "probe/probe.h"

#include "probe/packet.h"

namespace memrig {

Result<std::uint64_t> Probe::read_u64(unsigned vcpu, std::uint64_t address) {
    MEMRIG_TRY(const std::string bytes, read_memory(vcpu, address, 8));
    return little_endian(bytes);
}

Result<std::vector<std::uint64_t>> Probe::read_words(unsigned vcpu, const std::vector<std::uint64_t>& addresses) {
    std::vector<std::uint64_t> words;
    for (const auto address : addresses) {
        MEMRIG_TRY(const std::uint64_t word, read_u64(vcpu, address));
        words.push_back(word);
    }
    return words;
}

}  // namespace memrig
