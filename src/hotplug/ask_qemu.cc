#include "hotplug/ask_qemu.h"

namespace memrig {

Result<nlohmann::json> ask_qemu(QmpClient& qmp, const std::string& command, const nlohmann::json& arguments,
                                Deadline deadline, Fault refused, const std::string& what) {
    auto answer = qmp.execute(command, arguments, deadline);
    if (answer) return *std::move(answer);
    const QmpError& error = answer.error();
    Error plain = error.error();
    if (error.fault == QmpFault::refused) plain = {refused, "QEMU refused: " + error.description, {}};
    plain.message = (what.empty() ? command : what) + ": " + plain.message;
    return std::unexpected(std::move(plain));
}

}  // namespace memrig
