// Exact accounting: a memory that adds up, and each way in which it does not, one at a time.
#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "hotplug/accounting.h"
#include "hotplug/snapshot_json.h"

namespace memrig {
namespace {

constexpr std::uint64_t kBlockBytes = 128ull << 20;
constexpr std::uint64_t kPages = kBlockBytes / 4096;
constexpr std::uint64_t kBlockKb = kBlockBytes / 1024;

MemoryBlock block(std::uint64_t id, const std::string& state = "online", const std::string& zones = "Normal",
                  int node = 0) {
    return {id, state, zones, node, true};
}

ZoneFigures zone(const std::string& name, std::uint64_t present, int node = 0) {
    ZoneFigures figures;
    figures.node = node;
    figures.zone = name;
    figures.present = present;
    return figures;
}

class AccountingTest : public ::testing::Test {
protected:
    // Four blocks of 128 MiB, and two more afterwards.
    AccountingTest() {
        before.blocks = {block(0, "online", "DMA32"), block(1, "online", "DMA32"), block(2),
                         block(3, "offline", "Normal Movable")};
        before.figures.zones = {zone("DMA", 3998), zone("DMA32", 100'000), zone("Normal", 0), zone("Movable", 0)};
        before.figures.meminfo = {{"MemTotal", 400'000}, {"MemFree", 300'000}};
        after = before;
        after.blocks.push_back(block(32));
        after.blocks.push_back(block(33));
        zone_of_after("Normal").present += 2 * kPages;
        after.figures.meminfo["MemTotal"] += 2 * kBlockKb;
    }
    ZoneFigures& zone_of_after(const std::string& name) {
        return *std::ranges::find(after.figures.zones, name, &ZoneFigures::zone);
    }
    MemoryBlock& block_after(std::uint64_t id) { return *std::ranges::find(after.blocks, id, &MemoryBlock::id); }
    std::vector<std::string> check() { return check_blocks(before, after, order); }
    using Lines = std::vector<std::string>;

    MemorySnapshot before, after;
    AccountingSpec order{all_online({32, 33}), kBlockBytes};
};

TEST_F(AccountingTest, WhatAddsUpIsRight) { EXPECT_EQ(check(), Lines{}); }

TEST_F(AccountingTest, FreeMemoryMayChange) {
    after.figures.meminfo["MemFree"] = 1;
    zone_of_after("Normal").free = 12345;
    EXPECT_EQ(check(), Lines{});
}

TEST_F(AccountingTest, APageThatLosesItsContent) {
    after.figures.lost_pages = {{"kept", 0}, {"load", 2}};
    EXPECT_EQ(check(), Lines{"2 pages of load lost what was written to them"});
}

TEST_F(AccountingTest, BlocksMayGoToDifferentZones) {
    block_after(33).valid_zones = "Movable";
    zone_of_after("Normal").present -= kPages;
    zone_of_after("Movable").present += kPages;
    EXPECT_EQ(check(), Lines{});
}

TEST_F(AccountingTest, AZoneThatIsNewMayCome) {
    std::erase_if(before.figures.zones, [](const ZoneFigures& figures) { return figures.zone == "Normal"; });
    EXPECT_EQ(check(), Lines{});
}

TEST_F(AccountingTest, AKernelWithoutNodesHasLinksToNone) {
    for (auto* snapshot : {&before, &after})
        for (auto& one : snapshot->blocks) one.node = -1;
    EXPECT_EQ(check(), Lines{});
}

TEST_F(AccountingTest, ABlockWithoutANodeBesideOnesThatHaveOne) {
    block_after(33).node = -1;
    EXPECT_EQ(check()[0], "memory33 is on node -1, not 0");
}

TEST_F(AccountingTest, ABlockThatIsMissing) {
    std::erase_if(after.blocks, [](const MemoryBlock& one) { return one.id == 33; });
    const Lines wrong = check();
    ASSERT_FALSE(wrong.empty());
    EXPECT_EQ(wrong[0], "memory33 is not there");
}

TEST_F(AccountingTest, ABlockThatIsNotOnline) {
    block_after(32).state = "offline";
    zone_of_after("Normal").present -= kPages;
    after.figures.meminfo["MemTotal"] -= kBlockKb;
    EXPECT_EQ(check(), Lines{"memory32 is offline, not online"});
}

TEST_F(AccountingTest, ABlockOnTheWrongNode) {
    for (auto& goal : order.goals) goal.node = 1;
    for (auto& figures : after.figures.zones) figures.node = 0;
    EXPECT_EQ(check(), (Lines{"memory32 is on node 0, not 1", "memory33 is on node 0, not 1"}));
}

TEST_F(AccountingTest, AnOldBlockThatIsGone) {
    std::erase_if(after.blocks, [](const MemoryBlock& one) { return one.id == 2; });
    EXPECT_EQ(check(), Lines{"memory2 is gone"});
}

TEST_F(AccountingTest, AnOldBlockThatChanged) {
    block_after(3).state = "online";
    EXPECT_EQ(check(), Lines{"memory3 was offline and is online"});
}

TEST_F(AccountingTest, ABlockThatNobodyAskedFor) {
    after.blocks.push_back(block(34, "offline"));
    EXPECT_EQ(check(), Lines{"memory34 came without being asked for"});
    after.blocks.back().id = 31;
    EXPECT_EQ(check(), Lines{"memory31 came without being asked for"});
}

TEST_F(AccountingTest, OnePageTooFewOrTooMany) {
    const std::uint64_t right = zone_of_after("Normal").present;
    for (const std::uint64_t wrong : {right - 1, right + 1}) {
        zone_of_after("Normal").present = wrong;
        EXPECT_EQ(check(), Lines{fmt::format("node 0 zone Normal has {} present pages, not {}", wrong, right)});
    }
}

TEST_F(AccountingTest, PagesThatWentToAnotherZone) {
    zone_of_after("Normal").present -= kPages;
    zone_of_after("DMA32").present += kPages;
    EXPECT_EQ(check().size(), 2u);
}

TEST_F(AccountingTest, AZoneThatIsGone) {
    std::erase_if(after.figures.zones, [](const ZoneFigures& figures) { return figures.zone == "DMA"; });
    EXPECT_EQ(check(), Lines{"node 0 zone DMA has 0 present pages, not 3998"});
}

TEST_F(AccountingTest, ABlocksZoneThatZoneinfoLacks) {
    block_after(33).valid_zones = "Device";
    zone_of_after("Normal").present -= kPages;
    EXPECT_EQ(check(), Lines{"zoneinfo shows no zone Device on node 0"});
}

TEST_F(AccountingTest, PagesOfAnotherNodeAreNotCountedHere) {
    zone_of_after("Normal").present -= 2 * kPages;
    after.figures.zones.push_back(zone("Normal", 2 * kPages, 1));
    EXPECT_EQ(check().size(), 2u);
}

TEST_F(AccountingTest, ATotalThatIsWrong) {
    after.figures.meminfo["MemTotal"] += 4;
    EXPECT_EQ(check(),
              Lines{fmt::format("MemTotal is {} kB, not {} kB", 400'004 + 2 * kBlockKb, 400'000 + 2 * kBlockKb)});
    after.figures.meminfo.erase("MemTotal");
    EXPECT_EQ(check().size(), 1u);
}

TEST_F(AccountingTest, PagesOf64KibibytesAreFewer) {
    before.figures.page_bytes = after.figures.page_bytes = 65536;
    zone_of_after("Normal").present = 2 * kBlockBytes / 65536;
    EXPECT_EQ(check(), Lines{});
}

TEST(ZoneOf, TheFirstWord) {
    EXPECT_EQ(zone_of(block(1, "offline", "Normal Movable")), "Normal");
    EXPECT_EQ(zone_of(block(1, "online", "Movable")), "Movable");
    EXPECT_EQ(zone_of(block(1, "online", "")), "");
}

TEST_F(AccountingTest, BlocksOfTwoNodes) {
    order.goals[1].node = 1;
    block_after(33).node = 1;
    zone_of_after("Normal").present -= kPages;
    after.figures.zones.push_back(zone("Normal", kPages, 1));
    EXPECT_EQ(check(), Lines{});
    before.figures.nodes["has_memory"] = "0";
    after.figures.nodes["has_memory"] = "0-1";
    EXPECT_EQ(check(), Lines{});
    after.figures.nodes["has_memory"] = "0";
    EXPECT_EQ(check(), Lines{"nodes 0 have memory, not 0,1"});
}

TEST_F(AccountingTest, ABlockThatHoldsItsOwnStructPages) {
    order.goals[0].memmap_on_memory = true;
    before.page_struct_bytes = 64;
    const std::uint64_t all = after.figures.meminfo["MemTotal"];
    EXPECT_EQ(check(), Lines{fmt::format("MemTotal is {} kB, not {} kB", all, all - 2048)});
    after.figures.meminfo["MemTotal"] = all - 2048;
    EXPECT_EQ(check(), Lines{});
}

// A kernel may have larger ones (include/linux/mm_types.h: KASAN, KMSAN, LAST_CPUPID_NOT_IN_PAGE_FLAGS).
TEST_F(AccountingTest, ABlockThatHoldsItsOwnLargerStructPages) {
    order.goals[0].memmap_on_memory = true;
    before.page_struct_bytes = 80;
    const std::uint64_t all = after.figures.meminfo["MemTotal"];
    after.figures.meminfo["MemTotal"] = all - 2560;
    EXPECT_EQ(check(), Lines{});
    before.page_struct_bytes = 0;
    EXPECT_EQ(check(), Lines{}) << "it cannot be checked";
}

// xen_online_page(), drivers/xen/balloon.c: the pages are present, and the balloon has them.
TEST_F(AccountingTest, BlocksThatGiveNoPages) {
    for (auto& goal : order.goals) goal.gives_no_pages = true;
    const std::uint64_t all = after.figures.meminfo["MemTotal"], was = before.figures.meminfo["MemTotal"];
    EXPECT_EQ(check(), Lines{fmt::format("MemTotal is {} kB, not {} kB", all, was)});
    after.figures.meminfo["MemTotal"] = was;
    EXPECT_EQ(check(), Lines{});
}

TEST_F(AccountingTest, SystemRamGrowsByTheBlocksThatAreThere) {
    before.ram = {{0x1000, 0x9f000}, {0x100000, 0x1ffe0000}};
    after.ram = before.ram;
    after.ram.push_back({32 * kBlockBytes, 34 * kBlockBytes});
    EXPECT_EQ(check(), Lines{});
    after.ram.back().end = 33 * kBlockBytes;
    EXPECT_EQ(check(), Lines{"System RAM is 1000-9efff, 100000-1ffdffff, 100000000-107ffffff, not 1000-9efff, "
                             "100000-1ffdffff, 100000000-10fffffff"});
    after.ram.pop_back();
    EXPECT_EQ(check().size(), 1u);
}

TEST(WithoutDevice, WhatWasThereAtBootIsTakenOut) {
    constexpr std::uint64_t block = 128u << 20;
    MemorySnapshot snapshot;
    for (const std::uint64_t id : {0, 32, 33, 34}) {
        snapshot.blocks.emplace_back();
        snapshot.blocks.back().id = id;
    }
    snapshot.ram = {{0, 4 * block}, {32 * block, 35 * block}};
    snapshot.qemu = {{"dimm0", "vmem0"}, {"mem-first", "mem-vmem0"}};
    const MemorySnapshot left = without_device(snapshot, {33, 33}, block, "dimm0", "mem-first");
    std::vector<std::uint64_t> ids;
    for (const auto& one : left.blocks) ids.push_back(one.id);
    EXPECT_EQ(ids, (std::vector<std::uint64_t>{0, 32, 34}));
    EXPECT_EQ(left.ram, (std::vector<MemoryRange>{{0, 4 * block}, {32 * block, 33 * block}, {34 * block, 35 * block}}));
    EXPECT_EQ(left.qemu.devices, std::set<std::string>{"vmem0"});
    EXPECT_EQ(left.qemu.backends, std::set<std::string>{"mem-vmem0"});
    EXPECT_EQ(without_device(snapshot, {32, 34}, block, "dimm0", "mem-first").ram,
              (std::vector<MemoryRange>{{0, 4 * block}}));
}

TEST(SystemRam, IsReadFromIomem) {
    const auto ram = system_ram(
        "00001000-0009fbff : System RAM\n000a0000-000bffff : PCI Bus 0000:00\n"
        "00100000-1ffdffff : System RAM\n  01000000-02401ab6 : Kernel code\n"
        "100000000-107ffffff : System RAM\n108000000-10fffffff : System RAM\n"
        "140000000-17fffffff : virtio0\n  140000000-147ffffff : System RAM (virtio_mem)\n");
    EXPECT_EQ(ram,
              (std::vector<MemoryRange>{
                  {0x1000, 0x9fc00}, {0x100000, 0x1ffe0000}, {0x100000000, 0x110000000}, {0x140000000, 0x148000000}}));
    EXPECT_TRUE(system_ram("nonsense\n-: System RAM").empty());
}

TEST_F(AccountingTest, WhatIsLeftInQemu) {
    before.qemu = {{"vmem0"}, {"pc.ram"}};
    after.qemu = {{"vmem0", "dimm0"}, {"pc.ram", "mem-adder"}};
    order.qemu = {{"dimm0"}, {"mem-adder"}};
    EXPECT_EQ(check(), Lines{});
    order.qemu = {};
    EXPECT_EQ(check(), (Lines{"QEMU has the memory device dimm0", "QEMU has the memory backend mem-adder"}));
    order.qemu = {{"dimm0", "dimm1"}, {"mem-adder"}};
    EXPECT_EQ(check(), Lines{"QEMU has no memory device dimm1"});
    after.qemu.backends.erase("pc.ram");
    EXPECT_EQ(check(), (Lines{"QEMU has no memory device dimm1", "QEMU has no memory backend pc.ram"}));
}

TEST_F(AccountingTest, ANodeThatGotMemoryForTheKernelIsListed) {
    before.figures.nodes["has_normal_memory"] = "0";
    after.figures.nodes["has_normal_memory"] = "0";
    EXPECT_EQ(check(), Lines{});
    before.figures.nodes["has_normal_memory"] = "1";
    after.figures.nodes["has_normal_memory"] = "1";
    EXPECT_EQ(check(), Lines{"nodes 1 have memory for the kernel, not 0,1"});
    block_after(32).valid_zones = block_after(33).valid_zones = "Movable";
    zone_of_after("Movable").present = std::exchange(zone_of_after("Normal").present, 0);
    EXPECT_EQ(check(), Lines{}) << "memory that can be moved is none for the kernel";
}

TEST_F(AccountingTest, ANodeIsThereAsLongAsItHasABlock) {
    before.figures.nodes["online"] = after.figures.nodes["online"] = "0";
    EXPECT_EQ(check(), Lines{});
    after.figures.nodes["online"] = "0-1";
    EXPECT_EQ(check(), Lines{"nodes 0-1 are there, not 0"});
}

class GoneAgainTest : public AccountingTest {
protected:
    GoneAgainTest() {
        after = before;
        for (auto& goal : order.goals) goal.fate = BlockFate::absent;
    }
};

TEST_F(GoneAgainTest, AZoneThatHasLostItsPagesSpansNoneOfThem) {
    zone_of_after("Movable").spanned = kPages;
    EXPECT_EQ(check(), Lines{fmt::format("node 0 zone Movable spans {} pages, not 0", kPages)});
    zone_of_after("Movable").zone = "Device";
    EXPECT_EQ(check(), Lines{}) << "that zone does not shrink";
}

TEST_F(GoneAgainTest, BrokenPagesAreNotCountedWithoutTheirMemory) {
    before.figures.meminfo["HardwareCorrupted"] = 4;
    after.figures.meminfo["HardwareCorrupted"] = 8;
    EXPECT_EQ(check(), Lines{"HardwareCorrupted is 8 kB, not 4 kB"});
    order.goals.front().fate = BlockFate::offline;
    EXPECT_EQ(std::ranges::count(check(), "HardwareCorrupted is 8 kB, not 4 kB"), 0) << "some of it is there";
}

TEST_F(GoneAgainTest, ASnapshotIsKeptAsJson) {
    before.figures.vmstat["nr_memmap_pages"] = 2048;
    before.figures.nodes["has_memory"] = "0-1";
    before.figures.lost_pages["load"] = 1;
    before.page_struct_bytes = 64;
    const auto json = snapshot_json(before);
    const auto read = read_snapshot(nlohmann::json::parse(json.dump()));
    ASSERT_TRUE(read);
    EXPECT_EQ(snapshot_json(*read), json);
    EXPECT_EQ(read->blocks.size(), before.blocks.size());
    EXPECT_EQ(read->qemu.devices, before.qemu.devices);
    EXPECT_EQ(read->page_struct_bytes, 64u);
    auto damaged = json;
    damaged.erase("blocks");
    for (const auto& wrong : {damaged, nlohmann::json(), nlohmann::json(3), nlohmann::json::array()})
        EXPECT_EQ(read_snapshot(wrong).error().fault, Fault::host);
}

TEST_F(GoneAgainTest, StructPagesOfMemoryThatIsGoneAreNotCounted) {
    before.figures.vmstat["nr_memmap_pages"] = 2048;
    EXPECT_EQ(check(), Lines{}) << "the kernel told it once only";
    after.figures.vmstat["nr_memmap_pages"] = 2560;
    EXPECT_EQ(check(), Lines{"nr_memmap_pages is 2560, not 2048: 512 more than before"});
    before.figures.vmstat["nr_memmap_pages"] = 0;
    after.figures.vmstat["nr_memmap_pages"] = std::uint64_t{0} - 512;
    EXPECT_EQ(check(), Lines{"nr_memmap_pages is 18446744073709551104, not 0: 512 less than before"});
    before.figures.vmstat["nr_memmap_boot_pages"] = 8192;
    after.figures.vmstat["nr_memmap_boot_pages"] = 8704;
    EXPECT_EQ(check(), Lines{}) << "a huge page let struct pages go, and took others";
    after.figures.vmstat["nr_memmap_boot_pages"] = 8192;
    EXPECT_EQ(check().size(), 1u);
    zone_of_after("Movable").zone = "Device";
    zone_of_after("Device").present = 0;
    zone_of_after("Device").spanned = kPages;
    EXPECT_EQ(std::ranges::count_if(check(), [](const auto& line) { return line.starts_with("nr_memmap"); }), 0)
        << "device memory has struct pages, too";
}

}  // namespace
}  // namespace memrig
