// Which block a vector fetches state from, for host and device.
#pragma once

#include "common/shared.h"

namespace zvc {

// Whole blocks that a vector's component moves by: a block is 32 quarter pixels wide, halves go up.
ZVC_SHARED int whole_blocks(int component) { return (component + 16) >> 5; }

}  // namespace zvc
