#include "libvirt/device_events.h"

#include "base/stop_request.h"
#include "qmp/one_shot.h"

namespace memrig {

void DeviceEvents::added(std::string_view name) {
    if (name.starts_with("memua-")) name.remove_prefix(3);
    tell(name, true);
}

void DeviceEvents::removed(std::string_view alias) { tell(alias, false); }

void DeviceEvents::tell(std::string_view alias, bool is_there) {
    const std::lock_guard guard(mutex_);
    there_[std::string(alias)] = is_there;
    changed_.notify_all();
}

void DeviceEvents::forget(const std::string& alias) {
    const std::lock_guard guard(mutex_);
    there_.erase(alias);
}

void DeviceEvents::refused(std::string_view alias) {
    const std::lock_guard guard(mutex_);
    refused_.emplace(alias);
    changed_.notify_all();
}

void DeviceEvents::forget_refusal(const std::string& alias) {
    const std::lock_guard guard(mutex_);
    refused_.erase(alias);
}

Status DeviceEvents::await_refused(const std::string& alias, Deadline deadline) {
    std::unique_lock lock(mutex_);
    const auto seen = wait_until(changed_, lock, deadline, [&] { return refused_.contains(alias); });
    if (seen) return {};
    if (seen.error().fault == QmpFault::interrupted) return std::unexpected(stop_request().error());
    return fail(Fault::rig, "libvirt does not say that the guest keeps {}", alias);
}

void DeviceEvents::resized(std::string_view alias, std::uint64_t bytes) {
    const std::lock_guard guard(mutex_);
    sizes_[std::string(alias)] = bytes;
    changed_.notify_all();
}

Status DeviceEvents::await_size(const std::string& alias, std::uint64_t bytes, Deadline deadline) {
    std::unique_lock lock(mutex_);
    const auto seen = wait_until(changed_, lock, deadline, [&] { return sizes_[alias] == bytes; });
    if (seen) return {};
    if (seen.error().fault == QmpFault::interrupted) return std::unexpected(stop_request().error());
    return fail(Fault::rig, "QEMU says that the guest has {} bytes of {}, but libvirt says {}", bytes, alias,
                sizes_[alias]);
}

Status DeviceEvents::await(const std::string& alias, bool is_there, Deadline deadline) {
    std::unique_lock lock(mutex_);
    const auto seen = wait_until(changed_, lock, deadline, [&] {
        const auto said = there_.find(alias);
        return said != there_.end() && said->second == is_there;
    });
    if (seen) return {};
    if (seen.error().fault == QmpFault::interrupted) return std::unexpected(stop_request().error());
    return fail(Fault::rig, "libvirt does not say that {} was {}", alias, is_there ? "added" : "removed");
}

}  // namespace memrig
