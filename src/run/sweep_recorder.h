// Records which calls the actors of a swept scenario make, by trials of its own.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "run/sweep.h"

namespace memrig {

struct Recording {
    std::vector<RecordedCalls> calls;
    std::filesystem::path directory;  // of its trial
};

// Returns the run that plays this arm of these scenarios as the sweep asks for.
RunSpec sweep_run(const SweepSpec& spec, std::vector<std::string> scenarios, const char* arm,
                  const std::filesystem::path& out);
// Returns the allocators whose calls the sweep records.
std::vector<std::string> recorded_allocators(const SweepSpec& spec);
// Returns the number of the case that the arm is of; 0: none.
std::size_t case_number(const ArmResult& arm);
void note_images(const RunResults& results, Sweep& sweep);

// All that it is given must outlive it.
class SweepRecorder {
public:
    // Notes the kernel and the bench in `sweep`.
    SweepRecorder(const SweepSpec& spec, const std::vector<Host*>& hosts, RunObserver& observer, Sweep& sweep)
        : spec_(spec), hosts_(hosts), observer_(observer), sweep_(sweep) {}

    // Plays recording.toml of the sweep's directory. `callers`: the functions are those by way of which allocators were
    // called. Fault::guest if the recording comes to no verdict.
    Result<Recording> record(const std::vector<std::string>& functions, bool callers);
    // Plays the arm `fault` of each case. Returns the calls of allocators by the number of the case, for those that
    // held.
    Result<std::map<std::size_t, std::vector<RecordedCalls>>> record_failing(
        const std::vector<std::filesystem::path>& cases);

private:
    Result<Recording> record(const std::vector<std::string>& functions, bool callers, unsigned halvings);
    Result<Recording> record_at_once(const std::vector<std::string>& functions, bool callers);

    const SweepSpec& spec_;
    const std::vector<Host*>& hosts_;
    RunObserver& observer_;
    Sweep& sweep_;
};

}  // namespace memrig
