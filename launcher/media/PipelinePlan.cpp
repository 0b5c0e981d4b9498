// SPDX-License-Identifier: LGPL-2.1-or-later
#include "media/PipelinePlan.hpp"

#include <algorithm>

namespace launcher {

namespace {

/// Whether the text sets a property of that name somewhere. What else differs from a new element is
/// that element's own, such as the CNAME that an RTP session has drawn.
bool sets(const std::string& text, const std::string& property) {
  const auto same = [](char a, char b) { return a == b || (a == '_' && b == '-'); };
  for (auto at = text.begin();; ++at) {
    at = std::search(at, text.end(), property.begin(), property.end(), same);
    if (at == text.end()) return false;
    auto after = at + static_cast<std::ptrdiff_t>(property.size());
    after = std::find_if_not(after, text.end(), [](char c) { return g_ascii_isspace(c); });
    if (after != text.end() && *after == '=') return true;
  }
}

bool hasDelayedLinks(GstElement* element) {
  const guint id = g_signal_lookup("pad-added", GST_TYPE_ELEMENT);
  return g_signal_handler_find(element, G_SIGNAL_MATCH_ID, id, 0, nullptr, nullptr, nullptr) != 0;
}

bool isAlways(GstPad* pad) {
  const GstPtr<GstPadTemplate> pattern(gst_pad_get_pad_template(pad));
  return pattern && GST_PAD_TEMPLATE_PRESENCE(pattern.get()) == GST_PAD_ALWAYS;
}

std::string nameOf(gpointer object) {
  const CharPtr name(gst_object_get_name(GST_OBJECT(object)));
  return name.get();
}

}  // namespace

PipelinePlan::~PipelinePlan() {
  for (Element& element : elements_) {
    for (Property& property : element.properties)
      g_value_unset(&property.value);
  }
}

std::shared_ptr<const PipelinePlan> PipelinePlan::make(GstBin* parsed, const std::string& text) {
  const std::shared_ptr<PipelinePlan> plan(new PipelinePlan);
  std::vector<GstElement*> all;
  for (const GList* item = parsed->children; item; item = item->next)
    all.push_back(GST_ELEMENT(item->data));
  for (GstElement* element : all) {
    if (!plan->addElement(element, text)) return nullptr;
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!plan->addLinks(i, all[i], all)) return nullptr;
  }
  return plan;
}

bool PipelinePlan::addElement(GstElement* element, const std::string& text) {
  GstElementFactory* factory = gst_element_get_factory(element);
  if (!factory || GST_IS_BIN(element) || GST_IS_CHILD_PROXY(element) || hasDelayedLinks(element)) {
    return false;
  }
  elements_.push_back({});
  Element& entry = elements_.back();
  entry.factory.reset(GST_ELEMENT_FACTORY(gst_object_ref(factory)));
  entry.name = nameOf(element);
  return addProperties(entry, element, text);
}

bool PipelinePlan::addProperties(Element& entry, GstElement* element, const std::string& text) {
  constexpr int kBoth = G_PARAM_READWRITE;
  GstElement* made = gst_element_factory_create(entry.factory.get(), nullptr);
  if (!made) return false;
  const GstPtr<GstElement> fresh(GST_ELEMENT(gst_object_ref_sink(made)));
  const bool filter = nameOf(entry.factory.get()) == "capsfilter";  // also caps between two "!"
  guint count = 0;
  const std::unique_ptr<GParamSpec*, GFree> specs(
      g_object_class_list_properties(G_OBJECT_GET_CLASS(element), &count));
  for (guint i = 0; i < count; ++i) {
    const GParamSpec* spec = specs.get()[i];
    const std::string name = g_param_spec_get_name(const_cast<GParamSpec*>(spec));
    if ((spec->flags & kBoth) != kBoth || (spec->flags & G_PARAM_CONSTRUCT_ONLY) != 0) continue;
    if (name == "name" || name == "parent") continue;
    if (!sets(text, name) && !(filter && name == "caps")) continue;
    GValue before = G_VALUE_INIT;
    GValue now = G_VALUE_INIT;
    g_object_get_property(G_OBJECT(fresh.get()), name.c_str(), &before);
    g_object_get_property(G_OBJECT(element), name.c_str(), &now);
    const bool same = gst_value_compare(&before, &now) == GST_VALUE_EQUAL;
    const bool shared = !same && G_VALUE_HOLDS_OBJECT(&now);
    g_value_unset(&before);
    if (same || shared) {
      g_value_unset(&now);
    } else {
      entry.properties.push_back({name, now});
    }
    if (shared) return false;
  }
  return true;
}

bool PipelinePlan::addLinks(std::size_t index, GstElement* element,
                            const std::vector<GstElement*>& all) {
  for (const GList* item = element->srcpads; item; item = item->next) {
    GstPad* pad = GST_PAD(item->data);
    const GstPtr<GstPad> peer(gst_pad_get_peer(pad));
    if (!peer) continue;
    const GstPtr<GstElement> other(gst_pad_get_parent_element(peer.get()));
    const auto found = std::find(all.begin(), all.end(), other.get());
    if (found == all.end() || !isAlways(pad) || !isAlways(peer.get())) return false;
    links_.push_back(
        {index, nameOf(pad), static_cast<std::size_t>(found - all.begin()), nameOf(peer.get())});
  }
  return true;
}

GstPtr<GstElement> PipelinePlan::build(bool asBin) const {
  GstElement* bin = asBin ? gst_bin_new(nullptr) : gst_pipeline_new(nullptr);
  GstPtr<GstElement> result(GST_ELEMENT(gst_object_ref_sink(bin)));
  std::vector<GstElement*> made(elements_.size());
  // From the last to the first: a bin puts each new child at the head of its list.
  for (std::size_t i = elements_.size(); i-- > 0;) {
    const Element& entry = elements_[i];
    made[i] = gst_element_factory_create(entry.factory.get(), entry.name.c_str());
    if (!made[i]) return nullptr;
    for (const Property& property : entry.properties)
      g_object_set_property(G_OBJECT(made[i]), property.name.c_str(), &property.value);
    if (!gst_bin_add(GST_BIN(bin), made[i])) return nullptr;
  }
  for (const Link& link : links_) {
    // The parser has checked that they fit.
    if (!gst_element_link_pads_full(made[link.from], link.fromPad.c_str(), made[link.to],
                                    link.toPad.c_str(), GST_PAD_LINK_CHECK_NOTHING)) {
      return nullptr;
    }
  }
  return result;
}

}  // namespace launcher
