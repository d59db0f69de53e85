// AgentLink against a scripted peer on the other end of a socket pair.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guest/agent_link.h"
#include "guest/fake_guest_link.h"

namespace memrig {
namespace {

using namespace std::chrono_literals;

Deadline soon() { return Deadline::after(20s); }

const std::string kHello = "protocol=1 release=6.1.0 machine=x86_64 block_bytes=134217728 cpus=3\n";

class AgentLinkTest : public ::testing::Test {
protected:
    void SetUp() override {
        int ends[2];
        ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        peer_ = Descriptor(ends[1]);
        auto link = AgentLink::open(Descriptor(ends[0]), [this](const TranscriptEntry& entry) {
            lines_.push_back(transcript_line(entry, SteadyTime{}));
        });
        ASSERT_TRUE(link);
        link_ = std::move(*link);
    }
    void TearDown() override {
        ::shutdown(peer_.get(), SHUT_RDWR);  // a script that still waits shall fail, not hang
        if (script_.joinable()) script_.join();
    }

    void send_raw(std::string_view bytes) { ASSERT_TRUE(write_all(peer_.get(), bytes, soon())); }
    void send(const Frame& frame) { send_raw(encode_frame(frame)); }

    // The next frame that the link sent.
    Frame receive() {
        for (;;) {
            if (auto frame = decoder_.next()) return *frame;
            char buffer[4096];
            if (const auto wait = wait_readable(peer_.get(), soon()); !wait || *wait != Wait::ready) break;
            const auto n = read_some(peer_.get(), buffer);
            if (!n || *n == 0) break;
            decoder_.feed({buffer, *n});
        }
        ADD_FAILURE() << "nothing came from the link";
        return {};
    }

    // Runs the peer's part beside the test's.
    template <class Script>
    void script(Script run) {
        script_ = std::thread(run);
    }

