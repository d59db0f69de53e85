#include "libvirt/hotplug.h"

#include <set>
#include <sstream>
#include <vector>

#include <fmt/format.h>
#include <pugixml.hpp>

#include "base/assert.h"
#include "libvirt/call.h"
#include "libvirt/device_events.h"
#include "libvirt/domain_xml.h"

namespace memrig {

namespace {

constexpr std::uint64_t kKib = 1024;

using SharedEvents = std::shared_ptr<DeviceEvents>;

void on_added(virConnectPtr, virDomainPtr, const char* name, void* opaque) {
    (*static_cast<SharedEvents*>(opaque))->added(name);
}
void on_removed(virConnectPtr, virDomainPtr, const char* alias, void* opaque) {
    (*static_cast<SharedEvents*>(opaque))->removed(alias);
}
void on_refused(virConnectPtr, virDomainPtr, const char* alias, void* opaque) {
    (*static_cast<SharedEvents*>(opaque))->refused(alias);
}
void on_resized(virConnectPtr, virDomainPtr, const char* alias, unsigned long long kib, void* opaque) {  // NOLINT
    (*static_cast<SharedEvents*>(opaque))->resized(alias, kib * kKib);
}

class LibvirtHotplug final : public HotplugApi {
public:
    LibvirtHotplug(Connection connection, Domain domain, std::shared_ptr<DeviceNames> names, MakeFile make_file)
        : connection_(std::move(connection)),
          domain_(std::move(domain)),
          names_(std::move(names)),
          make_file_(std::move(make_file)) {}
    LibvirtHotplug(const LibvirtHotplug&) = delete;
    LibvirtHotplug& operator=(const LibvirtHotplug&) = delete;
    ~LibvirtHotplug() override {
        for (const int registration : registrations_)
            virConnectDomainEventDeregisterAny(connection_.get(), registration);
    }

    Status listen() {
        MEMRIG_CHECK(subscribe(VIR_DOMAIN_EVENT_ID_DEVICE_ADDED, VIR_DOMAIN_EVENT_CALLBACK(on_added)));
        MEMRIG_CHECK(subscribe(VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, VIR_DOMAIN_EVENT_CALLBACK(on_removed)));
        MEMRIG_CHECK(subscribe(VIR_DOMAIN_EVENT_ID_DEVICE_REMOVAL_FAILED, VIR_DOMAIN_EVENT_CALLBACK(on_refused)));
        return subscribe(VIR_DOMAIN_EVENT_ID_MEMORY_DEVICE_SIZE_CHANGE, VIR_DOMAIN_EVENT_CALLBACK(on_resized));
    }
    void knows_from_the_start(const BenchVirtioMem& device) {
        names_->add(device.id, device.backend());
        known_.insert(device.id);
    }

