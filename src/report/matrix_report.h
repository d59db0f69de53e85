// Prints the kill matrix for people and for scripts.
#pragma once

#include <string>

#include "base/table.h"
#include "base/text.h"
#include "run/matrix.h"

namespace memrig {

// Lists each mutant with its fate and its cells, then the cells of the originals, then the score.
// Lines that are wider than `width` columns fold.
std::string matrix_text(const Matrix& matrix, const Paint& paint, std::size_t width = kUnfolded);
std::string matrix_json(const Matrix& matrix);
std::string matrix_markdown(const Matrix& matrix);

}  // namespace memrig
