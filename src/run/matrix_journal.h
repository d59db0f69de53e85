// The journal of a kill matrix: a line for each cell that is done, from which an interrupted matrix goes on.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/journal.h"
#include "run/matrix.h"

namespace memrig {

// Not thread-safe.
class MatrixJournal {
public:
    // `out` is the matrix's directory. `identity` stands for all that the cells depend on.
    MatrixJournal(const std::filesystem::path& out, const std::string& identity);

    // Begins a new journal, or, with `resume`, reads the one that is there into the cells, which are numbered from 1 in
    // the order of `cells`. A cell that ended in a rig fault is left alone, unless `keeps_rig_faults`.
    // Fault::user_input if the journal is damaged, or has another identity.
    Status start(bool resume, bool keeps_rig_faults, const std::vector<MatrixCell*>& cells);
    // Writes the cell that is done. `number` is from 1. REQUIRES: start().
    Status append(std::size_t number, const MatrixCell& cell);

private:
    Journal journal_;
    std::string head_;
};

}  // namespace memrig
