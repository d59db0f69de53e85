// The agent in a real guest: a stock kernel under QEMU, every verb of GuestLink asked of it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>

#include "agent_guest.h"
#include "base/paths.h"
#include "guest/initramfs.h"
#include "kernel/catalogue.h"
#include "kernel/modules.h"

namespace memrig {
namespace {

// One boot serves all tests of the suite, in the order in which they stand.
class Agent : public ::testing::Test {
protected:
    static void SetUpTestSuite() {
        const auto stock = resolve_kernel("debian-6.1-amd64");
        ASSERT_TRUE(stock) << stock.error().line();
        kernel = stock->image;
        release = stock->release;
        auto work = TemporaryDirectory::make("agent-test");
        ASSERT_TRUE(work);
        cache.emplace(std::move(*work));
        auto files = modules_in_order(stock->modules, release, {"virtio_mem"}, cache->path(), patience());
        ASSERT_TRUE(files) << files.error().message;
        modules = std::move(*files);
        std::vector<InitramfsModule> images;
        for (const auto& module : modules) {
            auto image = read_module(module);
            ASSERT_TRUE(image) << image.error().message;
            images.push_back({module.name + ".ko", std::move(*image)});
        }
        const auto image = prepare_initramfs(agent_binary("x86_64"), images, cache->path());
        ASSERT_TRUE(image) << image.error().message;
        initramfs = image->path;
        guest = new Guest(kernel, initramfs);
    }
    static void TearDownTestSuite() {
        delete guest;
        guest = nullptr;
        cache.reset();
    }
    void SetUp() override { ASSERT_NE(guest, nullptr); }
    static AgentLink& link() { return *guest->link; }

    static void add_dimm(const std::string& id) {
        guest->monitor.command("object-add",
                               {{"qom-type", "memory-backend-ram"}, {"id", "mem-" + id}, {"size", 1 << 30}});
        guest->monitor.command("device_add", {{"driver", "pc-dimm"}, {"id", id}, {"memdev", "mem-" + id}});
    }
    static std::size_t count_blocks(const std::string& state, std::uint64_t from) {
        const auto blocks = link().blocks(patience());
        EXPECT_TRUE(blocks) << blocks.error().message;
        return static_cast<std::size_t>(std::ranges::count_if(
            *blocks, [&](const MemoryBlock& block) { return block.state == state && block.id >= from; }));
    }
    static std::uint64_t present_pages() {
        const auto figures = link().memory(patience());
        EXPECT_TRUE(figures) << figures.error().message;
        std::uint64_t sum = 0;
        for (const auto& zone : figures->zones) sum += zone.present;
        return sum;
    }

