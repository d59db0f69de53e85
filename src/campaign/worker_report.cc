#include "campaign/worker_report.h"

#include "base/file.h"
#include "campaign/run_record.h"

namespace memrig {

std::optional<WorkerReport> read_worker_report(const fs::path& directory) {
    auto run = read_run_record(directory);
    if (!run || run->record.cells.size() != 1) return std::nullopt;
    WorkerReport report;
    report.skipped = run->record.cells.front().skipped;
    report.not_set_up = run->record.cells.front().not_set_up;
    if (!report.skipped.empty() || !report.not_set_up.empty()) return report;
    if (run->record.results.size() != 1) return std::nullopt;
    report.result = std::move(run->record.results.front());
    return report;
}

std::string last_line_of(const fs::path& log) {
    std::string text = read_file(log).value_or("");
    while (text.ends_with('\n')) text.pop_back();
    return text.substr(text.find_last_of('\n') + 1);
}

}  // namespace memrig
