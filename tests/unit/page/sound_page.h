// Checks what all pages of ours have in common.
#pragma once

#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pugixml.hpp>

namespace memrig {

// Parsed, and looked at for what no page of ours has.
inline void expect_sound(const std::string& page) {
    pugi::xml_document document;
    const auto parsed = document.load_string(page.c_str(), pugi::parse_default | pugi::parse_doctype);
    ASSERT_TRUE(parsed) << parsed.description() << " at: " << page.substr(static_cast<std::size_t>(parsed.offset), 80);
    std::set<std::string> ids;
    std::vector<std::string> links;
    struct Walker : pugi::xml_tree_walker {
        std::set<std::string>* ids = nullptr;
        std::vector<std::string>* links = nullptr;
        bool for_each(pugi::xml_node& node) override {
            const std::string name = node.name();
            EXPECT_TRUE(name != "script" && name != "img" && name != "link" && name != "iframe") << name;
            for (const auto& attribute : node.attributes()) {
                EXPECT_NE(0, std::string(attribute.name()).rfind("on", 0)) << attribute.name();
                EXPECT_STRNE("src", attribute.name());
                if (std::string_view(attribute.name()) == "href") links->push_back(attribute.value());
                if (std::string_view(attribute.name()) == "id") {
                    EXPECT_TRUE(ids->insert(attribute.value()).second) << attribute.value();
                }
            }
            return true;
        }
    } walker;
    walker.ids = &ids;
    walker.links = &links;
    document.traverse(walker);
    for (const auto& link : links) {
        EXPECT_TRUE(link.starts_with("#") && ids.contains(link.substr(1))) << link;
    }
    for (const char* empty : {"<td/>", "<span/>", "<p/>", "<dd/>", "<th/>"})
        EXPECT_THAT(page, ::testing::Not(::testing::HasSubstr(empty)));
}

}  // namespace memrig
