#include "kernel/build_log.h"

#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

namespace memrig {

namespace {

using namespace std::chrono_literals;
constexpr std::size_t kLinesKept = 12;

// True if the line is one of kbuild's steps: two spaces, then a word in capitals, as in "  CC      mm/gup.o".
bool is_step(std::string_view line) {
    return line.size() > 4 && line.starts_with("  ") && line[2] >= 'A' && line[2] <= 'Z';
}

// True if the line is an error of a compiler ("mm/gup.c:12:8: error: expected expression"), the linker or make.
bool is_error(std::string_view line) {
    return line.contains(" error: ") || line.contains("undefined reference to") || line.contains("No rule to make");
}

// The step's target, "mm/gup.o". Programs of the build itself have long paths, of which it takes the last part.
std::string_view target_of(std::string_view step) {
    const std::string_view target = step.substr(step.find_last_of(' ') + 1);
    return target.starts_with('/') ? target.substr(target.find_last_of('/') + 1) : target;
}

}  // namespace

BuildProgress::BuildProgress(std::FILE* stream, std::string what, unsigned steps, const Clock& clock)
    : stream_(stream),
      what_(std::move(what)),
      steps_(steps),
      clock_(clock),
      begun_(clock.now()),
      shown_(begun_),
      terminal_(::isatty(::fileno(stream)) == 1) {
    fmt::print(stream_, "memrig: {}\n", what_);
    std::fflush(stream_);
}

BuildProgress::~BuildProgress() {
    if (drawn_) fmt::print(stream_, "\r\x1b[K");
    std::fflush(stream_);
}

void BuildProgress::line(std::string_view line) {
    if (!is_step(line)) return;
    done_++;
    const auto now = clock_.now();
    if (now - shown_ < (terminal_ ? Duration(200ms) : Duration(10s))) return;
    shown_ = now;
    // The number of steps is an estimate, so the percentage stops at 99.
    const unsigned percent = steps_ == 0 ? 0 : std::min(99u, done_ * 100 / steps_);
    const std::string share = steps_ == 0 ? fmt::format("{} steps", done_) : fmt::format("{:2} %", percent);
    const std::string text = fmt::format("{}: {}, {:.0f} s, {}", what_, share, seconds(now - begun_), target_of(line));
    if (terminal_) fmt::print(stream_, "\r\x1b[K{}", text.substr(0, 79));
    else fmt::print(stream_, "memrig: {}\n", text);
    drawn_ = terminal_;
    std::fflush(stream_);
}

Result<BuildLog> BuildLog::make(const fs::path& path) {
    Descriptor fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (!fd.valid()) return fail_errno(Fault::host, "write " + path.string());
    return BuildLog(std::move(fd));
}

void BuildLog::line(std::string_view line) {
    if (!first_error_.empty()) since_error_++;
    else if (is_error(line)) first_error_ = line;
    last_.emplace_back(line);
    if (last_.size() > kLinesKept) last_.pop_front();
    if (line.find("No space left on device") != std::string_view::npos) disk_full_ = true;
    std::string text(line);
    text += '\n';
    for (std::string_view rest = text; !rest.empty() && error_ == 0;) {
        const ssize_t n = ::write(fd_.get(), rest.data(), rest.size());
        if (n < 0 && errno != EINTR) error_ = errno;
        if (n > 0) rest.remove_prefix(static_cast<std::size_t>(n));
    }
    if (error_ == ENOSPC) disk_full_ = true;
}

Status BuildLog::finish() {
    errno = error_;
    if (error_ != 0) return fail_errno(Fault::host, "write the build's log");
    return {};
}

std::string BuildLog::why() const {
    std::string text;
    if (since_error_ >= kLinesKept) text = first_error_ + "\n[…]";
    for (const auto& line : last_) text += (text.empty() ? "" : "\n") + line;
    return text;
}

}  // namespace memrig
