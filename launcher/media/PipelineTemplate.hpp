// SPDX-License-Identifier: LGPL-2.1-or-later
// The structure of a call's pipeline: gst-launch text with fixed element names and placeholders
// from a closed table of codec elements. No per-call value ever becomes part of the text. Immutable
// once it has been tried out; from then on any thread may use it.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/Codec.hpp"
#include "base/GPtr.hpp"
#include "media/PipelinePlan.hpp"

namespace launcher {

class PipelineTemplate {
 public:
  /// The template, or what is wrong with the text.
  static std::variant<PipelineTemplate, std::string> parse(const std::string& text);
  static std::variant<PipelineTemplate, std::string> load(const std::string& file);

  /// The launch text for one codec.
  std::string expand(const Codec& codec) const;

  /// Parses it once for every codec and looks for the named elements; needs the plugin. What can be
  /// made again without the parser is kept. Returns what is wrong, if anything.
  std::optional<std::string> tryOut(const std::vector<const Codec*>& codecs);

  /// A pipeline for one codec, or a bin of the same elements, or what is wrong. All named elements
  /// are there.
  using Made = std::variant<GstPtr<GstElement>, std::string>;
  Made make(const Codec& codec, bool asBin = false) const;
  /// Whether make() needs no parser.
  bool isPlanned(const Codec& codec) const { return plans_.count(&codec) != 0; }

  /// Names that the template must give to elements.
  static const std::vector<std::string>& elementNames();

 private:
  explicit PipelineTemplate(std::string text) : text_(std::move(text)) {}
  Made parse(const Codec& codec, bool asBin) const;

  std::string text_;
  std::map<const Codec*, std::shared_ptr<const PipelinePlan>> plans_;
};

}  // namespace launcher
