// memrig man and memrig completion: made from the program's own options, so that they cannot differ from them.
#include <algorithm>
#include <memory>

#include "base/file.h"
#include "cli/output.h"
#include "cli/self_description.h"

namespace memrig {

namespace {

std::vector<const CLI::App*> commands_of(const CLI::App& app) {
    auto commands = app.get_subcommands([](const CLI::App* one) { return !one->get_group().empty(); });
    return {commands.begin(), commands.end()};
}

// Returns the options that the help lists.
std::vector<const CLI::Option*> options_of(const CLI::App& app) {
    const auto options = app.get_options([](const CLI::Option* one) { return !one->get_group().empty(); });
    return {options.begin(), options.end()};
}

// Returns the names of a command and its parents: "memrig campaign run".
std::string path_of(const CLI::App& app) {
    const CLI::App* parent = app.get_parent();
    return parent == nullptr ? app.get_name() : path_of(*parent) + " " + app.get_name();
}

std::string replaced(std::string text, const std::string& what, const std::string& by) {
    for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size())
        text.replace(at, what.size(), by);
    return text;
}

// Escapes text for roff, so that nothing in it is a request, an escape or a typographic dash.
std::string roff(const std::string& text) {
    std::string out;
    for (const char c : text) {
        if (c == '\\') out += "\\e";
        else if (c == '-') out += "\\-";
        else if ((c == '.' || c == '\'') && (out.empty() || out.back() == '\n')) out += std::string("\\&") + c;
        else out += c;
    }
    return replaced(replaced(out, "…", "..."), "×", "x");
}

std::string spelled(const CLI::Option& option) {
    std::string text;
    for (const auto& name : option.get_snames()) text += (text.empty() ? "" : ", ") + ("-" + name);
    for (const auto& name : option.get_lnames()) text += (text.empty() ? "" : ", ") + ("--" + name);
    return text;
}

std::string option_roff(const CLI::Option& option) {
    const std::string name = option.get_positional() ? option.get_name(true) : spelled(option);
    std::string value = option.get_type_name();
    if (option.get_expected_max() == 0 || option.get_positional()) value.clear();
    std::string text = ".TP\n\\fB" + roff(name) + "\\fR" + (value.empty() ? "" : " \\fI" + roff(value) + "\\fR") + "\n";
    text += roff(option.get_description());
    if (!option.get_default_str().empty()) text += roff(" (default: " + option.get_default_str() + ")");
    return text + "\n";
}

// Lines that begin with blanks are examples, which are shown unchanged.
std::string footer_roff(const std::string& footer) {
    std::string text;
    bool example = false;
    for (std::size_t from = 0; from < footer.size();) {
        const std::size_t end = std::min(footer.find('\n', from), footer.size());
        const std::string line = footer.substr(from, end - from);
        from = end + 1;
        const bool shown = line.starts_with(' ');
        if (shown != example) text += shown ? ".PP\n.EX\n" : ".EE\n.PP\n";
        example = shown;
        if (line.empty()) {
            if (!text.empty() && !text.ends_with(".PP\n")) text += ".PP\n";
        } else text += roff(line) + "\n";
    }
    text += example ? ".EE\n" : "";
    return text.ends_with(".PP\n") ? text.substr(0, text.size() - 4) : text;
}

std::string page_of(const CLI::App& app, const std::string& version) {
    const std::string path = path_of(app);
    const std::string name = replaced(path, " ", "-");
    std::string text = fmt::format(".TH {} 1 \"\" \"memrig {}\" \"User Commands\"\n", roff(name), version);
    const bool whole = app.get_parent() == nullptr;
    text += ".SH NAME\n" + roff(name) + " \\- " +
            roff(whole ? "a virtual hardware bench for Linux memory hotplug" : app.get_description()) + "\n";
    const auto commands = commands_of(app);
    text += ".SH SYNOPSIS\n\\fB" + roff(path) + "\\fR" + (commands.empty() ? "" : " \\fICOMMAND\\fR") +
            " [\\fIOPTIONS\\fR]";
    const auto options = options_of(app);
    for (const auto* option : options)
        if (option->get_positional())
            text += option->get_required() ? " \\fI" + roff(option->get_name(true)) + "\\fR"
                                           : " [\\fI" + roff(option->get_name(true)) + "\\fR]";
    text += "\n.SH DESCRIPTION\n" + roff(app.get_description()) + "\n";
    if (!commands.empty()) text += ".SH COMMANDS\n";
    for (const auto* command : commands)
        text += ".TP\n\\fB" + roff(command->get_name()) + "\\fR\n" + roff(command->get_description()) + "\n";
    if (!options.empty()) text += ".SH OPTIONS\n";
    for (const auto* option : options) text += option_roff(*option);
    const std::string notes = footer_roff(app.get_footer());
    if (!notes.empty()) text += ".SH NOTES\n" + notes;
    if (!whole) text += ".SH SEE ALSO\n.BR memrig (1)\n";
    return text;
}

void each_command(const CLI::App& app, const std::function<void(const CLI::App&)>& visit) {
    visit(app);
    for (const auto* command : commands_of(app)) each_command(*command, visit);
}

// --- completion

std::string words_of(const std::string& type) {
    const bool choice = type.find('|') != std::string::npos &&
                        std::ranges::all_of(type, [](char c) { return std::islower(c) != 0 || c == '|' || c == '-'; });
    return choice ? replaced(type, "|", " ") : "";
}

// Returns shell code that prints the possible values of an option. Empty if the value is a file or free text.
std::string values_of(const CLI::Option& option) {
    const auto is = [&](const char* name) { return option.check_lname(name); };
    if (is("kernel") || is("kernels")) return "_memrig_ids kernels list";
    if (is("bench")) return "_memrig_ids benches list";
    if (is("emulator")) return "_memrig_ids emulators list";
    if (is("scenario") || is("from")) return "_memrig_ids scenarios list";
    if (const std::string words = words_of(option.get_type_name()); !words.empty()) return "echo '" + words + "'";
    return "";
}

std::string bash_completion(const CLI::App& program) {
    std::string commands, options, values;
    each_command(program, [&](const CLI::App& app) {
        const std::string path = path_of(app);
        std::string names, flags;
        for (const auto* command : commands_of(app)) names += (names.empty() ? "" : " ") + command->get_name();
        for (const auto* option : options_of(app)) {
            if (option->get_positional()) continue;
            for (const auto& name : option->get_lnames()) {
                flags += (flags.empty() ? "" : " ") + ("--" + name);
                if (option->get_expected_max() == 0) continue;
                const std::string printed = values_of(*option);
                values += fmt::format("        '{} --{}') {} ;;\n", path, name, printed.empty() ? "return 1" : printed);
            }
        }
        if (!names.empty()) commands += fmt::format("        '{}') echo '{}' ;;\n", path, names);
        options += fmt::format("        '{}') echo '{}' ;;\n", path, flags);
    });
    return "# Completion of memrig for bash, made by `memrig completion bash`.\n"
           "_memrig_ids() {\n"
           "    \"${COMP_WORDS[0]}\" \"$@\" 2>/dev/null | awk 'NR > 1 && /^[a-z0-9]/ { print $1 }'\n}\n"
           "_memrig_commands() {\n    case $1 in\n" +
           commands + "    esac\n}\n_memrig_options() {\n    case $1 in\n" + options +
           "    esac\n}\n"
           "# Fails for an option whose value is a file or free.\n"
           "_memrig_values() {\n    case $1 in\n" +
           values +
           "        *) return 2 ;;\n    esac\n}\n"
           "_memrig() {\n"
           "    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} path=memrig words i\n"
           "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
           "        case \" $(_memrig_commands \"$path\") \" in\n"
           "            *\" ${COMP_WORDS[i]} \"*) path+=\" ${COMP_WORDS[i]}\" ;;\n"
           "        esac\n"
           "    done\n"
           "    COMPREPLY=()\n"
           "    words=$(_memrig_values \"$path $before\")\n"
           "    case $? in\n"
           "        1) return ;;\n"
           "        2) if [[ $current == -* ]]; then words=$(_memrig_options \"$path\"); else words=$(_memrig_commands "
           "\"$path\"); fi\n"
           "           [[ -n $words || $path != 'memrig run' ]] || words=$(_memrig_ids scenarios list) ;;\n"
           "    esac\n"
           "    local IFS=$' \\t\\n'\n"
           "    COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
           "}\n"
           "complete -o default -F _memrig memrig\n";
}

std::string completion(const CLI::App& program, const std::string& shell) {
    const std::string bash = bash_completion(program);
    if (shell == "bash") return bash;
    return "#compdef memrig\nautoload -Uz bashcompinit && bashcompinit\n" + bash;
}

// Writes each page to a file of its own.
Status write_pages(const CLI::App& program, const fs::path& directory, const std::string& version) {
    MEMRIG_CHECK(make_directories(directory));
    Status status;
    each_command(program, [&](const CLI::App& app) {
        if (status.has_value())
            status = write_file(directory / (replaced(path_of(app), " ", "-") + ".1"), page_of(app, version));
    });
    return status;
}

int man(const CLI::App& program, const std::vector<std::string>& words, const std::string& directory,
        const std::string& version) {
    if (!directory.empty()) {
        const Status written = write_pages(program, directory, version);
        return written ? kExitGood : report_error(written.error());
    }
    const CLI::App* app = &program;
    for (const auto& word : words) {
        const auto commands = commands_of(*app);
        const auto found = std::ranges::find(commands, word, [](const CLI::App* one) { return one->get_name(); });
        if (found == commands.end())
            return report_error(
                {Fault::user_input, fmt::format("there is no command \"{}\"", word), "see memrig help"});
        app = *found;
    }
    const Status printed = print_result(page_of(*app, version));
    return printed ? kExitGood : report_error(printed.error());
}

}  // namespace

