// SPDX-License-Identifier: LGPL-2.1-or-later
#include "media/PipelineTemplate.hpp"

#include <iterator>
#include <sstream>
#include <utility>

#include "base/GPtr.hpp"
#include "base/Text.hpp"

namespace launcher {

namespace {

using Field = const char* Codec::*;

constexpr std::pair<const char*, Field> kPlaceholders[] = {
    {"@DECODER@", &Codec::decoder},
    {"@ENCODER@", &Codec::encoder},
};

std::string withoutComments(const std::string& text) {
  std::istringstream stream(text);
  std::string line;
  std::string out;
  while (std::getline(stream, line)) {
    const std::string trimmed = text::trim(line);
    if (!trimmed.empty() && trimmed.front() != '#') out += trimmed + "\n";
  }
  return out;
}

Result<void> checkPlaceholders(const std::string& text) {
  std::size_t at = 0;
  while ((at = text.find('@', at)) != std::string::npos) {
    bool known = false;
    for (const auto& [name, field] : kPlaceholders) {
      if (text.compare(at, std::string_view(name).size(), name) == 0) {
        at += std::string_view(name).size();
        known = true;
        break;
      }
    }
    if (!known) {
      const std::size_t end = text.find_first_of("@ \n", at + 1);
      return Failure{"unknown placeholder '" +
                     text.substr(at, end == std::string::npos ? 20 : end - at + 1) +
                     "'; there are @DECODER@ and @ENCODER@"};
    }
  }
  for (const auto& [name, field] : kPlaceholders) {
    if (text.find(name) == std::string::npos) return Failure{std::string(name) + " is missing"};
  }
  return {};
}

/// The name of a pad of the element that is linked to nothing; empty when there is none.
std::string unlinkedPad(GstElement* element) {
  std::string found;
  const auto look = [](GstElement*, GstPad* pad, gpointer name) noexcept -> gboolean {
    if (gst_pad_is_linked(pad)) return TRUE;
    const CharPtr text(gst_pad_get_name(pad));
    *static_cast<std::string*>(name) = text.get();
    return FALSE;
  };
  gst_element_foreach_pad(element, look, &found);
  return found;
}

}  // namespace

const std::vector<std::string>& PipelineTemplate::elementNames() {
  static const std::vector<std::string> names = {"rtp-in",    "jitterbuffer", "decode", "ws-sink",
                                                 "ws-source", "encode",       "rtp-out"};
  return names;
}

Result<PipelineTemplate> PipelineTemplate::parse(const std::string& text) {
  const std::string launch = withoutComments(text);
  if (launch.empty()) return Failure{"holds no pipeline"};
  if (const auto known = checkPlaceholders(launch); !known) return Failure{known.error()};
  for (const std::string& name : elementNames()) {
    if (launch.find("name=" + name) == std::string::npos) {
      return Failure{"no element has name=" + name};
    }
  }
  return PipelineTemplate(launch);
}

Result<PipelineTemplate> PipelineTemplate::load(const std::string& file) {
  char* contents = nullptr;
  gsize length = 0;
  GError* error = nullptr;
  if (!g_file_get_contents(file.c_str(), &contents, &length, &error)) {
    ErrorPtr owned(error);
    return Failure{std::string(error->message)};
  }
  CharPtr owned(contents);
  auto result = parse(std::string(contents, length));
  if (!result) return Failure{file + ": " + result.error()};
  return result;
}

std::string PipelineTemplate::expand(const Codec& codec) const {
  std::string out = text_;
  for (const auto& [name, field] : kPlaceholders) {
    const std::string_view placeholder(name);
    std::size_t at = 0;
    while ((at = out.find(placeholder, at)) != std::string::npos) {
      out.replace(at, placeholder.size(), codec.*field);
    }
  }
  return out;
}

PipelineTemplate::Made PipelineTemplate::parse(const Codec& codec, bool asBin) const {
  GError* error = nullptr;
  const int flags = GST_PARSE_FLAG_FATAL_ERRORS | (asBin ? GST_PARSE_FLAG_PLACE_IN_BIN : 0);
  GstElement* parsed = gst_parse_launch_full(expand(codec).c_str(), nullptr,
                                             static_cast<GstParseFlags>(flags), &error);
  const ErrorPtr owned(error);
  if (!parsed) {
    return Failure{std::string("does not parse for ") + codec.name + ": " +
                   (error ? error->message : "unknown fault")};
  }
  GstPtr<GstElement> result(GST_ELEMENT(gst_object_ref_sink(parsed)));
  if (!GST_IS_BIN(parsed) || (!asBin && !GST_IS_PIPELINE(parsed))) {
    return Failure{"is not a pipeline"};
  }
  for (const std::string& name : elementNames()) {
    GstElement* element = gst_bin_get_by_name(GST_BIN(parsed), name.c_str());
    if (!element) return Failure{"no element has name=" + name};
    const GstPtr<GstElement> held(element);
    if (const std::string pad = unlinkedPad(element); !pad.empty()) {
      return Failure{std::string(name).append(": its pad ").append(pad).append(" is not linked")};
    }
  }
  return result;
}

Result<void> PipelineTemplate::tryOut(const std::vector<const Codec*>& codecs) {
  for (const Codec* codec : codecs) {
    const Made made = parse(*codec, false);
    if (!made) return Failure{made.error()};
    auto plan = PipelinePlan::make(GST_BIN(made->get()), expand(*codec));
    if (plan && plan->build(false)) plans_[codec] = std::move(plan);
  }
  return {};
}

PipelineTemplate::Made PipelineTemplate::make(const Codec& codec, bool asBin) const {
  const auto planned = plans_.find(&codec);
  if (planned == plans_.end()) return parse(codec, asBin);
  if (auto built = planned->second->build(asBin)) return built;
  return Failure{std::string("its elements cannot be made for ") + codec.name};
}

}  // namespace launcher
