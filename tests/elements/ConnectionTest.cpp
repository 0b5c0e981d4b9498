// SPDX-License-Identifier: LGPL-2.1-or-later
//
// One WebSocket for two elements: pairing, order, conflicts, ends, restarts, leaks of threads and
// descriptors.
#include <filesystem>
#include <memory>

#include <dirent.h>

#include <gtest/gtest.h>

#include "Pcm.hpp"
#include "SoupEndpoint.hpp"
#include "TempDir.hpp"
#include "TestPipeline.hpp"

namespace {

using elementtest::TestPipeline;
using testsupport::SoupEndpoint;
using namespace std::chrono_literals;

const std::string kTone =
    "audiotestsrc is-live=true samplesperbuffer=320 ! audio/x-raw,rate=16000 ! ";
const std::string kOut = " ! fakesink name=out signal-handoffs=true sync=false async=false ";

SoupEndpoint::Options echoing() {
  SoupEndpoint::Options options;
  options.echo = true;
  return options;
}

size_t entries(const char* directory) {
  size_t count = 0;
  DIR* dir = opendir(directory);
  while (dir != nullptr && readdir(dir) != nullptr)
    ++count;
  if (dir != nullptr) closedir(dir);
  return count;
}

/// All but those that GLib's pools keep for fifteen seconds in case there is something to do.
size_t threadsAtWork() {
  g_thread_pool_stop_unused_threads();
  return entries("/proc/self/task");
}

/// Of all threads there are, for a message.
std::string threadNames() {
  std::string names;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name = testsupport::readFile(task.path().string() + "/comm");
    while (!name.empty() && name.back() == '\n')
      name.pop_back();
    names += (names.empty() ? "" : ", ") + name;
  }
  return names;
}

TEST(Connection, SinkAndSourceShareOneWebSocketWhicheverHasTheUri) {
  SoupEndpoint endpoint(echoing());
  const std::string uri = " uri=" + endpoint.uri() + " ";
  const std::string lines[] = {
      kTone + "wsbridgesink connection=c" + uri + "wsbridgesrc name=src connection=c" + kOut,
      kTone + "wsbridgesink connection=c wsbridgesrc name=src connection=c" + uri + kOut,
      "wsbridgesrc name=src connection=c" + uri + kOut + kTone + "wsbridgesink connection=c" + uri,
      "wsbridgesrc name=src connection=c" + kOut + kTone + "wsbridgesink connection=c" + uri,
  };
  size_t expected = 0;
  for (const std::string& line : lines) {
    TestPipeline pipeline(line);
    pipeline.play();
    ASSERT_NE(pipeline.waitMessage("wsbridge-first-audio"), nullptr) << line;
    ASSERT_TRUE(pipeline.waitUntil([&] { return pipeline.stat("src", "frames-played") > 10; }, 5s));
    EXPECT_EQ(endpoint.count(), ++expected);
    EXPECT_EQ(pipeline.messages("wsbridge-opened"), 1U);
  }
}

TEST(Connection, TwoPipelinesInOneProcessCanShareIt) {
  SoupEndpoint endpoint(echoing());
  TestPipeline playing("wsbridgesrc name=src connection=two" + kOut);
  playing.play();
  TestPipeline sending(kTone + "wsbridgesink connection=two uri=" + endpoint.uri());
  sending.play();
  ASSERT_TRUE(playing.waitUntil([&] { return playing.stat("src", "frames-played") > 10; }, 5s));
  EXPECT_EQ(endpoint.count(), 1U);
}

TEST(Connection, ASecondTakerIsAnError) {
  SoupEndpoint endpoint;
  const std::string uri = " uri=" + endpoint.uri();
  TestPipeline first("wsbridgesrc connection=busy" + uri + kOut);
  first.play();
  TestPipeline second("wsbridgesrc connection=busy" + uri + kOut);
  EXPECT_EQ(second.play(), GST_STATE_CHANGE_FAILURE);
  const auto* error = second.waitError();
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(error->domain, GST_RESOURCE_ERROR);
  EXPECT_EQ(error->code, GST_RESOURCE_ERROR_BUSY);
}