    static inline fs::path kernel, initramfs;
    static inline std::string release;
    static inline std::vector<ModuleFile> modules;
    static inline std::optional<TemporaryDirectory> cache;
    static inline Guest* guest = nullptr;
    // A DIMM is mapped at 4 GiB, which is block 32 where blocks have 128 MiB.
    static constexpr std::uint64_t kFirst = 32, kBlocks = 8;
};

TEST_F(Agent, GreetsAfterBootDespiteGarbageOnTheLine) {
    // Wait for it to greet by itself, then send noise and a frame that is cut off, as a saved guest may leave one.
    ASSERT_EQ(wait_readable(guest->line(), patience()).value(), Wait::ready) << guest->console();
    const std::string cut = encode_frame({FrameType::request, 1, 0, std::string(5000, 'x')}).substr(0, 700);
    ASSERT_TRUE(write_all(guest->line(), "noise \xF5M\xF5\r\n" + cut, patience()));
    guest->open_link();
    for (int i = 0; i < 2; i++) {
        const auto hello = link().hello(patience());
        ASSERT_TRUE(hello) << hello.error().message;
        EXPECT_EQ(hello->protocol, kProtocolVersion);
        EXPECT_EQ(hello->release, release);
        EXPECT_EQ(hello->machine, "x86_64");
        EXPECT_EQ(hello->block_bytes, 128u << 20);
        EXPECT_EQ(hello->cpus, 3u);
        EXPECT_TRUE(hello->warnings.empty()) << hello->warnings.front();
    }
}

TEST_F(Agent, LoadedTheModules) {
    const auto loaded = link().read_guest_file("/proc/modules", patience());
    ASSERT_TRUE(loaded) << loaded.error().message;
    EXPECT_NE(loaded->find("virtio_mem "), std::string::npos) << *loaded;
}

TEST_F(Agent, FindsSymbolsByName) {
    const auto symbols = link().symbols(
        {"add_memory_resource", "device_hotplug_lock", "bus_probe_device", "no_such_name", "virtio_mem_probe"},
        patience());
    ASSERT_TRUE(symbols) << symbols.error().message;
    std::vector<std::string> names;
    for (const auto& symbol : *symbols) {
        names.push_back(symbol.name);
        EXPECT_GE(symbol.address, 0xffffffff80000000u) << symbol.name;
    }
    for (const char* name : {"add_memory_resource", "device_hotplug_lock", "bus_probe_device", "virtio_mem_probe"})
        EXPECT_EQ(std::ranges::count(names, name), 1) << name;
}

TEST_F(Agent, ListsAllSymbolsOfTheKernel) {
    const auto all = link().symbols({}, patience());
    ASSERT_TRUE(all) << all.error().message;
    EXPECT_GT(all->size(), 50000u);
    const auto one = link().symbols({"add_memory_resource"}, patience());
    ASSERT_TRUE(one);
    const auto same = std::ranges::find(*all, "add_memory_resource", &GuestSymbol::name);
    ASSERT_NE(same, all->end());
    EXPECT_EQ(same->address, one->at(0).address);
    EXPECT_EQ(std::ranges::count(*all, "virtio_mem_probe", &GuestSymbol::name), 0) << "that of a module";
}

TEST_F(Agent, ReadsAndWritesFiles) {
    const auto cmdline = link().read_guest_file("/proc/cmdline", patience());
    ASSERT_TRUE(cmdline) << cmdline.error().message;
    EXPECT_NE(cmdline->find("memrig.link=ttyS1\n"), std::string::npos) << *cmdline;
    ASSERT_TRUE(link().write_guest_file("/proc/sys/kernel/hostname", "a b%c\n", patience()));
    EXPECT_EQ(link().read_guest_file("/proc/sys/kernel/hostname", patience()).value(), "a b%c\n");
    const auto module = link().read_guest_file("/modules/virtio_mem.ko", patience());
    ASSERT_TRUE(module) << module.error().message;
    EXPECT_EQ(*module, read_module(modules.back()).value()) << "binary, and many parts long";
}

TEST_F(Agent, FileErrorsNameTheErrno) {
    const auto expect_error = [](const auto& result, const char* name) {
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().fault, Fault::guest);
        EXPECT_NE(result.error().message.find(name), std::string::npos) << result.error().message;
    };
    expect_error(link().read_guest_file("/no/such", patience()), "(ENOENT)");
    expect_error(link().read_guest_file("/proc", patience()), "(EISDIR)");
    expect_error(link().read_guest_file("/proc/kallsyms", patience()), "(EFBIG)");
    expect_error(link().write_guest_file("/made-by-mistake", "x", patience()), "(ENOENT)");
    expect_error(link().write_guest_file("/proc/version", "x", patience()), "(EIO)");
    expect_error(link().write_guest_file("/sys/devices/system/memory/memory0/state", "nonsense", patience()),
                 "(EINVAL)");
}

TEST_F(Agent, ShowsBlocksAndFigures) {
    const auto blocks = link().blocks(patience());
    ASSERT_TRUE(blocks) << blocks.error().message;
    ASSERT_EQ(blocks->size(), 4u) << "512 MiB";
    EXPECT_EQ(blocks->at(1).state, "online");
    EXPECT_EQ(blocks->at(1).node, 0);
    EXPECT_EQ(blocks->at(1).valid_zones, "DMA32");
    const auto figures = link().memory(patience());
    ASSERT_TRUE(figures) << figures.error().message;
    EXPECT_EQ(figures->page_bytes, 4096u);
    EXPECT_GT(figures->meminfo.at("MemTotal"), 300000u);
    EXPECT_EQ(figures->nodes.at("has_memory"), "0");
    EXPECT_EQ(figures->nodes.at("has_normal_memory"), "0");
    EXPECT_EQ(figures->nodes.at("online"), "0");
    const auto zone = std::ranges::find(figures->zones, "DMA32", &ZoneFigures::zone);
    ASSERT_NE(zone, figures->zones.end());
    EXPECT_EQ(zone->start_pfn, 4096u);
    EXPECT_GE(zone->spanned, zone->present);
    EXPECT_GE(zone->present, zone->managed);
    EXPECT_GT(zone->free, 0u);
}

TEST_F(Agent, ASpinningOnlinerOnlinesADimm) {
    const std::uint64_t before = present_pages();
    ASSERT_TRUE(link().start_writer(
        {"spinner", 2, kFirst, kFirst + kBlocks - 1, "state", "online", WriterTrigger::spin}, patience()));
    const auto twice = link().start_writer({"spinner", 2, 1, 1, "state", "online", WriterTrigger::now}, patience());
    ASSERT_FALSE(twice);
    EXPECT_NE(twice.error().message.find("EEXIST"), std::string::npos) << twice.error().message;
    add_dimm("dimm0");
    ASSERT_TRUE(link().wait_writes(kBlocks - 1, patience()).value());
    const auto writes = link().writes();
    ASSERT_EQ(writes.size(), kBlocks);
    for (const auto& write : writes) {
        EXPECT_EQ(write.writer, "spinner");
        EXPECT_EQ(write.error, 0) << "block " << write.block;
    }
    EXPECT_EQ(count_blocks("online", kFirst), kBlocks);
    EXPECT_EQ(present_pages(), before + (1ull << 30) / 4096);
}

TEST_F(Agent, AnOnlinerWithNothingThereReportsTheErrno) {
    const std::size_t seen = link().writes().size();
    ASSERT_TRUE(link().start_writer({"early", 1, 100, 100, "state", "online", WriterTrigger::now}, patience()));
    ASSERT_TRUE(link().wait_writes(seen, patience()).value());
    EXPECT_EQ(link().writes().back().error, ENOENT);
}

TEST_F(Agent, AnOnlinerFollowsUevents) {
    const std::size_t seen = link().writes().size();
    ASSERT_TRUE(link().start_writer(
        {"follower", 2, kFirst, kFirst + 2 * kBlocks - 1, "state", "online_movable", WriterTrigger::uevent},
        patience()));
    add_dimm("dimm1");
    ASSERT_TRUE(link().wait_writes(seen + kBlocks - 1, patience()).value());
    for (const auto& write : link().writes()) {
        if (write.writer != "follower") continue;
        EXPECT_GE(write.block, kFirst + kBlocks) << "only blocks that were added since";
        EXPECT_EQ(write.error, 0);
    }
    const auto blocks = link().blocks(patience());
    ASSERT_TRUE(blocks);
    EXPECT_EQ(blocks->back().valid_zones, "Movable");
    EXPECT_TRUE(link().stop_writer("follower", patience())) << "it still waits for the first DIMM's blocks";
    EXPECT_TRUE(link().stop_writer("never-was", patience()));
}

TEST_F(Agent, PinsAPageOfTheBlocksThatItIsTold) {
    // Those of the second DIMM are movable, and given to users first. They are taken offline in the next test, so
    // nothing is left pinned.
    constexpr std::uint64_t pages = (128u << 20) / 4096, first = kFirst + kBlocks, last = kFirst + 2 * kBlocks - 1;
    const auto pfn = link().pin_page("pinner", first, last, patience());
    ASSERT_TRUE(pfn) << pfn.error().message;
    EXPECT_GE(*pfn / pages, first);
    EXPECT_LE(*pfn / pages, last);
    const auto expect_error = [](const auto& result, const char* name) {
        ASSERT_FALSE(result);
        EXPECT_NE(result.error().message.find(name), std::string::npos) << result.error().message;
    };
    expect_error(link().pin_page("pinner", first, last, patience()), "EEXIST");
    expect_error(link().pin_page("another", last, first, patience()), "EINVAL");
    expect_error(link().pin_page("another", 1000, 1000, patience()), "ENOMEM");
    expect_error(link().unpin_page("another", patience()), "ENOENT");
    EXPECT_TRUE(link().unpin_page("pinner", patience()));
    expect_error(link().unpin_page("pinner", patience()), "ENOENT");
}

TEST_F(Agent, FillsMemoryThatTheNextTestHasToMove) {
    constexpr std::uint64_t first = kFirst + kBlocks, last = kFirst + 2 * kBlocks - 1, bytes = 16u << 20;
    const auto pages = link().fill_memory("load", bytes, first, last, patience());
    ASSERT_TRUE(pages) << pages.error().message;
    EXPECT_GT(*pages, bytes / 4096 / 2);
    EXPECT_LE(*pages, bytes / 4096);
    const auto expect_error = [](const auto& result, const char* name) {
        ASSERT_FALSE(result);
        EXPECT_NE(result.error().message.find(name), std::string::npos) << result.error().message;
    };
    expect_error(link().fill_memory("load", bytes, first, last, patience()), "EEXIST");
    expect_error(link().fill_memory("much", std::uint64_t{1} << 40, first, last, patience()), "ENOMEM");
    expect_error(link().fill_memory("none", 7, first, last, patience()), "EINVAL");
}

TEST_F(Agent, AnOnlinerTakesBlocksOffline) {
    // Those of the second DIMM, which are movable: of the first, the kernel may have put some to use.
    const std::size_t seen = link().writes().size();
    ASSERT_TRUE(link().start_writer(
        {"offliner", 1, kFirst + kBlocks, kFirst + 2 * kBlocks - 1, "online", "0", WriterTrigger::now}, patience()));
    ASSERT_TRUE(link().wait_writes(seen + kBlocks - 1, patience()).value());
    EXPECT_EQ(count_blocks("offline", kFirst), kBlocks);
    for (const auto& write : link().writes())
        EXPECT_TRUE(write.writer != "offliner" || write.error == 0) << write.block;
    const auto figures = link().memory(patience());
    ASSERT_TRUE(figures);
    EXPECT_EQ(figures->lost_pages, (std::map<std::string, std::uint64_t>{{"load", 0}}));
}

TEST_F(Agent, OrdersThatMakeNoSenseAreRefused) {
    const auto refused = [](const WriterSpec& order, const char* why) {
        const auto status = link().start_writer(order, patience());
        ASSERT_FALSE(status) << why;
        EXPECT_EQ(status.error().fault, Fault::guest);
        EXPECT_NE(status.error().message.find("EINVAL"), std::string::npos) << status.error().message;
    };
    refused({"../x", 1, 1, 1, "state", "online", WriterTrigger::now}, "name");
    refused({"", 1, 1, 1, "state", "online", WriterTrigger::now}, "no name");
    refused({"x", 64, 1, 1, "state", "online", WriterTrigger::now}, "no such vCPU");
    refused({"x", 1, 2, 1, "state", "online", WriterTrigger::now}, "range");
    refused({"x", 1, 0, 1u << 20, "state", "online", WriterTrigger::now}, "too many");
    refused({"x", 1, 1, 1, "../../uevent", "online", WriterTrigger::now}, "attribute");
    EXPECT_TRUE(link().hello(patience())) << "it lives";
}

TEST_F(Agent, SeesTasksInUninterruptibleSleep) {
    // khungtaskd and its like sleep interruptibly: on a quiet guest there are few or none, each with what it needs.
    const auto look = link().blocked_tasks(patience());
    ASSERT_TRUE(look) << look.error().message;
    EXPECT_GT(look->begin_ms, 0u);
    EXPECT_GE(look->end_ms, look->begin_ms);
    for (const auto& task : look->tasks) {
        EXPECT_GT(task.tid, 0);
        EXPECT_EQ(task.state, 'D');
        EXPECT_FALSE(task.comm.empty());
    }
}

TEST_F(Agent, SysrqReachesTheConsole) {
    ASSERT_TRUE(link().sysrq('w', patience()));
    const Deadline deadline = patience();
    while (guest->console().find("Show Blocked State") == std::string::npos && !deadline.expired())
        ASSERT_TRUE(link().hello(deadline));
    EXPECT_NE(guest->console().find("Show Blocked State"), std::string::npos);
    EXPECT_FALSE(link().sysrq('\n', patience()));
}

TEST_F(Agent, LetsTimersExpireAndRcuPassOnEachCpu) {
    const auto passed = link().pass_time(patience());
    ASSERT_TRUE(passed) << passed.error().line();
    EXPECT_EQ(passed->cpus, 3u);
    EXPECT_TRUE(passed->rcu);
}

TEST_F(Agent, GreetsAgainInARestoredGuest) {
    const auto announce = [](Monitor& monitor) {
        monitor.command("migrate-set-capabilities",
                        {{"capabilities", json::array({{{"capability", "events"}, {"state", true}}})}});
    };
    // As memrig does: a state that is saved while vCPUs run may lack writes of theirs to memory.
    guest->monitor.command("stop");
    announce(guest->monitor);
    guest->monitor.command("migrate-set-parameters", {{"max-bandwidth", 1ull << 40}});
    const std::string file = guest->path("saved");
    guest->monitor.command("migrate", {{"uri", "exec:cat > '" + file + "'"}});
    guest->monitor.wait_migration();
    // The DIMMs are part of the machine that was saved.
    const std::vector<std::string> dimms = {"-object",   "memory-backend-ram,id=mem-dimm0,size=1G",
                                            "-device",   "pc-dimm,id=dimm0,memdev=mem-dimm0",
                                            "-object",   "memory-backend-ram,id=mem-dimm1,size=1G",
                                            "-device",   "pc-dimm,id=dimm1,memdev=mem-dimm1",
                                            "-incoming", "defer"};
    for (int i = 0; i < 2; i++) {
        Guest restored(kernel, initramfs, dimms);
        announce(restored.monitor);
        restored.monitor.command("migrate-incoming", {{"uri", "exec:cat '" + file + "'"}});
        restored.monitor.wait_migration();
        restored.monitor.command("cont");
        restored.open_link();
        const auto hello = restored.link->hello(patience());
        ASSERT_TRUE(hello) << hello.error().message;
        EXPECT_EQ(hello->release, release);
        EXPECT_EQ(restored.link->blocks(patience())->size(), 4 + 2 * kBlocks);
    }
    guest->monitor.command("cont");
}

TEST_F(Agent, PowersOff) {
    ASSERT_TRUE(link().power_off(patience()));
    const auto status = guest->wait_end();
    ASSERT_TRUE(status);
    ASSERT_TRUE(status->has_value());
    EXPECT_TRUE((*status)->success()) << (*status)->text();
    const auto gone = link().hello(patience());
    ASSERT_FALSE(gone);
    EXPECT_EQ(gone.error().fault, Fault::rig);
}

}  // namespace
}  // namespace memrig