    Status attach_dimm(const DimmSpec& spec, Deadline deadline) override {
        std::filesystem::path file;
        if (spec.nvdimm) {
            // libvirt takes an NVDIMM's memory from a file only, and the file must exist.
            MEMRIG_TRY(file, make_file_(spec.id, spec.bytes));
        }
        return attach(spec.id, spec.backend, dimm_xml(spec, file), deadline);
    }
    Status attach_virtio_mem(const VirtioMemSpec& spec, Deadline deadline) override {
        return attach(spec.id, spec.backend, virtio_mem_xml(spec), deadline);
    }
    [[nodiscard]] bool knows(const std::string& id) const override { return known_.contains(id); }
    // virDomainDetachDeviceAlias() does not wait for the guest.
    Status detach(const std::string& id, Deadline deadline) override {
        MEMRIG_ASSERT(knows(id), "what is detached was attached here");
        events_->forget_refusal(DeviceNames::alias(id));
        return call("detach " + id, deadline, [alias = DeviceNames::alias(id)](virDomainPtr domain) {
            return virDomainDetachDeviceAlias(domain, alias.c_str(), VIR_DOMAIN_AFFECT_LIVE);
        });
    }
    Status await_release(const std::string& id, Deadline deadline) override {
        MEMRIG_ASSERT(knows(id), "what is to be forgotten was attached here");
        return events_->await_removed(DeviceNames::alias(id), deadline);
    }
    Status await_refusal(const std::string& id, Deadline deadline) override {
        MEMRIG_ASSERT(knows(id), "what was to be detached was attached here");
        return events_->await_refused(DeviceNames::alias(id), deadline);
    }
    Status request_size(const std::string& id, std::uint64_t bytes, Deadline deadline) override {
        MEMRIG_ASSERT(knows(id), "what is resized was attached here");
        return call_libvirt_for("request of " + id, deadline,
                                [alias = DeviceNames::alias(id), bytes](virDomainPtr domain) -> Status {
                                    const Text live(virDomainGetXMLDesc(domain, 0));
                                    if (!live)
                                        return std::unexpected(libvirt_error(Fault::rig, "ask libvirt for the domain"));
                                    MEMRIG_TRY(const std::string xml, resized_xml(live.get(), alias, bytes));
                                    if (virDomainUpdateDeviceFlags(domain, xml.c_str(), VIR_DOMAIN_AFFECT_LIVE) < 0)
                                        return std::unexpected(libvirt_error(Fault::rig, "request of " + alias));
                                    return {};
                                });
    }
    Status await_size(const std::string& id, std::uint64_t bytes, Deadline deadline) override {
        return events_->await_size(DeviceNames::alias(id), bytes, deadline);
    }

private:
    Status attach(const std::string& id, const std::string& backend, std::string xml, Deadline deadline) {
        names_->add(id, backend);
        known_.insert(id);
        const std::string alias = DeviceNames::alias(id);
        events_->forget(alias);
        MEMRIG_CHECK(call("attach " + id, deadline, [xml = std::move(xml)](virDomainPtr domain) {
            return virDomainAttachDeviceFlags(domain, xml.c_str(), VIR_DOMAIN_AFFECT_LIVE);
        }));
        return events_->await_added(alias, deadline);
    }
    Status subscribe(int event, virConnectDomainEventGenericCallback callback) {
        auto mine = std::make_unique<SharedEvents>(events_);
        const auto release = [](void* opaque) { delete static_cast<SharedEvents*>(opaque); };
        const int registration =
            virConnectDomainEventRegisterAny(connection_.get(), domain_.get(), event, callback, mine.get(), release);
        if (registration < 0) return std::unexpected(libvirt_error(Fault::rig, "watch the domain's devices"));
        (void)mine.release();
        registrations_.push_back(registration);
        return {};
    }
    template <class Request>
    Status call(const std::string& what, Deadline deadline, Request request) {
        return call_libvirt_for(what, deadline, [what, request = std::move(request)](virDomainPtr domain) -> Status {
            if (request(domain) < 0) return std::unexpected(libvirt_error(Fault::rig, what));
            return {};
        });
    }
    template <class Request>
    Status call_libvirt_for(const std::string& what, Deadline deadline, Request request) {
        const auto done = call_libvirt(connection_, domain_.get(), deadline, std::move(request));
        if (!done) return in_context(done.error().error(), what);
        return *done;
    }

    Connection connection_;
    Domain domain_;
    std::shared_ptr<DeviceNames> names_;
    MakeFile make_file_;
    SharedEvents events_ = std::make_shared<DeviceEvents>();
    std::vector<int> registrations_;
    std::set<std::string> known_;
};

}  // namespace

Result<std::string> resized_xml(const std::string& domain, const std::string& alias, std::uint64_t bytes) {
    pugi::xml_document document;
    document.load_string(domain.c_str());
    for (const auto& memory : document.child("domain").child("devices").children("memory")) {
        if (memory.child("alias").attribute("name").value() != alias) continue;
        const pugi::xml_node requested = memory.child("target").child("requested");
        requested.attribute("unit").set_value("KiB");
        if (!requested.text().set(std::to_string(bytes / kKib).c_str())) break;
        std::ostringstream text;
        memory.print(text, "  ");
        return text.str();
    }
    return fail(Fault::rig, "libvirt's domain has no memory device {} whose size can be requested", alias);
}

Result<std::unique_ptr<HotplugApi>> open_hotplug(const Connection& connection, virDomainPtr domain,
                                                 std::shared_ptr<DeviceNames> names, const Bench& bench,
                                                 MakeFile make_file) {
    auto hotplug = std::make_unique<LibvirtHotplug>(connection, share(domain), std::move(names), std::move(make_file));
    if (bench.virtio_mem) hotplug->knows_from_the_start(*bench.virtio_mem);
    MEMRIG_CHECK(hotplug->listen());
    return hotplug;
}

}  // namespace memrig
