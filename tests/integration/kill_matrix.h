// The kill matrix at one trial a cell.
#pragma once

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/file.h"
#include "integration/one_trial.h"
#include "report/matrix_report.h"
#include "run/matrix.h"

namespace memrig::test {

// `kernels` are the parents; empty: all.
inline void expect_all_killed(const std::vector<std::string>& kernels) {
    const auto directory = TemporaryDirectory::make("memrig-matrix");
    ASSERT_TRUE(directory);
    const auto backend = make_qemu_backend();
    QuietObserver observer;
    MatrixSpec order;
    order.kernels = kernels;
    order.trials = 1;
    order.jobs = 2;
    order.accelerator = "tcg";
    order.out = directory->path() / "run";
    const auto matrix = run_matrix(order, {backend.get()}, observer);
    ASSERT_TRUE(matrix) << matrix.error().line();
    EXPECT_EQ(matrix->exit_status(), 0) << matrix_text(*matrix, Paint(false));
    for (const auto& mutant : matrix->mutants)
        EXPECT_TRUE(mutant.equivalent.empty() || mutant.name == "add_memory" || mutant.name == "names_of_4_x" ||
                    mutant.name == "shape_of_7_3")
            << mutant.name << ": more are declared equivalent than can be";
}

}  // namespace memrig::test