    Descriptor peer_;
    FrameDecoder decoder_;
    std::unique_ptr<AgentLink> link_;
    std::vector<std::string> lines_;
    std::thread script_;
};

TEST_F(AgentLinkTest, HelloIsAsked) {
    script([this] {
        const Frame request = receive();
        EXPECT_EQ(request.type, FrameType::request);
        EXPECT_EQ(request.payload, "verb=hello\n");
        send({FrameType::hello, request.id, 0, kHello});
    });
    const auto hello = link_->hello(soon());
    ASSERT_TRUE(hello) << hello.error().message;
    EXPECT_EQ(hello->release, "6.1.0");
    EXPECT_EQ(hello->cpus, 3u);
}

TEST_F(AgentLinkTest, HelloIsRepeatedUntilTheAgentIsThere) {
    script([this] {
        const Frame first = receive();
        const Frame second = receive();
        EXPECT_EQ(first, second);
        send_raw("[    1.0] kernel text\n");
        send({FrameType::hello, second.id, 0, kHello});
    });
    EXPECT_TRUE(link_->hello(soon()));
}

TEST_F(AgentLinkTest, AnUnaskedGreetingServesOnce) {
    send({FrameType::hello, 0, 0, kHello});
    send({FrameType::event, 0, 0, "write=racer block=32 code=0\n"});
    ASSERT_TRUE(link_->wait_writes(0, soon()).value()) << "so the greeting has been seen as well";
    EXPECT_TRUE(link_->hello(soon()));
    script([this] { send({FrameType::hello, receive().id, 0, kHello}); });
    EXPECT_TRUE(link_->hello(soon()));
}

TEST_F(AgentLinkTest, HelloOfAnotherVersionIsSaid) {
    std::string later("\xF5MR\xF7\x04\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x9B\x75\x8C\x40", 20);
    send_raw(later);
    const auto hello = link_->hello(Deadline::after(300ms));
    ASSERT_FALSE(hello);
    EXPECT_EQ(hello.error().fault, Fault::rig);
    EXPECT_NE(hello.error().message.find("version 4"), std::string::npos) << hello.error().message;
}

TEST_F(AgentLinkTest, AReplyComesInParts) {
    script([this] {
        const Frame request = receive();
        EXPECT_EQ(request.payload, "verb=blocks encoding=deflate");
        send({FrameType::part, request.id, 0, "block=1 state=online valid_zones=Normal removable=1 node=0\n"});
        send_raw("noise between");
        send({FrameType::part, request.id, 1, "block=0 state=offline valid_zones=none removable=0 node=0\n"});
        send({FrameType::reply, request.id, 2, "status=ok\n"});
    });
    const auto blocks = link_->blocks(soon());
    ASSERT_TRUE(blocks) << blocks.error().message;
    ASSERT_EQ(blocks->size(), 2u);
    EXPECT_EQ((*blocks)[0].state, "offline");
}

TEST_F(AgentLinkTest, ALostPartIsAnErrorAndTheNextRequestGoesOn) {
    script([this] {
        Frame request = receive();
        send({FrameType::part, request.id, 1, "block=1 state=online valid_zones=Normal removable=1 node=0\n"});
        send({FrameType::reply, request.id, 2, "status=ok\n"});
        request = receive();
        send({FrameType::reply, request.id, 1, "status=ok\n"});
        request = receive();
        send({FrameType::reply, request.id, 0, "status=ok\n"});
    });
    for (int i = 0; i < 2; i++) {
        const auto blocks = link_->blocks(soon());
        ASSERT_FALSE(blocks);
        EXPECT_EQ(blocks.error().fault, Fault::rig);
    }
    EXPECT_TRUE(link_->blocks(soon()));
}

TEST_F(AgentLinkTest, GuestErrorsKeepTheirErrno) {
    script([this] {
        const Frame request = receive();
        EXPECT_EQ(request.payload, "verb=write-file path=/sys/x text=a%20b%0A");
        send({FrameType::reply, request.id, 0,
              "status=error code=22 errno=EINVAL doing=write%20/sys/x text=Invalid%20argument\n"});
    });
    const auto status = link_->write_guest_file("/sys/x", "a b\n", soon());
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().fault, Fault::guest);
    EXPECT_EQ(status.error().message, "the guest cannot write /sys/x: Invalid argument (EINVAL)");
}

TEST_F(AgentLinkTest, ADeadlineIsTheGuestsFaultAndALateReplyIsIgnored) {
    const auto none = link_->sysrq('w', Deadline::after(50ms));
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().fault, Fault::guest);
    script([this] {
        const Frame late = receive();
        const Frame request = receive();
        EXPECT_NE(late.id, request.id);
        send({FrameType::part, late.id, 0, "data=stale\n"});
        send({FrameType::reply, late.id, 1, "status=ok\n"});
        send({FrameType::part, request.id, 0, "data=fresh\n"});
        send({FrameType::reply, request.id, 1, "status=ok\n"});
    });
    EXPECT_EQ(link_->read_guest_file("/proc/x", soon()).value(), "fresh");
}

TEST_F(AgentLinkTest, OfAGuestThatHasCrashedNoAnswerIsWaitedForLong) {
    std::atomic<bool> crashed = false;
    link_->shorten_waits_when([&] { return crashed.load(); }, 0s);
    script([&] {
        (void)receive();
        crashed = true;
    });
    const auto answer = link_->blocks(Deadline::after(24h));
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().fault, Fault::guest);
}

TEST_F(AgentLinkTest, OneThatAnswersBesideItsCrashIsHeard) {
    link_->shorten_waits_when([] { return true; }, 20s);
    script([this] { send({FrameType::reply, receive().id, 0, "status=ok\n"}); });
    EXPECT_TRUE(link_->blocks(soon()));
}

