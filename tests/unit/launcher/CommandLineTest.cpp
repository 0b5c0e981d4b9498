// SPDX-License-Identifier: LGPL-2.1-or-later
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "config/CommandLine.hpp"

namespace launcher {

namespace {

using Mode = CommandLine::Mode;

std::string faultOf(const std::vector<std::string>& arguments) {
  return parseCommandLine(arguments).fault;
}

TEST(CommandLine, NothingMeansRun) {
  const CommandLine line = parseCommandLine({});
  EXPECT_EQ(line.mode, Mode::Run);
  EXPECT_EQ(line.fault, "");
}

TEST(CommandLine, AValueStandsBehindTheOptionOrAnEqualsSign) {
  for (const auto& line :
       {parseCommandLine({"--config", "a.conf"}), parseCommandLine({"--config=a.conf"})}) {
    EXPECT_EQ(line.configFile, "a.conf");
    EXPECT_EQ(line.fault, "");
  }
  EXPECT_EQ(parseCommandLine({"--config="}).configFile, "");
  EXPECT_EQ(parseCommandLine({"--config", "-x"}).configFile, "-x");
  EXPECT_EQ(parseCommandLine({"--config", "--version"}).configFile, "--version");
  EXPECT_EQ(parseCommandLine({"--config", "a", "--config", "b"}).configFile, "b");
  EXPECT_EQ(parseCommandLine({"--config", "\xFF\xFE"}).configFile, "\xFF\xFE");
}

TEST(CommandLine, SetMayBeGivenOftenAndKeepsItsOrder) {
  const CommandLine line = parseCommandLine(
      {"--set", "sip.listen=udp:127.0.0.1:1", "--set=audio.noise-level=-50", "--set", "x"});
  EXPECT_EQ(line.fault, "");
  EXPECT_EQ(line.settings,
            (std::vector<std::string>{"sip.listen=udp:127.0.0.1:1", "audio.noise-level=-50", "x"}));
}

TEST(CommandLine, TheLastModeHolds) {
  EXPECT_EQ(parseCommandLine({"--check-config"}).mode, Mode::CheckConfig);
  EXPECT_EQ(parseCommandLine({"--print-config"}).mode, Mode::PrintConfig);
  EXPECT_EQ(parseCommandLine({"--version"}).mode, Mode::Version);
  EXPECT_EQ(parseCommandLine({"--help"}).mode, Mode::Help);
  EXPECT_EQ(parseCommandLine({"-h"}).mode, Mode::Help);
  EXPECT_EQ(parseCommandLine({"--help", "--check-config"}).mode, Mode::CheckConfig);
  EXPECT_EQ(parseCommandLine({"call", "--help"}).mode, Mode::Help);
}

TEST(CommandLine, CallTakesAUriWhereverItStands) {
  const std::vector<std::string> options = {"--websocket-uri",
                                            "ws://h/",
                                            "--websocket-headers",
                                            "{}",
                                            "--websocket-content-type=audio/pcmu",
                                            "--websocket-dialect",
                                            "vonage"};
  for (const bool first : {true, false}) {
    std::vector<std::string> arguments = options;
    arguments.insert(first ? arguments.begin() : arguments.end(), "bob@h");
    arguments.insert(arguments.begin(), "call");
    const CommandLine line = parseCommandLine(arguments);
    EXPECT_EQ(line.fault, "");
    EXPECT_EQ(line.mode, Mode::Call);
    EXPECT_EQ(line.sipUri, "sip:bob@h");
    EXPECT_EQ(line.websocketUri, "ws://h/");
    EXPECT_EQ(line.websocketHeaders, "{}");
    EXPECT_EQ(line.contentType, "audio/pcmu");
    EXPECT_EQ(line.dialect, "vonage");
  }
  EXPECT_EQ(parseCommandLine({"call", "sip:bob@h"}).sipUri, "sip:bob@h");
}

TEST(CommandLine, AFaultNamesTheOptionAndTheRemedy) {
  EXPECT_EQ(faultOf({"--config"}), "--config needs a value");
  EXPECT_EQ(faultOf({"--version", "--websocket-uri"}), "--websocket-uri needs a value");
  EXPECT_EQ(faultOf({"--set"}), "--set needs section.key=value");
  EXPECT_EQ(faultOf({"--confg", "a"}), "unknown argument '--confg', did you mean --config?");
  EXPECT_EQ(faultOf({"--confg=a"}), "unknown argument '--confg', did you mean --config?");
  EXPECT_EQ(faultOf({"nonsense"}), "unknown argument 'nonsense'");
  EXPECT_EQ(faultOf({"-x"}), "unknown argument '-x'");
  EXPECT_EQ(faultOf({"call"}), "call needs a SIP URI");
  EXPECT_EQ(faultOf({"call", "a@h", "b@h"}), "unknown argument 'b@h'");
  EXPECT_EQ(faultOf({"--check-config", "call"}), "unknown argument 'call'");
  EXPECT_EQ(faultOf({"--websocket-uri", "ws://h/"}),
            "--websocket-uri belongs to call; websocket.uri is the key of the configuration");
  EXPECT_EQ(faultOf({"--check-config", "--websocket-uri", "ws://h/"}), "");
}

TEST(CommandLine, AnOptionHasOneNameOnly) {
  EXPECT_NE(faultOf({"call", "a@h", "--call-websocket-uri", "ws://h/"}), "");
  EXPECT_NE(faultOf({"--conf", "a"}), "") << "no beginnings of names";
  EXPECT_NE(faultOf({"--help-all"}), "");
  EXPECT_NE(faultOf({"-?"}), "");
}

TEST(CommandLine, HelpNamesEveryOption) {
  const std::string help = helpText();
  for (const char* word :
       {"call SIP-URI --websocket-uri URI", "--config=FILE", "--set=SECTION.KEY=VALUE",
        "--check-config", "--print-config", "--version", "-h, --help", "Of call:",
        "--websocket-uri=URI", "--websocket-headers=JSON", "--websocket-content-type=TYPE",
        "--websocket-dialect=NAME", "Exit status: 0", "sip.listen", "[route NAME]"}) {
    EXPECT_NE(help.find(word), std::string::npos) << word << "\n" << help.substr(0, 2000);
  }
}

}  // namespace

}  // namespace launcher
