#include <gtest/gtest.h>

#include "guest/replies.h"

namespace memrig {
namespace {

TEST(Replies, StatusOk) { EXPECT_TRUE(parse_status("status=ok\n")); }

TEST(Replies, StatusErrorSaysWhatAndWhy) {
    const auto status =
        parse_status("status=error code=2 errno=ENOENT doing=open%20/x text=No%20such%20file%20or%20directory\n");
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().fault, Fault::guest);
    EXPECT_EQ(status.error().message, "the guest cannot open /x: No such file or directory (ENOENT)");
}

TEST(Replies, StatusThatMakesNoSenseIsAnError) {
    for (const char* text : {"", "\n", "status=fine\n", "status=ok\nmore=1\n", "ok\n", "status=error\n"})
        EXPECT_FALSE(parse_status(text)) << text;
}

TEST(Replies, Hello) {
    const auto hello = parse_hello(
        "protocol=1 release=6.1.0-x machine=x86_64 block_bytes=134217728 cpus=3\n"
        "warning=module%20a.ko:%20Exec%20format%20error\n");
    ASSERT_TRUE(hello) << hello.error().message;
    EXPECT_EQ(hello->protocol, 1u);
    EXPECT_EQ(hello->release, "6.1.0-x");
    EXPECT_EQ(hello->machine, "x86_64");
    EXPECT_EQ(hello->block_bytes, 128u << 20);
    EXPECT_EQ(hello->cpus, 3u);
    EXPECT_EQ(hello->warnings, std::vector<std::string>{"module a.ko: Exec format error"});
    EXPECT_FALSE(parse_hello(""));
    for (const char* bytes : {"4096", "134217729"})
        EXPECT_FALSE(parse_hello(std::string("protocol=1 release=6.1 machine=x86_64 cpus=3 block_bytes=") + bytes))
            << bytes;
    EXPECT_TRUE(parse_hello("protocol=1 release=6.1 machine=x86_64 cpus=3 block_bytes=0")) << "no memory hotplug";
    EXPECT_FALSE(parse_hello("protocol=1\n"));
}

TEST(Replies, SymbolsAreDeltas) {
    const auto symbols =
        parse_symbols("ffffffff81000000 T _text\n0 T startup_64\n1f0 t a.isra.0\nffffffffffffff00 D b\n");
    ASSERT_TRUE(symbols) << symbols.error().message;
    ASSERT_EQ(symbols->size(), 4u);
    EXPECT_EQ((*symbols)[1].address, 0xffffffff81000000u);
    EXPECT_EQ((*symbols)[2].address, 0xffffffff810001f0u);
    EXPECT_EQ((*symbols)[2].type, 't');
    EXPECT_EQ((*symbols)[2].name, "a.isra.0");
    EXPECT_EQ((*symbols)[3].address, 0xffffffff810000f0u);
    for (const char* bad : {"x T a\n", "1 T\n", "1 T \n", "1T a\n", "1 TT a\n", "\n", "11111111111111111 T a\n"})
        EXPECT_FALSE(parse_symbols(bad)) << bad;
}

TEST(Replies, BlocksAreSorted) {
    const auto blocks = parse_blocks(
        "block=33 state=offline valid_zones=Normal%20Movable removable=1 node=0\n"
        "block=2 state=online valid_zones= removable=0 node=-1\n");
    ASSERT_TRUE(blocks) << blocks.error().message;
    ASSERT_EQ(blocks->size(), 2u);
    EXPECT_EQ((*blocks)[0].id, 2u);
    EXPECT_EQ((*blocks)[0].node, -1);
    EXPECT_FALSE((*blocks)[0].removable);
    EXPECT_EQ((*blocks)[1].valid_zones, "Normal Movable");
    EXPECT_EQ((*blocks)[1].state, "offline");
    EXPECT_FALSE(parse_blocks("block=x state=online valid_zones= removable=0 node=0\n"));
}

TEST(Replies, SlabsOfOneNameAreAddedUp) {
    const auto slabs = parse_slabs("slab=kmalloc-64 objects=12\nslab=dentry objects=3\nslab=dentry objects=4\n");
    ASSERT_TRUE(slabs) << slabs.error().message;
    EXPECT_EQ(*slabs, (std::map<std::string, std::uint64_t>{{"dentry", 7}, {"kmalloc-64", 12}}));
    EXPECT_TRUE(parse_slabs("")->empty()) << "a kernel that does not count them";
    EXPECT_FALSE(parse_slabs("slab=dentry\n"));
    EXPECT_FALSE(parse_slabs("slab=dentry objects=many\n"));
    EXPECT_FALSE(parse_slabs("meminfo=MemTotal value=1\n"));
}

TEST(Replies, MemoryFigures) {
    const auto figures = parse_memory(
        "page_bytes=65536\n"
        "zone=Normal node=1 present=5 managed=4 spanned=6 free=3 start_pfn=4096\n"
        "meminfo=MemTotal value=414504\nmeminfo=Active(anon) value=0\nvmstat=nr_memmap_pages value=512\n"
        "nodes=has_memory list=0-1\nnodes=has_normal_memory list=\n");
    ASSERT_TRUE(figures) << figures.error().message;
    EXPECT_EQ(figures->page_bytes, 65536u);
    ASSERT_EQ(figures->zones.size(), 1u);
    EXPECT_EQ(figures->zones[0].zone, "Normal");
    EXPECT_EQ(figures->zones[0].node, 1);
    EXPECT_EQ(figures->zones[0].present, 5u);
    EXPECT_EQ(figures->zones[0].start_pfn, 4096u);
    EXPECT_EQ(figures->meminfo.at("MemTotal"), 414504u);
    EXPECT_EQ(figures->vmstat.at("nr_memmap_pages"), 512u);
    EXPECT_EQ(figures->nodes, (std::map<std::string, std::string>{{"has_memory", "0-1"}, {"has_normal_memory", ""}}));
    EXPECT_FALSE(parse_memory("zone=Normal node=1\n"));
    EXPECT_FALSE(parse_memory("something=else\n"));
    for (const char* bytes : {"0", "4097", "2097152"})
        EXPECT_FALSE(parse_memory(std::string("page_bytes=") + bytes + "\n")) << bytes;
}

TEST(Replies, BlockedTasksWithTheirStacks) {
    const auto look = parse_blocked_tasks(
        "task=42 state=D voluntary=7 involuntary=3 comm=kworker/u6:1\nframe=__mutex_lock+0x1/0x2\n"
        "frame=device_add+0x3/0x4\ntask=43 state=D voluntary=1 involuntary=0 comm=a)%20b\nlook=5000 end=5004\n");
    ASSERT_TRUE(look) << look.error().message;
    const auto& tasks = look->tasks;
    ASSERT_EQ(tasks.size(), 2u);
    EXPECT_EQ(tasks[0].tid, 42);
    EXPECT_EQ(tasks[0].state, 'D');
    EXPECT_EQ(tasks[0].voluntary, 7u);
    EXPECT_EQ(tasks[0].involuntary, 3u);
    EXPECT_EQ(tasks[0].stack, (std::vector<std::string>{"__mutex_lock+0x1/0x2", "device_add+0x3/0x4"}));
    EXPECT_EQ(tasks[1].comm, "a) b");
    EXPECT_TRUE(tasks[1].stack.empty());
    EXPECT_EQ(look->begin_ms, 5000u);
    EXPECT_EQ(look->end_ms, 5004u);
}

TEST(Replies, BlockedTasksThatMakeNoSense) {
    const std::string task = "task=42 state=D voluntary=7 involuntary=3 comm=a\n", look = "look=5 end=6\n";
    EXPECT_TRUE(parse_blocked_tasks(task + look));
    EXPECT_TRUE(parse_blocked_tasks(look)) << "nobody is blocked";
    for (const std::string& bad :
         {"frame=a+0x1/0x2\n" + look, task, task + "look=6 end=5\n", task + "look=6\n", look + task, look + look,
          "task=42 state=D comm=a\n" + look, "task=42 state=D voluntary=-1 involuntary=0 comm=a\n" + look,
          "task=42 state=D voluntary=18446744073709551616 involuntary=0 comm=a\n" + look})
        EXPECT_FALSE(parse_blocked_tasks(bad)) << bad;
}

TEST(Replies, Doorbell) {
    EXPECT_EQ(parse_doorbell("doorbell=4096\n").value().address, 4096u);
    for (const char* bad : {"", "doorbell=0\n", "doorbell=x\n", "bell=1\n"}) EXPECT_FALSE(parse_doorbell(bad)) << bad;
}

TEST(Replies, LostPages) {
    const auto figures = parse_memory("page_bytes=4096\nfill=load pages=12 lost=3\nfill=more pages=1 lost=0\n");
    ASSERT_TRUE(figures);
    EXPECT_EQ(figures->lost_pages, (std::map<std::string, std::uint64_t>{{"load", 3}, {"more", 0}}));
    EXPECT_FALSE(parse_memory("page_bytes=4096\nfill=load pages=12\n"));
}

TEST(Replies, FilledPages) {
    EXPECT_EQ(parse_filled_pages("pages=0\n").value(), 0u);
    EXPECT_EQ(parse_filled_pages("pages=12288\n").value(), 12288u);
    for (const char* bad : {"", "pages=x\n", "pfn=1\n"}) EXPECT_FALSE(parse_filled_pages(bad)) << bad;
}

TEST(Replies, PinnedPage) {
    EXPECT_EQ(parse_pinned_page("pfn=1048583\n").value(), 1048583u);
    for (const char* bad : {"", "pfn=0\n", "pfn=x\n", "page=1\n"}) EXPECT_FALSE(parse_pinned_page(bad)) << bad;
}

TEST(Replies, FileIsPutTogetherAndBounded) {
    EXPECT_EQ(parse_file("data=a%0Ab\ndata=%00c\n").value(), std::string("a\nb\0c", 5));
    EXPECT_EQ(parse_file("").value(), "");
    std::string large;
    for (int i = 0; i < 1025; i++) large += "data=" + std::string(1024, 'x') + "\n";
    EXPECT_FALSE(parse_file(large));
}

TEST(Replies, WriteEvents) {
    const auto write = parse_write_event("write=racer-1 block=32 code=16\n");
    ASSERT_TRUE(write) << write.error().message;
    EXPECT_EQ(write->writer, "racer-1");
    EXPECT_EQ(write->block, 32u);
    EXPECT_EQ(write->error, 16);
    for (const char* bad : {"", "write=racer block=32\n", "write=../x block=1 code=0\n", "write= block=1 code=0\n",
                            "write=racer block=1 code=-1\n", "write=racer block=1 code=5000\n"})
        EXPECT_FALSE(parse_write_event(bad)) << bad;
}

TEST(Replies, InflatesWhatTheAgentDeflates) {
    // "hello\n" as one stored block of raw deflate.
    EXPECT_EQ(inflate_reply(std::string("\x01\x06\x00\xF9\xFFhello\n", 11)).value(), "hello\n");
    // The same with the byte F5 in it, which is stuffed on the line.
    EXPECT_EQ(inflate_reply(std::string("\x01\x01\x00\xFE\xFF\xF4\x01", 7)).value(), "\xF5");
}

TEST(Replies, RefusesWhatDoesNotInflate) {
    for (const std::string& bad : {std::string(), std::string("\x07"), std::string("\xF4"), std::string("\xF4\x02", 2),
                                   std::string("\x01\x06\x00\xF9\xFFhel", 8),
                                   std::string("\x01\x01\x00\xFE\xFF"
                                               "aX",
                                               7)}) {
        const auto text = inflate_reply(bad);
        ASSERT_FALSE(text);
        EXPECT_EQ(text.error().fault, Fault::guest);
    }
}

TEST(PassedTime, NamesTheCpusAndWhetherRcuPassed) {
    const auto passed = parse_passed_time("cpus=3 rcu=1\n");
    ASSERT_TRUE(passed);
    EXPECT_EQ(passed->cpus, 3u);
    EXPECT_TRUE(passed->rcu);
    EXPECT_FALSE(parse_passed_time("cpus=2 rcu=0\n")->rcu);
    for (const char* bad : {"", "cpus=0 rcu=1\n", "cpus=-1 rcu=1\n", "rcu=1\n", "cpus=x rcu=1\n", "cpus=3\n"})
        EXPECT_FALSE(parse_passed_time(bad)) << bad;
}

}  // namespace
}  // namespace memrig
