// Each bench as a libvirt domain: tests/golden/domains.cases. libvirt's own schema accepts each.
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/process.h"
#include "libvirt/domain_xml.h"
#include "unit/support/golden_file.h"

namespace memrig {
namespace {

class DomainXml : public ::testing::TestWithParam<std::string> {};

// A domain that is compared and validated beside those of the benches: q35 on another host.
constexpr const char* kElsewhere = "q35-elsewhere";

MachineSpec order_of(const std::string& bench) {
    MachineSpec order;
    order.bench = load_bench(bench).value();
    order.kernel.image = "/cache/vmlinuz <a & b>";
    order.initramfs = "/cache/initramfs.img";
    return order;
}

const DomainNames kNames{"memrig-1-1", "/tmp/memrig-x/gdb", "/tmp/memrig-x/link"};

TEST_P(DomainXml, IsGolden) {
    const bool elsewhere = GetParam() == kElsewhere;
    const std::string xml = domain_xml(order_of(elsewhere ? "q35" : GetParam()),
                                       elsewhere ? DomainNames{"memrig-1-1", "", ""} : kNames, false);
    expect_golden_case("domains.cases", GetParam(), xml);

    const auto output = TemporaryDirectory::make("domain-xml-test");
    ASSERT_TRUE(output);
    const fs::path path = output->path() / "domain.xml";
    ASSERT_TRUE(write_file(path, xml));
    SpawnOptions options;
    options.argv = {"virt-xml-validate", path.string(), "domain"};
    options.output = output->path() / "log";
    auto validator = Process::spawn(options);
    ASSERT_TRUE(validator) << validator.error().line();
    const auto ended = validator->wait(Deadline::after(std::chrono::minutes(5)));
    ASSERT_TRUE(ended && *ended);
    EXPECT_TRUE((*ended)->success()) << read_file(options.output).value_or("");
}

std::string name_of(const ::testing::TestParamInfo<std::string>& info) {
    std::string name = info.param;
    for (char& c : name)
        if (c == '-') c = '_';
    return name;
}

// A hypervisor's modules have no place in a domain: LibvirtHost refuses such a bench.
std::vector<std::string> benches_without_hypervisor() {
    std::vector<std::string> names = bench_names();
    std::erase_if(names, [](const std::string& name) { return load_bench(name).value().hypervisor.has_value(); });
    return names;
}

INSTANTIATE_TEST_SUITE_P(Benches, DomainXml, ::testing::ValuesIn(benches_without_hypervisor()), name_of);
INSTANTIATE_TEST_SUITE_P(Hosts, DomainXml, ::testing::Values(kElsewhere), name_of);

TEST(DomainXmlOf, AGuestThatIsRestoredByKvm) {
    MachineSpec order = order_of("q35");
    order.accelerator = Accelerator::kvm;
    const std::string xml = domain_xml(order, kNames, true);
    EXPECT_NE(xml.find("<domain type=\"kvm\""), std::string::npos) << xml;
    EXPECT_NE(xml.find("<qemu:arg value=\"-incoming\" />\n    <qemu:arg value=\"defer\" />"), std::string::npos) << xml;
}

TEST(DomainXmlOf, AnEmulatorOfTheUsers) {
    MachineSpec order = order_of("q35");
    order.bench.emulator.program = "/opt/qemu/bin/qemu-system-x86_64";
    EXPECT_NE(domain_xml(order, kNames, false).find("<emulator>/opt/qemu/bin/qemu-system-x86_64</emulator>"),
              std::string::npos);
}

}  // namespace
}  // namespace memrig