void add_self_description(CLI::App& program, Action& action, const std::string& version) {
    auto words = std::make_shared<std::vector<std::string>>();
    auto directory = std::make_shared<std::string>();
    CLI::App* pages = program.add_subcommand("man", "Print a manual page (roff)")->group("");
    pages->add_option("COMMAND", *words, "The command; default: memrig itself")->type_name("");
    pages->add_option("--dir", *directory, "Write all pages to DIR instead")->type_name("DIR");
    pages->footer("Example:\n  memrig man run | man -l -\n");
    pages->callback([&program, &action, words, directory, version] {
        action = [&program, words, directory, version] { return man(program, *words, *directory, version); };
    });

    auto shell = std::make_shared<std::string>();
    CLI::App* script = program.add_subcommand("completion", "Print the completion script of a shell")->group("");
    script->add_option("SHELL", *shell, "bash or zsh")
        ->required()
        ->type_name("")
        ->check(CLI::IsMember({"bash", "zsh"}).description(""));
    script->footer("Example:\n  source <(memrig completion bash)\n");
    script->callback([&program, &action, shell] {
        action = [&program, shell] {
            const Status printed = print_result(completion(program, *shell));
            return printed ? kExitGood : report_error(printed.error());
        };
    });
}

}  // namespace memrig
