// QEMU's command line of good benches: tests/golden/benches/argv.cases, one argument a line.
#include <gtest/gtest.h>

#include "golden_bench.h"
#include "machine/qemu_command.h"

namespace memrig {
namespace {

MachineSpec order_of(const std::string& bench) {
    MachineSpec order;
    const auto parsed = parse_golden(bench);
    if (parsed) order.bench = *parsed;
    order.kernel.image = "/cache/vmlinuz";
    order.initramfs = "/cache/initramfs.img";
    return order;
}

std::string lines(const std::vector<std::string>& argv) {
    std::string text;
    for (const auto& argument : argv) text += argument + "\n";
    return text;
}

TEST(QemuCommand, Golden) {
    expect_golden_case("benches/argv.cases", "good", lines(qemu_command(order_of("good"), false)));
    expect_golden_case("benches/argv.cases", "smallest", lines(qemu_command(order_of("smallest"), false)));
    MachineSpec kvm = order_of("good");
    kvm.accelerator = Accelerator::kvm;
    expect_golden_case("benches/argv.cases", "good-kvm-incoming", lines(qemu_command(kvm, true)));
}

TEST(QemuCommand, ALineToTheAgentOnPci) {
    MachineSpec order = order_of("good");
    order.bench.link_on_pci = true;
    order.bench.link_devices.clear();
    const std::string argv = lines(qemu_command(order, false));
    EXPECT_NE(argv.find("-device\npci-serial,chardev=link\n"), std::string::npos) << argv;
    EXPECT_EQ(argv.find("chardev:link"), std::string::npos) << "it is no serial device of the machine's";
}

TEST(QemuCommand, TheObserverHasItsMemory) {
    MachineSpec order = order_of("good");
    EXPECT_EQ(lines(qemu_command(order, false)).find("-plugin"), std::string::npos);
    order.observer = "/a,b/observer.so";
    const std::string argv = lines(qemu_command(order, true));
    EXPECT_NE(argv.find("-plugin\nfile=/a,,b/observer.so,fd=15\n"), std::string::npos) << argv;
    EXPECT_EQ(plugin_option("observer.so"), "file=observer.so");
}

TEST(QemuCommand, AHypervisorGetsTheKernelAsAModule) {
    MachineSpec order = order_of("good");
    order.kernel.image = "/a,b/vmlinuz";
    order.hypervisor = {"/cache/xen", "console=com1 dom0_mem=512M,max:512M", ""};
    const std::string argv = lines(qemu_command(order, false));
    EXPECT_NE(argv.find("-kernel\n/cache/xen\n-initrd\n/a,,b/vmlinuz console=ttyS0 memrig.link=ttyS1 "
                        "isolcpus=domain,,0 panic=-1,/cache/initramfs.img\n-append\nconsole=com1 "
                        "dom0_mem=512M,max:512M\n"),
              std::string::npos)
        << argv;
}

TEST(QemuCommand, TheKernelsCommandLine) {
    EXPECT_EQ(order_of("good").command_line(), "console=ttyS0 memrig.link=ttyS1 isolcpus=domain,0 panic=-1");
    EXPECT_EQ(order_of("smallest").command_line(), "console=hvc0 memrig.link=hvc1");
    MachineSpec kvm = order_of("good");
    kvm.accelerator = Accelerator::kvm;
    EXPECT_TRUE(kvm.command_line().ends_with(" panic=-1 nopti")) << "a vCPU in user mode shows the kernel to the probe";
    kvm.bench.arch = "aarch64";
    EXPECT_TRUE(kvm.command_line().ends_with(" panic=-1"));
}

}  // namespace
}  // namespace memrig
