// The kill matrix for people and for scripts.
#pragma once

#include <string>

#include "base/text.h"
#include "run/matrix.h"

namespace memrig {

// A row a mutant, a column a scenario and kernel; then what survived, the score and the false positives.
std::string matrix_text(const Matrix& matrix, const Paint& paint);
std::string matrix_json(const Matrix& matrix);
std::string matrix_markdown(const Matrix& matrix);
// One page that needs nothing else. All that came from a guest is escaped.
std::string matrix_html(const Matrix& matrix);

}  // namespace memrig
