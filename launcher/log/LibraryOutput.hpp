// SPDX-License-Identifier: LGPL-2.1-or-later
// What GLib, GStreamer's helpers, libsoup and whatever else uses GLib's log would write to the
// standard streams goes into ours: one record a second, with a count. What GLib is told to end the
// program over (G_DEBUG=fatal-criticals) still ends it.
#pragma once

namespace launcher::log {

/// Before there are threads, once.
void takeLibraryOutput();

}  // namespace launcher::log
