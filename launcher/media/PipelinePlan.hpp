// SPDX-License-Identifier: LGPL-2.1-or-later
// A parsed pipeline as a list: factories, names, the properties that its text sets, links. Making
// another one from it needs no parser and no look-up by name. Owns the factories and values.
// Immutable once made; any thread may make pipelines from it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/GPtr.hpp"

namespace launcher {

class PipelinePlan {
 public:
  /// Null when the bin holds what the list cannot: bins in it, links that come about later, pads on
  /// request, objects as properties.
  [[nodiscard]] static std::shared_ptr<const PipelinePlan> make(GstBin* parsed,
                                                                const std::string& text);

  ~PipelinePlan();
  PipelinePlan(const PipelinePlan&) = delete;
  PipelinePlan& operator=(const PipelinePlan&) = delete;

  /// As a bin, or as a pipeline. Null when an element cannot be made or linked.
  [[nodiscard]] GstPtr<GstElement> build(bool asBin) const;

 private:
  struct Property {
    std::string name;
    GValue value = G_VALUE_INIT;
  };
  struct Element {
    GstPtr<GstElementFactory> factory;
    std::string name;
    std::vector<Property> properties;
  };
  struct Link {
    std::size_t from = 0;
    std::string fromPad;
    std::size_t to = 0;
    std::string toPad;
  };

  PipelinePlan() = default;
  [[nodiscard]] bool addElement(GstElement* element, const std::string& text);
  bool addProperties(Element& entry, GstElement* element, const std::string& text);
  [[nodiscard]] bool addLinks(std::size_t index, GstElement* element,
                              const std::vector<GstElement*>& all);

  std::vector<Element> elements_;
  std::vector<Link> links_;
};

}  // namespace launcher
