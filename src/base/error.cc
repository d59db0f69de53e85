#include "base/error.h"

#include <cerrno>
#include <cstring>

namespace memrig {

const char* to_string(Fault fault) {
    switch (fault) {
        case Fault::guest: return "guest";
        case Fault::rig: return "rig";
        case Fault::host: return "host";
        case Fault::user_input: return "user-input";
        case Fault::interrupted: return "interrupted";
    }
    return "unknown";
}

std::string Error::line() const { return remedy.empty() ? message : message + " (" + remedy + ")"; }

std::unexpected<Error> fail_errno(Fault fault, const std::string& what) {
    const int saved = errno;
    return std::unexpected(Error{fault, fmt::format("cannot {}: {}", what, std::strerror(saved)), {}});
}

std::unexpected<Error> fail_with(Error error, std::string remedy) {
    error.remedy = std::move(remedy);
    return std::unexpected(std::move(error));
}

std::unexpected<Error> in_context(Error error, const std::string& doing) {
    error.message = doing + ": " + error.message;
    return std::unexpected(std::move(error));
}

}  // namespace memrig
