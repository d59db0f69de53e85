#include "report/console_marks.h"

#include <algorithm>

#include "console/report.h"

namespace memrig {

std::vector<ConsoleMark> console_marks(const std::vector<RecordedLine>& lines) {
    std::string text;
    for (const auto& line : lines) text += line.text + "\n";
    std::vector<ConsoleMark> marks(lines.size(), ConsoleMark::none);
    for (const auto& finding : parse_console(text).findings) {
        for (std::size_t i = finding.first_line; i <= finding.last_line && i < marks.size(); i++)
            if (marks[i] == ConsoleMark::none) marks[i] = ConsoleMark::part;
        // The headline may follow "[ cut here ]".
        const auto begin = lines.begin() + static_cast<std::ptrdiff_t>(std::min(finding.first_line, lines.size()));
        const auto found = std::find_if(begin, lines.end(),
                                        [&](const RecordedLine& line) { return line.text.contains(finding.headline); });
        if (found != lines.end()) marks[static_cast<std::size_t>(found - lines.begin())] = ConsoleMark::headline;
    }
    return marks;
}

}  // namespace memrig