TEST(Connection, AnotherUriIsAnError) {
  SoupEndpoint endpoint;
  TestPipeline pipeline(kTone + "wsbridgesink connection=x uri=" + endpoint.uri("/a") +
                        " wsbridgesrc connection=x uri=" + endpoint.uri("/b") + kOut);
  pipeline.play();
  const auto* error = pipeline.waitError();
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(error->code, GST_RESOURCE_ERROR_SETTINGS);
}

TEST(Connection, SettingsFaultsNameTheProperty) {
  const std::pair<const char*, const char*> faults[] = {
      {"", "uri"},
      {"uri=ftp://host/", "scheme"},
      {"uri=ws://h/ headers=nonsense", "headers"},
      {"uri=ws://h/ content-type=audio/opus", "content-type"},
      {"uri=ws://h/ resolved-addresses=host", "resolved-addresses"},
      {"uri=ws://h/ subprotocols=\"a b\"", "subprotocols"},
  };
  for (const auto& [properties, word] : faults) {
    TestPipeline pipeline(std::string("wsbridgesrc ") + properties + kOut);
    EXPECT_EQ(pipeline.play(), GST_STATE_CHANGE_FAILURE) << properties;
    const auto* error = pipeline.waitError();
    ASSERT_NE(error, nullptr) << properties;
    EXPECT_EQ(error->code, GST_RESOURCE_ERROR_SETTINGS);
    EXPECT_NE(error->text.find(word), std::string::npos) << error->text;
  }
}

TEST(Connection, TheErrorComesOncePerConnectionWithItsDetailsAndWithoutCredentials) {
  SoupEndpoint::Options options;
  options.rejectStatus = 403;
  SoupEndpoint endpoint(options);
  const std::string uri =
      "ws://user:secret@127.0.0.1:" + std::to_string(endpoint.port()) + "/path?token=hidden";
  TestPipeline pipeline(kTone + "wsbridgesink connection=e uri=\"" + uri +
                        "\" wsbridgesrc connection=e" + kOut);
  pipeline.play();
  const auto* error = pipeline.waitError();
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(error->code, GST_RESOURCE_ERROR_NOT_AUTHORIZED);
  EXPECT_EQ(error->number("http-status"), 403U);
  EXPECT_EQ(error->field("kind"), "handshake");
  EXPECT_EQ(error->field("uri"), "ws://127.0.0.1:" + std::to_string(endpoint.port()) + "/path");
  EXPECT_EQ((error->text + error->debug).find("secret"), std::string::npos);
  pipeline.waitUntil([&] { return pipeline.errors() > 1; }, 300ms);
  EXPECT_EQ(pipeline.errors(), 1U);
  EXPECT_EQ(pipeline.messages("wsbridge-failed"), 1U);
}

TEST(Connection, ClosedWith1001EndsInOrderAndWith1011AsAnError) {
  for (const unsigned code : {1000U, 1001U, 1011U, 4000U}) {
    SoupEndpoint::Options options;
    options.onOpen = [code](SoupEndpoint& endpoint, int id) { endpoint.close(id, code, "why"); };
    SoupEndpoint endpoint(options);
    TestPipeline pipeline("wsbridgesrc name=src uri=" + endpoint.uri() + kOut);
    pipeline.play();
    if (code <= 1001) {
      EXPECT_TRUE(pipeline.waitEos()) << code;
      EXPECT_EQ(pipeline.errors(), 0U);
      continue;
    }
    const auto* error = pipeline.waitError();
    ASSERT_NE(error, nullptr) << code;
    EXPECT_EQ(error->number("close-code"), code);
    EXPECT_EQ(error->field("close-reason"), "why");
    EXPECT_EQ(error->field("kind"), "closed");
  }
}

