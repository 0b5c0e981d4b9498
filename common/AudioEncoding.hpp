// SPDX-License-Identifier: LGPL-2.1-or-later
// How a sample is written on the endpoint's WebSocket. A value.
#pragma once

namespace wsbridge::common {

enum class AudioEncoding {
  Linear,  ///< S16LE, at any rate
  Ulaw,    ///< G.711, at 8000 Hz
  Alaw,    ///< G.711, at 8000 Hz
};

}  // namespace wsbridge::common
