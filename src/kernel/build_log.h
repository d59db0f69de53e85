// The log of a kernel build, and what is shown of it while it grows and when it fails.
#pragma once

#include <cstdio>
#include <deque>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"

namespace memrig {

// Shows how far a build is: on a terminal one line that changes, elsewhere a line now and then.
class BuildProgress {
public:
    // `steps`: how many lines like "  CC      mm/gup.o" are expected; 0 where it is not known.
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

// Keeps all lines in a file, and the last ones at hand.
class BuildLog {
public:
    static Result<BuildLog> make(const fs::path& path);
    void line(std::string_view line);
    // Fault::host for what could not be written.
    Status finish();
    // Why a build failed: the first error that a program printed and the last lines, in which make says where it gave up. Under
    // -j what other jobs still print may lie between the two.
    [[nodiscard]] std::string why() const;
    // A program said "No space left on device", or this log could not be written for that reason.
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
