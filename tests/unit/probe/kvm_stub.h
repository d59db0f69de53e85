// A gdbstub that behaves like QEMU's under KVM, on a thread of its own. Its guest has three vCPUs, and a program that
// vCPUs 1 and 2 go through for ever: a loop that calls a function. vCPU 0 idles.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <set>
#include <thread>

#include "scripted_stub.h"

namespace memrig {

// REQUIRES: the probe is destroyed before this is.
class KvmStub {
public:
    static constexpr std::uint64_t kFunction = 0xffffffff81000100;  // a nop, then push %rbp, pop %rbp, ret
    static constexpr std::uint64_t kLoop = 0xffffffff81000200;      // a call of the function, then a jump back
    static constexpr std::uint64_t kBack = kLoop + 5, kPush = kFunction + 5;

    enum class Fault {
        none,
        repeats_breakpoint,  // a vCPU that stands on a breakpoint never moves again, even if the breakpoint is removed
        repeats_stop,        // puts a vCPU back on the breakpoint that it has passed
        stops_for_ever,      // stops the guest each time that it is to run, for no reason
        skips_breakpoints,   // a vCPU that has been stepped meets no breakpoint any more
        runs_held,           // a vCPU that is to stay runs on
        stops_others,        // no vCPU runs if one of them is to stay
        stays_held,          // a vCPU that had to stay never runs again
        sees_no_write,       // no watchpoint is ever hit
        masks_nothing,       // a step cannot mask interrupts
        silent_step          // a step is not answered
    };

    explicit KvmStub(Fault fault = Fault::none) : fault_(fault) {
        for (unsigned i = 0; i < vcpus_.size(); i++) vcpus_.at(i) = {kLoop, 0xffffc90000003f00 + 0x4000 * i};
        const std::string function("\x0f\x1f\x44\0\0\x55\x5d\xc3", 8), loop = "\xe8\xfb\xfe\xff\xff\xeb\xf9";
        for (std::size_t i = 0; i < function.size(); i++) memory_[kFunction + i] = function[i];
        for (std::size_t i = 0; i < loop.size(); i++) memory_[kLoop + i] = loop[i];
    }
    KvmStub(const KvmStub&) = delete;
    KvmStub& operator=(const KvmStub&) = delete;
    ~KvmStub() {
        if (thread_.joinable()) thread_.join();
        wire_.report_mistakes();
    }

    // Begins to answer, and returns the probe's end of the socket.
    Descriptor start() {
        thread_ = std::thread([this] { serve(); });
        return std::move(wire_.theirs);
    }

private:
    struct Vcpu {
        std::uint64_t rip = 0, rsp = 0;
        bool stepped = false;
    };

    static std::string hex(std::uint64_t value, unsigned bytes = 8) {
        std::string raw;
        for (unsigned i = 0; i < bytes; i++) raw += static_cast<char>(value >> (8 * i));
        return to_hex(raw);
    }
    static std::string name_of(unsigned vcpu) { return fmt::format("p01.{:02x}", vcpu + 1); }
    static unsigned vcpu_of(const std::string& name) {
        return static_cast<unsigned>(parse_hex(name.substr(name.find('.') + 1)).value_or(1) - 1);
    }
    void answer(std::string_view payload) { (void)wire_.send(encode_packet(payload)); }
    void stop(unsigned vcpu, const std::string& why = {}) {
        moving_.clear();
        last_ = vcpu;
        selected_ = vcpu;
        answer(fmt::format("T05thread:{};{}", name_of(vcpu), why));
    }

    void push(Vcpu& vcpu, std::uint64_t value) {
        vcpu.rsp -= 8;
        for (unsigned i = 0; i < 8; i++) memory_[vcpu.rsp + i] = static_cast<char>(value >> (8 * i));
        written_ = vcpu.rsp;
    }
    std::uint64_t pop(Vcpu& vcpu) {
        std::string bytes;
        for (unsigned i = 0; i < 8; i++) bytes += memory_[vcpu.rsp + i];
        vcpu.rsp += 8;
        return little_endian(bytes);
    }
    // Runs one instruction.
    void execute(Vcpu& vcpu) {
        written_.reset();
        switch (vcpu.rip) {
            case kLoop: push(vcpu, kBack), vcpu.rip = kFunction; break;
            case kBack: vcpu.rip = kLoop; break;
            case kFunction: vcpu.rip = kPush; break;
            case kPush: push(vcpu, 0), vcpu.rip = kPush + 1; break;
            case kPush + 1: (void)pop(vcpu), vcpu.rip = kPush + 2; break;
            case kPush + 2: vcpu.rip = pop(vcpu); break;
            default: wire_.mistakes.push_back(fmt::format("a vCPU runs at {:#x}", vcpu.rip));
        }
    }

