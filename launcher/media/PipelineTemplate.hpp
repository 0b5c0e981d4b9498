// SPDX-License-Identifier: LGPL-2.1-or-later
// The structure of a call's pipeline: gst-launch text with fixed element names and placeholders
// from a closed table of codec elements. No per-call value ever becomes part of the text. Immutable
// after load; any thread may expand it.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "media/Codec.hpp"

namespace launcher {

class PipelineTemplate {
 public:
  /// The template, or what is wrong with the text.
  static std::variant<PipelineTemplate, std::string> parse(const std::string& text);
  static std::variant<PipelineTemplate, std::string> load(const std::string& file);

  /// The launch text for one codec.
  std::string expand(const Codec& codec) const;

  /// Parses it once for every codec and looks for the named elements; needs the plugin. Returns
  /// what is wrong, if anything.
  std::optional<std::string> tryOut(const std::vector<const Codec*>& codecs) const;

  /// Names that the template must give to elements.
  static const std::vector<std::string>& elementNames();

 private:
  explicit PipelineTemplate(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

}  // namespace launcher