// The hvc of a POWER guest drops a NUL behind a carriage return.
TEST_F(AgentLinkTest, ARequestHasNoNulBehindACarriageReturn) {
    std::string path;
    for (unsigned i = 0; path.empty(); i++) {
        const std::string name = "/" + std::to_string(i);
        const std::string bytes =
            encode_frame({FrameType::request, 0, 0, "verb=read-file encoding=deflate path=" + name});
        if (!can_be_carried(bytes.substr(kHeaderBytes))) path = name;
    }
    script([&] {
        const Frame request = receive();
        EXPECT_TRUE(can_be_carried(encode_frame(request)));
        EXPECT_EQ(request.payload.find("verb=read-file encoding=deflate path=" + path + "\n"), 0u)
            << "an empty line changes the checksum";
        send({FrameType::reply, request.id, 0, "status=ok\n"});
    });
    EXPECT_TRUE(link_->read_guest_file(path, soon()));
}

TEST_F(AgentLinkTest, AClosedSocketEndsAWaitAtOnce) {
    script([this] {
        receive();
        ::shutdown(peer_.get(), SHUT_RDWR);
    });
    const auto blocks = link_->blocks(Deadline::after(1h));
    ASSERT_FALSE(blocks);
    EXPECT_EQ(blocks.error().fault, Fault::rig);
    EXPECT_EQ(blocks.error().message, "the agent's channel is gone");
    const auto again = link_->memory(Deadline::after(1h));
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().fault, Fault::rig);
    const auto writes = link_->wait_writes(0, Deadline::after(1h));
    ASSERT_FALSE(writes);
}

TEST_F(AgentLinkTest, WritesAreReportedAndWaitedFor) {
    script([this] {
        send({FrameType::event, 0, 0, "write=racer block=32 code=0\n"});
        send({FrameType::event, 0, 0, "no event that is known\n"});
        send({FrameType::event, 0, 0, "write=racer block=33 code=16\n"});
    });
    ASSERT_TRUE(link_->wait_writes(1, soon()).value());
    const auto writes = link_->writes();
    ASSERT_EQ(writes.size(), 2u);
    EXPECT_EQ(writes[0].block, 32u);
    EXPECT_EQ(writes[0].error, 0);
    EXPECT_EQ(writes[1].error, 16);
    EXPECT_LE(writes[0].seen, writes[1].seen);
    EXPECT_FALSE(link_->wait_writes(2, Deadline::after(1ms)).value());
}

TEST_F(AgentLinkTest, TheDescriptorTellsOfWritesUntilTheyAreRead) {
    EXPECT_EQ(wait_readable(link_->descriptor(), Deadline::after(0ms)).value(), Wait::expired);
    send({FrameType::event, 0, 0, "write=racer block=32 code=0\n"});
    EXPECT_EQ(wait_readable(link_->descriptor(), soon()).value(), Wait::ready);
    EXPECT_EQ(link_->writes().size(), 1u);
    EXPECT_EQ(wait_readable(link_->descriptor(), Deadline::after(0ms)).value(), Wait::expired);
    EXPECT_EQ(link_->writes().size(), 1u) << "they are kept";
}

TEST_F(AgentLinkTest, OnlinersAreOrderedInFull) {
    script([this] {
        Frame request = receive();
        EXPECT_EQ(request.payload,
                  "verb=start-writer\nwriter=racer cpu=2 first=32 last=39 attribute=online value=1 trigger=spin "
                  "doorbell=0");
        send({FrameType::reply, request.id, 0, "status=ok\n"});
        request = receive();
        EXPECT_EQ(request.payload, "verb=stop-writer writer=racer");
        send({FrameType::reply, request.id, 0, "status=ok\n"});
    });
    EXPECT_TRUE(link_->start_writer({"racer", 2, 32, 39, "online", "1", WriterTrigger::spin}, soon()));
    EXPECT_TRUE(link_->stop_writer("racer", soon()));
}

TEST_F(AgentLinkTest, AnArmedOnlinerTellsWhereItsDoorbellIs) {
    script([this] {
        const Frame request = receive();
        EXPECT_TRUE(request.payload.ends_with(" trigger=now doorbell=1")) << request.payload;
        send({FrameType::part, request.id, 0, "doorbell=94210000\n"});
        send({FrameType::reply, request.id, 1, "status=ok\n"});
    });
    const auto doorbell = link_->arm_writer({"racer", 2, 0, 7, "state", "online", WriterTrigger::now}, soon());
    ASSERT_TRUE(doorbell) << doorbell.error().message;
    EXPECT_EQ(doorbell->address, 94210000u);
}

