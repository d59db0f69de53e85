#include "probe/target_description.h"

#include <string_view>
#include <vector>

#include <pugixml.hpp>

namespace memrig {

namespace {

constexpr int kMaxIncludes = 32;
constexpr unsigned kMaxRegisterBits = 1 << 12;

struct Described {
    std::string name;
    unsigned number;
    std::size_t bytes;
};

class Reader {
public:
    explicit Reader(const std::function<Result<std::string>(const std::string&)>& fetch) : fetch_(fetch) {}

    Status read(const std::string& annex) {
        if (++includes_ > kMaxIncludes)
            return fail(Fault::rig, "gdbstub: the target description includes too many files");
        MEMRIG_TRY(const std::string text, fetch_(annex));
        pugi::xml_document document;
        if (const auto parsed = document.load_string(text.c_str()); !parsed)
            return fail(Fault::rig, "gdbstub: {} is not XML: {}", annex, parsed.description());
        return visit(document);
    }

    std::string architecture;
    std::vector<Described> registers;

private:
    Status visit(const pugi::xml_node& node) {
        for (const auto& child : node.children()) {
            const std::string_view name = child.name();
            if (name == "architecture") {
                architecture = child.text().as_string();
            } else if (name == "xi:include") {
                MEMRIG_CHECK(read(child.attribute("href").as_string()));
            } else if (name == "reg") {
                MEMRIG_CHECK(add(child));
            } else if (name == "target" || name == "feature") {
                MEMRIG_CHECK(visit(child));
            }
        }
        return {};
    }

    Status add(const pugi::xml_node& reg) {
        const unsigned number = reg.attribute("regnum").as_uint(next_number_);
        const unsigned bits = reg.attribute("bitsize").as_uint();
        if (bits == 0 || bits > kMaxRegisterBits || bits % 8 != 0)
            return fail(Fault::rig, "gdbstub: register {} has {} bits", reg.attribute("name").as_string(), bits);
        registers.push_back({reg.attribute("name").as_string(), number, bits / 8});
        next_number_ = number + 1;
        return {};
    }

    const std::function<Result<std::string>(const std::string&)>& fetch_;
    int includes_ = 0;
    unsigned next_number_ = 0;
};

}  // namespace

Result<std::shared_ptr<const RegisterLayout>> read_target_description(
    const std::function<Result<std::string>(const std::string&)>& fetch) {
    Reader reader(fetch);
    MEMRIG_CHECK(reader.read("target.xml"));
    auto layout = std::make_shared<RegisterLayout>();
    layout->arch = find_architecture(reader.architecture);
    if (layout->arch == nullptr)
        return fail(Fault::rig, "the guest's architecture '{}' is not one that memrig knows", reader.architecture);
    // The reply to `g` holds the registers in the order of their numbers.
    std::map<unsigned, const Described*> by_number;
    for (const auto& described : reader.registers) by_number.emplace(described.number, &described);
    std::size_t offset = 0;
    for (const auto& [number, described] : by_number) {
        layout->places.emplace(described->name, RegisterPlace{number, offset, described->bytes});
        offset += described->bytes;
    }
    std::vector<std::string_view> needed(layout->arch->arguments.begin(), layout->arch->arguments.end());
    needed.insert(needed.end(), {layout->arch->pc, layout->arch->sp, layout->arch->return_value});
    if (!layout->arch->link.empty()) needed.push_back(layout->arch->link);
    for (const auto name : needed)
        if (layout->find(name) == nullptr) return fail(Fault::rig, "gdbstub: register {} is not described", name);
    return layout;
}

}  // namespace memrig
