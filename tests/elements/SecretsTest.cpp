// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Secrets in every property that takes one: none of them is in a message on the bus, in the stats
// or in the elements' debug log, whether the connection fails or stands.
#include <fstream>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "ConnectProxy.hpp"
#include "RawEndpoint.hpp"
#include "SoupEndpoint.hpp"
#include "TempDir.hpp"
#include "TestCa.hpp"
#include "TestPipeline.hpp"

namespace {

using elementtest::TestPipeline;
using testsupport::ConnectProxy;
using testsupport::Misbehaviour;
using testsupport::RawEndpoint;
using testsupport::SoupEndpoint;
using namespace std::chrono_literals;

/// All texts that somebody may read; any thread adds to them.
class Said {
 public:
  void add(const std::string& text) {
    const std::lock_guard lock(mutex_);
    all_ += text + '\n';
  }
  std::string take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(all_, {});
  }

 private:
  std::mutex mutex_;
  std::string all_;
};

std::string textOf(const GstStructure* structure) {
  if (structure == nullptr) return {};
  g_autofree gchar* text = gst_structure_to_string(structure);
  return text;
}

/// Of errors and warnings also what a program prints of them.
std::string textOf(GstMessage* message) {
  std::string text = std::string(GST_MESSAGE_TYPE_NAME(message)) + " " +
                     textOf(gst_message_get_structure(message));
  const auto type = GST_MESSAGE_TYPE(message);
  if (type != GST_MESSAGE_ERROR && type != GST_MESSAGE_WARNING && type != GST_MESSAGE_INFO)
    return text;
  g_autoptr(GError) error = nullptr;
  g_autofree gchar* debug = nullptr;
  const GstStructure* details = nullptr;
  if (type == GST_MESSAGE_ERROR) {
    gst_message_parse_error(message, &error, &debug);
    gst_message_parse_error_details(message, &details);
  } else if (type == GST_MESSAGE_WARNING) {
    gst_message_parse_warning(message, &error, &debug);
    gst_message_parse_warning_details(message, &details);
  } else {
    gst_message_parse_info(message, &error, &debug);
    gst_message_parse_info_details(message, &details);
  }
  return text + " " + error->message + " " + (debug != nullptr ? debug : "") + " " +
         textOf(details);
}

/// Everything that wsbridgesrc and wsbridgesink of a test log, at the highest level.
class DebugLog {
 public:
  explicit DebugLog(Said& said) {
    gst_debug_set_active(TRUE);
    gst_debug_set_threshold_from_string("wsbridge*:9", TRUE);
    gst_debug_add_log_function(take, &said, nullptr);
    gst_debug_remove_log_function(gst_debug_log_default);
  }
  ~DebugLog() {
    gst_debug_remove_log_function(take);
    gst_debug_add_log_function(gst_debug_log_default, nullptr, nullptr);
    gst_debug_set_threshold_from_string("", TRUE);
  }
  DebugLog(const DebugLog&) = delete;
  DebugLog& operator=(const DebugLog&) = delete;

 private:
  static void take(GstDebugCategory* category, GstDebugLevel, const gchar*, const gchar*, gint,
                   GObject*, GstDebugMessage* message, gpointer data) {
    const std::string name = gst_debug_category_get_name(category);
    if (name.starts_with("wsbridge"))
      static_cast<Said*>(data)->add(name + ": " + gst_debug_message_get(message));
  }
};

constexpr const char* kMark = "S3CRET";

/// What is put into a property for a connection, on both elements.
struct Case {
  const char* name;
  std::vector<std::pair<const char*, std::string>> strings;
};

std::vector<Case> casesWith(const std::string& secretFile) {
  return {
      {"authorization", {{"authorization", "Digest S3CRET-authorization"}}},
      {"basic",
       {{"authorization-type", "basic"}, {"username", "user"}, {"password", "S3CRET-password"}}},
      {"bearer", {{"authorization-type", "bearer"}, {"bearer-token", "S3CRET-token"}}},
      {"jwt",
       {{"authorization-type", "jwt"},
        {"jwt-algorithm", "HS256"},
        {"jwt-key-file", secretFile},
        {"jwt-claims", R"({"iss":"S3CRET-claim","nested":{"a":"S3CRET-nested"}})"}}},
      {"signature", {{"signature-key", "S3CRET-signature-key"}}},
      {"twilio", {{"dialect", "twilio"}, {"twilio-auth-token", "S3CRET-twilio-token"}}},
      {"headers", {{"headers", R"({"pin":"S3CRET-pin","n":{"k":"S3CRET-deep"}})"}}},
      {"extra-headers",
       {{"extra-headers", "h, X-Api-Key=(string)S3CRET-key, Cookie=(string)S3CRET-c"}}},
  };
}

class Secrets : public testing::Test {
 protected:
  Secrets() {
    std::ofstream(secret_file_) << "S3CRET-of-a-file-that-is-long-enough-to-sign-with\n";
  }

