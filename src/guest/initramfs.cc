#include "guest/initramfs.h"

#include <memory>
#include <set>

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/file.h"
#include "base/hash.h"

namespace memrig {

namespace {

using Writer = std::unique_ptr<struct archive, decltype(&archive_write_free)>;
using Entry = std::unique_ptr<struct archive_entry, decltype(&archive_entry_free)>;

la_ssize_t append(struct archive*, void* out, const void* data, std::size_t size) {
    static_cast<std::string*>(out)->append(static_cast<const char*>(data), size);
    return static_cast<la_ssize_t>(size);
}

// Builds the archive. Nothing in it depends on the time or on the machine.
class Cpio {
public:
    Cpio() : writer_(archive_write_new(), archive_write_free) {
        constexpr int kPadding = 512;
        archive_write_set_format_cpio_newc(writer_.get());
        archive_write_add_filter_none(writer_.get());
        archive_write_set_bytes_per_block(writer_.get(), kPadding);
        archive_write_set_bytes_in_last_block(writer_.get(), kPadding);
        check(archive_write_open2(writer_.get(), &out_, nullptr, append, nullptr, nullptr));
    }

    void directory(const char* path) { add(path, S_IFDIR | 0755, {}, 0); }
    void device(const char* path, dev_t number) { add(path, S_IFCHR | 0600, {}, number); }
    void file(const std::string& path, mode_t mode, std::string_view bytes) {
        add(path.c_str(), S_IFREG | mode, bytes, 0);
    }

    Result<std::string> finish() {
        check(archive_write_close(writer_.get()));
        if (!failure_.empty()) return fail(Fault::rig, "cannot make the initramfs: {}", failure_);
        return std::move(out_);
    }

private:
    void add(const char* path, mode_t mode, std::string_view bytes, dev_t number) {
        const Entry entry(archive_entry_new(), archive_entry_free);
        archive_entry_set_pathname(entry.get(), path);
        archive_entry_set_mode(entry.get(), mode);
        archive_entry_set_ino64(entry.get(), ++inode_);
        archive_entry_set_nlink(entry.get(), 1);
        archive_entry_set_uid(entry.get(), 0);
        archive_entry_set_gid(entry.get(), 0);
        archive_entry_set_mtime(entry.get(), 0, 0);
        archive_entry_set_size(entry.get(), static_cast<la_int64_t>(bytes.size()));
        archive_entry_set_rdev(entry.get(), number);
        check(archive_write_header(writer_.get(), entry.get()));
        if (!bytes.empty() && archive_write_data(writer_.get(), bytes.data(), bytes.size()) < 0) check(ARCHIVE_FATAL);
    }

    void check(int status) {
        if (status == ARCHIVE_OK || !failure_.empty()) return;
        const char* why = archive_error_string(writer_.get());
        failure_ = why != nullptr ? why : "no reason given";
    }

    std::string out_;
    std::string failure_;
    la_int64_t inode_ = 0;
    Writer writer_;  // last, since it may write to out_ when it is freed
};

}  // namespace

Result<std::string> build_initramfs(std::string_view agent, const std::vector<InitramfsModule>& modules) {
    Cpio cpio;
    for (const char* path : {"dev", "proc", "sys", "modules"}) cpio.directory(path);
    // init needs it for what it prints before it mounts devtmpfs.
    cpio.device("dev/console", makedev(5, 1));
    cpio.file("init", 0755, agent);
    std::string list;
    std::set<std::string> files;
    for (const InitramfsModule& module : modules) {
        if (!files.insert(module.file).second) return fail(Fault::rig, "the module {} is given twice", module.file);
        cpio.file("modules/" + module.file, 0644, module.image);
        list += module.file + "\n";
    }
    cpio.file("modules/list", 0644, list);
    return cpio.finish();
}

Result<Initramfs> prepare_initramfs(const fs::path& agent, const std::vector<InitramfsModule>& modules,
                                    const fs::path& cache) {
    auto agent_bytes = read_file(agent);
    if (!agent_bytes) return fail_with(agent_bytes.error(), "build the agent for this architecture");
    MEMRIG_TRY(const std::string bytes, build_initramfs(*agent_bytes, modules));
    const std::string hash = Hasher().add(bytes).finish();
    const fs::path directory = cache / "images" / hash;
    MEMRIG_CHECK(make_directories(directory));
    MEMRIG_TRY(const FileLock lock, FileLock::take(directory / ".lock"));
    Initramfs image{directory / "initramfs", hash};
    // Compares all bytes: a full disk or a crash may have left something else there.
    const auto kept = fs::exists(image.path) ? read_file(image.path) : Result<std::string>{};
    if (!kept || *kept != bytes) MEMRIG_CHECK(write_file(image.path, bytes));
    return image;
}

}  // namespace memrig
