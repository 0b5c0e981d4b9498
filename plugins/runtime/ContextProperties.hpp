// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The two properties by which an element names its MediaLoop, alike in every element that has one.
#pragma once

#include <glib-object.h>

namespace wsbridge {

constexpr guint kMaxContextWaitMs = 1000;

inline void installContextProperties(GObjectClass* klass, guint context, guint wait,
                                     const char* context_text, GParamFlags flags) {
  g_object_class_install_property(
      klass, context, g_param_spec_string("context", "Context", context_text, nullptr, flags));
  g_object_class_install_property(
      klass, wait,
      g_param_spec_uint("context-wait", "Context wait",
                        "How long that loop may gather work before it wakes up again, ms", 0,
                        kMaxContextWaitMs, 0, flags));
}

}  // namespace wsbridge
