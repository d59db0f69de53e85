#include "qmp/wire.h"

namespace memrig {

using nlohmann::json;

namespace {

// The answers to query-qmp-schema and device trees are nested less than 10 deep.
constexpr int kDeepest = 64;

// The year 9999. QEMU sends -1 if the host cannot tell the time.
constexpr std::int64_t kLatestSecond = 253'402'300'799;

std::optional<std::int64_t> integer_member(const json& object, const char* name, std::int64_t last) {
    const auto found = object.find(name);
    if (found == object.end() || !found->is_number_integer()) return std::nullopt;
    if (found->is_number_unsigned() && found->get<std::uint64_t>() > static_cast<std::uint64_t>(last))
        return std::nullopt;
    const auto value = found->get<std::int64_t>();
    if (value < -1 || value > last) return std::nullopt;
    return value;
}

}  // namespace

std::optional<json> parse_bounded(std::string_view text) {
    bool too_deep = false;
    const auto within_bounds = [&](int depth, json::parse_event_t, json&) {
        too_deep = too_deep || depth > kDeepest;
        return !too_deep;
    };
    json value = json::parse(text.begin(), text.end(), within_bounds, /*allow_exceptions=*/false);
    if (too_deep || value.is_discarded()) return std::nullopt;
    return value;
}

std::optional<QmpEvent> decode_event(std::string_view text) {
    auto message = parse_bounded(text);
    if (!message || !message->is_object()) return std::nullopt;
    const auto name = message->find("event");
    if (name == message->end() || !name->is_string()) return std::nullopt;
    const auto stamp = message->find("timestamp");
    if (stamp == message->end() || !stamp->is_object()) return std::nullopt;
    const auto second = integer_member(*stamp, "seconds", kLatestSecond);
    const auto microsecond = integer_member(*stamp, "microseconds", 999'999);
    if (!second || !microsecond) return std::nullopt;

    QmpEvent event;
    event.seen = std::chrono::steady_clock::now();
    event.name = name->get<std::string>();
    if (*second >= 0 && *microsecond >= 0)
        event.stamp = std::chrono::seconds(*second) + std::chrono::microseconds(*microsecond);
    event.data = json::object();
    if (const auto data = message->find("data"); data != message->end()) event.data = std::move(*data);
    if (!event.data.is_object()) return std::nullopt;
    return event;
}

QmpResult<json> decode_outcome(std::string_view kind, std::string_view error_class, std::string_view text) {
    if (kind != "ok") return std::unexpected(decode_failure(kind, error_class, text));
    auto value = parse_bounded(text);
    if (!value) return std::unexpected(QmpError{QmpFault::protocol, {}, "the answer is not acceptable JSON"});
    return std::move(*value);
}

QmpError decode_failure(std::string_view kind, std::string_view error_class, std::string_view description) {
    QmpFault fault = QmpFault::protocol;
    if (kind == "transport") fault = QmpFault::transport;
    else if (kind == "refused") fault = QmpFault::refused;
    else if (kind == "deadline") fault = QmpFault::deadline;
    return QmpError{fault, std::string(error_class), std::string(description)};
}

}  // namespace memrig
