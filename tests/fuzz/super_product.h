// The small product that fuzz_super attacks and its seeds are made for: one ROM package in two
// slots and one in place.
#pragma once

#include "pkgtool/simulated_shapes.h"
#include "tests/super/product.h"

namespace romdelta::test {

inline const Product& fuzz_product() {
  static const Product product = [] {
    ProductOptions options;
    options.geometry = *pkgtool::find_geometry("tiny");
    options.only = {0, 3};
    return Product(options);
  }();
  return product;
}

}  // namespace romdelta::test
