#include "libvirt/device_names.h"

namespace memrig {

namespace {

using Names = std::map<std::string, std::string>;

void rename(std::string& text, const Names& names) {
    const std::size_t slash = text.rfind('/');
    const std::size_t from = slash == std::string::npos ? 0 : slash + 1;
    if (const auto name = names.find(text.substr(from)); name != names.end())
        text.replace(from, std::string::npos, name->second);
}

// parse_bounded() limits the depth of the recursion.
void rename(nlohmann::json& value, const Names& names) {
    if (value.is_string()) return rename(value.get_ref<std::string&>(), names);
    if (value.is_structured())
        for (auto& part : value) rename(part, names);
}

}  // namespace

void DeviceNames::add(const std::string& id, const std::string& backend) {
    const std::lock_guard guard(mutex_);
    for (const auto& [mine, qemus] : {std::pair(id, alias(id)), std::pair(backend, "mem" + alias(id))}) {
        ours_[qemus] = mine;
        theirs_[mine] = qemus;
    }
}

nlohmann::json DeviceNames::to_qemu(nlohmann::json message) const {
    const std::lock_guard guard(mutex_);
    rename(message, theirs_);
    return message;
}

nlohmann::json DeviceNames::from_qemu(nlohmann::json message) const {
    const std::lock_guard guard(mutex_);
    rename(message, ours_);
    return message;
}

}  // namespace memrig
