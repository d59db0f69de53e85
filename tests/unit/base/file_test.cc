// Files: whole or not at all; locks between processes; directories that remove themselves.
#include <gtest/gtest.h>

#include <csignal>
#include <cstring>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"

namespace memrig {
namespace {

class FileTest : public ::testing::Test {
protected:
    fs::path at(const std::string& name) const { return directory.path() / name; }
    std::size_t entries() const {
        return static_cast<std::size_t>(
            std::distance(fs::directory_iterator(directory.path()), fs::directory_iterator()));
    }
    TemporaryDirectory directory = std::move(*TemporaryDirectory::make("memrig-test"));
};

// Runs `body` in a process of its own; its exit status.
template <class Body>
int in_child(Body body) {
    const pid_t pid = ::fork();
    if (pid == 0) ::_exit(body());
    int status = 0;
    ::waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_F(FileTest, WhatIsWrittenIsRead) {
    const std::string text("a\0b\n\xff", 5);
    ASSERT_TRUE(write_file(at("file"), text));
    EXPECT_EQ(read_file(at("file")), text);
    struct stat st{};
    ASSERT_EQ(::stat(at("file").c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 0777, 0644u);
}

TEST_F(FileTest, WritingReplacesAndLeavesNothingBeside) {
    ASSERT_TRUE(write_file(at("file"), "a longer text"));
    ASSERT_TRUE(write_file(at("file"), "new"));
    EXPECT_EQ(read_file(at("file")), "new");
    EXPECT_EQ(entries(), 1u);
}

TEST_F(FileTest, AReaderKeepsTheOldVersion) {
    ASSERT_TRUE(write_file(at("file"), "old"));
    const Descriptor reader(::open(at("file").c_str(), O_RDONLY | O_CLOEXEC));
    ASSERT_TRUE(write_file(at("file"), "new"));
    char buffer[8];
    const auto n = read_some(reader.get(), buffer);
    EXPECT_EQ(std::string(buffer, n.value_or(0)), "old");
}

TEST_F(FileTest, AFullDiskLeavesTheOldFile) {
    ASSERT_TRUE(write_file(at("file"), "old"));
    const fs::path path = at("file");
    const int verdict = in_child([&] {
        const rlimit small{1000, 1000};  // a write over it fails as one to a full disk does
        std::signal(SIGXFSZ, SIG_IGN);
        if (::setrlimit(RLIMIT_FSIZE, &small) != 0) return 2;
        const auto written = write_file(path, std::string(100'000, 'x'));
        return !written && written.error().fault == Fault::host ? 0 : 1;
    });
    EXPECT_EQ(verdict, 0);
    EXPECT_EQ(read_file(at("file")), "old");
    EXPECT_EQ(entries(), 1u) << "a part is left beside it";
}

TEST_F(FileTest, APathThatCannotBeWrittenIsAnError) {
    const auto nowhere = write_file(at("no/such/file"), "text");
    ASSERT_FALSE(nowhere);
    EXPECT_EQ(nowhere.error().fault, Fault::host);
    ASSERT_TRUE(make_directories(at("directory/below")));
    EXPECT_FALSE(write_file(at("directory"), "text"));
    EXPECT_EQ(entries(), 1u) << "a part is left beside it";
}

TEST_F(FileTest, WhatCannotBeReadIsAnError) {
    EXPECT_FALSE(read_file(at("nothing")));
    const auto directory_read = read_file(directory.path());
    ASSERT_FALSE(directory_read);
    EXPECT_NE(directory_read.error().message.find("is a directory"), std::string::npos);
}

TEST_F(FileTest, ALargerFileIsAnErrorNotATruncatedValue) {
    ASSERT_TRUE(write_file(at("file"), "12345"));
    EXPECT_EQ(read_file(at("file"), 5), "12345");
    const auto read = read_file(at("file"), 4);
    ASSERT_FALSE(read);
    EXPECT_NE(read.error().message.find("larger than 4 bytes"), std::string::npos);
}

TEST_F(FileTest, DirectoriesAreMade) {
    EXPECT_TRUE(make_directories(at("a/b/c")));
    EXPECT_TRUE(make_directories(at("a/b/c")));
    ASSERT_TRUE(write_file(at("file"), ""));
    EXPECT_FALSE(make_directories(at("file/below")));
}

TEST_F(FileTest, FreeSpaceIsOfTheFileSystem) {
    EXPECT_GT(free_space(directory.path()).value_or(0), 0u);
    EXPECT_FALSE(free_space(at("nothing")));
}

TEST_F(FileTest, ALockKeepsOthersOut) {
    const fs::path path = at("lock");
    const auto is_free = [&] {
        return in_child([&] {
                   const Descriptor fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
                   return ::flock(fd.get(), LOCK_SH | LOCK_NB) == 0 ? 1 : 0;
               }) == 1;
    };
    {
        const auto lock = FileLock::take(path);
        ASSERT_TRUE(lock);
        EXPECT_FALSE(is_free());
    }
    EXPECT_TRUE(is_free());
}

TEST_F(FileTest, AnotherProcessGetsTheLockAfterUs) {
    const fs::path path = at("lock"), log = at("log");
    const auto note = [&](const char* text) {
        const Descriptor fd(::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
        return ::write(fd.get(), text, std::strlen(text)) > 0;
    };
    int go[2];  // the child must not have a copy of our lock
    ASSERT_EQ(::pipe2(go, O_CLOEXEC), 0);
    const pid_t child = ::fork();
    if (child == 0) {
        char c = 0;
        const bool told = ::read(go[0], &c, 1) == 1;
        const auto own = FileLock::take(path);
        ::_exit(told && own && note("child ") ? 0 : 1);
    }
    {
        const auto lock = FileLock::take(path);
        EXPECT_TRUE(lock);
        EXPECT_EQ(::write(go[1], "x", 1), 1);
        EXPECT_TRUE(note("parent "));
    }
    int status = -1;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
    EXPECT_EQ(read_file(log), "parent child ");
}

TEST_F(FileTest, ALockThatSomebodyElseHoldsIsToldAtOnce) {
    const fs::path path = at("lock");
    {
        const auto own = FileLock::try_take(path);
        ASSERT_TRUE(own);
        EXPECT_TRUE(own->has_value());
        const auto other = FileLock::try_take(path);
        ASSERT_TRUE(other);
        EXPECT_FALSE(other->has_value());
    }
    EXPECT_TRUE(FileLock::try_take(path).value().has_value());
    EXPECT_FALSE(FileLock::try_take(at("no-such-folder") / "lock"));
}

TEST_F(FileTest, AProcessLockDiesWithItsProcessNotWithItsChildren) {
    const fs::path path = at("lock");
    int taken[2], leave[2];
    ASSERT_EQ(::pipe(taken), 0);
    ASSERT_EQ(::pipe(leave), 0);
    const pid_t owner = ::fork();
    ASSERT_GE(owner, 0);
    if (owner == 0) {
        const auto own = FileLock::try_take_for_process(path);
        const pid_t child = ::fork();
        char byte = own && *own && child >= 0 ? 'y' : 'n';
        if (child != 0 && ::write(taken[1], &byte, 1) == 1) ::pause();
        ::close(leave[1]);
        ::_exit(static_cast<int>(::read(leave[0], &byte, 1)));  // the child: until the test is over
    }
    char byte = 'n';
    ASSERT_EQ(::read(taken[0], &byte, 1), 1);
    EXPECT_EQ(byte, 'y');
    EXPECT_FALSE(FileLock::try_take_for_process(path).value().has_value());
    ::kill(owner, SIGKILL);
    ::waitpid(owner, nullptr, 0);
    EXPECT_TRUE(FileLock::try_take_for_process(path).value().has_value());
    EXPECT_FALSE(FileLock::try_take_for_process(at("no-such-folder") / "lock"));
    for (const int fd : {taken[0], taken[1], leave[0], leave[1]}) ::close(fd);
}

TEST_F(FileTest, ATemporaryDirectoryIsPrivateAndRemovesItself) {
    fs::path path;
    {
        const auto made = TemporaryDirectory::make("prefix", directory.path());
        ASSERT_TRUE(made);
        path = made->path();
        EXPECT_EQ(path.parent_path(), directory.path());
        EXPECT_TRUE(path.filename().string().starts_with("prefix."));
        struct stat st{};
        ASSERT_EQ(::stat(path.c_str(), &st), 0);
        EXPECT_EQ(st.st_mode & 0777, 0700u);
        ASSERT_TRUE(make_directories(path / "a/b"));
        ASSERT_TRUE(write_file(path / "a/b/file", "text"));
    }
    EXPECT_FALSE(fs::exists(path));
}

TEST_F(FileTest, ATemporaryDirectoryCanBeKeptOrMoved) {
    fs::path kept;
    {
        auto made = TemporaryDirectory::make("kept", directory.path());
        ASSERT_TRUE(made);
        TemporaryDirectory moved = std::move(*made);
        EXPECT_TRUE(made->path().empty());
        kept = moved.release();
    }
    EXPECT_TRUE(fs::exists(kept));
    EXPECT_FALSE(TemporaryDirectory::make("prefix", at("nothing")));
}

}  // namespace
}  // namespace memrig
