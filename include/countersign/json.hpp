// Reads the JSON that libcountersign returns into values, for countersign.hpp, which includes this
// file. It isn't a general JSON library.

#ifndef COUNTERSIGN_JSON_HPP
#define COUNTERSIGN_JSON_HPP

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace countersign {
inline namespace v0 {
namespace detail {

/// A JSON value (RFC 8259).
class Json {
  public:
    /// Parses a text. Returns nothing if it isn't valid JSON.
    static std::optional<Json> parse(std::string_view text) {
        Reader reader{text, 0};
        Json value;
        if (!reader.value(value, 0)) return std::nullopt;
        reader.space();
        if (reader.at != text.size()) return std::nullopt;
        return value;
    }

    /// Returns the JSON text of this value.
    const std::string &text() const & noexcept { return text_; }
    bool is_null() const noexcept { return text_ == "null"; }
    bool is_true() const noexcept { return text_ == "true"; }
    /// Returns a string, or an empty one if this is no string.
    const std::string &string() const & noexcept { return string_; }
    /// Returns a whole number, or 0.
    std::int64_t number() const noexcept {
        std::int64_t number = 0;
        for (const char digit : text_) {
            if (digit < '0' || digit > '9' || number > (INT64_MAX - 9) / 10) return 0;
            number = number * 10 + (digit - '0');
        }
        return number;
    }
    /// Returns an array's values, or nothing.
    const std::vector<Json> &values() const & noexcept { return values_; }
    /// Returns an object's names. Each one's value is in values().
    const std::vector<std::string> &names() const & noexcept { return names_; }
    /// Returns a member of an object, or null.
    const Json &operator[](std::string_view name) const & noexcept {
        static const Json null;
        for (std::size_t index = 0; index < names_.size(); ++index) {
            if (names_[index] == name) return values_[index];
        }
        return null;
    }

    /// Returns an array's strings.
    std::vector<std::string> strings() const {
        std::vector<std::string> all;
        for (const auto &value : values_) all.push_back(value.string());
        return all;
    }
    /// Returns an object's members that are strings.
    std::map<std::string, std::string, std::less<>> members() const {
        std::map<std::string, std::string, std::less<>> all;
        for (std::size_t index = 0; index < names_.size(); ++index) all[names_[index]] = values_[index].string();
        return all;
    }

  private:
    struct Reader {
        std::string_view text;
        std::size_t at;

        void space() noexcept {
            while (at < text.size() && std::string_view(" \t\r\n").find(text[at]) != std::string_view::npos) ++at;
        }
        bool skip(char wanted) noexcept {
            space();
            if (at == text.size() || text[at] != wanted) return false;
            ++at;
            return true;
        }
        bool value(Json &into, int depth) {
            space();
            const auto start = at;
            if (at == text.size() || depth > 32 || !content(into, depth)) return false;
            into.text_.assign(text.substr(start, at - start));
            return true;
        }
        bool content(Json &into, int depth) {
            switch (text[at]) {
                case '{':
                case '[': return list(into, depth);
                case '"': return string(into.string_);
                default: return word();
            }
        }
        bool list(Json &into, int depth) {
            const bool is_object = text[at] == '{';
            const char end = is_object ? '}' : ']';
            ++at;
            if (skip(end)) return true;
            do {
                if (is_object) {
                    std::string name;
                    space();
                    if (!string(name) || !skip(':')) return false;
                    into.names_.push_back(std::move(name));
                }
                into.values_.emplace_back();
                if (!value(into.values_.back(), depth + 1)) return false;
            } while (skip(','));
            return skip(end);
        }
        /// A number, true, false or null.
        bool word() noexcept {
            const auto start = at;
            while (at < text.size() && std::string_view(",]} \t\r\n\"{[:").find(text[at]) == std::string_view::npos) ++at;
            return at != start;
        }
        bool string(std::string &into) {
            if (at == text.size() || text[at] != '"') return false;
            for (++at; at < text.size(); ++at) {
                if (text[at] == '"') return ++at, true;
                if (text[at] != '\\') {
                    into += text[at];
                } else if (!escape(into)) {
                    return false;
                }
            }
            return false;
        }
        bool escape(std::string &into) {
            if (++at == text.size()) return false;
            constexpr std::string_view letters = "\"\\/bfnrt", meanings = "\"\\/\b\f\n\r\t";
            const auto index = letters.find(text[at]);
            if (index != std::string_view::npos) return into += meanings[index], true;
            std::uint32_t code = 0;
            if (text[at] != 'u' || !unit(code)) return false;
            if (code >= 0xD800 && code < 0xDC00) {
                std::uint32_t low = 0;
                if (text.substr(at + 1, 2) != "\\u") return false;
                at += 2;
                if (!unit(low) || low < 0xDC00 || low > 0xDFFF) return false;
                code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
            }
            return utf8(code, into), true;
        }
        /// Reads the four digits after the `u` at the position.
        bool unit(std::uint32_t &code) noexcept {
            for (int digit = 0; digit < 4; ++digit) {
                if (++at >= text.size()) return false;
                const char c = text[at];
                const char lower = static_cast<char>(c | 0x20);
                if (c >= '0' && c <= '9') code = code * 16 + static_cast<std::uint32_t>(c - '0');
                else if (lower >= 'a' && lower <= 'f') code = code * 16 + static_cast<std::uint32_t>(lower - 'a' + 10);
                else return false;
            }
            return true;
        }
        static void utf8(std::uint32_t code, std::string &into) {
            const auto add = [&](std::uint32_t byte) { into += static_cast<char>(byte); };
            if (code < 0x80) return add(code);
            if (code < 0x800) {
                add(0xC0 | code >> 6);
            } else if (code < 0x10000) {
                add(0xE0 | code >> 12);
                add(0x80 | (code >> 6 & 0x3F));
            } else {
                add(0xF0 | code >> 18);
                add(0x80 | (code >> 12 & 0x3F));
                add(0x80 | (code >> 6 & 0x3F));
            }
            add(0x80 | (code & 0x3F));
        }
    };

    std::string text_ = "null";
    std::string string_;
    std::vector<std::string> names_;
    std::vector<Json> values_;
};

}  // namespace detail
}  // namespace v0
}  // namespace countersign

#endif  // COUNTERSIGN_JSON_HPP
