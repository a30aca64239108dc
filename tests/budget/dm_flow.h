// The management object through whole operations, with nothing of the test's own on the heap.
#pragma once

namespace romdelta::test {

// Two operations, one by URL and one by large object, with a restart at each step, queries and a
// request. Everything is static. False when anything is not as it should be.
bool run_dm_flow();

}  // namespace romdelta::test
