#include "kernel/build_tools.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/paths.h"
#include "kernel/debian_package.h"

namespace memrig {

namespace {

using namespace std::chrono_literals;
// Only for programs that hang: a build on a busy host takes long, and Ctrl-C ends it at any time.
constexpr auto kStepPatience = 6h;
constexpr std::size_t kLongestLine = 1 << 16;

// Removes each complete line from `text` and passes it to `line`. Also passes on an unfinished line that is too long.
void take_lines(std::string& text, const LineSink& line) {
    std::size_t from = 0;
    for (std::size_t end = 0; (end = text.find('\n', from)) != std::string::npos; from = end + 1)
        line(std::string_view(text).substr(from, end - from));
    text.erase(0, from);
    if (text.size() > kLongestLine) {
        line(text);
        text.clear();
    }
}

class RealBuildTools : public BuildTools {
public:
    Result<ExitStatus> run(const BuildStep& step, const LineSink& line) override {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) != 0) return fail_errno(Fault::host, "make a pipe");
        Descriptor read_end(ends[0]);
        Descriptor write_end(ends[1]);
        SpawnOptions options;
        options.argv = step.argv;
        options.environment = step.environment;
        options.inherit = {{write_end.get(), 1}, {write_end.get(), 2}};
        MEMRIG_TRY(Process child, Process::spawn(options));
        write_end.close();
        const Deadline deadline = Deadline::after(kStepPatience);
        std::string text;
        std::vector<char> buffer(1 << 16);
        for (;;) {
            MEMRIG_TRY(const Wait wait, wait_readable(read_end.get(), deadline));
            if (wait == Wait::expired) break;
            MEMRIG_TRY(const std::size_t n, read_some(read_end.get(), buffer));
            if (n == 0) break;
            text.append(buffer.data(), n);
            take_lines(text, line);
        }
        if (!text.empty()) line(text);
        MEMRIG_TRY(const auto status, child.wait(deadline));
        if (!status) return fail(Fault::host, "{} did not end in time", step.argv.front());
        return *status;
    }

    Result<std::string> compiler_version(const std::string& compiler) override {
        for (const std::string& program :
             {compiler, std::string("make"), std::string("flex"), std::string("bison"), std::string("bc"),
              std::string("perl"), std::string("tar"), std::string("xz")})
            if (!find_program(program))
                return fail_with(
                    {Fault::host, fmt::format("{} is not installed; building kernels needs it", program), {}},
                    program.starts_with("clang") ? "run tools/setup llvm" : "run tools/setup kernels");
        MEMRIG_TRY(const RunResult run, run_program({compiler, "--version"}, Deadline::after(1min), true, 1 << 16));
        if (!run.status.success()) return fail(Fault::host, "{} --version failed with {}", compiler, run.status.text());
        return run.output.substr(0, run.output.find('\n'));
    }

    Result<fs::path> fetch_source(const std::string& package, const std::string& suite) override {
        const fs::path script = home_directory() / "tools" / "fetch-deb";
        MEMRIG_TRY(const RunResult run,
                   run_program({script.string(), "--suite", suite, package}, Deadline::after(kDownloadPatience)));
        if (!run.status.success())
            return fail_with({Fault::host,
                              fmt::format("cannot fetch the source package {}: tools/fetch-deb ended with {}", package,
                                          run.status.text()),
                              {}},
                             "see its message above");
        return run.output.substr(0, run.output.find('\n'));
    }
};

}  // namespace

std::unique_ptr<BuildTools> make_build_tools() { return std::make_unique<RealBuildTools>(); }

}  // namespace memrig
