// A toolchain that makes a kernel's files at once, and fails as told. `ran` has the commands that it got.
#pragma once

#include <map>
#include <set>

#include <elf.h>

#include "base/file.h"
#include "kernel/build_tools.h"

namespace memrig::test {

class FakeBuildTools : public BuildTools {
public:
    explicit FakeBuildTools(fs::path package) : package_(std::move(package)) {}

    std::vector<std::string> made_with;  // of the last make: all that it was given
    std::vector<std::string> ran;        // "tar", "allnoconfig", "bzImage", "spatch" ...
    std::set<std::string> full_disk_in;  // those fail as on a full disk, with a part written
    std::set<std::string> failing;       // those fail with an error of theirs
    std::set<std::string> interrupted;   // the user asks to stop while they run
    bool source_is_kernel = true;
    std::string compiler = "12";  // the compiler's version
    unsigned fetched = 0;

    Result<ExitStatus> run(const BuildStep& step, const LineSink& line) override {
        const std::string what = name_of(step);
        ran.push_back(what);
        if (step.argv.front() == "make") made_with = step.argv;
        if (interrupted.contains(what)) return fail(Fault::interrupted, "interrupted by SIGINT");
        if (full_disk_in.contains(what)) {
            if (what == "bzImage") put(build_of(step) / "vmlinux.o", "half of it");
            line("fatal error: error writing to x.o: No space left on device");
            return ExitStatus{2, 0};
        }
        if (failing.contains(what)) {
            line("mm/memory_hotplug.c:1: error: what is this");
            return ExitStatus{2, 0};
        }
        return act(what, step, line);
    }
    Result<std::string> compiler_version(const std::string& name) override { return name + " " + compiler; }
    Result<fs::path> fetch_source(const std::string&, const std::string&) override {
        fetched++;
        put(package_ / "root/usr/src/linux-source.tar.xz", "packed");
        return package_;
    }

    static std::string name_of(const BuildStep& step) {
        return step.argv.front() == "make" ? step.argv.back() : step.argv.front();
    }

private:
    static void put(const fs::path& path, const std::string& text) {
        fs::create_directories(path.parent_path());
        (void)write_file(path, text);
    }
    static std::string text_of(const fs::path& path) { return read_file(path).value_or(""); }
    static fs::path build_of(const BuildStep& step) {
        for (const auto& word : step.argv)
            if (word.starts_with("O=")) return word.substr(2);
        return {};
    }

    Result<ExitStatus> act(const std::string& what, const BuildStep& step, const LineSink& line) {
        const fs::path build = build_of(step);
        if (what == "tar") unpack(step.argv.at(4));
        else if (what == "cp") fs::copy(step.argv.at(2), step.argv.at(3), fs::copy_options::recursive);
        else if (what == "allnoconfig") put(build / ".config", text_of(build / "fragments"));
        else if (what == "bzImage") make_image(step.argv.at(2), build, line);
        else if (what == "vmlinux") make_power_image(build);
        else if (what == "Image") make_arm_image(build);
        else if (what == "modules_install") install_modules(step);
        else if (what == "spatch") return patch(step);
        else if (what == "diff") return diff(step, line);
        return ExitStatus{};
    }

    void unpack(const fs::path& to) const {
        if (!source_is_kernel) return put(to / "README", "a book");
        for (const char* file : {"Makefile", "Kbuild", "scripts/Kconfig.include"}) put(to / file, "");
        put(to / "Kconfig", "config NUMA\nconfig SMP\n");
        put(to / "mm/memory_hotplug.c", "lock\nadd\nunlock\n");
    }

    // An image with a kernel's header, which holds the source that it was made from.
    static void make_image(const fs::path& source, const fs::path& build, const LineSink& line) {
        std::string image(4096, '\0');
        image.replace(0x202, 4, "HdrS");
        line("  CC      mm/memory_hotplug.o");
        put(build / "arch/x86/boot/bzImage", image + text_of(source / "mm/memory_hotplug.c"));
        put(build / "System.map", "0 T _text\n");
        put(build / "include/config/kernel.release", "6.12.0\n");
    }

    static void make_power_image(const fs::path& build) {
        std::string image(64, '\0');
        image.replace(0, 6,
                      "\x7f"
                      "ELF\2\1");
        image[18] = EM_PPC64;
        put(build / "vmlinux", image);
        put(build / "System.map", "0 T _text\n");
        put(build / "include/config/kernel.release", "6.12.0\n");
    }

    static void make_arm_image(const fs::path& build) {
        std::string image(64, '\0');
        image.replace(0x38, 4, "ARM\x64");
        put(build / "arch/arm64/boot/Image", image);
        put(build / "System.map", "0 T _text\n");
        put(build / "include/config/kernel.release", "6.12.0\n");
    }

    static void install_modules(const BuildStep& step) {
        for (const auto& word : step.argv)
            if (constexpr std::string_view key = "INSTALL_MOD_PATH="; word.starts_with(key)) {
                const fs::path folder = fs::path(word.substr(key.size())) / "lib/modules/6.12.0";
                put(folder / "modules.order", "kernel/a.ko\n");
                put(folder / "kernel/a.ko", "a module");
                fs::create_symlink("/nowhere", folder / "build");
            }
    }

    // The make-believe language: all lines equal to the patch's last one are removed.
    static Result<ExitStatus> patch(const BuildStep& step) {
        std::string patch = text_of(*(std::ranges::find(step.argv, "--sp-file") + 1));
        patch.pop_back();
        const std::string doomed = patch.substr(patch.rfind('\n') + 1) + "\n";
        std::string text = text_of(step.argv.back());
        const auto found = text.find(doomed);
        if (found == std::string::npos) return ExitStatus{};
        text.erase(found, doomed.size());
        put(step.argv.back(), text);
        return ExitStatus{};
    }

    static Result<ExitStatus> diff(const BuildStep& step, const LineSink& line) {
        const std::string a = text_of(step.argv.at(step.argv.size() - 2));
        const std::string b = text_of(step.argv.back());
        if (a == b) return ExitStatus{};
        for (const char* text : {"--- a/x", "+++ b/x", "@@ -1 +1 @@", "-lock"}) line(text);
        return ExitStatus{1, 0};
    }

    fs::path package_;
};

}  // namespace memrig::test
