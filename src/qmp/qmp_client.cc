#include "qmp/qmp_client.h"

namespace memrig {

const char* to_string(QmpFault fault) {
    switch (fault) {
        case QmpFault::transport: return "transport";
        case QmpFault::protocol: return "protocol";
        case QmpFault::refused: return "refused";
        case QmpFault::deadline: return "deadline";
        case QmpFault::interrupted: return "interrupted";
    }
    return "unknown";
}

Error QmpError::error() const {
    switch (fault) {
        case QmpFault::transport: return {Fault::rig, "lost QEMU's monitor: " + description, {}};
        case QmpFault::protocol: return {Fault::rig, "QEMU's monitor does not speak QMP: " + description, {}};
        case QmpFault::refused: return {Fault::rig, fmt::format("QEMU refused: {} ({})", description, error_class), {}};
        case QmpFault::deadline: return {Fault::rig, "QEMU's monitor is late: " + description, {}};
        case QmpFault::interrupted: return {Fault::interrupted, description, {}};
    }
    return {Fault::rig, description, {}};
}

}  // namespace memrig