TEST(Connection, CloseByActionSignal) {
  SoupEndpoint endpoint;
  TestPipeline pipeline("wsbridgesrc name=src uri=" + endpoint.uri() + kOut);
  pipeline.play();
  ASSERT_NE(pipeline.waitMessage("wsbridge-opened"), nullptr);
  g_signal_emit_by_name(pipeline.element("src"), "close", 1000U, "caller hung up");
  const GstStructure* closed = pipeline.waitMessage("wsbridge-closed");
  ASSERT_NE(closed, nullptr);
  EXPECT_STREQ(gst_structure_get_string(closed, "who"), "local");
  ASSERT_TRUE(endpoint.waitClosed(1, 5s));
  EXPECT_EQ(endpoint.connection(1)->closeCode, 1000U);
  EXPECT_EQ(endpoint.connection(1)->closeReason, "caller hung up");
  EXPECT_TRUE(pipeline.waitEos());
}

TEST(Connection, StatsHaveTheSameFieldsBeforeDuringAndAfter) {
  SoupEndpoint endpoint(echoing());
  TestPipeline pipeline(kTone + "wsbridgesink name=sink connection=st uri=" + endpoint.uri() +
                        " wsbridgesrc name=src connection=st" + kOut);
  const auto fields = [&] {
    std::vector<std::string> names;
    const auto stats = pipeline.stats("src");
    for (int i = 0; i < gst_structure_n_fields(stats.get()); ++i)
      names.emplace_back(gst_structure_nth_field_name(stats.get(), i));
    return names;
  };
  const auto before = fields();
  pipeline.play();
  ASSERT_TRUE(pipeline.waitUntil([&] { return pipeline.stat("src", "frames-played") > 5; }, 5s));
  EXPECT_STREQ(gst_structure_get_string(pipeline.stats("sink").get(), "state"), "open");
  EXPECT_EQ(fields(), before);
  pipeline.stop();
  EXPECT_EQ(fields(), before);
  EXPECT_GT(pipeline.stat("src", "frames-sent"), 5U);
  EXPECT_STREQ(gst_structure_get_string(pipeline.stats("sink").get(), "state"), "closed");
}

TEST(Connection, RunsAgainAfterReady) {
  SoupEndpoint endpoint(echoing());
  TestPipeline pipeline(kTone + "wsbridgesink connection=again uri=" + endpoint.uri() +
                        " wsbridgesrc name=src connection=again" + kOut);
  for (size_t round = 1; round <= 3; ++round) {
    pipeline.play();
    ASSERT_TRUE(endpoint.waitConnections(round, 5s));
    ASSERT_TRUE(pipeline.waitUntil([&] { return pipeline.stat("src", "frames-played") > 5; }, 5s));
    gst_element_set_state(pipeline.pipeline(), round % 2 == 0 ? GST_STATE_NULL : GST_STATE_READY);
    ASSERT_TRUE(endpoint.waitClosed(static_cast<int>(round), 5s));
  }
}

TEST(Connection, ASecondRunKnowsNothingOfTheFirst) {
  SoupEndpoint::Options options = echoing();
  options.protocol = "media";
  SoupEndpoint endpoint(options);
  TestPipeline pipeline(kTone + "wsbridgesink name=sink connection=anew dialect=asterisk uri=" +
                        endpoint.uri() + " wsbridgesrc name=src connection=anew" + kOut);
  for (size_t run = 1; run <= 3; ++run) {
    const int connection = static_cast<int>(run);
    pipeline.play();
    ASSERT_TRUE(endpoint.waitConnections(run, 5s));
    ASSERT_TRUE(pipeline.waitUntil([&] { return pipeline.stat("src", "frames-played") > 5; }, 5s))
        << "held or muted in run " << run;
    EXPECT_EQ(pipeline.stat("sink", "frames-muted"), 0U);
    EXPECT_EQ(pipeline.stat("src", "ignored-messages"), 0U);
    // Everything that an endpoint may ask for and that must end with it.
    endpoint.sendText(connection, "PAUSE_MEDIA");
    endpoint.sendText(connection, "MARK_MEDIA of-run-" + std::to_string(run));
    endpoint.sendText(connection, "REPORT_QUEUE_DRAINED");
    endpoint.sendText(connection, "SET_MEDIA_DIRECTION out");
    endpoint.sendText(connection, "{");
    ASSERT_TRUE(pipeline.waitUntil(
        [&] {
          return pipeline.stat("sink", "frames-muted") > 5 &&
                 pipeline.stat("src", "ignored-messages") == 1;
        },
        5s));
    const std::string earlier = "of-run-" + std::to_string(run - 1);
    for (const std::string& text : endpoint.connection(connection)->texts())
      EXPECT_EQ(text.find(earlier), std::string::npos) << text;
    gst_element_set_state(pipeline.pipeline(), run % 2 == 0 ? GST_STATE_NULL : GST_STATE_READY);
    ASSERT_TRUE(endpoint.waitClosed(connection, 5s));
    gboolean mute = TRUE;
    g_object_get(pipeline.element("sink"), "mute", &mute, nullptr);
    EXPECT_FALSE(mute);
  }
}

