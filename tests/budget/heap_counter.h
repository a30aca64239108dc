// Counts what is taken from the heap, whoever takes it: the C library's functions are replaced for
// this program, or the sanitizer's hooks are used where there is one.
#pragma once

namespace romdelta::test {

// Counts allocations while it lives. One at a time.
class HeapCounter {
 public:
  HeapCounter();
  ~HeapCounter();
  HeapCounter(const HeapCounter&) = delete;
  HeapCounter& operator=(const HeapCounter&) = delete;
  unsigned long count() const;
};

}  // namespace romdelta::test
