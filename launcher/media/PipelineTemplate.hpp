// SPDX-License-Identifier: LGPL-2.1-or-later
// The structure of a call's pipeline: gst-launch text with fixed element names and placeholders
// from a closed table of codec elements. No per-call value ever becomes part of the text. Immutable
// once it has been tried out; from then on any thread may use it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/Codec.hpp"
#include "base/GPtr.hpp"
#include "base/Result.hpp"
#include "media/PipelinePlan.hpp"

namespace launcher {

class PipelineTemplate {
 public:
  /// The template, or what is wrong with the text.
  static Result<PipelineTemplate> parse(const std::string& text);
  static Result<PipelineTemplate> load(const std::string& file);

  /// The launch text for one codec.
  [[nodiscard]] std::string expand(const Codec& codec) const;

  /// Parses it once for every codec and looks for the named elements; needs the plugin. What can be
  /// made again without the parser is kept.
  Result<void> tryOut(const std::vector<const Codec*>& codecs);

  /// A pipeline for one codec, or a bin of the same elements, or what is wrong. All named elements
  /// are there.
  using Made = Result<GstPtr<GstElement>>;
  [[nodiscard]] Made make(const Codec& codec, bool asBin = false) const;
  /// Whether make() needs no parser.
  [[nodiscard]] bool isPlanned(const Codec& codec) const { return plans_.count(&codec) != 0; }

  /// Names that the template must give to elements.
  [[nodiscard]] static const std::vector<std::string>& elementNames();

 private:
  explicit PipelineTemplate(std::string text) : text_(std::move(text)) {}
  [[nodiscard]] Made parse(const Codec& codec, bool asBin) const;

  std::string text_;
  std::map<const Codec*, std::shared_ptr<const PipelinePlan>> plans_;
};

}  // namespace launcher