TEST(Connection, WhatIsSetInReadyHoldsForTheNextRun) {
  SoupEndpoint first(echoing());
  SoupEndpoint second(echoing());
  TestPipeline pipeline(
      "audiotestsrc is-live=true ! audioresample ! wsbridgesink name=sink connection=ready headers="
      "\"{\\\"run\\\":1}\" content-type=\"audio/l16;rate=16000\" uri=" +
      first.uri() + " wsbridgesrc name=src fallback=none connection=ready" + kOut);
  pipeline.play();
  ASSERT_TRUE(first.waitTexts(1, 1, 5s));
  EXPECT_EQ(first.connection(1)->texts()[0], R"({"run":1,"content-type":"audio/l16;rate=16000"})");
  gst_element_set_state(pipeline.pipeline(), GST_STATE_READY);
  ASSERT_TRUE(first.waitClosed(1, 5s));
  g_object_set(pipeline.element("sink"), "uri", second.uri().c_str(), "headers", R"({"run":2})",
               "content-type", "audio/l16;rate=8000", nullptr);
  gst_util_set_object_arg(G_OBJECT(pipeline.element("src")), "fallback", "silence");
  pipeline.play();
  ASSERT_TRUE(second.waitTexts(1, 1, 5s));
  EXPECT_EQ(second.connection(1)->texts()[0], R"({"run":2,"content-type":"audio/l16;rate=8000"})");
  ASSERT_TRUE(second.waitBinaries(1, 5, 5s));
  EXPECT_EQ(second.connection(1)->binaries()[0].data.size(), 320U);
  EXPECT_TRUE(pipeline.waitUntil([&] { return pipeline.stat("src", "frames-played") > 5; }, 5s));
  EXPECT_EQ(first.count(), 1U);
  // What has been taken back counts as well, and what contradicts is told.
  gst_element_set_state(pipeline.pipeline(), GST_STATE_READY);
  ASSERT_TRUE(second.waitClosed(1, 5s));
  g_object_set(pipeline.element("sink"), "headers", nullptr, nullptr);
  pipeline.play();
  ASSERT_TRUE(second.waitTexts(2, 1, 5s));
  EXPECT_EQ(second.connection(2)->texts()[0], R"({"content-type":"audio/l16;rate=8000"})");
  gst_element_set_state(pipeline.pipeline(), GST_STATE_READY);
  ASSERT_TRUE(second.waitClosed(2, 5s));
  g_object_set(pipeline.element("src"), "uri", first.uri().c_str(), nullptr);
  gst_element_set_state(pipeline.pipeline(), GST_STATE_PLAYING);
  const auto* error = pipeline.waitError();
  ASSERT_NE(error, nullptr);
  EXPECT_NE(error->text.find("another uri"), std::string::npos) << error->text;
}