  /// Plays until `over`, then reads the stats; nothing of all that has the mark.
  void expectNothingTold(const std::string& uri, const std::vector<std::string>& fallbacks,
                         const Case& one, const std::string& proxy, const std::string& more,
                         const std::function<bool(TestPipeline&)>& over) {
    TestPipeline pipeline(
        "audiotestsrc is-live=true samplesperbuffer=320 ! audio/x-raw,channels=1 ! "
        "wsbridgesink name=sink connection=secrets "
        "wsbridgesrc name=src connection=secrets ! fakesink sync=false async=false");
    GstBus* bus = gst_pipeline_get_bus(GST_PIPELINE(pipeline.pipeline()));
    gst_bus_set_sync_handler(
        bus,
        [](GstBus*, GstMessage* message, gpointer said) {
          static_cast<Said*>(said)->add(textOf(message));
          return GST_BUS_PASS;
        },
        &said_, nullptr);
    gst_object_unref(bus);
    for (const char* name : {"src", "sink"}) {
      GstElement* element = pipeline.element(name);
      const auto set = [&](const char* property, const std::string& value) {
        gst_util_set_object_arg(G_OBJECT(element), property, value.c_str());
      };
      for (const auto& [property, value] : one.strings)
        set(property, value);
      if (!proxy.empty()) set("proxy", proxy);
      set("connect-timeout", "2000");
      if (!more.empty()) set("tls-ca-file", more);
      std::string list;
      for (const std::string& fallback : fallbacks)
        list += (list.empty() ? "\"" : ", \"") + fallback + "\"";
      if (!fallbacks.empty()) set("fallback-uris", "< " + list + " >");
      set("uri", uri);
    }
    pipeline.play();
    EXPECT_TRUE(over(pipeline)) << one.name << " " << uri;
    for (const char* name : {"src", "sink"})
      said_.add(textOf(pipeline.stats(name).get()));
    pipeline.stop();
    for (const char* name : {"src", "sink"})
      said_.add(textOf(pipeline.stats(name).get()));
    const std::string all = said_.take();
    EXPECT_NE(all.find("wsbridge-"), std::string::npos) << "something was told";
    const size_t at = all.find(kMark);
    EXPECT_EQ(at, std::string::npos)
        << one.name << ": " << all.substr(at < 200 ? 0 : at - 200, 400);
  }

  static bool opens(TestPipeline& pipeline) {
    return pipeline.waitMessage("wsbridge-opened") != nullptr &&
           pipeline.waitUntil([&] { return pipeline.stat("sink", "frames-sent") > 5; }, 5s);
  }
  static bool fails(TestPipeline& pipeline) { return pipeline.waitError() != nullptr; }

  testsupport::TempDir dir_{"wsbridge-secrets"};
  std::string secret_file_ = dir_.path() + "/key";
  Said said_;
  DebugLog log_{said_};
};

/// User, password, query and fragment of a URI are secrets.
std::string withSecrets(const std::string& uri) {
  const size_t host = uri.find("://") + 3;
  return uri.substr(0, host) + "S3CRET-u:S3CRET-p@" + uri.substr(host) +
         "?token=S3CRET-q&S3CRET-n=1";
}

/// Its subprotocol is none.
bool isTwilio(const Case& one) {
  return std::string_view(one.name) == "twilio";
}

TEST_F(Secrets, AreNotToldWhileAConnectionStands) {
  SoupEndpoint ours;
  SoupEndpoint twilio({.protocol = ""});
  ConnectProxy proxy({.credentials = "S3CRET-who:S3CRET-pw"});
  for (const Case& one : casesWith(secret_file_)) {
    const std::string uri = withSecrets((isTwilio(one) ? twilio : ours).uri("/in"));
    expectNothingTold(uri, {}, one, "", "", opens);
    expectNothingTold(uri, {}, one, proxy.uri("S3CRET-who:S3CRET-pw"), "", opens);
  }
}

TEST_F(Secrets, AreNotToldWhereAnotherEndpointIsTaken) {
  SoupEndpoint ours;
  SoupEndpoint twilio({.protocol = ""});
  SoupEndpoint rejecting({.protocol = "", .rejectStatus = 403});
  for (const Case& one : casesWith(secret_file_)) {
    const SoupEndpoint& endpoint = isTwilio(one) ? twilio : ours;
    expectNothingTold(withSecrets(rejecting.uri("/x")),
                      {withSecrets("ws://127.0.0.1:1/y"), withSecrets(endpoint.uri("/z"))}, one, "",
                      "", opens);
  }
}

TEST_F(Secrets, AreNotToldWhenNothingIsReached) {
  const testsupport::TestCa ca;
  SoupEndpoint rejecting({.protocol = "", .rejectStatus = 401});
  SoupEndpoint untrusted(
      {.certFile = ca.selfSigned().certFile, .keyFile = ca.selfSigned().keyFile, .protocol = ""});
  RawEndpoint garbage(Misbehaviour::Garbage);
  ConnectProxy other({.credentials = "somebody:else"});
  const std::string aProxy = other.uri("S3CRET-who:S3CRET-pw");
  const std::string names_nobody = "ws://nobody.invalid/x";
  for (const Case& one : casesWith(secret_file_)) {
    for (const std::string& uri :
         {rejecting.uri("/x"), untrusted.uri("/x"), garbage.uri(),
          std::string("ws://127.0.0.1:1/x"), names_nobody, std::string("ws://127.0.0.1:99999/x"),
          std::string("http+x://127.0.0.1/x")})
      expectNothingTold(withSecrets(uri), {withSecrets(rejecting.uri("/f"))}, one, "", ca.caFile(),
                        fails);
    expectNothingTold(withSecrets(rejecting.uri("/x")), {}, one, aProxy, "", fails);
  }
}

}  // namespace
