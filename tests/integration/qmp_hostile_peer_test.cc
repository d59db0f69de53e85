// The QMP client against servers that break the rules. None may crash it, hang it or fill its memory.
#include <array>
#include <functional>
#include <future>
#include <thread>

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "base/descriptor.h"
#include "base/file.h"
#include "qmp/event_queue.h"
#include "qmp/qmp_client.h"

namespace memrig {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

Deadline long_enough() { return Deadline::after(30s); }

bool any(const QmpEvent&) { return true; }

constexpr const char* kGreeting =
    "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 0, \"minor\": 2, \"major\": 7}, \"package\": \"\"}, "
    "\"capabilities\": []}}\r\n";

// One end of a connection, from the server's side.
class Peer {
public:
    explicit Peer(Descriptor socket) : socket_(std::move(socket)) {}

    void say(std::string_view text) const { std::ignore = write_all(socket_.get(), text, long_enough()); }
    // The next message; empty when the client is gone.
    std::string hear() {
        for (;;) {
            if (json::accept(heard_)) return std::exchange(heard_, {});
            std::array<char, 4096> buffer{};
            if (!wait_readable(socket_.get(), long_enough())) return {};
            const auto count = read_some(socket_.get(), buffer);
            if (!count || *count == 0) return {};
            heard_.append(buffer.data(), *count);
        }
    }
    // Answers the next command with `answer`, in which ID stands for its id. Returns the command.
    std::string answer(std::string text) {
        const std::string command = hear();
        const auto message = json::parse(command, nullptr, false);
        if (message.is_discarded()) return {};
        if (const auto at = text.find("ID"); at != std::string::npos) text.replace(at, 2, message["id"].dump());
        say(text + "\r\n");
        return message["execute"];
    }
    void greet() {
        say(kGreeting);
        // qemu.qmp sends this one without an id.
        hear();
        say("{\"return\": {}}\r\n");
    }
    void wait_until_gone() {
        while (!hear().empty()) continue;
    }

private:
    Descriptor socket_;
    std::string heard_;
};

// Serves one client by `script`, on a thread.
class Server {
public:
    explicit Server(std::function<void(Peer)> script)
        : directory_(TemporaryDirectory::make("memrig-qmp-test").value()), listener_(listen_unix(socket()).value()) {
        thread_ = std::jthread([this, script = std::move(script)] {
            if (!wait_readable(listener_.get(), long_enough())) return;
            Descriptor client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
            if (client.valid()) script(Peer(std::move(client)));
        });
    }
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    // Ends the wait for a client that never came, where a test fails early.
    ~Server() { ::shutdown(listener_.get(), SHUT_RDWR); }
    std::string socket() const { return (directory_.path() / "qmp").string(); }
    std::unique_ptr<QmpClient> connect() const {
        auto client = connect_qmp(socket(), long_enough());
        if (!client) throw std::runtime_error(client.error().line());
        return std::move(*client);
    }

private:
    TemporaryDirectory directory_;
    Descriptor listener_;
    std::jthread thread_;
};

// The error of connecting to a server that says `text` and hangs up.
std::string failure_to_connect(const std::string& text) {
    const Server server([&](const Peer& peer) { peer.say(text); });
    const auto client = connect_qmp(server.socket(), long_enough());
    if (client) return "no failure";
    EXPECT_EQ(client.error().fault, Fault::rig);
    return client.error().message;
}

// The error of waits and commands if the server says the line `text` once all is set up, and stays.
QmpFault failure_after(const std::string& text) {
    const Server server([&](Peer peer) {
        peer.greet();
        peer.say(text + "\r\n");
        peer.wait_until_gone();
    });
    const auto qmp = server.connect();
    const auto event = qmp->wait_event(any, 0, long_enough());
    const auto command = qmp->execute("query-status", {}, long_enough());
    EXPECT_FALSE(event);
    EXPECT_FALSE(command);
    if (event || command) return QmpFault::deadline;
    EXPECT_EQ(event.error().fault, command.error().fault) << event.error().description << command.error().description;
    return event.error().fault;
}

// The outcome of a command that the server answers with `text`, and of the next one, answered well.
struct Outcomes {
    QmpResult<json> first, second;
};
Outcomes outcomes_of(const std::string& text) {
    const Server server([&](Peer peer) {
        peer.greet();
        peer.answer(text);
        peer.answer(R"({"return": {"fine": true}, "id": ID})");
        peer.wait_until_gone();
    });
    const auto qmp = server.connect();
    auto first = qmp->execute("one", {}, long_enough());
    auto second = qmp->execute("two", {}, long_enough());
    return {std::move(first), std::move(second)};
}

TEST(QmpHostilePeer, Greetings) {
    EXPECT_NE(failure_to_connect("").find("lost"), std::string::npos);
    EXPECT_NE(failure_to_connect("{\"QMP\": {").find("lost"), std::string::npos);
    for (const char* text : {"SSH-2.0-OpenSSH_9.2\r\n", "[]\r\n", "{}\r\n", "{\"QMP\": 3}\r\n", "{\"QMP\": {}}\r\n",
                             "\xff\xfe\x80\r\n", "\r\n", "null\r\n"})
        EXPECT_NE(failure_to_connect(text).find("does not speak QMP"), std::string::npos) << text;
    EXPECT_NE(failure_to_connect(std::string(900, '[') + std::string(100'000, '[') + "\r\n").find("QMP"),
              std::string::npos);
}

TEST(QmpHostilePeer, SaysNothing) {
    const Server server([](Peer peer) { peer.wait_until_gone(); });
    const auto client = connect_qmp(server.socket(), Deadline::after(50ms));
    ASSERT_FALSE(client);
    EXPECT_EQ(client.error().fault, Fault::rig);
    EXPECT_NE(client.error().message.find("no greeting in time"), std::string::npos) << client.error().message;
}

TEST(QmpHostilePeer, RefusesToNegotiate) {
    const Server server([](Peer peer) {
        peer.say(kGreeting);
        peer.hear();
        peer.say(R"({"error": {"class": "GenericError", "desc": "no"}})"
                 "\r\n");
        peer.wait_until_gone();
    });
    const auto client = connect_qmp(server.socket(), long_enough());
    ASSERT_FALSE(client);
    EXPECT_NE(client.error().message.find("does not speak QMP"), std::string::npos) << client.error().message;
}

TEST(QmpHostilePeer, TurnsToNonsense) {
    const std::string deep = std::string(500, '[') + std::string(500, ']');
    for (const std::string& text : std::vector<std::string>{
             "nonsense", "[1]", "\xff", R"({"event": 7})", R"({"event": "STOP"})",
             R"({"error": {"class": "GenericError", "desc": "JSON parse error"}})",
             R"({"event": "X", "timestamp": {"seconds": 1, "microseconds": 1}, "data": {"a": )" + deep + "}}",
             std::string(100'000, '['), R"({"a": )" + std::string(10'000, '9') + "}"})
        EXPECT_EQ(failure_after(text), QmpFault::protocol) << text.substr(0, 100);
}

TEST(QmpHostilePeer, SendsALineWithoutEnd) {
    EXPECT_EQ(failure_after(std::string(24u << 20, 'x')), QmpFault::protocol);
}

TEST(QmpHostilePeer, DiesInMidMessage) {
    const Server server([](Peer peer) {
        peer.greet();
        peer.say(R"({"event": "ST)");
    });
    const auto qmp = server.connect();
    EXPECT_EQ(qmp->wait_event(any, 0, long_enough()).error().fault, QmpFault::transport);
}

TEST(QmpHostilePeer, MalformedAnswersAreThatCommandsFailure) {
    for (const char* text :
         {R"({"id": ID})", R"({"id": ID, "error": 5})", R"({"id": ID, "error": {"class": 1, "desc": 2}})",
          R"({"id": ID, "return": "\ud800"})", R"({"id": ID, "return": NaN})"}) {
        const auto [first, second] = outcomes_of(text);
        ASSERT_FALSE(first) << text;
        EXPECT_EQ(first.error().fault, QmpFault::protocol) << text;
        ASSERT_TRUE(second) << text << second.error().description;
        EXPECT_EQ((*second)["fine"], true);
    }
}

TEST(QmpHostilePeer, HalfASurrogatePairInADescription) {
    const auto [first, second] =
        outcomes_of(R"({"id": ID, "error": {"class": "Generic\udc00Error", "desc": "a\ud800b"}})");
    ASSERT_FALSE(first);
    EXPECT_EQ(first.error().fault, QmpFault::refused);
    EXPECT_EQ(first.error().description, "a\\ud800b");
    EXPECT_TRUE(second);
}

TEST(QmpHostilePeer, AnswersToNobodyAreDropped) {
    const auto [first, second] = outcomes_of("{\"return\": {}, \"id\": \"other\"}\r\n{\"return\": 5, \"id\": ID}");
    ASSERT_TRUE(first) << first.error().description;
    EXPECT_EQ(*first, 5);
    EXPECT_TRUE(second);
}

TEST(QmpHostilePeer, FloodsWithEvents) {
    constexpr int kCount = 20'000;
    const Server server([](Peer peer) {
        peer.greet();
        std::string flood;
        for (int i = 0; i < kCount; i++)
            flood += R"({"event": "E", "timestamp": {"seconds": 1, "microseconds": 1}})"
                     "\r\n";
        peer.say(flood);
        peer.answer(R"({"return": {}, "id": ID})");
        peer.wait_until_gone();
    });
    const auto qmp = server.connect();
    EXPECT_TRUE(qmp->execute("after-the-flood", {}, long_enough()));
    const auto events = qmp->events();
    EXPECT_EQ(events.size(), EventQueue::kCapacity);
    EXPECT_EQ(events.back().sequence, static_cast<std::uint64_t>(kCount));
}

TEST(QmpHostilePeer, DoesNotReadWhatWeSend) {
    std::promise<void> over;
    const Server server([&](Peer peer) {
        peer.greet();
        over.get_future().wait();
    });
    auto qmp = server.connect();
    const auto late = qmp->execute("take", {{"this", std::string(2u << 20, 'x')}}, Deadline::after(100ms));
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().fault, QmpFault::deadline);
    const SteadyTime begin = std::chrono::steady_clock::now();
    qmp.reset();
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 900ms);
    over.set_value();
}

TEST(QmpHostilePeer, TheClientIsDestroyedWithACommandInFlight) {
    std::promise<void> heard;
    const Server server([&](Peer peer) {
        peer.greet();
        peer.hear();
        heard.set_value();
        peer.wait_until_gone();
    });
    auto qmp = server.connect();
    auto command = std::async(std::launch::async, [&] { return qmp->execute("never-answered", {}, long_enough()); });
    heard.get_future().wait();
    std::unique_ptr<QmpClient> doomed = std::move(qmp);
    doomed.reset();
    const auto outcome = command.get();
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().fault, QmpFault::transport);
}

TEST(QmpHostilePeer, OffersNoOutOfBand) {
    const Server server([](Peer peer) {
        peer.greet();
        peer.wait_until_gone();
    });
    const auto qmp = server.connect();
    EXPECT_FALSE(qmp->out_of_band());
    const auto refused = qmp->execute_out_of_band("query-yank", {}, long_enough());
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().fault, QmpFault::refused);
}

}  // namespace
}  // namespace memrig