TEST(Connection, InNullAnElementHasNoPartInWhatOthersHaveUnderItsName) {
  SoupEndpoint endpoint(echoing());
  const std::string line =
      kTone + "wsbridgesink name=sink connection=shared-name uri=" + endpoint.uri();
  TestPipeline earlier(line);
  earlier.play();
  ASSERT_TRUE(endpoint.waitBinaries(1, 3, 5s));
  earlier.stop();
  ASSERT_TRUE(endpoint.waitClosed(1, 5s));
  const uint64_t sent = earlier.stat("sink", "frames-sent");
  EXPECT_GE(sent, 3U);

  TestPipeline present(line);
  present.play();
  ASSERT_TRUE(endpoint.waitBinaries(2, 5, 5s));
  GstElement* old = earlier.element("sink");
  gboolean done = TRUE;
  g_signal_emit_by_name(old, "send-text", "from the past", &done);
  EXPECT_FALSE(done);
  g_signal_emit_by_name(old, "close", 1000, "from the past");
  g_object_set(old, "mute", TRUE, nullptr);
  gboolean muted = TRUE;
  g_object_get(present.element("sink"), "mute", &muted, nullptr);
  EXPECT_FALSE(muted);
  EXPECT_EQ(earlier.stat("sink", "frames-sent"), sent);
  EXPECT_STREQ(gst_structure_get_string(earlier.stats("sink").get(), "state"), "closed");
  const size_t before = endpoint.connection(2)->binaries().size();
  EXPECT_TRUE(endpoint.waitBinaries(2, before + 5, 5s));
  EXPECT_EQ(endpoint.connection(2)->texts().size(), 1U);
  EXPECT_STREQ(gst_structure_get_string(present.stats("sink").get(), "state"), "open");
}

TEST(Connection, ABreakIsResumedAndTheEndpointIsTold) {
  SoupEndpoint endpoint(echoing());
  TestPipeline pipeline(kTone +
                        "wsbridgesink connection=resume reconnect-time=8000 uri=" + endpoint.uri() +
                        " headers=\"{\\\"k\\\":1}\" wsbridgesrc name=src connection=resume" + kOut);
  pipeline.play();
  ASSERT_TRUE(pipeline.waitUntil([&] { return pipeline.stat("src", "frames-played") > 10; }, 5s));
  for (int round = 1; round <= 2; ++round) {
    endpoint.close(round, 1011, "restarting");
    ASSERT_TRUE(endpoint.waitConnections(static_cast<size_t>(round) + 1, 5s));
    ASSERT_TRUE(endpoint.waitTexts(round + 1, 1, 5s));
    EXPECT_EQ(endpoint.connection(round + 1)->texts()[0],
              R"({"k":1,"resumption":)" + std::to_string(round) +
                  R"(,"content-type":"audio/l16;rate=16000"})");
    const uint64_t played = pipeline.stat("src", "frames-played");
    ASSERT_TRUE(pipeline.waitUntil(
        [&] { return pipeline.stat("src", "frames-played") > played + 10; }, 5s));
    EXPECT_EQ(pipeline.stat("src", "resumptions"), static_cast<uint64_t>(round));
  }
  EXPECT_EQ(pipeline.errors(), 0U);
  EXPECT_EQ(pipeline.messages("wsbridge-reconnecting"), 2U);
  // What is about us is no break.
  endpoint.close(3, 1008, "go away");
  const auto* error = pipeline.waitError();
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(error->field("close-reason"), "go away");
  EXPECT_EQ(endpoint.count(), 3U);
}

TEST(Connection, APauseEndsWithTheWebSocketOfWhoWantedIt) {
  SoupEndpoint::Options options = echoing();
  options.protocol = "media";
  SoupEndpoint endpoint(options);
  TestPipeline pipeline(kTone +
                        "wsbridgesink connection=held dialect=asterisk reconnect-time=8000 " +
                        "uri=" + endpoint.uri() + " wsbridgesrc name=src connection=held" + kOut);
  pipeline.play();
  ASSERT_TRUE(pipeline.waitUntil([&] { return pipeline.stat("src", "frames-played") > 5; }, 5s));
  endpoint.sendText(1, "PAUSE_MEDIA");
  ASSERT_NE(pipeline.waitMessage("wsbridge-control"), nullptr);
  const uint64_t played = pipeline.stat("src", "frames-played");
  endpoint.close(1, 1011);
  ASSERT_TRUE(endpoint.waitConnections(2, 5s));
  EXPECT_TRUE(
      pipeline.waitUntil([&] { return pipeline.stat("src", "frames-played") > played + 10; }, 5s));
}

