// Golden consoles: tests/golden/console/NAME.txt, each followed by what the parser makes of it.
#include "console/report.h"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "unit/support/golden_file.h"

namespace memrig {
namespace {

using Json = nlohmann::ordered_json;

std::vector<std::string> console_names() {
    std::vector<std::string> names;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(golden_path("console"), error)) {
        if (entry.path().extension() == ".txt") names.push_back(entry.path().stem().string());
    }
    std::ranges::sort(names);
    return names;
}

std::string case_file(const std::string& name) { return "console/" + name + ".txt"; }
std::string console_text(const std::string& name) { return golden_case(case_file(name)).input; }

Json to_json(const std::vector<HeldLockDump>& locks) {
    Json out = Json::array();
    for (const HeldLockDump& l : locks)
        out.push_back(
            {{"comm", l.comm}, {"pid", l.pid}, {"lock_class", l.lock_class}, {"instance", l.instance}, {"at", l.at}});
    return out;
}

Json to_json(const ConsoleReport& report) {
    Json out = {{"findings", Json::array()}, {"tasks", Json::array()}};
    for (const ConsoleFinding& f : report.findings) {
        out["findings"].push_back({{"kind", to_string(f.kind)},
                                   {"headline", f.headline},
                                   {"function", f.function},
                                   {"comm", f.comm},
                                   {"pid", f.pid},
                                   {"complete", f.complete},
                                   {"lines", {f.first_line, f.last_line}},
                                   {"stack", f.stack}});
        Json& last = out["findings"].back();
        for (const LockChainLink& link : f.chain)
            last["chain"].push_back({{"lock_class", link.lock_class}, {"stack", link.stack}});
        if (!f.held.empty()) last["held"] = to_json(f.held);
    }
    for (const TaskDump& t : report.tasks) {
        out["tasks"].push_back(
            {{"comm", t.comm}, {"state", std::string(1, t.state)}, {"pid", t.pid}, {"stack", t.stack}});
    }
    out["held_locks"] = to_json(report.held_locks);
    return out;
}

bool printable(const std::string& text) {
    return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c <= 0x7e; });
}

// Checks what holds for every report, whatever the text was.
void check_sound(const ConsoleReport& report, std::string_view text) {
    const auto lines = static_cast<std::size_t>(std::ranges::count(text, '\n')) + 1;
    for (const ConsoleFinding& f : report.findings) {
        ASSERT_FALSE(f.headline.empty());
        ASSERT_LE(f.first_line, f.last_line);
        ASSERT_LT(f.last_line, lines);
        ASSERT_TRUE(printable(f.headline) && printable(f.function) && printable(f.comm));
        ASSERT_TRUE(std::ranges::all_of(f.stack, printable));
    }
    for (const TaskDump& t : report.tasks) ASSERT_TRUE(printable(t.comm) && t.state > ' ' && t.state < 0x7f);
    for (const HeldLockDump& l : report.held_locks) {
        ASSERT_TRUE(printable(l.comm) && printable(l.lock_class) && printable(l.instance) && printable(l.at));
    }
}

void parse_and_check(std::string_view text) { check_sound(parse_console(text), text); }

class GoldenConsole : public testing::TestWithParam<std::string> {};

TEST_P(GoldenConsole, IsReadAsExpected) {
    const std::string got = to_json(parse_console(console_text(GetParam()))).dump(1) + "\n";
    expect_golden_case(case_file(GetParam()), "", got);
}

TEST_P(GoldenConsole, IsTheSameWithAndWithoutCarriageReturns) {
    const std::string text = console_text(GetParam());
    std::string bare, full;
    for (const char c : text) {
        if (c == '\r') continue;
        if (c == '\n') full += '\r';
        bare += c;
        full += c;
    }
    EXPECT_EQ(to_json(parse_console(bare)), to_json(parse_console(full)));
}

TEST_P(GoldenConsole, SurvivesTruncation) {
    const std::string text = console_text(GetParam());
    // Every prefix of a short console, a sample of a long one's; and every end of a line.
    const std::size_t step = std::max<std::size_t>(1, text.size() * text.size() / 16'000'000);
    for (std::size_t size = 0; size < text.size(); size += step)
        parse_and_check(std::string_view(text).substr(0, size));
    for (std::size_t size = 0; size < text.size(); size += step) parse_and_check(std::string_view(text).substr(size));
}

TEST_P(GoldenConsole, SurvivesTheLossOfALine) {
    const std::string text = console_text(GetParam());
    for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t end = std::min(text.find('\n', begin), text.size() - 1) + 1;
        std::string rest = text.substr(0, begin);
        rest.append(text, end);
        parse_and_check(rest);
        begin = end;
    }
}

INSTANTIATE_TEST_SUITE_P(Console, GoldenConsole, testing::ValuesIn(console_names()), [](const auto& tested) {
    std::string name = tested.param;
    std::ranges::replace_if(name, [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); }, '_');
    return name;
});

TEST(ConsoleReport, GoldenFilesAreThere) { EXPECT_GE(console_names().size(), 80u); }

TEST(ConsoleReport, SaysNothingOfAQuietKernel) {
    for (const std::string& name : console_names()) {
        if (!name.starts_with("quiet-")) continue;
        const ConsoleReport report = parse_console(console_text(name));
        EXPECT_TRUE(report.findings.empty() && report.tasks.empty() && report.held_locks.empty()) << name;
    }
}

