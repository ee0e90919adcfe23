// A set of fixed size that gives up precision, never members: when it is full it means everything.
//
// It is copied byte by byte through shared memory and is filled where no memory may be asked for.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <type_traits>

namespace prebuilds::core {

template <class T, std::size_t Capacity>
class BoundedSet {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  constexpr void add(const T &item) {
    if (contains(item)) return;
    if (size_ == Capacity) {
      add_everything();
    } else {
      items_[size_++] = item;
    }
  }
  constexpr void add_everything() {
    everything_ = true;
    size_ = 0;
  }
  constexpr void merge(const BoundedSet &other) {
    if (empty()) {  // then nothing can be there twice
      std::copy(other.items().begin(), other.items().end(), items_.begin());
      size_ = other.size_;
      everything_ = other.everything_;
      return;
    }
    if (other.everything_) add_everything();
    for (const T &item : other.items()) add(item);
  }
  constexpr void clear() {
    everything_ = false;
    size_ = 0;
  }

  constexpr bool contains(const T &item) const {
    return everything_ || std::find(items().begin(), items().end(), item) != items().end();
  }
  constexpr bool everything() const { return everything_; }
  constexpr bool empty() const { return !everything_ && size_ == 0; }
  // What is in it one by one; nothing when it means everything.
  constexpr std::span<const T> items() const { return std::span(items_).first(size_); }

 private:
  std::array<T, Capacity> items_{};
  std::size_t size_ = 0;
  bool everything_ = false;
};

}  // namespace prebuilds::core
