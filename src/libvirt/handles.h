// Owners for libvirt's objects, and libvirt's errors as ours.
#pragma once

#include <cstdlib>
#include <memory>
#include <string>

#include <libvirt/libvirt.h>

#include "base/error.h"
#include "libvirt/advice.h"

namespace memrig {

struct FreeDomain {
    void operator()(virDomainPtr domain) const { virDomainFree(domain); }
};
struct FreeStream {
    void operator()(virStreamPtr stream) const { virStreamFree(stream); }
};
using Connection = std::shared_ptr<virConnect>;
using Domain = std::unique_ptr<virDomain, FreeDomain>;
using Stream = std::unique_ptr<virStream, FreeStream>;

// Takes the connection over: the last owner closes it.
Connection own(virConnectPtr connection);
// Returns another reference to the same domain.
Domain share(virDomainPtr domain);

// libvirt's last error on this thread.
LibvirtError last_libvirt_error();
// The same as an Error, whose message begins with `what`.
Error libvirt_error(Fault fault, const std::string& what);
bool last_error_is(int code);

struct FreeText {
    void operator()(char* text) const { free(text); }  // NOLINT: libvirt's strings are malloc()'s
};
using Text = std::unique_ptr<char, FreeText>;

}  // namespace memrig
