#include "json.h"

#include <charconv>
#include <limits>
#include <system_error>

#include "utf8.h"

namespace amgan_impl {

namespace {

constexpr int kMaxDepth = 64;

class Parser {
  public:
    explicit Parser(std::string_view document) : rest_(document) {}

    Json document() {
        Json value = this->value(0);
        skip_space();
        if (!rest_.empty()) fail("something comes after its end");
        return value;
    }

  private:
    [[noreturn]] void fail(const char *what) const { throw JsonError(what); }

    void skip_space() {
        const auto start = rest_.find_first_not_of(" \t\r\n");
        rest_.remove_prefix(start == std::string_view::npos ? rest_.size() : start);
    }

    bool take(std::string_view word) {
        if (rest_.substr(0, word.size()) != word) return false;
        rest_.remove_prefix(word.size());
        return true;
    }

    void expect(std::string_view word) {
        skip_space();
        if (!take(word)) fail("a comma, colon or bracket is missing");
    }

    Json value(int depth) {
        if (depth > kMaxDepth) fail("it is nested too deeply");
        skip_space();
        if (rest_.empty()) fail("it ends too soon");
        Json found;
        switch (rest_.front()) {
            case '{': object(found, depth); break;
            case '[': list(found, depth); break;
            case '"':
                found.kind = Json::Kind::text;
                found.text = text();
                break;
            default: word_or_number(found);
        }
        return found;
    }

    void object(Json &found, int depth) {
        found.kind = Json::Kind::object;
        expect("{");
        skip_space();
        if (take("}")) return;
        do {
            skip_space();
            std::string name = text();
            expect(":");
            found.members.emplace_back(std::move(name), value(depth + 1));
            skip_space();
        } while (take(","));
        expect("}");
    }

    void list(Json &found, int depth) {
        found.kind = Json::Kind::list;
        expect("[");
        skip_space();
        if (take("]")) return;
        do {
            found.items.push_back(value(depth + 1));
            skip_space();
        } while (take(","));
        expect("]");
    }

    void word_or_number(Json &found) {
        constexpr double infinity = std::numeric_limits<double>::infinity();
        found.kind = Json::Kind::boolean;
        if (take("true")) {
            found.boolean = true;
        } else if (take("false")) {
            found.boolean = false;
        } else if (take("null")) {
            found.kind = Json::Kind::null;
        } else {
            found.kind = Json::Kind::real;
            if (take("NaN")) found.real = std::numeric_limits<double>::quiet_NaN();
            else if (take("Infinity")) found.real = infinity;
            else if (take("-Infinity")) found.real = -infinity;
            else number(found);
        }
    }

    // Number of digits from a position on.
    std::size_t digits(std::size_t from) const {
        const auto end = rest_.find_first_not_of("0123456789", from);
        return (end == std::string_view::npos ? rest_.size() : end) - from;
    }

    char at(std::size_t index) const { return index < rest_.size() ? rest_[index] : '\0'; }

    void number(Json &found) {
        std::size_t end = at(0) == '-' ? 1 : 0;
        const std::size_t whole = digits(end);
        if (whole == 0 || (whole > 1 && at(end) == '0')) fail("a value is neither a number nor anything else");
        end += whole;
        bool is_integer = true;
        if (at(end) == '.') {
            const std::size_t fraction = digits(end + 1);
            if (fraction == 0) fail("a number has no digits after its point");
            end += 1 + fraction;
            is_integer = false;
        }
        if (at(end) == 'e' || at(end) == 'E') {
            const std::size_t sign = at(end + 1) == '+' || at(end + 1) == '-' ? 1 : 0;
            const std::size_t exponent = digits(end + 1 + sign);
            if (exponent == 0) fail("a number has no digits in its exponent");
            end += 1 + sign + exponent;
            is_integer = false;
        }
        const char *first = rest_.data(), *last = rest_.data() + end;
        // Numbers out of range are not stored, as no number of a manifest is that large.
        const auto read = std::from_chars(first, last, found.real);
        if (read.ec == std::errc::result_out_of_range) found.real = std::numeric_limits<double>::infinity();
        if (is_integer && std::from_chars(first, last, found.integer).ec == std::errc())
            found.kind = Json::Kind::integer;
        rest_.remove_prefix(end);
    }

    std::string text() {
        if (!take("\"")) fail("a name or text has no quotation mark");
        std::string out;
        while (true) {
            const auto plain = rest_.find_first_of("\"\\");
            if (plain == std::string_view::npos) fail("a text has no end");
            for (const char c : rest_.substr(0, plain))
                if (static_cast<unsigned char>(c) < 0x20) fail("a text holds a control character");
            out.append(rest_.substr(0, plain));
            rest_.remove_prefix(plain);
            if (take("\"")) return out;
            rest_.remove_prefix(1);
            escape(out);
        }
    }

    void escape(std::string &out) {
        static constexpr std::string_view kNames = "\"\\/bfnrt", kMeant = "\"\\/\b\f\n\r\t";
        if (rest_.empty()) fail("a text has no end");
        const char name = rest_.front();
        rest_.remove_prefix(1);
        if (name != 'u') {
            const auto which = kNames.find(name);
            if (which == std::string_view::npos) fail("a text holds an unknown escape");
            out += kMeant[which];
            return;
        }
        std::uint32_t code = hex4();
        if (code >= 0xD800 && code < 0xDC00 && take("\\u")) {
            const std::uint32_t low = hex4();
            if (low < 0xDC00 || low > 0xDFFF) fail("a text holds half a character");
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        } else if (code >= 0xD800 && code <= 0xDFFF) {
            fail("a text holds half a character");
        }
        append_utf8(out, code);
    }

    std::uint32_t hex4() {
        std::uint32_t code = 0;
        if (rest_.size() < 4) fail("a text has no end");
        const auto read = std::from_chars(rest_.data(), rest_.data() + 4, code, 16);
        if (read.ec != std::errc() || read.ptr != rest_.data() + 4) fail("a text holds an unknown escape");
        rest_.remove_prefix(4);
        return code;
    }

    std::string_view rest_;
};

}  // namespace

const Json *Json::find(std::string_view name) const {
    for (auto member = members.rbegin(); member != members.rend(); ++member)
        if (member->first == name) return &member->second;
    return nullptr;
}

Json parse_json(std::string_view document) {
    if (!is_utf8(document)) throw JsonError("it is not UTF-8");
    return Parser(document).document();
}

}  // namespace amgan_impl
