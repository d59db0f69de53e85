// Builds HTML pages as a tree, and writes markup that is both HTML and well-formed XML. Names of elements and
// attributes are memrig's own. Text may come from a guest; it cannot become markup, nor leave its line.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <pugixml.hpp>

namespace memrig {

// A handle of a page's element. The page owns the element and must outlive the handle.
class Element {
public:
    explicit Element(pugi::xml_node node) : node_(node) {}

    // Adds a child after the others.
    Element add(const char* name);
    Element add(const char* name, std::string_view text);
    // Adds text at the end. Lines stay lines; control characters, escape sequences and invalid UTF-8 are removed.
    Element& text(std::string_view text);
    Element& set(const char* attribute, std::string_view value);
    // Sets a coordinate, with at most two decimals.
    Element& set(const char* attribute, double value);
    Element& css(std::string_view classes) { return set("class", classes); }

    // Adds a copy of a drawing that another program made. A screen reader says `name`.
    void adopt(pugi::xml_node svg, std::string_view name);
    // The approximate size of its markup, in bytes.
    [[nodiscard]] std::size_t bytes() const;
    // Removes the element from the page. The handle must not be used after that.
    void remove();

private:
    pugi::xml_node node_;
};

// The style sheet of all pages, page.css. It has no "<", ">" and "&", which HTML and XML read differently in a style
// sheet.
std::string_view page_style();

class HtmlPage {
public:
    explicit HtmlPage(std::string_view title);

    Element& body() { return body_; }
    // Adds the link that skips to the content, the heading, the table of contents, which is returned, the content and
    // the footer. Call it once.
    Element begin(std::string_view heading);
    // The content. REQUIRES: begin() was called.
    Element& main() { return main_; }
    // The markup of the whole page.
    [[nodiscard]] std::string markup() const;

private:
    pugi::xml_document document_;
    Element body_, main_;
};

// Adds a table of `columns` with a caption, in a box that scrolls if the table is too wide. Returns the element that
// takes the rows.
Element add_table(Element& parent, std::string_view caption, const std::vector<std::string_view>& columns);

// Adds <details> with its summary.
Element add_details(Element& parent, std::string_view summary, bool open = false);

// Adds a drawing of width × height units, in a box that scrolls, so that the drawing is never scaled down. A screen
// reader says `name`.
Element add_drawing(Element& parent, double width, double height, std::string_view name);

}  // namespace memrig
