#include "run/lacks.h"

#include <fmt/format.h>

namespace memrig {

std::vector<std::string> passed_limits(const ConsoleLog& console, const ConsoleReport& report,
                                       const LockLedger* ledger) {
    std::vector<std::string> lines;
    if (std::string lack = console.lack(); !lack.empty()) lines.push_back(std::move(lack));
    if (report.cut) lines.push_back(fmt::format("the console has more than {} reports", console_report_limit));
    if (ledger != nullptr)
        for (auto& lack : ledger->lacks()) lines.push_back(std::move(lack));
    return lines;
}

std::vector<std::string> lacking_points(const PointsOfOrder& points) {
    std::vector<std::string> lines;
    if (points.named)
        for (const auto& point : points.missing)
            lines.push_back(fmt::format("this kernel has no function {}, which is to be a point", point));
    if (!points.passed) lines.emplace_back("no actor came to any of the points");
    return lines;
}

}  // namespace memrig
