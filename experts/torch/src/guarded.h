// What every function that Rust calls does with exceptions and texts.

#pragma once

#include <c10/core/InferenceMode.h>
#include <c10/util/Exception.h>

#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>

namespace drs {

// To be freed with drs_text_free.
inline char* copied(const std::string& text) {
  char* copy = static_cast<char*>(std::malloc(text.size() + 1));
  if (copy != nullptr) std::memcpy(copy, text.c_str(), text.size() + 1);
  return copy;
}

// What libtorch says, without its C++ stack trace.
inline std::string explain(const std::exception& error) {
  if (const auto* torch = dynamic_cast<const c10::Error*>(&error)) return torch->what_without_backtrace();
  return error.what();
}

// Does the work; on failure gives nothing and sets `error`.
template <typename Work>
auto guarded(char** error, Work work) -> decltype(work()) {
  try {
    c10::InferenceMode inference;
    return work();
  } catch (const std::exception& caught) {
    *error = copied(explain(caught));
  } catch (...) {
    *error = copied("an unknown C++ exception");
  }
  return {};
}

}  // namespace drs
