#include "console/stack.h"

#include "console/text.h"

namespace memrig::console {

namespace {

constexpr std::size_t stack_limit = 256;   // kstack_depth_to_print is 64; on x86 only the stack's size is a bound
constexpr std::size_t symbol_limit = 512;  // KSYM_NAME_LEN

constexpr bool is_symbol_char(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || is_upper(c) || c == '_' || c == '.' || c == '$';
}

// show_trace_log_lvl() of x86 and similar functions bracket the stacks of one task: "<IRQ>", "</TASK>", "<#DF>".
bool is_stack_marker(std::string_view text) {
    return text.size() > 2 && text.size() < 16 && text.starts_with('<') && text.ends_with('>');
}

// Before 4.13 the marker is on the line of the stack's first entry: " <IRQ>  [<ffffffff810b1a2f>] func+0x1/0x2".
void skip_stack_marker(std::string_view& text) {
    const auto end = text.substr(0, 16).find("> ");
    if (!text.starts_with('<') || end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
    skip_spaces(text);
}

}  // namespace

bool take_address(std::string_view& text) {
    std::string_view rest = text;
    if (!consume(rest, "[")) return false;
    const bool angled = consume(rest, "<");
    if (take_hex(rest).empty()) return false;
    if (angled && !consume(rest, ">")) return false;
    if (!consume(rest, "]")) return false;
    text = rest;
    return true;
}

std::string_view symbol_at(std::string_view text) {
    std::size_t length = 0;
    while (length < text.size() && is_symbol_char(text[length])) ++length;
    if (length == 0 || length > symbol_limit || is_digit(text[0])) return {};
    std::string_view rest = text.substr(length);
    if (!consume(rest, "+0x") || take_hex(rest).empty()) return {};
    if (!consume(rest, "/0x") || take_hex(rest).empty()) return {};
    if (!rest.empty() && !contains(" (),", rest.substr(0, 1))) return {};
    return text.substr(0, length);
}

StackLine stack_line(std::string_view text) {
    // printk_stack_address() of x86 indents by one space; show_stack() of powerpc starts with "[sp] [ip] ".
    if (text.empty() || (text.front() != ' ' && text.front() != '[')) return {};
    skip_spaces(text);
    skip_stack_marker(text);
    bool addressed = false;
    for (int i = 0; i < 2 && take_address(text); ++i) {
        addressed = true;
        skip_spaces(text);
    }
    const bool doubtful = consume(text, "? ");
    const std::string_view symbol = symbol_at(text);
    if (symbol.empty()) {
        std::string_view raw = text;
        // An entry may be an address without a symbol: "[c0...] [c0...] 0xc00000000349f8a8 (unreliable)".
        const bool entry = (addressed || doubtful) && consume(raw, "0x") && !take_hex(raw).empty();
        return {.is_entry = entry, .function = {}};
    }
    if (doubtful || text.ends_with("(unreliable)")) return {.is_entry = true, .function = {}};
    return {.is_entry = true, .function = symbol};
}

bool is_register_line(std::string_view text) {
    // __show_regs() of x86, ___show_regs() of powerpc.
    static constexpr std::string_view names[] = {
        "RIP", "RSP", "RAX",  "RBX", "RCX",  "RDX", "RSI", "RDI",     "RBP",  "R08",      "R09",
        "R10", "R11", "R12",  "R13", "R14",  "R15", "EIP", "ESP",     "EAX",  "ESI",      "CR0",
        "CR2", "DR0", "DR3",  "DR6", "FS",   "CS",  "DS",  "PKRU",    "Code", "ORIG_RAX", "NIP",
        "LR",  "CTR", "REGS", "MSR", "CFAR", "DAR", "GPR", "IRQMASK", "SOFTE"};
    if (text.starts_with("--- interrupt: ") || text.starts_with("Instruction dump:")) return true;
    for (const std::string_view name : names) {
        std::string_view rest = text;
        if (!consume(rest, name)) continue;
        take_digits(rest);  // GPR00, GPR04, ...
        return rest.starts_with(": ") || rest.starts_with(" [");
    }
    return false;
}

bool StackReader::feed(std::string_view text) {
    if (state_ == State::done) return false;
    if (state_ == State::waiting) {
        // "Call Trace:" of x86 and powerpc, "Call trace:" of arm64.
        if (text == "Call Trace:" || text == "Call trace:") {
            state_ = State::reading;
            return true;
        }
        if (needs_header_ || !stack_line(text).is_entry) return false;
        state_ = State::reading;
    }
    return read(text);
}

bool StackReader::read(std::string_view text) {
    if (const StackLine line = stack_line(text); line.is_entry) {
        add(line.function);
        return true;
    }
    const std::string_view mark = trim(text);
    if (mark == "</TASK>") {
        state_ = State::done;
        return true;
    }
    if (is_stack_marker(mark)) return true;
    // The registers of an exception within the trace name the interrupted function. show_trace_log_lvl() of x86 does
    // not print it again as an entry, nor does show_stack() of powerpc if LR is the same.
    if (std::string_view rest = text; consume(rest, "RIP: 0010:")) {
        add(symbol_at(rest));
        return true;
    }
    if (text.starts_with("--- interrupt: ")) {
        if (const auto at = after(text, " at ")) {
            add(symbol_at(*at));
        } else if (user_mode_) {
            state_ = State::done;  // no kernel function called the entry from user space
        }
        return true;
    }
    if (text.starts_with("MSR: ") && contains(text, ",PR,")) user_mode_ = true;
    if (is_register_line(text)) return true;
    state_ = State::done;
    return false;
}

void StackReader::add(std::string_view function) {
    if (!function.empty() && functions_.size() < stack_limit) functions_.emplace_back(function);
}

}  // namespace memrig::console
