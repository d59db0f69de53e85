// Descriptors, sockets and the waits on them.
#include <gtest/gtest.h>

#include <thread>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/descriptor.h"
#include "base/file.h"

namespace memrig {
namespace {

using namespace std::chrono_literals;

Deadline soon() { return Deadline::after(60s); }
Deadline at_once() { return Deadline(SteadyTime::min()); }
bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

struct SocketPair {
    Descriptor here, there;
    SocketPair() {
        int ends[2];
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) std::abort();
        here = Descriptor(ends[0]);
        there = Descriptor(ends[1]);
    }
};

TEST(Descriptor, ClosesItself) {
    int number = -1;
    {
        const Descriptor fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
        number = fd.get();
        ASSERT_TRUE(fd.valid() && is_open(number));
    }
    EXPECT_FALSE(is_open(number));
}

TEST(Descriptor, MovesAndLetsGo) {
    Descriptor first(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    const int number = first.get();
    Descriptor second(std::move(first));
    EXPECT_FALSE(first.valid());
    EXPECT_EQ(second.get(), number);
    Descriptor third(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    const int replaced = third.get();
    third = std::move(second);
    EXPECT_FALSE(is_open(replaced));
    EXPECT_EQ(third.get(), number);
    auto& same = third;
    third = std::move(same);
    EXPECT_TRUE(is_open(number));
    EXPECT_EQ(third.release(), number);
    EXPECT_FALSE(third.valid());
    ::close(number);
}

TEST(Sockets, ConnectAndTalk) {
    const auto directory = TemporaryDirectory::make("memrig-test");
    const std::string path = (directory->path() / "socket").string();
    auto listener = listen_unix(path);
    ASSERT_TRUE(listener) << listener.error().message;
    EXPECT_NE(::fcntl(listener->get(), F_GETFD) & FD_CLOEXEC, 0);
    auto client = connect_unix(path, soon());
    ASSERT_TRUE(client) << client.error().message;
    EXPECT_NE(::fcntl(client->get(), F_GETFD) & FD_CLOEXEC, 0);
    const Descriptor server(::accept(listener->get(), nullptr, nullptr));
    ASSERT_TRUE(write_all(client->get(), "hello", soon()));
    char buffer[16];
    EXPECT_EQ(read_some(server.get(), buffer), 5u);
    EXPECT_FALSE(listen_unix(path)) << "the path is taken";
}

TEST(Sockets, ConnectingWaitsForThePathToAppear) {
    const auto directory = TemporaryDirectory::make("memrig-test");
    const std::string path = (directory->path() / "socket").string();
    std::thread later([&] {
        const auto listener = listen_unix(path);
        ASSERT_TRUE(listener);
        const Descriptor server(::accept(listener->get(), nullptr, nullptr));
    });
    EXPECT_TRUE(connect_unix(path, soon()));
    later.join();
}

TEST(Sockets, NoPathByTheDeadlineIsAnError) {
    const auto socket = connect_unix("/nonexistent/socket", at_once());
    ASSERT_FALSE(socket);
    EXPECT_EQ(socket.error().fault, Fault::rig);
}

TEST(Sockets, APathThatNobodyListensOnIsAnErrorAtOnce) {
    const auto directory = TemporaryDirectory::make("memrig-test");
    const std::string path = (directory->path() / "socket").string();
    {
        ASSERT_TRUE(listen_unix(path));
    }
    const auto socket = connect_unix(path, Deadline::after(24h));
    ASSERT_FALSE(socket);
    EXPECT_NE(socket.error().message.find("refused"), std::string::npos) << socket.error().message;
}

TEST(Sockets, APathThatIsTooLongIsAnError) {
    const std::string path = "/" + std::string(200, 'x');
    EXPECT_FALSE(connect_unix(path, soon()));
    EXPECT_FALSE(listen_unix(path));
}

TEST(Waits, ReadyExpiredAndTheEnd) {
    SocketPair pair;
    EXPECT_EQ(wait_readable(pair.here.get(), at_once()), Wait::expired);
    ASSERT_TRUE(write_all(pair.there.get(), "x", soon()));
    EXPECT_EQ(wait_readable(pair.here.get(), Deadline::after(24h)), Wait::ready);
    char buffer[4];
    EXPECT_EQ(read_some(pair.here.get(), buffer), 1u);
    pair.there.close();
    EXPECT_EQ(wait_readable(pair.here.get(), Deadline::after(24h)), Wait::ready);
    EXPECT_EQ(read_some(pair.here.get(), buffer), 0u);
}

TEST(Writes, AreWholeThoughThePeerIsSlow) {
    SocketPair pair;
    const std::string text(4 << 20, 'x');
    std::string got;
    std::thread reader([&] {
        std::vector<char> buffer(5000);
        for (;;) {
            const auto n = read_some(pair.there.get(), buffer);
            if (!n || *n == 0) return;
            got.append(buffer.data(), *n);
        }
    });
    EXPECT_TRUE(write_all(pair.here.get(), text, soon()));
    pair.here.close();
    reader.join();
    EXPECT_EQ(got.size(), text.size());
}

TEST(Writes, APeerThatDoesNotReadIsAnError) {
    SocketPair pair;
    const auto written = write_all(pair.here.get(), std::string(64 << 20, 'x'), at_once());
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().message, "the peer does not read what we send");
}

TEST(Writes, APeerThatIsGoneIsAnErrorNotASignal) {
    SocketPair pair;
    pair.there.close();
    const auto written = write_all(pair.here.get(), "x", soon());
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().fault, Fault::rig);
}

TEST(Reads, OfNoDescriptorAreAnError) {
    char buffer[4];
    EXPECT_FALSE(read_some(-1, buffer));
}

TEST(Deadline, LongPastOrFarAway) {
    EXPECT_TRUE(at_once().expired());
    EXPECT_EQ(at_once().remaining(), Duration::zero());
    EXPECT_EQ(at_once().poll_ms(), 0);
    const Deadline far(SteadyTime::max());
    EXPECT_FALSE(far.expired());
    EXPECT_GT(far.remaining(), 24h);
    EXPECT_EQ(far.poll_ms(), std::numeric_limits<int>::max());
    EXPECT_TRUE(far.earlier(at_once()).expired());
    EXPECT_TRUE(at_once().earlier(far).expired());
}

}  // namespace
}  // namespace memrig
