// Prints tables that fold to the width of a terminal.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace memrig {

// The width of an output that nothing folds: a file or a pipe, which programs read line by line.
inline constexpr std::size_t kUnfolded = static_cast<std::size_t>(-1);

// The fate of a word that is longer than a line.
enum class LongWord {
    broken,  // no line is wider than the width
    kept     // the word leaves the line: a path in a command can still be copied
};
// Breaks a one_line() text into lines of at most `width` columns, between words. The blanks at the beginning are kept.
// All lines but the first begin with `indent` blanks. REQUIRES: `indent` is less than `width`.
std::vector<std::string> broken_lines(std::string_view text, std::size_t width, std::size_t indent,
                                      LongWord long_word = LongWord::broken);
// The same as one text, with long words broken, and without a newline at its end.
std::string folded(std::string_view text, std::size_t width, std::size_t indent);

struct TableColumn {
    std::string heading;
    bool right = false;  // aligned to the right
};

// Colours a field of a row, counted from 0; row kHeadings is that of the headings.
using FieldPaint = std::function<std::string(std::size_t row, std::size_t column, const std::string& text)>;
inline constexpr std::size_t kHeadings = static_cast<std::size_t>(-1);

// Aligns the fields in columns, two blanks apart. A table that is wider than `width` prints each row on several lines:
// as many columns as fit, and the others below, indented. The headings fold in the same way. Each row has a one_line()
// text for each column.
std::string table_text(const std::vector<TableColumn>& heads, const std::vector<std::vector<std::string>>& rows,
                       std::size_t width, const FieldPaint& paint = {});

}  // namespace memrig
