// SPDX-License-Identifier: LGPL-2.1-or-later
#include "TestPipeline.hpp"

#include <stdexcept>

namespace elementtest {

std::string PostedError::field(const char* name) const {
  const char* value = details ? gst_structure_get_string(details.get(), name) : nullptr;
  return value != nullptr ? value : "";
}

unsigned PostedError::number(const char* name) const {
  guint value = 0;
  if (details) gst_structure_get_uint(details.get(), name, &value);
  return value;
}

TestPipeline::TestPipeline(const std::string& line) {
  GError* error = nullptr;
  pipeline_ = gst_parse_launch(line.c_str(), &error);
  if (error != nullptr) {
    const std::string text = error->message;
    g_error_free(error);
    throw std::runtime_error(line + ": " + text);
  }
  if (!GST_IS_PIPELINE(pipeline_)) {
    GstElement* only = pipeline_;
    pipeline_ = gst_pipeline_new(nullptr);
    gst_bin_add(GST_BIN(pipeline_), only);
  }
  bus_ = gst_element_get_bus(pipeline_);
}

TestPipeline::~TestPipeline() {
  stop();
  gst_object_unref(bus_);
  gst_object_unref(pipeline_);
}

GstElement* TestPipeline::element(const std::string& name) {
  GstElement* found = gst_bin_get_by_name(GST_BIN(pipeline_), name.c_str());
  if (found == nullptr) throw std::runtime_error("no element " + name);
  gst_object_unref(found);
  return found;
}

void TestPipeline::take(GstMessage* message) {
  switch (GST_MESSAGE_TYPE(message)) {
    case GST_MESSAGE_ELEMENT:
      element_messages_.emplace_back(gst_structure_copy(gst_message_get_structure(message)));
      break;
    case GST_MESSAGE_ERROR: {
      GError* error = nullptr;
      gchar* debug = nullptr;
      const GstStructure* details = nullptr;
      gst_message_parse_error(message, &error, &debug);
      gst_message_parse_error_details(message, &details);
      PostedError posted{error->domain, error->code, error->message, debug != nullptr ? debug : "",
                         nullptr};
      if (details != nullptr) posted.details.reset(gst_structure_copy(details));
      errors_.push_back(std::move(posted));
      g_error_free(error);
      g_free(debug);
      break;
    }
    case GST_MESSAGE_WARNING:
      ++warnings_;
      break;
    case GST_MESSAGE_EOS:
      eos_ = true;
      break;
    default:
      break;
  }
}

bool TestPipeline::waitUntil(const std::function<bool()>& condition, Millis limit) {
  const auto deadline = testsupport::Clock::now() + limit;
  while (!condition()) {
    if (testsupport::Clock::now() >= deadline) return false;
    // Conditions that the bus does not announce (an endpoint's records) are looked at every 5 ms.
    if (GstMessage* message = gst_bus_timed_pop(bus_, 5 * GST_MSECOND)) {
      take(message);
      gst_message_unref(message);
    }
  }
  return true;
}

const GstStructure* TestPipeline::waitMessage(const std::string& name, Millis limit) {
  const GstStructure* found = nullptr;
  waitUntil(
      [&] {
        for (const auto& structure : element_messages_) {
          if (gst_structure_has_name(structure.get(), name.c_str())) found = structure.get();
        }
        return found != nullptr;
      },
      limit);
  return found;
}

bool TestPipeline::waitEos(Millis limit) {
  return waitUntil([&] { return eos_; }, limit);
}

const PostedError* TestPipeline::waitError(Millis limit) {
  return waitUntil([&] { return !errors_.empty(); }, limit) ? &errors_.front() : nullptr;
}

size_t TestPipeline::messages(const std::string& name) const {
  size_t count = 0;
  for (const auto& structure : element_messages_) {
    if (gst_structure_has_name(structure.get(), name.c_str())) ++count;
  }
  return count;
}

StructurePtr TestPipeline::stats(const std::string& name) {
  GstStructure* structure = nullptr;
  g_object_get(element(name), "stats", &structure, nullptr);
  return StructurePtr(structure);
}

unsigned TestPipeline::port(const std::string& name) {
  guint port = 0;
  g_object_get(element(name), "port", &port, nullptr);
  return port;
}

uint64_t TestPipeline::stat(const std::string& name, const char* field) {
  guint64 value = 0;
  if (!gst_structure_get_uint64(stats(name).get(), field, &value)) throw std::runtime_error(field);
  return value;
}

void TestPipeline::record(const std::string& fakesink) {
  const auto on_handoff = +[](GstElement*, GstBuffer* buffer, GstPad*, gpointer data) {
    auto* recording = static_cast<Recording*>(data);
    GstMapInfo map;
    if (!gst_buffer_map(buffer, &map, GST_MAP_READ)) return;
    {
      const auto lock = recording->monitor.lock();
      recording->bytes.append(reinterpret_cast<const char*>(map.data), map.size);
      recording->times.push_back(GST_BUFFER_PTS(buffer));
    }
    gst_buffer_unmap(buffer, &map);
    recording->monitor.notify();
  };
  g_signal_connect(element(fakesink), "handoff", G_CALLBACK(on_handoff), &recording_);
}

std::string TestPipeline::recorded() const {
  const auto lock = recording_.monitor.lock();
  return recording_.bytes;
}

std::vector<GstClockTime> TestPipeline::recordedTimes() const {
  const auto lock = recording_.monitor.lock();
  return recording_.times;
}

}  // namespace elementtest
