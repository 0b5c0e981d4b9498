// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The caps of both elements. Any thread.
#pragma once

#include <cstdint>
#include <utility>

#include <gst/gst.h>

#include "audio/AudioEncoding.hpp"

#define WSBRIDGE_AUDIO_CAPS                                                                     \
  "audio/x-raw, format=(string){ S16LE, S16BE }, layout=(string)interleaved, channels=(int)1, " \
  "rate=(int){ 16000, 8000, 24000, 32000, 48000 }"

/// G.711, for endpoints that speak it: what comes in their encoding passes as it is.
#define WSBRIDGE_ULAW_CAPS "audio/x-mulaw, channels=(int)1, rate=(int)8000"
#define WSBRIDGE_ALAW_CAPS "audio/x-alaw, channels=(int)1, rate=(int)8000"

namespace wsbridge {

/// What an element accepts: all rates, or the one that its connection has settled on (0: none yet).
inline GstCaps* audioCaps(int rate, GstCaps* filter) {
  GstCaps* caps = gst_caps_from_string(WSBRIDGE_AUDIO_CAPS);
  if (rate != 0) gst_caps_set_simple(caps, "rate", G_TYPE_INT, rate, nullptr);
  if (filter == nullptr) return caps;
  GstCaps* allowed = gst_caps_intersect_full(filter, caps, GST_CAPS_INTERSECT_FIRST);
  gst_caps_unref(caps);
  return allowed;
}

/// The same for the way to an endpoint of that encoding, which is preferred.
inline GstCaps* audioCaps(int rate, AudioEncoding encoding, GstCaps* filter) {
  if (encoding == AudioEncoding::Linear) return audioCaps(rate, filter);
  GstCaps* caps = gst_caps_from_string(encoding == AudioEncoding::Ulaw ? WSBRIDGE_ULAW_CAPS
                                                                       : WSBRIDGE_ALAW_CAPS);
  caps = gst_caps_merge(caps, audioCaps(rate, nullptr));
  if (filter == nullptr) return caps;
  GstCaps* allowed = gst_caps_intersect_full(filter, caps, GST_CAPS_INTERSECT_FIRST);
  gst_caps_unref(caps);
  return allowed;
}

inline AudioEncoding encodingOf(const GstCaps* caps) {
  const GstStructure* audio = gst_caps_get_structure(caps, 0);
  if (gst_structure_has_name(audio, "audio/x-mulaw")) return AudioEncoding::Ulaw;
  if (gst_structure_has_name(audio, "audio/x-alaw")) return AudioEncoding::Alaw;
  return AudioEncoding::Linear;
}

/// rtpL16depay and rtpL16pay speak network byte order; audioresample passes it through.
inline bool isBigEndian(const GstCaps* caps) {
  return caps != nullptr && !gst_caps_is_empty(caps) &&
         g_strcmp0(gst_structure_get_string(gst_caps_get_structure(caps, 0), "format"), "S16BE") ==
             0;
}

inline void swapSamples(uint8_t* bytes, size_t size) {
  for (size_t i = 0; i + 1 < size; i += 2)
    std::swap(bytes[i], bytes[i + 1]);
}

inline int rateOf(const GstCaps* caps) {
  int rate = 0;
  if (caps != nullptr && !gst_caps_is_empty(caps)) {
    gst_structure_get_int(gst_caps_get_structure(caps, 0), "rate", &rate);
  }
  return rate;
}

}  // namespace wsbridge
