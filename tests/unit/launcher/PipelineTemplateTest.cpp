// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gtest/gtest.h>

#include "media/PipelineTemplate.hpp"

namespace launcher {

namespace {

const char* kShipped = LAUNCHER_SOURCE_ROOT "/pipelines/call.launch";

std::string faultOf(const Result<PipelineTemplate>& result) {
  return result ? "" : result.error();
}

}  // namespace

TEST(PipelineTemplate, TheShippedOneExpandsForEveryCodec) {
  const auto loaded = PipelineTemplate::load(kShipped);
  ASSERT_EQ(faultOf(loaded), "");
  for (const Codec& codec : codecTable()) {
    const std::string text = loaded->expand(codec);
    EXPECT_EQ(text.find('@'), std::string::npos);
    EXPECT_EQ(text.find('#'), std::string::npos);
    EXPECT_NE(text.find(codec.encoder), std::string::npos);
    EXPECT_NE(text.find(codec.decoder), std::string::npos);
  }
}

TEST(PipelineTemplate, FaultsAreNamed) {
  EXPECT_NE(faultOf(PipelineTemplate::load("/nowhere/call.launch")).find("/nowhere"),
            std::string::npos);
  EXPECT_NE(faultOf(PipelineTemplate::parse("# only a comment\n")).find("no pipeline"),
            std::string::npos);
  EXPECT_NE(faultOf(PipelineTemplate::parse("fakesrc ! @EVIL@ ! fakesink")).find("@EVIL@"),
            std::string::npos);
  EXPECT_NE(faultOf(PipelineTemplate::parse("fakesrc ! @DECODER@")).find("@ENCODER@"),
            std::string::npos);
  EXPECT_NE(faultOf(PipelineTemplate::parse("@DECODER@ ! @ENCODER@")).find("name="),
            std::string::npos);
}

TEST(PipelineTemplate, OneThatDoesNotParseIsRefused) {
  std::string text = "nosuchelement ! @DECODER@ ! @ENCODER@";
  for (const std::string& name : PipelineTemplate::elementNames())
    text += " fakesrc name=" + name;
  auto parsed = PipelineTemplate::parse(text);
  ASSERT_EQ(faultOf(parsed), "");
  const auto tried = parsed->tryOut({findCodec("PCMU")});
  ASSERT_FALSE(tried);
  EXPECT_NE(tried.error().find("PCMU"), std::string::npos);
}

}  // namespace launcher
