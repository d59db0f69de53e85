#include "machine/hypervisor.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/paths.h"
#include "kernel/debian_package.h"
#include "kernel/decompress.h"

namespace memrig {

namespace {

constexpr std::size_t kMostImage = 64u << 20;

// The folder of the image in the cache: by all that the bench says of it. A new folder takes the newest package.
Result<fs::path> folder_of(const BenchHypervisor& wanted) {
    MEMRIG_TRY(const fs::path cache, cache_directory());
    const std::string key = Hasher().add(wanted.suite).add(wanted.arch).add(wanted.package).add(wanted.file).finish();
    return cache / "hypervisors" / key.substr(0, 32);
}

}  // namespace

Result<Hypervisor> fetch_hypervisor(const BenchHypervisor& wanted) {
    MEMRIG_TRY(const fs::path folder, folder_of(wanted));
    const fs::path image = folder / "image";
    MEMRIG_CHECK(make_directories(folder));
    MEMRIG_TRY(const FileLock lock, FileLock::take(folder / ".lock"));
    if (!fs::exists(image)) {
        MEMRIG_TRY(const fs::path package, fetch_debian_package({wanted.package, wanted.suite, wanted.arch},
                                                                "the hypervisor " + wanted.package));
        const fs::path file = package / "root" / wanted.file;
        MEMRIG_TRY(const std::string bytes, read_file(file, kMostImage));
        MEMRIG_TRY(const std::string text, decompressed(bytes, kMostImage, file.string()));
        MEMRIG_CHECK(write_file(image, text));
    }
    MEMRIG_TRY(std::string sha256, hash_file(image));
    return Hypervisor{image, wanted.append, std::move(sha256)};
}

}  // namespace memrig
