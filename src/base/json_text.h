// Writes JSON as text. Strings may hold any bytes, as a guest sends them: those that are not UTF-8 become U+FFFD.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace memrig {

// A document of several lines, with a newline at its end. `Json` is nlohmann::json or nlohmann::ordered_json.
template <class Json>
std::string json_document(const Json& value, int indent = 2) {
    return value.dump(indent, ' ', false, Json::error_handler_t::replace) + "\n";
}

// One line, without a newline at its end.
template <class Json>
std::string json_line(const Json& value) {
    return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace memrig
