// The files of a hunt: the journal has what each case came to, so that an interrupted hunt goes on, and that the hunts
// of a cluster's tasks can be joined. The findings are scenarios.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "base/journal.h"
#include "campaign/hunt.h"

namespace memrig {

// Not thread-safe.
class HuntJournal {
public:
    explicit HuntJournal(const std::filesystem::path& directory) : journal_(directory / "hunt.jsonl") {}

    // Begins the journal, or reads the one that is there if `resume` is set. `identity` stands for all that the cases
    // depend on. Returns the cases by number. A case that was played twice has its last outcome.
    // Fault::user_input if the journal is damaged, or is of another hunt.
    Result<std::map<unsigned, HuntedCase>> start(const std::string& identity, std::uint64_t seed, bool resume);
    Status append(const HuntedCase& hunted);

private:
    Journal journal_;
};

// Takes what an earlier process has shrunk in the hunt's directory. False if it has not.
bool read_shrunk(const std::filesystem::path& directory, HuntFinding& finding);
// Writes findings/FINGERPRINT.toml, and beside it, for read_shrunk(), how the finding was shrunk. `arm` is the text of
// hunted_arm().
Status write_finding(const std::filesystem::path& directory, HuntFinding& finding, const std::string& arm);

}  // namespace memrig
