// Writes the log of a kernel build, shows the progress, and finds out why a build failed.
#pragma once

#include <cstdio>
#include <deque>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"

namespace memrig {

// Shows the progress of a build: on a terminal in one line that changes, elsewhere in a line now and then.
class BuildProgress {
public:
    // `steps`: the expected number of lines like "  CC      mm/gup.o"; 0 if unknown.
    BuildProgress(std::FILE* stream, std::string what, unsigned steps, const Clock& clock = steady_clock());
    ~BuildProgress();
    BuildProgress(const BuildProgress&) = delete;
    BuildProgress& operator=(const BuildProgress&) = delete;

    void line(std::string_view line);

private:
    std::FILE* stream_;
    std::string what_;
    unsigned steps_, done_ = 0;
    const Clock& clock_;
    SteadyTime begun_, shown_;
    bool terminal_, drawn_ = false;
};

// Writes all lines to a file, and keeps the last ones in memory.
class BuildLog {
public:
    static Result<BuildLog> make(const fs::path& path);
    void line(std::string_view line);
    // Fails with Fault::host if a line could not be written.
    Status finish();
    // Why a build failed: the first error that a program printed, and the last lines, in which make says where it gave
    // up. With -j, the output of other jobs may lie between the two.
    [[nodiscard]] std::string why() const;
    // A program printed "No space left on device", or this log could not be written for that reason.
    [[nodiscard]] bool disk_full() const { return disk_full_; }

private:
    explicit BuildLog(Descriptor fd) : fd_(std::move(fd)) {}
    Descriptor fd_;
    std::deque<std::string> last_;
    std::string first_error_;
    std::size_t since_error_ = 0;  // lines after it
    bool disk_full_ = false;
    int error_ = 0;
};

}  // namespace memrig
