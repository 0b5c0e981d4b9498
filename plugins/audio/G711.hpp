// SPDX-License-Identifier: LGPL-2.1-or-later
//
// G.711: mu-law and A-law, bit for bit as GStreamer's mulawdec, mulawenc, alawdec and alawenc.
// Pure, any thread; `in` and `out` must not overlap.
#pragma once

#include <cstddef>
#include <cstdint>

namespace wsbridge::g711 {

void decodeUlaw(const uint8_t* in, int16_t* out, size_t count);
void decodeAlaw(const uint8_t* in, int16_t* out, size_t count);
void encodeUlaw(const int16_t* in, uint8_t* out, size_t count);
void encodeAlaw(const int16_t* in, uint8_t* out, size_t count);

}  // namespace wsbridge::g711
