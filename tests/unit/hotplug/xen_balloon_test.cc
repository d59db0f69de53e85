// The Xen balloon: what is asked of it, and where the kernel will put the memory.
#include <gtest/gtest.h>

#include "guest/fake_guest_link.h"
#include "hotplug/xen_balloon.h"

namespace memrig {
namespace {

constexpr std::uint64_t kSection = 128ull << 20;

// A dom0 of 512 MiB, as Debian's 6.1 shows it: the part of its memory above 0x20000000 is Xen's gift for what is lost
// below 1 MiB.
constexpr const char* kDom0Iomem =
    "00000000-00000fff : Reserved\n"
    "00001000-0009efff : System RAM\n"
    "0009fc00-000fffff : Reserved\n"
    "  000f0000-000fffff : System ROM\n"
    "00100000-20060fff : System RAM\n"
    "  01000000-01e01d60 : Kernel code\n"
    "b0000000-bfffffff : PCI MMCONFIG 0000 [bus 00-ff]\n"
    "100000000-8ffffffff : PCI Bus 0000:00\n";

TEST(FirstGap, IsAlignedAndLargeEnough) {
    EXPECT_EQ(first_gap(kDom0Iomem, 2 * kSection, kSection), 5 * kSection);
    EXPECT_EQ(first_gap(kDom0Iomem, 17 * kSection, kSection), 5 * kSection) << "up to the PCI window, to the byte";
    EXPECT_EQ(first_gap(kDom0Iomem, 18 * kSection, kSection), 0x900000000) << "nothing follows the last resource";
}

TEST(FirstGap, APartOfAResourceIsNoResource) {
    EXPECT_EQ(first_gap("00000000-7fffffff : RAM\n  f0000000-ffffffff : odd\n80000000-8fffffff : B\n", 1, kSection),
              0x90000000u);
}

TEST(FirstGap, NothingCanBeReadOfGarbage) {
    EXPECT_EQ(first_gap("", kSection, kSection), std::nullopt);
    EXPECT_EQ(first_gap("not a resource\n\n-\n", kSection, kSection), std::nullopt);
    EXPECT_EQ(first_gap("00000000-ffffffffffffffff : all\n", kSection, kSection), std::nullopt);
}

class XenBalloonTest : public ::testing::Test {
protected:
    XenBalloonTest() { agent.files = {{kXenBalloonTarget, "524288\n"}, {"/proc/iomem", kDom0Iomem}}; }
    Result<BalloonRequest> ask(std::uint64_t bytes, std::uint64_t block_bytes = kSection) {
        return ask_xen_balloon(agent, bytes, block_bytes, Deadline::after(std::chrono::seconds(1)));
    }
    FakeGuestLink agent;
};

TEST_F(XenBalloonTest, TheTargetGrowsByWhatIsAsked) {
    const auto request = ask(2 * kSection);
    ASSERT_TRUE(request) << request.error().message;
    EXPECT_EQ(request->target, "786432");
    EXPECT_EQ(request->blocks.first, 5u);
    EXPECT_EQ(request->blocks.last, 6u);
}

TEST_F(XenBalloonTest, OnlyWholeBlocksComeAndGo) {
    for (const std::uint64_t bytes : {std::uint64_t{0}, kSection / 2, kSection + 4096}) {
        const auto request = ask(bytes);
        ASSERT_FALSE(request) << bytes;
        EXPECT_EQ(request.error().fault, Fault::user_input);
    }
    EXPECT_FALSE(ask(kSection, 0)) << "a guest that tells no size of its blocks";
}

TEST_F(XenBalloonTest, AGuestThatSaysNonsenseIsTheGuestsFault) {
    agent.files[kXenBalloonTarget] = "much\n";
    ASSERT_FALSE(ask(kSection));
    EXPECT_EQ(ask(kSection).error().fault, Fault::guest);
    agent.files[kXenBalloonTarget] = "524288\n";
    agent.files["/proc/iomem"] = "00000000-ffffffffffffffff : all\n";
    ASSERT_FALSE(ask(kSection));
    EXPECT_EQ(ask(kSection).error().fault, Fault::guest);
}

}  // namespace
}  // namespace memrig
