#include "kernel/decompress.h"

#include <array>
#include <memory>

#include <archive.h>
#include <archive_entry.h>

namespace memrig {

Result<std::string> decompressed(std::string_view bytes, std::size_t most, const std::string& what) {
    const std::unique_ptr<struct archive, decltype(&archive_read_free)> reader(archive_read_new(), archive_read_free);
    if (!reader) return fail(Fault::host, "no memory to read {}", what);
    archive_read_support_filter_all(reader.get());
    archive_read_support_format_raw(reader.get());
    struct archive_entry* entry = nullptr;
    const auto bad = [&] {
        const char* why = archive_error_string(reader.get());
        return fail(Fault::host, "cannot read {}: {}", what, why != nullptr ? why : "no reason given");
    };
    if (archive_read_open_memory(reader.get(), bytes.data(), bytes.size()) != ARCHIVE_OK ||
        archive_read_next_header(reader.get(), &entry) != ARCHIVE_OK)
        return bad();
    std::string text;
    std::array<char, 1 << 16> buffer;
    for (;;) {
        const la_ssize_t n = archive_read_data(reader.get(), buffer.data(), buffer.size());
        if (n < 0) return bad();
        if (n == 0) return text;
        text.append(buffer.data(), static_cast<std::size_t>(n));
        if (text.size() > most) return fail(Fault::host, "{} is larger than {} bytes", what, most);
    }
}

}  // namespace memrig
