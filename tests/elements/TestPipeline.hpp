// SPDX-License-Identifier: LGPL-2.1-or-later
//
// TestPipeline: a launch line that runs, with everything that it says on its bus kept. One thread
// (the test's).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gst/gst.h>

#include "Waiting.hpp"

namespace elementtest {

using testsupport::Millis;
using namespace std::chrono_literals;

struct StructureFree {
  void operator()(GstStructure* structure) const { gst_structure_free(structure); }
};
using StructurePtr = std::unique_ptr<GstStructure, StructureFree>;

struct PostedError {
  GQuark domain = 0;
  int code = 0;
  std::string text;
  std::string debug;
  StructurePtr details;

  [[nodiscard]] std::string field(const char* name) const;
  [[nodiscard]] unsigned number(const char* name) const;
};

class TestPipeline {
 public:
  explicit TestPipeline(const std::string& line);
  ~TestPipeline();
  TestPipeline(const TestPipeline&) = delete;
  TestPipeline& operator=(const TestPipeline&) = delete;

  [[nodiscard]] GstElement* pipeline() const { return pipeline_; }
  /// Borrowed; lives as long as the pipeline.
  GstElement* element(const std::string& name);
  GstStateChangeReturn play() { return gst_element_set_state(pipeline_, GST_STATE_PLAYING); }
  void stop() { gst_element_set_state(pipeline_, GST_STATE_NULL); }

  /// Reads the bus until an element message of that name has come; what else comes is kept.
  const GstStructure* waitMessage(const std::string& name, Millis limit = 5s);
  bool waitEos(Millis limit = 5s);
  const PostedError* waitError(Millis limit = 5s);
  /// Reads the bus for so long as `condition` is false.
  bool waitUntil(const std::function<bool()>& condition, Millis limit);

  [[nodiscard]] size_t messages(const std::string& name) const;
  [[nodiscard]] size_t errors() const { return errors_.size(); }
  [[nodiscard]] size_t warnings() const { return warnings_; }

  StructurePtr stats(const std::string& element);
  uint64_t stat(const std::string& element, const char* field);
  /// The property of that name.
  unsigned port(const std::string& element);

  /// Keeps all that goes through the sink pad of the fakesink of that name (signal-handoffs=true).
  void record(const std::string& fakesink);
  [[nodiscard]] std::string recorded() const;
  [[nodiscard]] std::vector<GstClockTime> recordedTimes() const;

 private:
  void take(GstMessage* message);

  struct Recording {
    testsupport::Monitor monitor;
    std::string bytes;
    std::vector<GstClockTime> times;
  };

  GstElement* pipeline_;
  GstBus* bus_;
  std::vector<StructurePtr> element_messages_;
  std::vector<PostedError> errors_;
  size_t warnings_ = 0;
  bool eos_ = false;
  Recording recording_;
};

}  // namespace elementtest
