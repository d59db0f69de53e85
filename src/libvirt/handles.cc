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

Error libvirt_error(Fault fault, const std::string& what) {
    const virErrorPtr error = virGetLastError();
    std::string said = error != nullptr && error->message != nullptr ? error->message : "libvirt does not say why";
    while (said.ends_with('\n')) said.pop_back();
    return {fault, what + ": " + said, {}};
}

bool last_error_is(int code) {
    const virErrorPtr error = virGetLastError();
    return error != nullptr && error->code == code;
}

}  // namespace memrig
