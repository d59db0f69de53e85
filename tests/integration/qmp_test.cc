// The QMP client against a real QEMU.
#include <atomic>
#include <csignal>
#include <future>
#include <latch>
#include <thread>

#include <gtest/gtest.h>

#include "base/descriptor.h"
#include "base/file.h"
#include "base/process.h"
#include "base/stop_request.h"
#include "qmp/python_runtime.h"
#include "qmp/qmp_client.h"

namespace memrig {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

Deadline qmp_long_enough() { return Deadline::after(30s); }

auto named(const char* name) {
    return [name](const QmpEvent& seen) { return seen.name == name; };
}

// A QEMU without a machine, paused, with a monitor.
class Qemu {
public:
    Qemu() : directory_(TemporaryDirectory::make("memrig-qmp-test").value()) {
        // QEMU gets a socket that listens already: one of its own would refuse clients between bind() and listen().
        // Why wait=on: see connect_qmp().
        const Descriptor listener = listen_unix(socket()).value();
        process_.emplace(Process::spawn({.argv = {"qemu-system-x86_64", "-machine", "none", "-nodefaults", "-display",
                                                  "none", "-S", "-chardev", "socket,id=qmp,fd=3,server=on,wait=on",
                                                  "-mon", "chardev=qmp,mode=control"},
                                         .output = directory_.path() / "output",
                                         .inherit = {{listener.get(), 3}},
                                         .environment = {}})
                             .value());
    }

    std::string socket() const { return (directory_.path() / "qmp").string(); }
    std::unique_ptr<QmpClient> connect() const {
        auto client = connect_qmp(socket(), qmp_long_enough());
        if (!client) throw std::runtime_error(client.error().line());
        return std::move(*client);
    }
    Process& process() { return *process_; }
    void signal(int number) const { ::kill(process_->pid(), number); }

private:
    TemporaryDirectory directory_;
    std::optional<Process> process_;
};

TEST(Qmp, AnswersACommand) {
    const Qemu qemu;
    const auto qmp = qemu.connect();
    const auto status = qmp->execute("query-status", {}, qmp_long_enough());
    ASSERT_TRUE(status) << status.error().description;
    EXPECT_EQ((*status)["running"], false);
    EXPECT_EQ((*status)["status"], "prelaunch");
}

TEST(Qmp, ReadsALargeAnswer) {
    const Qemu qemu;
    const auto schema = qemu.connect()->execute("query-qmp-schema", {}, qmp_long_enough());
    ASSERT_TRUE(schema) << schema.error().description;
    EXPECT_GT(schema->size(), 500u);
}

TEST(Qmp, TellsARefusalByClassAndDescription) {
    const Qemu qemu;
    const auto qmp = qemu.connect();
    const auto refused = qmp->execute("device_del", {{"id", "no-such-device"}}, qmp_long_enough());
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().fault, QmpFault::refused);
    EXPECT_EQ(refused.error().error_class, "DeviceNotFound");
    EXPECT_NE(refused.error().description.find("no-such-device"), std::string::npos);

    const auto unknown = qmp->execute("no-such-command", {}, qmp_long_enough());
    ASSERT_FALSE(unknown);
    EXPECT_EQ(unknown.error().fault, QmpFault::refused);
    EXPECT_EQ(unknown.error().error_class, "CommandNotFound");
    EXPECT_TRUE(qmp->execute("query-status", {}, qmp_long_enough()));
}

TEST(Qmp, StampsEvents) {
    using std::chrono::microseconds;
    const Qemu qemu;
    const auto qmp = qemu.connect();
    const auto wall = [] {
        return std::chrono::duration_cast<microseconds>(std::chrono::system_clock::now().time_since_epoch());
    };
    const microseconds before = wall();
    const SteadyTime begin = std::chrono::steady_clock::now();
    ASSERT_TRUE(qmp->execute("cont", {}, qmp_long_enough()));
    ASSERT_TRUE(qmp->execute("stop", {}, qmp_long_enough()));
    const auto resume = qmp->wait_event(named("RESUME"), 0, qmp_long_enough());
    ASSERT_TRUE(resume) << resume.error().description;
    const auto stop = qmp->wait_event(named("STOP"), resume->sequence, qmp_long_enough());
    ASSERT_TRUE(stop) << stop.error().description;
    EXPECT_GE(resume->stamp, before);
    EXPECT_GE(stop->stamp, resume->stamp);
    EXPECT_LE(stop->stamp, wall());
    EXPECT_GE(resume->seen, begin);
    EXPECT_GE(stop->seen, resume->seen);
    EXPECT_EQ(qmp->events().size(), 2u);
}

