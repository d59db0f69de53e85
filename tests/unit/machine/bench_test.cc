// Bench files: what is read of a good one, the shipped ones, and the first mistake of
// broken ones (tests/golden/benches/broken.cases).
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/paths.h"
#include "golden_bench.h"

namespace memrig {
namespace {

TEST(Bench, AGoodOneIsReadWhole) {
    const auto bench = parse_golden("good");
    ASSERT_TRUE(bench) << bench.error().message;
    EXPECT_EQ(bench->name, "good");
    EXPECT_EQ(bench->arch, "x86_64");
    EXPECT_EQ(bench->emulator.program, "qemu-system-x86_64");
    EXPECT_EQ(bench->machine, "q35");
    EXPECT_EQ(bench->cpu, "max");
    EXPECT_EQ(bench->memory_bytes, 512ull << 20);
    EXPECT_EQ(bench->max_memory_bytes, 8ull << 30);
    EXPECT_EQ(bench->slots, 4u);
    EXPECT_EQ(bench->nodes, 3u);
    EXPECT_EQ(bench->vcpus(), 4u);
    EXPECT_EQ(bench->spare, 2u);
    EXPECT_EQ(
        bench->writes,
        (std::vector<std::pair<std::string, std::string>>{{"/sys/bus/nd/drivers/nd_pmem/unbind", "namespace0.0"}}));
    ASSERT_TRUE(bench->virtio_mem);
    EXPECT_EQ(bench->virtio_mem->id, "vmem0");
    EXPECT_EQ(bench->virtio_mem->bytes, 1ull << 30);
    EXPECT_EQ(bench->virtio_mem->node, 1u);
    EXPECT_EQ(bench->hotplug.function, "dlpar_memory");
    EXPECT_TRUE(bench->hotplug.onlines);
    EXPECT_EQ(bench->console, "ttyS0");
    EXPECT_EQ(bench->link, "ttyS1");
    EXPECT_EQ(bench->link_devices, std::vector<std::string>{"pci-serial,chardev=link"});
    EXPECT_FALSE(bench->link_on_pci);
    EXPECT_FALSE(bench->restorable);
    EXPECT_EQ(bench->append, "isolcpus=domain,0 panic=-1");
    EXPECT_EQ(bench->modules, std::vector<std::string>{"virtio_mem"});
    EXPECT_EQ(bench->arguments, (std::vector<std::string>{"-device", "virtio-rng-pci"}));
    EXPECT_EQ(bench->text, *read_file(golden_path("benches/good.toml"))) << "it is part of the key of saved guests";
}

TEST(Bench, WithAnEarlyDimmEachTrialBoots) {
    const auto bench = load_bench("q35-early-dimm");
    ASSERT_TRUE(bench) << bench.error().message;
    ASSERT_TRUE(bench->early_dimm);
    EXPECT_EQ(bench->early_dimm->id, "dimm0");
    EXPECT_EQ(bench->early_dimm->backend, "mem-first");
    EXPECT_EQ(bench->early_dimm->bytes, 256u << 20);
    EXPECT_FALSE(bench->restorable);
}

TEST(Bench, AHypervisorStartsTheKernel) {
    const auto bench = load_bench("xen");
    ASSERT_TRUE(bench) << bench.error().message;
    ASSERT_TRUE(bench->hypervisor);
    EXPECT_EQ(bench->hypervisor->package, "xen-hypervisor-4.17-amd64");
    EXPECT_EQ(bench->hypervisor->file, "boot/xen-4.17-amd64.gz");
    EXPECT_NE(bench->hypervisor->append.find("dom0_vcpus_pin"), std::string::npos);
    EXPECT_EQ(bench->slots, 0u) << "its memory is Xen's";
    EXPECT_FALSE(load_bench("q35")->hypervisor);
}

TEST(Bench, HotplugIsAcpisUnlessItSays) {
    const auto bench = parse_golden("smallest");
    ASSERT_TRUE(bench) << bench.error().message;
    EXPECT_EQ(bench->hotplug.function, "acpi_device_hotplug");
    EXPECT_FALSE(bench->hotplug.onlines);
}

TEST(Bench, BrokenOnesAreReportedWithFileLineAndColumn) {
    const auto cases = golden_cases("benches/broken.cases");
    EXPECT_GE(cases.size(), 17u);
    for (const auto& [name, input, expected] : cases) {
        SCOPED_TRACE(name);
        const auto bench = parse_bench(input, name + ".toml");
        ASSERT_FALSE(bench);
        EXPECT_EQ(bench.error().fault, Fault::user_input);
        expect_golden_case("benches/broken.cases", name, bench.error().message + "\n");
    }
}

TEST(Bench, TheShippedOnesAreGoodAndCalledByTheirFiles) {
    const auto names = bench_names();
    ASSERT_FALSE(names.empty());
    for (const auto& name : names) {
        const auto bench = load_bench(name);
        ASSERT_TRUE(bench) << bench.error().message;
        EXPECT_EQ(bench->name, name);
        EXPECT_TRUE(load_bench((home_directory() / "rig" / "benches" / (name + ".toml")).string()));
    }
}

TEST(Bench, OneThatIsNotThereIsTheUsersMistake) {
    const auto name = load_bench("no-such-bench");
    ASSERT_FALSE(name);
    EXPECT_EQ(name.error().fault, Fault::user_input);
    EXPECT_NE(name.error().message.find("q35"), std::string::npos) << "those that are there are named";
    const auto path = load_bench("/nonexistent/bench.toml");
    ASSERT_FALSE(path);
    EXPECT_EQ(path.error().fault, Fault::user_input);
}

}  // namespace
}  // namespace memrig
