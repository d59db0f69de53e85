// HTML pages, built as a tree and written as markup that is HTML and well-formed XML at once. Names and attributes are memrig's own;
// what is put in as text may come from a guest and cannot become markup, nor leave its line.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <pugixml.hpp>

namespace memrig {

// An element of a page, as a handle: the page owns what it stands for, and outlives it.
class Element {
public:
    explicit Element(pugi::xml_node node) : node_(node) {}

    // A child, last of them.
    Element add(const char* name);
    Element add(const char* name, std::string_view text);
    // Text after what is there. Lines stay lines; control characters, escape sequences and what is no UTF-8 do not get in.
    Element& text(std::string_view text);
    Element& set(const char* attribute, std::string_view value);
    // With at most two decimals: coordinates.
    Element& set(const char* attribute, double value);
    Element& css(std::string_view classes) { return set("class", classes); }

    // How long it will be as markup, about.
    [[nodiscard]] std::size_t bytes() const;
    // Takes it out of the page; the handle is of no more use.
    void remove();

private:
    pugi::xml_node node_;
};

// The style sheet of all pages, page.css. Without "<", ">" and "&", which HTML and XML read differently in there.
std::string_view page_style();

class HtmlPage {
public:
    explicit HtmlPage(std::string_view title);

    Element& body() { return body_; }
    // The whole page.
    [[nodiscard]] std::string markup() const;

private:
    pugi::xml_document document_;
    Element body_;
};

// An element's table of `columns`, with a caption; rows are added to what is returned. In a box of its own that scrolls where it is too wide.
Element add_table(Element& parent, std::string_view caption, const std::vector<std::string_view>& columns);

// <details> with its summary.
Element add_details(Element& parent, std::string_view summary, bool open = false);

// A drawing of width × height units in a box that scrolls: never narrower on the screen than its units. `name` is what a screen reader says.
Element add_drawing(Element& parent, double width, double height, std::string_view name);

}  // namespace memrig