TEST_F(AgentLinkTest, CallersTakeTurns) {
    std::atomic<int> served = 0;
    script([&] {
        for (int i = 0; i < 8; i++) {
            const Frame request = receive();
            pollfd more{peer_.get(), POLLIN, 0};
            EXPECT_EQ(::poll(&more, 1, 0), 0) << "two requests on the wire";
            served++;
            send({FrameType::reply, request.id, 0, "status=ok\n"});
        }
    });
    std::vector<std::thread> callers;
    for (int i = 0; i < 8; i++) callers.emplace_back([&] { EXPECT_TRUE(link_->sysrq('w', soon())); });
    for (auto& caller : callers) caller.join();
    EXPECT_EQ(served, 8);
}

TEST_F(AgentLinkTest, ManyNamesGoInSeveralRequests) {
    script([this] {
        for (int i = 0; i < 3; i++) {
            const Frame request = receive();
            send({FrameType::part, request.id, 0, "ffffffff81000000 T found_" + std::to_string(i) + "\n"});
            send({FrameType::reply, request.id, 1, "status=ok\n"});
        }
    });
    const std::vector<std::string> names(1001, "name");
    const auto symbols = link_->symbols(names, soon());
    ASSERT_TRUE(symbols) << symbols.error().message;
    EXPECT_EQ(symbols->size(), 3u);
    EXPECT_EQ(symbols->back().name, "found_2");
}

TEST_F(AgentLinkTest, ARequestThatIsTooLongIsRefused) {
    const auto status = link_->write_guest_file("/x", std::string(kMaxPayload, 'x'), soon());
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().fault, Fault::rig);
}

TEST_F(AgentLinkTest, TheTranscriptHasBothDirections) {
    script([this] {
        const Frame request = receive();
        send({FrameType::deflated_part, request.id, 0, std::string("\x01\x00\x00\xFF\xFF", 5)});
        send({FrameType::reply, request.id, 1, "status=ok\n"});
    });
    ASSERT_TRUE(link_->symbols({}, soon()));
    link_.reset();
    ASSERT_EQ(lines_.size(), 3u);
    EXPECT_NE(lines_[0].find("> request #"), std::string::npos) << lines_[0];
    EXPECT_NE(lines_[0].find("/0 verb=symbols encoding=deflate"), std::string::npos) << lines_[0];
    EXPECT_NE(lines_[1].find("(5 bytes deflated)"), std::string::npos) << lines_[1];
    EXPECT_NE(lines_[2].find("< reply #"), std::string::npos) << lines_[2];
}

TEST(FakeGuestLink, AnswersAndRemembers) {
    FakeGuestLink fake;
    fake.symbol_table = std::vector<GuestSymbol>{{1, 't', "a"}, {2, 't', "a.isra.0"}, {3, 't', "ab"}};
    fake.files["/proc/x"] = "text";
    fake.on_request = [&](const std::string& request) {
        if (request == "start-writer racer") fake.report({"racer", 32, 0, {}});
    };
    EXPECT_EQ(fake.symbols({"a"}, soon())->size(), 2u);
    EXPECT_EQ(fake.read_guest_file("/proc/x", soon()).value(), "text");
    EXPECT_FALSE(fake.write_guest_file("/proc/y", "", soon()));
    EXPECT_FALSE(fake.wait_writes(0, soon()).value());
    WriterSpec order;
    order.name = "racer";
    EXPECT_TRUE(fake.start_writer(order, soon()));
    EXPECT_TRUE(fake.wait_writes(0, soon()).value());
    EXPECT_EQ(fake.writes().size(), 1u);
    EXPECT_EQ(fake.orders().size(), 1u);
    EXPECT_EQ(fake.requests().front(), "symbols");
}

}  // namespace
}  // namespace memrig
