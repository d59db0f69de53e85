// The director over a fake machine: a step that can no longer come true ends the play at once, and says why.
#include "play/director.h"

#include <gtest/gtest.h>

#include "machine/fake_machine.h"

namespace memrig {
namespace {

Bench director_bench() {
    Bench bench;
    bench.arch = "x86_64";
    bench.actors = 3;
    return bench;
}

constexpr std::uint64_t kDirectorText = 0xffffffff81000000;
constexpr std::uint64_t kFirstTask = 0xffffc90000004000, kSecondTask = 0xffffc90000010000;

Actor remover_of(const std::string& name, const std::string& device, const std::string& entry) {
    Actor remover;
    remover.name = name;
    remover.kind = ActorKind::remover;
    remover.device_id = device;
    remover.entry = {entry};
    return remover;
}

Step step_of(StepKind kind, const std::string& actor, const std::string& at = "") {
    Step step;
    step.kind = kind;
    step.actor = actor;
    step.at = at;
    return step;
}

Step await_of(const std::string& actor, const std::string& observation) {
    Step step = step_of(StepKind::await, actor);
    step.any = {*parse_evidence(observation)};
    return step;
}

// Two removers, which act through QMP. Nothing is held to a time: a step that nobody ends would run for two minutes.
class DirectorTest : public ::testing::Test {
protected:
    DirectorTest() {
        std::vector<Symbol> list;
        std::uint64_t address = kDirectorText;
        for (const char* name :
             {"oops_enter", "panic", "msleep", "acpi_device_hotplug", "dlpar_memory", "caller", "try_remove_memory",
              "offline_pages", "synchronize_rcu", "stop_machine_cpuslocked", "smp_call_function_many_cond"})
            list.push_back({address += 0x100, 'T', name});
        symbols = SymbolTable(std::move(list));
        schedule.actors = {remover_of("first", "dimm0", "acpi_device_hotplug"),
                           remover_of("second", "dimm1", "dlpar_memory")};
        for (const char* device : {"dimm0", "dimm1"}) machine.monitor.expect("device_del").with({{"id", device}});
    }
    // The task comes to the function, called from caller+0x41.
    void comes(unsigned vcpu, std::uint64_t task, const std::string& function,
               std::map<std::string, std::uint64_t> registers = {}) {
        registers["rsp"] = task + 0x2000;
        machine.stub.poke_u64(task + 0x2000, *symbols.unique("caller") + 0x41);
        machine.stub.will_stop(vcpu, *symbols.unique(function), std::move(registers));
    }
    // The first remover is held on vCPU 1, and the second one has entered on vCPU 2.
    void hold_first_and_let_second_in() {
        comes(1, kFirstTask, "acpi_device_hotplug");
        comes(1, kFirstTask, "try_remove_memory");
        comes(2, kSecondTask, "dlpar_memory");
    }
    void hold_first_and_await(const std::string& observation) {
        schedule.steps = {step_of(StepKind::start, "first"),   step_of(StepKind::hold, "first", "try_remove_memory"),
                          step_of(StepKind::start, "second"),  await_of("second", observation),
                          step_of(StepKind::release, "first"), Step{}};
    }
    const Performance& played() {
        cast.emplace(machine, conductor, nullptr, symbols, timeline,
                     CastSpec{MemorySnapshot(), schedule, {}, 128ull << 20, 1});
        const Status status = Director(*cast, conductor, nullptr, symbols, schedule, 0).play();
        EXPECT_TRUE(status) << status.error().message;
        return cast->performance();
    }

