// SPDX-License-Identifier: LGPL-2.1-or-later
// Owning pointers for GLib and GStreamer types, so that ownership is visible in the types.
#pragma once

#include <memory>

#include <gio/gio.h>
#include <gst/gst.h>

namespace launcher {

struct GObjectUnref {
  void operator()(gpointer object) const { g_object_unref(object); }
};
struct GstObjectUnref {
  void operator()(gpointer object) const { gst_object_unref(object); }
};
struct CapsUnref {
  void operator()(GstCaps* caps) const { gst_caps_unref(caps); }
};
struct StructureFree {
  void operator()(GstStructure* structure) const { gst_structure_free(structure); }
};
struct GFree {
  void operator()(gpointer memory) const { g_free(memory); }
};
struct ErrorFree {
  void operator()(GError* error) const { g_error_free(error); }
};
struct UriUnref {
  void operator()(GUri* uri) const { g_uri_unref(uri); }
};

template <typename T>
using GObjectPtr = std::unique_ptr<T, GObjectUnref>;
template <typename T>
using GstPtr = std::unique_ptr<T, GstObjectUnref>;
using CapsPtr = std::unique_ptr<GstCaps, CapsUnref>;
using StructurePtr = std::unique_ptr<GstStructure, StructureFree>;
using CharPtr = std::unique_ptr<char, GFree>;
using ErrorPtr = std::unique_ptr<GError, ErrorFree>;
using UriPtr = std::unique_ptr<GUri, UriUnref>;

/// A strong reference that can be copied into closures.
template <typename T>
[[nodiscard]] std::shared_ptr<T> shareObject(T* owned) {
  return std::shared_ptr<T>(owned, [](T* object) { g_object_unref(object); });
}

}  // namespace launcher
