// Typed access to fields of parsed JSON, with errors that name a missing or wrong field.
#pragma once

#include <string>
#include <vector>

#include "error.h"
#include "json.h"

namespace amgan_impl {

class Fields {
  public:
    // `where` is the path of this object in the document, such as "estimator."; `source` names the file.
    Fields(const Json &content, const std::string &source, const std::string &where = "");

    bool has(const std::string &key) const;
    std::string text(const std::string &key) const;
    std::string text_or(const std::string &key, const std::string &otherwise) const;
    // An integer from -2^31 to 2^31 - 1.
    int whole(const std::string &key) const;
    double number(const std::string &key) const;
    std::vector<double> numbers(const std::string &key, std::size_t count) const;
    std::vector<std::string> texts(const std::string &key) const;
    // At least one positive integer.
    std::vector<int> sizes(const std::string &key) const;
    const std::vector<Json> &list(const std::string &key) const;
    Fields child(const std::string &key) const;
    Fields child_of(const Json &content, const std::string &key) const;
    const std::vector<std::pair<std::string, Json>> &members() const { return content_.members; }

    Error fault(const std::string &key, const std::string &what) const;

  private:
    const Json &get(const std::string &key, Json::Kind kind, const char *wanted) const;

    const Json &content_;
    std::string source_;
    std::string where_;
};

}  // namespace amgan_impl
