#include "page/html.h"

#include <algorithm>
#include <array>
#include <sstream>

#include <fmt/format.h>

#include "base/text.h"

namespace memrig {

namespace {

constexpr const char* kSvg = "http://www.w3.org/2000/svg";
// Elements without content, for which HTML forbids an end tag.
constexpr std::array kVoid = {"br", "col", "hr", "img", "input", "link", "meta", "wbr"};
// Elements that begin on a line of their own, so that the page's markup can be read and compared.
constexpr std::array kBlocks = {"body",  "caption", "details", "div",     "dl",     "footer", "g",       "h1",
                                "h2",    "h3",      "h4",      "head",    "header", "li",     "main",    "nav",
                                "ol",    "p",       "pre",     "section", "style",  "svg",    "summary", "table",
                                "tbody", "thead",   "title",   "tr",      "ul"};

bool is_one_of(const auto& names, std::string_view name) {
    return std::ranges::any_of(names, [&](const char* one) { return name == one; });
}

// Replaces U+FFFE and U+FFFF, which are valid UTF-8 but no characters of XML.
std::string without_noncharacters(std::string text) {
    constexpr std::string_view lead = "\xef\xbf";
    for (std::size_t at = text.find(lead); at != std::string::npos; at = text.find(lead, at + 1))
        if (at + 2 < text.size() && (text[at + 2] == '\xbe' || text[at + 2] == '\xbf'))
            for (std::size_t i = at; i < at + 3; i++) text[i] = '?';
    return text;
}

std::string clean(std::string_view text) {
    std::string out;
    for (bool first = true;; first = false) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        if (!first) out += '\n';
        out += one_line(line);
        if (line.ends_with(' ')) out += ' ';
        if (end == text.size()) break;
        text.remove_prefix(end + 1);
    }
    return without_noncharacters(std::move(out));
}

// Prints "12", "12.5" or "12.34".
std::string number_text(double value) {
    std::string text = fmt::format("{:.2f}", value);
    text.erase(text.find_last_not_of('0') + 1);
    if (text.ends_with('.')) text.pop_back();
    return text == "-0" ? "0" : text;
}

// Adds an empty text to empty elements, so that they get both tags: HTML reads "<td/>" as an open tag.
void close_all(pugi::xml_node node) {
    for (pugi::xml_node child : node.children()) {
        if (child.type() != pugi::node_element) continue;
        if (!child.first_child() && !is_one_of(kVoid, child.name())) child.append_child(pugi::node_pcdata);
        close_all(child);
    }
}

}  // namespace

Element Element::add(const char* name) {
    if (is_one_of(kBlocks, name)) node_.append_child(pugi::node_pcdata).set_value("\n");
    return Element(node_.append_child(name));
}

Element Element::add(const char* name, std::string_view text) {
    Element child = add(name);
    child.text(text);
    return child;
}

Element& Element::text(std::string_view text) {
    node_.append_child(pugi::node_pcdata).set_value(clean(text).c_str());
    return *this;
}

Element& Element::set(const char* attribute, std::string_view value) {
    pugi::xml_attribute there = node_.attribute(attribute);
    if (!there) there = node_.append_attribute(attribute);
    there.set_value(without_noncharacters(one_line(value)).c_str());
    return *this;
}

Element& Element::set(const char* attribute, double value) { return set(attribute, number_text(value)); }

void Element::adopt(pugi::xml_node svg, std::string_view name) {
    Element drawing(node_.append_copy(svg));
    drawing.set("role", "img").set("aria-label", name);
}

std::size_t Element::bytes() const {
    struct Counter : pugi::xml_writer {
        std::size_t count = 0;
        void write(const void*, std::size_t size) override { count += size; }
    } counter;
    node_.print(counter, "", pugi::format_raw, pugi::encoding_utf8);
    return counter.count;
}

void Element::remove() { node_.parent().remove_child(node_); }

HtmlPage::HtmlPage(std::string_view title) : body_(pugi::xml_node()), main_(pugi::xml_node()) {
    Element html(document_.append_child("html"));
    html.set("xmlns", "http://www.w3.org/1999/xhtml").set("lang", "en").set("xml:lang", "en");
    Element head = html.add("head");
    head.add("meta").set("charset", "utf-8");
    head.add("meta").set("name", "viewport").set("content", "width=device-width, initial-scale=1");
    head.add("meta").set("name", "color-scheme").set("content", "light dark");
    // Forbids the page to load or run anything, whatever is written into it.
    head.add("meta")
        .set("http-equiv", "Content-Security-Policy")
        .set("content", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'");
    head.add("title", title);
    head.add("style", page_style());
    body_ = html.add("body");
    // The pattern of the drawings' hatching; all drawings share it.
    Element patterns =
        body_.add("svg").set("xmlns", kSvg).set("width", 0.0).set("height", 0.0).set("aria-hidden", "true");
    Element hatching = patterns.add("defs").add("pattern");
    hatching.set("id", "waiting").set("width", 8.0).set("height", 8.0).set("patternUnits", "userSpaceOnUse");
    hatching.add("rect").set("width", 8.0).set("height", 8.0);
    hatching.add("path").set("d", "M-2 2l4 -4M0 8l8 -8M6 10l4 -4");
}

Element HtmlPage::begin(std::string_view heading) {
    body_.add("a", "To the content").css("skip").set("href", "#content");
    Element header = body_.add("header");
    header.add("h1", heading);
    Element nav = header.add("nav").set("aria-label", "Contents");
    main_ = body_.add("main").set("id", "content").set("tabindex", "-1");
    body_.add("footer").add("p", "Written by memrig. Output of guests is shown as text, without control characters.");
    return nav;
}

std::string HtmlPage::markup() const {
    pugi::xml_document whole;
    whole.reset(document_);
    close_all(whole);
    std::ostringstream out;
    out << "<!DOCTYPE html>\n";
    whole.save(out, "", pugi::format_raw | pugi::format_no_declaration, pugi::encoding_utf8);
    out << "\n";
    return std::move(out).str();
}

Element add_table(Element& parent, std::string_view caption, const std::vector<std::string_view>& columns) {
    // tabindex lets the keyboard scroll the box, too.
    Element box = parent.add("div").css("scroll").set("tabindex", "0").set("role", "region").set("aria-label", caption);
    Element table = box.add("table");
    table.add("caption", caption);
    Element head = table.add("thead").add("tr");
    for (const auto& column : columns) head.add("th", column).set("scope", "col");
    return table.add("tbody");
}

Element add_details(Element& parent, std::string_view summary, bool open) {
    Element details = parent.add("details");
    if (open) details.set("open", "open");
    details.add("summary", summary);
    return details;
}

Element add_drawing(Element& parent, double width, double height, std::string_view name) {
    Element box = parent.add("div").css("scroll").set("tabindex", "0").set("role", "region").set("aria-label", name);
    Element svg = box.add("svg");
    svg.set("xmlns", kSvg).set("role", "img").set("aria-label", name);
    svg.set("width", width).set("height", height).set("viewBox", fmt::format("0 0 {:.0f} {:.0f}", width, height));
    return svg;
}

}  // namespace memrig