    [[nodiscard]] bool hits(const Vcpu& vcpu) const {
        return breakpoints_.contains(vcpu.rip) && !(fault_ == Fault::skips_breakpoints && vcpu.stepped);
    }
    // Runs the moving vCPUs in turn until one of them stops. This guest is so small that nothing will stop it any more
    // if it does not stop soon.
    void run() {
        constexpr unsigned most_turns = 1000;
        if (fault_ == Fault::stops_for_ever && hit_ != 0) return stop(*last_);
        if (fault_ == Fault::repeats_stop && hit_ != 0) {
            vcpus_.at(*last_).rip = hit_;
            return stop(*last_);
        }
        for (unsigned turn = 1; turn < most_turns && !moving_.empty(); turn++) {
            const unsigned number = (last_.value_or(0) + turn) % static_cast<unsigned>(vcpus_.size());
            if (number == 0 || !moving_.contains(number)) continue;
            Vcpu& vcpu = vcpus_.at(number);
            if (hits(vcpu)) {
                hit_ = vcpu.rip;
                return stop(number);
            }
            execute(vcpu);
            if (written_ && watchpoints_.contains(*written_) && fault_ != Fault::sees_no_write)
                return stop(number, fmt::format("watch:{:x};", *written_));
        }
    }
    void step(unsigned number) {
        Vcpu& vcpu = vcpus_.at(number);
        const bool stuck = fault_ == Fault::repeats_breakpoint && vcpu.rip == kPush;
        if (!stuck && !breakpoints_.contains(vcpu.rip)) execute(vcpu);
        vcpu.stepped = true;
        if (fault_ != Fault::silent_step) stop(number);
    }
    void resume(const std::string& request) {
        if (request.starts_with("vCont;s:")) return step(vcpu_of(request));
        for (std::size_t at = request.find(':'); at != std::string::npos; at = request.find(':', at + 1))
            moving_.insert(vcpu_of(request.substr(at + 1, 6)));
        const bool all = moving_.empty();
        if (!all && fault_ == Fault::stops_others) moving_ = {0};
        if (all || fault_ == Fault::runs_held) moving_ = {0, 1, 2};
        if (fault_ != Fault::stays_held) return;
        for (unsigned number = 0; number < vcpus_.size(); number++)
            if (!moving_.contains(number)) left_out_.insert(number);
        for (const unsigned number : left_out_) moving_.erase(number);
    }

    void point(const std::string& request) {
        auto& points = request[1] == '0' ? breakpoints_ : watchpoints_;
        const std::uint64_t address = parse_hex(request.substr(3, request.find(',', 3) - 3)).value_or(0);
        if (request[0] == 'Z') points.insert(address);
        else points.erase(address);
        answer("OK");
    }
    void read_memory(const std::string& request) {
        const std::size_t comma = request.find(',');
        const std::uint64_t address = parse_hex(request.substr(1, comma - 1)).value_or(0);
        const std::uint64_t size = parse_hex(request.substr(comma + 1)).value_or(0);
        std::string bytes;
        for (std::uint64_t i = 0; i < size; i++) {
            const auto known = memory_.find(address + i);
            // The breakpoints are in the guest's memory.
            bytes += breakpoints_.contains(address + i) ? '\xcc' : known == memory_.end() ? '\0' : known->second;
        }
        answer(to_hex(bytes));
    }
    void write_memory(const std::string& request) {
        const std::size_t colon = request.find(':');
        const std::uint64_t address = parse_hex(request.substr(1, request.find(',') - 1)).value_or(0);
        const std::string bytes = *from_hex(request.substr(colon + 1));
        for (std::size_t i = 0; i < bytes.size(); i++) memory_[address + i] = bytes[i];
        answer("OK");
    }
    void set_register(const std::string& request) {
        const std::size_t equals = request.find('=');
        const std::uint64_t value = little_endian(*from_hex(request.substr(equals + 1)));
        if (request.substr(1, equals - 1) == "8") vcpus_.at(selected_).rip = value;
        else wire_.mistakes.push_back("the probe sets another register than rip: " + request);
        answer("OK");
    }
    void send_registers() {
        const Vcpu& vcpu = vcpus_.at(selected_);
        std::string text;
        for (unsigned number = 0; number < 9; number++)
            text += hex(number == 5 ? vcpu.rsp : number == 8 ? vcpu.rip : 0);
        answer(text + hex(2, 4));
    }
    void send_description(const std::string& request) {
        const std::string text = request.find("target.xml") != std::string::npos ? kTargetXml : kCoreXml;
        answer("l" + text);
    }

    void handle(const std::string& request) {
        if (request == "<0x03>") {
            moving_.clear();
            answer("T02thread:p01.01;");
        } else if (!moving_.empty()) wire_.mistakes.push_back("the guest runs, and the stub is sent " + request);
        else if (request.starts_with("qSupported")) answer("PacketSize=1000;qXfer:features:read+;multiprocess+");
        else if (request.starts_with("qXfer")) send_description(request);
        else if (request == "?") answer("T05thread:p01.01;");
        else if (request == "qfThreadInfo") answer("mp01.01,p01.02,p01.03");
        else if (request == "qsThreadInfo") answer("l");
        else if (request == "qqemu.sstepbits") answer(fault_ == Fault::masks_nothing ? "ENABLE=1" : "ENABLE=1,NOIRQ=2");
        else if (request.starts_with("Hg")) selected_ = vcpu_of(request), answer("OK");
        else if (request == "g") send_registers();
        else if (request[0] == 'P') set_register(request);
        else if (request[0] == 'm') read_memory(request);
        else if (request[0] == 'M') write_memory(request);
        else if (request[0] == 'Z' || request[0] == 'z') point(request);
        else if (request.starts_with("vCont")) resume(request);
        else wire_.mistakes.push_back("the stub does not know " + request);
    }
    void serve() {
        for (std::string request = wire_.receive(); !request.empty(); request = wire_.receive()) {
            handle(request);
            if (!moving_.empty()) run();
        }
        wire_.ours.close();
    }

    const Fault fault_;
    StubWire wire_;
    std::thread thread_;
    std::array<Vcpu, 3> vcpus_{};
    std::map<std::uint64_t, char> memory_;
    std::set<std::uint64_t> breakpoints_, watchpoints_;
    std::set<unsigned> moving_, left_out_;
    std::optional<std::uint64_t> written_;  // where the last instruction wrote to
    std::optional<unsigned> last_;          // the vCPU that stopped last
    std::uint64_t hit_ = 0;                 // the breakpoint that was hit last
    unsigned selected_ = 0;
};

}  // namespace memrig