    FakeMachine machine{director_bench()};
    Conductor conductor{machine.stub, machine.stub.architecture().kernel_stack_bytes};
    SymbolTable symbols;
    Timeline timeline{SteadyTime{}};
    Schedule schedule;
    std::optional<Cast> cast;
};

TEST_F(DirectorTest, ARequestThatWasToBeRefusedAndIsGrantedEndsThePlay) {
    schedule.actors[1].refusals = {{"GenericError", "already in the process of unplug"}};
    hold_first_and_await("entered offline_pages");
    hold_first_and_let_second_in();
    const Performance& seen = played();
    EXPECT_EQ(seen.end, PlayEnd::expired);
    EXPECT_EQ(seen.step, "start second");
    EXPECT_EQ(seen.in_vain,
              "an expected refusal did not come: second: done, not GenericError: already in the process "
              "of unplug");
}

TEST_F(DirectorTest, ARefusalByTheKernelMayStillCome) {
    schedule.actors[1].refusals = {{"GenericError", "busy"}, {"_OST", "0x82"}};
    hold_first_and_await("entered offline_pages");
    hold_first_and_let_second_in();
    comes(2, kSecondTask, "synchronize_rcu");
    EXPECT_EQ(played().step, "await second: entered offline_pages");
}

TEST_F(DirectorTest, AnActorThatHasFinishedShowsNothingMore) {
    schedule.steps = {step_of(StepKind::start, "second"), await_of("second", "entered offline_pages"), Step{}};
    std::swap(schedule.actors[0].device_id, schedule.actors[1].device_id);
    comes(2, kSecondTask, "dlpar_memory");
    machine.stub.will_stop(2, *symbols.unique("caller") + 0x41, {{"rsp", kSecondTask + 0x2008}});
    const Performance& seen = played();
    EXPECT_EQ(seen.end, PlayEnd::expired);
    EXPECT_EQ(seen.in_vain, "second has finished, and does nothing more");
}

TEST_F(DirectorTest, AnActorThatWaitsForRcuWaitsForAHeldVcpu) {
    hold_first_and_await("entered offline_pages");
    hold_first_and_let_second_in();
    comes(2, kSecondTask, "synchronize_rcu");
    const Performance& seen = played();
    EXPECT_EQ(seen.end, PlayEnd::expired);
    EXPECT_EQ(seen.in_vain,
              "second waits for RCU (synchronize_rcu < caller+0x41), which does not come while first's "
              "vCPU is held: hold first with parked = true");
}

TEST_F(DirectorTest, AnActorThatWaitsForAllCpusWaitsForAHeldVcpu) {
    hold_first_and_await("entered offline_pages");
    hold_first_and_let_second_in();
    comes(2, kSecondTask, "stop_machine_cpuslocked");
    EXPECT_EQ(played().in_vain.substr(0, 37), "second waits for all CPUs to stop (st");
}

// The wait flag is the first bit of the fourth argument. The mask is the first one.
TEST_F(DirectorTest, AnInterruptCountsOnlyIfTheHeldVcpuHasToAnswerIt) {
    const std::uint64_t others = kDirectorText + 0x8000, held = kDirectorText + 0x8008;
    machine.stub.poke_u64(others, 0b101);
    machine.stub.poke_u64(held, 0b111);
    hold_first_and_await("entered offline_pages");
    hold_first_and_let_second_in();
    comes(2, kSecondTask, "smp_call_function_many_cond", {{"rdi", others}, {"rcx", 1}, {"r8", 0}});
    comes(2, kSecondTask, "smp_call_function_many_cond", {{"rdi", held}, {"rcx", 2}, {"r8", 0}});
    comes(2, kSecondTask, "smp_call_function_many_cond", {{"rdi", held}, {"rcx", 1}, {"r8", kDirectorText}});
    comes(2, kSecondTask, "smp_call_function_many_cond", {{"rdi", held}, {"rcx", 3}, {"r8", 0}});
    EXPECT_EQ(played().in_vain.substr(0, 41), "second waits for an answer to an interrup");
    EXPECT_EQ(conductor.stops_at().at(*symbols.unique("smp_call_function_many_cond")), 4u);
}

TEST_F(DirectorTest, AWaitThatIsOverIsForgotten) {
    Record record{timeline, {}};
    Roster roster{schedule, machine.guest, record};
    record.note_task("second", kSecondTask);
    HeldWaits waits(conductor, roster, symbols);
    ASSERT_TRUE(waits.watch());
    const auto run = [&] { ASSERT_TRUE(conductor.run_until([] { return false; }, Deadline(SteadyTime::min()))); };
    comes(1, kFirstTask, "synchronize_rcu");  // nobody's task
    comes(2, kSecondTask, "synchronize_rcu");
    run();
    EXPECT_EQ(waits.wait_of("first"), "");
    EXPECT_EQ(waits.wait_of("second"), "RCU (synchronize_rcu < caller+0x41)");
    machine.stub.will_stop(2, *symbols.unique("caller") + 0x41, {{"rsp", kSecondTask + 0x2008}});
    run();
    EXPECT_EQ(waits.wait_of("second"), "");
}

TEST_F(DirectorTest, TheFunctionsThatInterruptAreWatchedOnlyDuringAHold) {
    Record record{timeline, {}};
    Roster roster{schedule, machine.guest, record};
    HeldWaits waits(conductor, roster, symbols);
    const std::uint64_t place = *symbols.unique("smp_call_function_many_cond");
    ASSERT_TRUE(waits.watch());
    EXPECT_FALSE(machine.stub.breakpoints.contains(place));
    ASSERT_TRUE(waits.begin_hold());
    EXPECT_TRUE(machine.stub.breakpoints.contains(place));
    ASSERT_TRUE(waits.end_hold());
    EXPECT_FALSE(machine.stub.breakpoints.contains(place));
    EXPECT_TRUE(machine.stub.breakpoints.contains(*symbols.unique("synchronize_rcu")));
}

}  // namespace
}  // namespace memrig