TEST(Connection, ABreakThatCannotBeMendedIsAnErrorAfterItsTime) {
  auto endpoint = std::make_unique<SoupEndpoint>(echoing());
  TestPipeline pipeline(kTone + "wsbridgesink connection=gone reconnect-time=900 uri=" +
                        endpoint->uri() + " wsbridgesrc name=src connection=gone" + kOut);
  pipeline.play();
  ASSERT_TRUE(pipeline.waitUntil([&] { return pipeline.stat("src", "frames-played") > 5; }, 5s));
  endpoint->close(1, 1011);
  endpoint.reset();
  const auto* error = pipeline.waitError(10s);
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(error->field("kind"), "refused");
  EXPECT_GE(pipeline.messages("wsbridge-reconnecting"), 2U);
}

TEST(Connection, StoppingWhileItIsResumedLeavesNothingBehind) {
  const auto run = [](int wait_ms) {
    SoupEndpoint endpoint(echoing());
    TestPipeline pipeline(kTone + "wsbridgesink connection=cut reconnect-time=8000 uri=" +
                          endpoint.uri() + " wsbridgesrc name=src connection=cut" + kOut);
    pipeline.play();
    EXPECT_TRUE(pipeline.waitUntil([&] { return pipeline.stat("src", "frames-played") > 2; }, 5s));
    endpoint.close(1, 1011);
    EXPECT_NE(pipeline.waitMessage("wsbridge-reconnecting"), nullptr);
    pipeline.waitUntil([] { return false; }, testsupport::Millis(wait_ms));
    if (wait_ms % 2 == 0) {
      g_signal_emit_by_name(pipeline.element("src"), "close", 1000U, "enough");
      EXPECT_NE(pipeline.waitMessage("wsbridge-closed"), nullptr);
    }
  };
  const size_t threads = threadsAtWork();
  const size_t descriptors = entries("/proc/self/fd");
  for (const int wait_ms : {0, 1, 100, 240, 249, 250, 251, 252, 255, 261})
    run(wait_ms);
  EXPECT_TRUE(testsupport::eventually([&] { return threadsAtWork() <= threads; }, 10s));
  EXPECT_TRUE(
      testsupport::eventually([&] { return entries("/proc/self/fd") <= descriptors; }, 10s));
}

TEST(Connection, StoppingAtEveryMomentLeavesNothingBehind) {
  SoupEndpoint endpoint(echoing());
  const std::string line = kTone + "wsbridgesink connection=leak uri=" + endpoint.uri() +
                           " wsbridgesrc name=src connection=leak";
  const auto run = [&](int spins, const char* context) {
    TestPipeline pipeline(line + context + kOut);
    pipeline.play();
    for (int i = 0; i < spins; ++i)
      gst_element_get_state(pipeline.pipeline(), nullptr, nullptr, GST_MSECOND);
    pipeline.waitUntil([] { return false; }, testsupport::Millis(spins));
  };
  run(50, " ");
  g_thread_pool_stop_unused_threads();
  testsupport::eventually([] { return false; }, 300ms);
  const size_t threads = threadsAtWork();
  const std::string names = threadNames();
  const size_t descriptors = entries("/proc/self/fd");
  for (int i = 0; i < 40; ++i)
    run(i, i % 2 == 0 ? " " : " context=leaktest context-wait=3 ");
  EXPECT_TRUE(testsupport::eventually([&] { return threadsAtWork() <= threads; }, 10s))
      << threadNames() << "; before: " << names;
  EXPECT_TRUE(testsupport::eventually([&] { return entries("/proc/self/fd") <= descriptors; }, 10s))
      << entries("/proc/self/fd") << " descriptors, before " << descriptors;
}

TEST(Connection, TheVonageDialect) {
  SoupEndpoint endpoint;
  TestPipeline pipeline(
      "wsbridgesrc name=src dialect=vonage headers=\"{\\\"k\\\":\\\"v\\\"}\" uri=" +
      endpoint.uri() + kOut);
  pipeline.play();
  ASSERT_TRUE(endpoint.waitConnections(1, 5s));
  ASSERT_TRUE(endpoint.waitTexts(1, 1, 5s));
  EXPECT_EQ(endpoint.connection(1)->texts()[0],
            R"({"event":"websocket:connected","content-type":"audio/l16;rate=16000","k":"v"})");
}

}  // namespace