TEST(Qmp, ExecutesOutOfBand) {
    const Qemu qemu;
    const auto qmp = qemu.connect();
    ASSERT_TRUE(qmp->out_of_band());
    const auto yank = qmp->execute_out_of_band("query-yank", {}, qmp_long_enough());
    ASSERT_TRUE(yank) << yank.error().description;
    EXPECT_TRUE(yank->is_array());
    // Most commands may not run so, and QEMU says it.
    const auto status = qmp->execute_out_of_band("query-status", {}, qmp_long_enough());
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().fault, QmpFault::refused);
}

TEST(Qmp, WaitsForAnEventUntilTheDeadline) {
    const Qemu qemu;
    const auto qmp = qemu.connect();
    const SteadyTime begin = std::chrono::steady_clock::now();
    const auto none = qmp->wait_event(named("RESUME"), 0, Deadline::after(50ms));
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().fault, QmpFault::deadline);
    EXPECT_GE(std::chrono::steady_clock::now() - begin, 50ms);
}

TEST(Qmp, KeepsTheTranscript) {
    const Qemu qemu;
    const auto qmp = qemu.connect();
    ASSERT_TRUE(qmp->execute("cont", {}, qmp_long_enough()));
    ASSERT_TRUE(qmp->wait_event(named("RESUME"), 0, qmp_long_enough()));
    const auto lines = qmp->transcript();
    ASSERT_EQ(lines.size(), 6u);  // greeting, two commands, two answers, an event
    EXPECT_TRUE(json::parse(lines[0].text).contains("QMP"));
    EXPECT_TRUE(lines[1].sent);
    EXPECT_EQ(json::parse(lines[1].text)["execute"], "qmp_capabilities");
    EXPECT_TRUE(json::parse(lines[2].text).contains("return"));
    EXPECT_TRUE(lines[3].sent);
    EXPECT_EQ(json::parse(lines[3].text)["execute"], "cont");
    for (std::size_t i = 1; i < lines.size(); i++) EXPECT_GE(lines[i].at, lines[i - 1].at);
}

TEST(Qmp, SeesQemuQuit) {
    const Qemu qemu;
    const auto qmp = qemu.connect();
    EXPECT_TRUE(qmp->execute("quit", {}, qmp_long_enough()));
    EXPECT_TRUE(qmp->wait_event(named("SHUTDOWN"), 0, qmp_long_enough()));
    const auto none = qmp->wait_event(named("RESET"), 0, qmp_long_enough());
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().fault, QmpFault::transport);
}

TEST(Qmp, TellsPromptlyThatQemuWasKilled) {
    Qemu qemu;
    const auto qmp = qemu.connect();
    std::latch waiting(1);
    auto waiter = std::async(std::launch::async, [&] {
        waiting.count_down();
        return qmp->wait_event(named("RESUME"), 0, qmp_long_enough());
    });
    waiting.wait();
    qemu.process().kill();
    const SteadyTime begin = std::chrono::steady_clock::now();
    const auto none = waiter.get();
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 2s);
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().fault, QmpFault::transport);
    const auto after = qmp->execute("query-status", {}, qmp_long_enough());
    ASSERT_FALSE(after);
    EXPECT_EQ(after.error().fault, QmpFault::transport);
}

TEST(Qmp, ACommandInFlightFailsWhenQemuIsKilled) {
    Qemu qemu;
    const auto qmp = qemu.connect();
    qemu.signal(SIGSTOP);
    auto command = std::async(std::launch::async, [&] { return qmp->execute("query-status", {}, qmp_long_enough()); });
    while (qmp->transcript().back().text.find("query-status") == std::string::npos) std::this_thread::yield();
    qemu.process().kill();
    const auto outcome = command.get();
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().fault, QmpFault::transport);
}

TEST(Qmp, GivesUpOnAStuckQemu) {
    const Qemu qemu;
    auto qmp = qemu.connect();
    qemu.signal(SIGSTOP);
    const auto late = qmp->execute("query-status", {}, Deadline::after(50ms));
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().fault, QmpFault::deadline);
    EXPECT_NE(late.error().description.find("query-status"), std::string::npos);
    qemu.signal(SIGCONT);
    // The late answer is not taken for the next one's.
    EXPECT_TRUE(qmp->execute("query-version", {}, qmp_long_enough())->contains("qemu"));

    qemu.signal(SIGSTOP);
    EXPECT_FALSE(qmp->execute("query-status", {}, Deadline::after(1ms)));
    const SteadyTime begin = std::chrono::steady_clock::now();
    qmp.reset();
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 900ms);
}

TEST(Qmp, LeavesTheMonitorFreeForTheNextClient) {
    const Qemu qemu;
    for (int i = 0; i < 5; i++) EXPECT_TRUE(qemu.connect()->execute("query-status", {}, qmp_long_enough()));
}

