#include "fields.h"

#include <limits>

namespace amgan_impl {

namespace {

bool is_number(const Json &value) { return value.kind == Json::Kind::integer || value.kind == Json::Kind::real; }

bool fits_int(const Json &value) {
    using Limits = std::numeric_limits<int>;
    return value.kind == Json::Kind::integer && value.integer >= Limits::min() && value.integer <= Limits::max();
}

}  // namespace

Fields::Fields(const Json &content, const std::string &source, const std::string &where)
    : content_(content), source_(source), where_(where) {
    if (content.kind != Json::Kind::object)
        throw bundle_error("'" + source + "' is damaged: " + (where.empty() ? "it" : where) +
                           " is not an object; export the bundle again");
}

Error Fields::fault(const std::string &key, const std::string &what) const {
    return bundle_error("'" + source_ + "' is damaged: " + where_ + key + " " + what + "; export the bundle again");
}

bool Fields::has(const std::string &key) const {
    const Json *found = content_.find(key);
    return found != nullptr && found->kind != Json::Kind::null;
}

const Json &Fields::get(const std::string &key, Json::Kind kind, const char *wanted) const {
    const Json *found = content_.find(key);
    if (found == nullptr) throw fault(key, "is missing");
    if (found->kind != kind) throw fault(key, std::string("is not ") + wanted);
    return *found;
}

std::string Fields::text(const std::string &key) const { return get(key, Json::Kind::text, "a text").text; }

std::string Fields::text_or(const std::string &key, const std::string &otherwise) const {
    return content_.find(key) == nullptr ? otherwise : text(key);
}

int Fields::whole(const std::string &key) const {
    const Json &value = get(key, Json::Kind::integer, "a whole number");
    if (!fits_int(value)) throw fault(key, "is out of range");
    return static_cast<int>(value.integer);
}

double Fields::number(const std::string &key) const {
    const Json *found = content_.find(key);
    return found != nullptr && is_number(*found) ? found->real : get(key, Json::Kind::real, "a number").real;
}

const std::vector<Json> &Fields::list(const std::string &key) const {
    return get(key, Json::Kind::list, "a list").items;
}

std::vector<double> Fields::numbers(const std::string &key, std::size_t count) const {
    std::vector<double> found;
    for (const Json &item : list(key))
        if (is_number(item)) found.push_back(item.real);
    if (found.size() != count || list(key).size() != count)
        throw fault(key, "is not " + std::to_string(count) + " numbers");
    return found;
}

std::vector<std::string> Fields::texts(const std::string &key) const {
    std::vector<std::string> found;
    for (const Json &item : list(key)) {
        if (item.kind != Json::Kind::text) throw fault(key, "is not a list of texts");
        found.push_back(item.text);
    }
    return found;
}

std::vector<int> Fields::sizes(const std::string &key) const {
    std::vector<int> found;
    for (const Json &item : list(key))
        if (fits_int(item) && item.integer > 0) found.push_back(static_cast<int>(item.integer));
    if (found.empty() || found.size() != list(key).size()) throw fault(key, "is not some whole numbers above 0");
    return found;
}

Fields Fields::child(const std::string &key) const {
    return child_of(get(key, Json::Kind::object, "an object"), key);
}

Fields Fields::child_of(const Json &content, const std::string &key) const {
    return Fields(content, source_, where_ + key + ".");
}

}  // namespace amgan_impl
