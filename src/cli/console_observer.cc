#include "cli/console_observer.h"

namespace memrig {

namespace {
constexpr const char* kClearLine = "\r\x1b[K";
}

ConsoleObserver::ConsoleObserver(const Terminal& terminal, const RunSpec& spec)
    : terminal_(terminal),
      many_scenarios_(spec.scenarios.size() > 1),
      many_kernels_(spec.kernels.size() > 1),
      directory_(spec.out.string()) {}

void ConsoleObserver::busy_with(const std::string& what) {
    busy_with_ = what;
    if (terminal_.interactive()) show_progress();
    else if (!what.empty()) terminal_.print(one_line(what) + " …\n");
}

void ConsoleObserver::planned(unsigned trials_in_all) {
    const bool first = progress_.trials_planned() == 0;
    progress_.planned(trials_in_all);
    clear_progress();
    if (first)
        terminal_.print(
            fmt::format("{}; their evidence goes to {}\n", counted(trials_in_all, "trial"), one_line(directory_)));
    show_progress();
}

void ConsoleObserver::trial_done(const ArmResult& arm, const TrialResult& trial) {
    progress_.trial_done(trial);
    clear_progress();
    terminal_.print(trial_line(progress_, where(arm), trial, terminal_.paint(), terminal_.table_width()) + "\n");
    show_progress();
}

void ConsoleObserver::host_lost(const std::string& host, const std::string& why) {
    clear_progress();
    terminal_.print(terminal_.paint().bad(fmt::format("{} is lost: {}", one_line(host), one_line(why))) + "\n");
    show_progress();
}

std::string ConsoleObserver::where(const ArmResult& arm) const {
    std::string name;
    if (many_scenarios_) name += arm.scenario + " ";
    if (many_kernels_) name += arm.shown_kernel() + " ";
    return name + arm.arm;
}

void ConsoleObserver::show_progress() {
    if (!terminal_.interactive()) return;
    const std::size_t width = terminal_.width();
    // Leaves the last column free, because some terminals wrap as soon as it is written.
    terminal_.print(kClearLine + progress_.line(busy_with_, width > 1 ? width - 1 : 1));
    progress_shown_ = true;
}

void ConsoleObserver::clear_progress() {
    if (progress_shown_) terminal_.print(kClearLine);
    progress_shown_ = false;
}

}  // namespace memrig
