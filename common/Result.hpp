// SPDX-License-Identifier: LGPL-2.1-or-later
// Result: a value, or why there is none; what a function returns that can fail. Owns what it
// holds. Reading the side that it does not hold throws std::bad_variant_access. Pure.
//
//   Result<Uri> parse(text)      return uri;  or  return Failure{"has no host: give one"};
//   Result<void, Fault> open()   return {};   or  return Failure{Fault::NoSocket};
//   if (auto uri = parse(text)) use(*uri); else tell(uri.error());
#pragma once

#include <concepts>
#include <string>
#include <utility>
#include <variant>

namespace wsbridge::common {

/// Marks what it holds as the reason, so that value and reason may be of the same type.
template <typename E>
struct Failure {
  E error;
};
template <typename E>
Failure(E) -> Failure<E>;
Failure(const char*)->Failure<std::string>;

template <typename T, typename E = std::string>
class [[nodiscard]] Result {
 public:
  template <std::convertible_to<T> U = T>
  Result(U value) : held_(std::in_place_index<0>, std::move(value)) {}
  template <std::convertible_to<E> F>
  Result(Failure<F> failure) : held_(std::in_place_index<1>, std::move(failure.error)) {}

  [[nodiscard]] explicit operator bool() const noexcept { return held_.index() == 0; }
  [[nodiscard]] const T& operator*() const& { return std::get<0>(held_); }
  [[nodiscard]] T& operator*() & { return std::get<0>(held_); }
  [[nodiscard]] T&& operator*() && { return std::get<0>(std::move(held_)); }
  [[nodiscard]] const T* operator->() const { return &**this; }
  [[nodiscard]] T* operator->() { return &**this; }
  [[nodiscard]] const E& error() const { return std::get<1>(held_); }

 private:
  std::variant<T, E> held_;
};

/// Done, or why not.
template <typename E>
class [[nodiscard]] Result<void, E> : public Result<std::monostate, E> {
 public:
  using Result<std::monostate, E>::Result;
  Result() : Result<std::monostate, E>(std::monostate{}) {}
};

}  // namespace wsbridge::common