TEST(Qmp, ServesManyThreads) {
    constexpr int kQemus = 2;
    constexpr int kThreads = 3;  // for each
    constexpr int kCommands = 50;
    std::vector<std::future<int>> threads;
    const std::vector<Qemu> qemus(kQemus);
    std::vector<std::unique_ptr<QmpClient>> clients;
    clients.reserve(kQemus);
    for (const Qemu& qemu : qemus) clients.push_back(qemu.connect());
    for (const auto& client : clients)
        for (int i = 0; i < kThreads; i++)
            threads.push_back(std::async(std::launch::async, [&client] {
                int answered = 0;
                std::uint64_t seen = 0;
                for (int n = 0; n < kCommands; n++) {
                    answered += client->execute("query-status", {}, qmp_long_enough()).has_value() ? 1 : 0;
                    std::ignore = client->execute(n % 2 == 0 ? "cont" : "stop", {}, qmp_long_enough());
                    if (const auto event =
                            client->wait_event([](const QmpEvent&) { return true; }, seen, Deadline::after(1ms)))
                        seen = event->sequence;
                }
                return answered;
            }));
    for (auto& thread : threads) EXPECT_EQ(thread.get(), kCommands);
}

TEST(Qmp, SaysThatNobodyListens) {
    const auto client = connect_qmp("/nonexistent/qmp", Deadline::after(20ms));
    ASSERT_FALSE(client);
    EXPECT_EQ(client.error().fault, Fault::rig);
    EXPECT_NE(client.error().message.find("/nonexistent/qmp"), std::string::npos);
}

// These change the whole process, so each has one of its own.
class QmpProcessTest : public testing::Test {
protected:
    QmpProcessTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(QmpProcessTest, CtrlCEndsWaits) {
    const auto scene = [] {
        install_signal_handlers();
        const Qemu qemu;
        const auto qmp = qemu.connect();
        qemu.signal(SIGSTOP);
        auto event =
            std::async(std::launch::async, [&] { return qmp->wait_event(named("RESUME"), 0, qmp_long_enough()); });
        auto command =
            std::async(std::launch::async, [&] { return qmp->execute("query-status", {}, qmp_long_enough()); });
        while (qmp->transcript().back().text.find("query-status") == std::string::npos) std::this_thread::yield();
        ::kill(::getpid(), SIGINT);
        const SteadyTime begin = std::chrono::steady_clock::now();
        const auto no_event = event.get();
        const auto no_answer = command.get();
        const bool prompt = std::chrono::steady_clock::now() - begin < 1s;
        const bool told = !no_event && no_event.error().fault == QmpFault::interrupted && !no_answer &&
                          no_answer.error().fault == QmpFault::interrupted &&
                          no_answer.error().error().fault == Fault::interrupted;
        return prompt && told ? 0 : 1;
    };
    EXPECT_EXIT(std::exit(scene()), testing::ExitedWithCode(0), "");
}

TEST_F(QmpProcessTest, AnyThreadMayStartPythonAndEnd) {
    const auto scene = [] {
        const Qemu one;
        const Qemu other;
        const auto asks = [](const Qemu& qemu) {
            return qemu.connect()->execute("query-status", {}, qmp_long_enough()).has_value();
        };
        std::atomic<int> answers = 0;
        {
            const std::jthread first([&] { answers += asks(one) ? 1 : 0; });
            const std::jthread second([&] { answers += asks(other) ? 1 : 0; });
        }
        answers += asks(one) ? 1 : 0;
        return answers == 3 ? 0 : 1;
    };
    EXPECT_EXIT(std::exit(scene()), testing::ExitedWithCode(0), "");
}

TEST_F(QmpProcessTest, AClientMayOutliveMain) {
    const auto scene = [] {
        static const Qemu qemu;
        static const std::unique_ptr<QmpClient> qmp = qemu.connect();
        return qmp->execute("query-status", {}, qmp_long_enough()) ? 0 : 1;
    };
    EXPECT_EXIT(std::exit(scene()), testing::ExitedWithCode(0), "");
}

TEST_F(QmpProcessTest, TheUsersPythonSettingsDoNotMatter) {
    const auto scene = [] {
        for (const char* name : {"PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP"}) ::setenv(name, "/nonexistent", 1);
        const Qemu qemu;
        return qemu.connect()->out_of_band() ? 0 : 1;
    };
    EXPECT_EXIT(std::exit(scene()), testing::ExitedWithCode(0), "");
}

TEST_F(QmpProcessTest, SaysWhatToDoWithoutQemuQmp) {
    const auto scene = [] {
        const auto home = TemporaryDirectory::make("memrig-qmp-test").value();
        if (!make_directories(home.path() / "rig") ||
            !write_file(home.path() / "rig" / "qmp.py", "import qemu.no_such\n"))
            return 2;
        ::setenv("MEMRIG_HOME", home.path().c_str(), 1);
        const Status status = start_python();
        const bool told = !status && status.error().fault == Fault::host && status.error().remedy == "run tools/setup";
        return told && !start_python() ? 0 : 1;  // the second call says the same, and starts nothing
    };
    EXPECT_EXIT(std::exit(scene()), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace memrig
