#include <gtest/gtest.h>

#include <map>
#include <memory>

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>

#include "base/file.h"
#include "guest/initramfs.h"

namespace memrig {
namespace {

struct Member {
    mode_t mode;
    std::string bytes;
};

// The members of an archive, read back by libarchive.
std::map<std::string, Member> members(const std::string& bytes, std::vector<std::string>* order = nullptr) {
    std::map<std::string, Member> found;
    const std::unique_ptr<struct archive, decltype(&archive_read_free)> reader(archive_read_new(), archive_read_free);
    archive_read_support_format_cpio(reader.get());
    EXPECT_EQ(archive_read_open_memory(reader.get(), bytes.data(), bytes.size()), ARCHIVE_OK);
    struct archive_entry* entry = nullptr;
    while (archive_read_next_header(reader.get(), &entry) == ARCHIVE_OK) {
        const std::string path = archive_entry_pathname(entry);
        std::string content(static_cast<std::size_t>(archive_entry_size(entry)), '\0');
        const la_ssize_t read = archive_read_data(reader.get(), content.data(), content.size());
        EXPECT_EQ(read, static_cast<la_ssize_t>(content.size()));
        EXPECT_EQ(archive_entry_mtime(entry), 0);
        EXPECT_EQ(archive_entry_uid(entry), 0);
        EXPECT_TRUE(found.emplace(path, Member{archive_entry_mode(entry), content}).second) << path << " twice";
        if (order != nullptr) order->push_back(path);
    }
    return found;
}

TEST(Initramfs, HoldsTheAgentAndTheModulesInOrder) {
    const auto bytes =
        build_initramfs("agent's bytes", {{"virtio_ring.ko", "one"}, {"virtio.ko", std::string(5000, 'v')}});
    ASSERT_TRUE(bytes) << bytes.error().message;
    EXPECT_TRUE(bytes->starts_with("070701")) << "newc";
    std::vector<std::string> order;
    const auto found = members(*bytes, &order);
    EXPECT_EQ(order.front(), "dev") << "a directory comes before what is in it";
    ASSERT_TRUE(found.contains("init"));
    EXPECT_EQ(found.at("init").bytes, "agent's bytes");
    EXPECT_EQ(found.at("init").mode, static_cast<mode_t>(S_IFREG | 0755));
    EXPECT_EQ(found.at("modules/list").bytes, "virtio_ring.ko\nvirtio.ko\n");
    EXPECT_EQ(found.at("modules/virtio.ko").bytes, std::string(5000, 'v'));
    EXPECT_TRUE(S_ISCHR(found.at("dev/console").mode));
    for (const char* directory : {"dev", "proc", "sys", "modules"})
        EXPECT_TRUE(S_ISDIR(found.at(directory).mode)) << directory;
}

TEST(Initramfs, TheSameInputMakesTheSameBytes) {
    const std::vector<InitramfsModule> modules = {{"a.ko", "x"}};
    EXPECT_EQ(build_initramfs("agent", modules).value(), build_initramfs("agent", modules).value());
    EXPECT_NE(build_initramfs("agent", modules).value(), build_initramfs("agenT", modules).value());
}

TEST(Initramfs, TheOrderOfModulesCounts) {
    EXPECT_NE(build_initramfs("agent", {{"a.ko", "x"}, {"b.ko", "y"}}).value(),
              build_initramfs("agent", {{"b.ko", "y"}, {"a.ko", "x"}}).value());
}

TEST(Initramfs, AModuleTwiceIsRefused) { EXPECT_FALSE(build_initramfs("agent", {{"a.ko", "x"}, {"a.ko", "x"}})); }

TEST(Initramfs, IsCachedAndRepaired) {
    auto work = TemporaryDirectory::make("initramfs-test");
    ASSERT_TRUE(work);
    const fs::path agent = work->path() / "agent";
    ASSERT_TRUE(write_file(agent, "agent"));
    const auto first = prepare_initramfs(agent, {}, work->path());
    ASSERT_TRUE(first) << first.error().message;
    EXPECT_EQ(first->path, work->path() / "images" / first->hash / "initramfs");
    const auto written = fs::last_write_time(first->path);
    EXPECT_EQ(prepare_initramfs(agent, {}, work->path())->hash, first->hash);
    EXPECT_EQ(fs::last_write_time(first->path), written) << "written again for nothing";
    ASSERT_TRUE(write_file(first->path, "half of it"));
    ASSERT_TRUE(prepare_initramfs(agent, {}, work->path()));
    EXPECT_EQ(members(read_file(first->path).value()).at("init").bytes, "agent");
    ASSERT_TRUE(write_file(agent, "another agent"));
    EXPECT_NE(prepare_initramfs(agent, {}, work->path())->hash, first->hash);
}

TEST(Initramfs, WithoutAnAgentItSaysWhatToDo) {
    auto work = TemporaryDirectory::make("initramfs-test");
    ASSERT_TRUE(work);
    const auto image = prepare_initramfs(work->path() / "none", {}, work->path());
    ASSERT_FALSE(image);
    EXPECT_EQ(image.error().fault, Fault::host);
    EXPECT_FALSE(image.error().remedy.empty());
}

}  // namespace
}  // namespace memrig