TEST(ConsoleReport, IsNotMisledByWords) {
    for (const char* line : {
             "[    1.000000] ACPI BIOS Error (bug): Could not resolve symbol [\\_SB.PCI0]",
             "[    1.000000] [Firmware Bug]: TSC ADJUST: CPU0: 0 force to 0",
             "[    1.000000] debug: this bug: is none, and this warning: neither",
             "[    1.000000] WARNING: Spectre v2 mitigation leaves CPU vulnerable to RETBleed attacks!",
             "[    1.000000] WARNING: Flushing system-wide workqueues will be prohibited in near future.",
             "[    1.000000] EDD information not available, the DEBUG: see BUG: 12",
             "[    1.000000] init[1] general protection fault ip:4011f2 sp:7ffd error:0 in init[401000+1000]",
             "[    1.000000] init[86]: segfault at 18 ip 0000000000201a sp 00007ffd error 4 in init[200000+2000]",
             "[    1.000000] rcu: Hierarchical RCU implementation, stall warnings on.",
             "[    1.000000] INFO: task scheduler registered",
             "[    1.000000] watchdog: Delayed init of the lockup detector failed: -19",
             "[    1.000000] Kernel command line: panic=-1 oops=panic sysrq_always_enabled",
             "[    1.000000] task: this is no dump state: none",
             "BUG: a program's own words\n[    1.000000] init: done",
             "[    1.000000] init: done\nKernel panic - not syncing: says a program",
         }) {
        const ConsoleReport report = parse_console(line);
        EXPECT_TRUE(report.findings.empty() && report.tasks.empty()) << line;
    }
}

TEST(ConsoleReport, SeesAKernelLineBehindAProgramsText) {
    const ConsoleReport report =
        parse_console("~ # [    9.5][ ~ # [    9.312177] kernel BUG at lib/list_debug.c:49!\r\n");
    ASSERT_EQ(report.findings.size(), 1u);
    EXPECT_EQ(report.findings[0].headline, "kernel BUG at lib/list_debug.c:49!");
    EXPECT_EQ(report.findings[0].first_line, 0u);
}

TEST(ConsoleReport, KnowsAHeadlineWithoutATimeStamp) {
    const ConsoleReport report =
        parse_console("<4>WARNING: at mm/slub.c:12 kfree+0x10/0x20()\nBUG: Bad page state in process init  pfn:1\n");
    ASSERT_EQ(report.findings.size(), 2u);
    EXPECT_EQ(report.findings[0].kind, ConsoleFindingKind::warning);
    EXPECT_EQ(report.findings[0].function, "kfree");
    EXPECT_EQ(report.findings[1].kind, ConsoleFindingKind::other_bug);
}

TEST(ConsoleReport, KeepsReportsOfTwoCallersApart) {
    const ConsoleReport report = parse_console(
        "[    1.000000][   T12] BUG: unable to handle page fault for address: ffff\n"
        "[    1.000000][    C1] watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [a:b:34]\n"
        "[    1.000000][   T12] RIP: 0010:crashed+0x1/0x2\n"
        "[    1.000000][    C1] RIP: 0010:stuck+0x1/0x2\n"
        "[    1.000000][   T12] Call Trace:\n"
        "[    1.000000][    C1] Call Trace:\n"
        "[    1.000000][   T12]  caller_a+0x1/0x2\n"
        "[    1.000000][    C1]  caller_b+0x1/0x2\n"
        "[    1.000000][    C1]  </TASK>\n"
        "[    1.000000][   T12] ---[ end trace 0000000000000000 ]---\n");
    ASSERT_EQ(report.findings.size(), 2u);
    EXPECT_EQ(report.findings[0].function, "crashed");
    EXPECT_EQ(report.findings[0].stack, std::vector<std::string>{"caller_a"});
    EXPECT_TRUE(report.findings[0].complete);
    EXPECT_EQ(report.findings[1].function, "stuck");
    EXPECT_EQ(report.findings[1].comm, "a:b");
    EXPECT_EQ(report.findings[1].pid, 34);
    EXPECT_TRUE(report.findings[1].complete);
}

// Each of these would take minutes or gigabytes if any step were more than linear; they merely have to end.
TEST(ConsoleReport, IsLinearInHostileText) {
    constexpr std::size_t size = 4u << 20;
    const auto repeated = [](std::string_view part) {
        std::string text;
        while (text.size() < size) text += part;
        return text;
    };
    const std::vector<std::string> hostile = {
        repeated("["),
        repeated("[    1"),
        repeated("[    1.000000] "),
        repeated("[    1.000000][T1]"),
        repeated("\n"),
        repeated("\r"),
        repeated("BUG: \n"),
        repeated("task:a state:D pid:"),
        repeated("task:a state:D pid:1\nCall Trace:\n f+0x1/0x2\n"),
        repeated("Oops: 0000 [#1]\n"),
        "BUG: a\nCall Trace:\n" + repeated(" f+0x1/0x2\n"),
        "BUG: a\nCall Trace:\n " + repeated("f"),
        repeated("[<0>] "),
        repeated("WARNING: CPU: PID: at f+0x f+0x1/0x "),
        repeated("WARNING: a, CPU#0: b/1 "),
        repeated("INFO: task a:1 blocked for more than "),
        repeated("CPU: 1 PID: 1 Comm: Tainted: "),
        "Showing all locks held in the system:\n1 lock held by a/1:\n" + repeated(" #0: 1 (a){, at: "),
        "Showing all locks held in the system:\n" + repeated("1 lock held by a/1:\n #0: ffffffff (a){}, at: f\n"),
        repeated(std::string("\0\xff\x80 ", 4)),
    };
    for (const std::string& text : hostile) parse_and_check(text);

    std::string callers;
    for (std::size_t i = 0; callers.size() < size; ++i)
        callers += "[    1.000000][T" + std::to_string(i) + "] BUG: unable to handle x\n";
    const ConsoleReport report = parse_console(callers);
    EXPECT_EQ(report.findings.size(), console_report_limit);
    check_sound(report, callers);
}

}  // namespace
}  // namespace memrig
