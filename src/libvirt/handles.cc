#include "libvirt/handles.h"

#include <libvirt/virterror.h>

namespace memrig {

Connection own(virConnectPtr connection) {
    return {connection, [](virConnectPtr last) { virConnectClose(last); }};
}

Domain share(virDomainPtr domain) {
    virDomainRef(domain);
    return Domain(domain);
}

LibvirtError last_libvirt_error() {
    const virErrorPtr error = virGetLastError();
    if (error == nullptr || error->message == nullptr) return {0, "libvirt does not say why"};
    std::string text = error->message;
    while (text.ends_with('\n')) text.pop_back();
    return {error->code, text};
}

Error libvirt_error(Fault fault, const std::string& what) {
    return {fault, what + ": " + last_libvirt_error().text, {}};
}

bool last_error_is(int code) {
    const virErrorPtr error = virGetLastError();
    return error != nullptr && error->code == code;
}

}  // namespace memrig
