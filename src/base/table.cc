#include "base/table.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/text.h"

namespace memrig {

namespace {

constexpr std::size_t kGap = 2, kIndent = 4;
constexpr std::size_t kLeastWidth = 20;  // a terminal that is narrower folds by itself

// The bytes of the first `n` columns of a text.
std::size_t bytes_of(std::string_view text, std::size_t n) {
    std::size_t at = 0;
    for (std::size_t seen = 0; at < text.size(); at++)
        if ((static_cast<unsigned char>(text[at]) & 0xc0) != 0x80 && seen++ == n) break;
    return at;
}

class FoldedTable {
public:
    FoldedTable(const std::vector<TableColumn>& heads, const std::vector<std::vector<std::string>>& rows,
                std::size_t width, const FieldPaint& paint)
        : heads_(heads), width_(std::max(width, kLeastWidth)), paint_(paint) {
        for (const auto& head : heads) widths_.push_back(columns(head.heading));
        for (const auto& row : rows) {
            MEMRIG_ASSERT(row.size() == heads.size(), "a row has a field for each column");
            for (std::size_t i = 0; i < row.size(); i++) widths_[i] = std::max(widths_[i], columns(row[i]));
        }
        pack();
    }

    std::string print(const std::vector<std::vector<std::string>>& rows) {
        std::vector<std::string> headings;
        for (const auto& head : heads_) headings.push_back(head.heading);
        if (std::ranges::any_of(headings, [](const std::string& one) { return !one.empty(); }))
            add(kHeadings, headings);
        for (std::size_t i = 0; i < rows.size(); i++) add(i, rows[i]);
        return std::move(out_);
    }

private:
    // Decides which columns share a line.
    void pack() {
        std::size_t used = 0;
        for (std::size_t i = 0; i < widths_.size(); i++) {
            const std::size_t wanted = used + (used > 0 && i > 0 ? kGap : 0) + widths_[i];
            if (i == 0 || wanted > width_) {
                lines_.emplace_back();
                used = (lines_.size() > 1 ? kIndent : 0) + widths_[i];
            } else used = wanted;
            lines_.back().push_back(i);
        }
    }

    [[nodiscard]] std::string field(std::size_t row, std::size_t column, const std::string& text) const {
        return paint_ ? paint_(row, column, text) : text;
    }

    void add(std::size_t row, const std::vector<std::string>& fields) {
        for (std::size_t n = 0; n < lines_.size(); n++) {
            const bool empty =
                n > 0 && std::ranges::all_of(lines_[n], [&](std::size_t i) { return fields[i].empty(); });
            if (!empty) add_line(row, fields, lines_[n], n == 0 ? 0 : kIndent);
        }
    }

    void add_line(std::size_t row, const std::vector<std::string>& fields, const std::vector<std::size_t>& line,
                  std::size_t indent) {
        std::size_t last = line.size();
        while (last > 0 && fields[line[last - 1]].empty()) last--;
        out_.append(indent, ' ');
        for (std::size_t n = 0; n < last; n++) {
            const std::size_t i = line[n];
            if (n > 0) out_.append(kGap, ' ');
            // Only a column that has the line to itself can be wider than the line.
            if (indent + columns(fields[i]) > width_) {
                add_broken(row, i, fields[i], indent);
                continue;
            }
            const std::string padding(widths_[i] - columns(fields[i]), ' ');
            if (heads_[i].right) out_ += padding;
            out_ += field(row, i, fields[i]);
            if (!heads_[i].right && n + 1 < last) out_ += padding;
        }
        out_ += '\n';
    }

    void add_broken(std::size_t row, std::size_t column, const std::string& text, std::size_t indent) {
        const auto pieces = broken_lines(text, width_ - indent, 0);
        for (std::size_t i = 0; i < pieces.size(); i++)
            out_ += (i == 0 ? "" : "\n" + std::string(indent, ' ')) + field(row, column, pieces[i]);
    }

    const std::vector<TableColumn>& heads_;
    std::size_t width_;
    const FieldPaint& paint_;
    std::vector<std::size_t> widths_;
    std::vector<std::vector<std::size_t>> lines_;  // the columns of each line
    std::string out_;
};

}  // namespace

std::vector<std::string> broken_lines(std::string_view text, std::size_t width, std::size_t indent,
                                      LongWord long_word) {
    MEMRIG_ASSERT(indent < width, "there is room behind the indent");
    std::vector<std::string> lines;
    std::string line(std::min(text.find_first_not_of(' '), text.size()), ' ');
    bool has_word = false;
    const auto next = [&] {
        lines.push_back(std::exchange(line, std::string(indent, ' ')));
        has_word = false;
    };
    for (std::size_t at = line.size(); at < text.size();) {
        const std::size_t end = std::min(text.find(' ', at), text.size());
        std::string_view word = text.substr(at, end - at);
        at = end + 1;
        if (has_word && columns(line) + 1 + columns(word) > width) next();
        if (has_word) line += ' ';
        while (long_word == LongWord::broken && columns(line) + columns(word) > width && columns(line) < width) {
            const std::size_t bytes = bytes_of(word, width - columns(line));
            line += word.substr(0, bytes);
            word.remove_prefix(bytes);
            next();
        }
        line += word;
        has_word = true;
    }
    lines.push_back(std::move(line));
    return lines;
}

std::string folded(std::string_view text, std::size_t width, std::size_t indent) {
    if (columns(text) <= width) return std::string(text);
    std::string out;
    for (const auto& line : broken_lines(text, std::max(width, kLeastWidth), indent))
        out += (out.empty() ? "" : "\n") + line;
    return out;
}

std::string table_text(const std::vector<TableColumn>& heads, const std::vector<std::vector<std::string>>& rows,
                       std::size_t width, const FieldPaint& paint) {
    return FoldedTable(heads, rows, width, paint).print(rows);
}

}  // namespace memrig
