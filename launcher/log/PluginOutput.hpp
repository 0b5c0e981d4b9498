// SPDX-License-Identifier: LGPL-2.1-or-later
// What the plugin says with GStreamer's log (categories wsbridge*) goes into ours while the level
// is debug: states, what was negotiated, and every text message, without what is secret in it.
// Where GST_DEBUG is set, GStreamer's log is left to it.
#pragma once

namespace launcher::log {

/// After gst_init(), and whenever the level has changed. Any thread, one at a time.
void takePluginOutput();

}  // namespace launcher::log
