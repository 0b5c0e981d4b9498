// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fstream>
#include <sstream>

#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "config/AuthorizationKeys.hpp"
#include "config/CommandLine.hpp"
#include "config/ConfigKeys.hpp"
#include "config/ConfigLoader.hpp"
#include "config/SecretFiles.hpp"

namespace launcher {

namespace {

std::string faults(const std::string& text, const std::vector<std::string>& settings = {}) {
  std::string all;
  for (const ConfigFault& fault : parseConfig(text, "f.ini", settings).faults) {
    all += fault.describe() + "\n";
  }
  return all;
}

ConfigPtr good(const std::string& text, const std::vector<std::string>& settings = {}) {
  EXPECT_EQ(faults(text, settings), "");
  return parseConfig(text, "f.ini", settings).config;
}

}  // namespace

TEST(Config, TheDefaultsAreValidAndDocumented) {
  const ConfigPtr config = good("");
  ASSERT_TRUE(config);
  EXPECT_EQ(config->sip.listen.size(), 2u);
  EXPECT_EQ(config->rtp.portRange.first, 20000);
  EXPECT_EQ(config->rtp.codecs.size(), 4u);
  EXPECT_EQ(config->audio.noiseLevel, -65);
  EXPECT_TRUE(config->websocket.tlsVerify);
  std::ifstream file(LAUNCHER_SOURCE_ROOT "/docs/configuration.md");
  std::stringstream text;
  text << file.rdbuf();
  for (const ConfigKey& key : configKeys()) {
    const std::string fallback = key.fallback.empty() ? "empty" : "`" + key.fallback + "`";
    const std::string row = "| `" + key.key() + "` | " + key.type + " | " + fallback + " |";
    EXPECT_NE(text.str().find(row), std::string::npos) << "docs/configuration.md lacks: " << row;
  }
}

TEST(Config, EndpointsThatThePolicyRefusesAreNamedWithLineAndKey) {
  const auto refused = [](const std::string& text, const std::vector<std::string>& settings = {}) {
    const ConfigResult result = parseConfig(text, "f.ini", settings);
    EXPECT_TRUE(result.config) << "it is no fault of the text: " << text;
    std::string all;
    for (const ConfigFault& fault : result.refusedEndpoints)
      all += fault.describe() + "\n";
    return all;
  };
  const auto why = [](const std::string& host, const std::string& kind) {
    return ": calls get 403, for " + host + " is a " + kind +
           " address; websocket.allow would have to name it\n";
  };
  EXPECT_EQ(refused("[websocket]\nuri=ws://me:S3CRET@127.0.0.1:8765/?S3CRET\n"),
            "f.ini:2: websocket.uri" + why("127.0.0.1", "loopback"));
  EXPECT_EQ(refused("", {"websocket.uri=wss://localhost/"}),
            "--set: websocket.uri" + why("localhost", "loopback"));
  EXPECT_EQ(refused("[websocket]\nuri=wss://a.example/,ws://10.0.0.1/,ws://[::1]/\n"),
            "f.ini:2: websocket.uri" + why("10.0.0.1", "private"));
  EXPECT_EQ(refused("[route a b]\nmatch=x\nuri=ws://192.168.1.2/\n[route b]\nmatch=y\nuri="
                    "wss://b.example/\n"),
            "f.ini:3: [route a b] uri" + why("192.168.1.2", "private"));
  for (const char* fine :
       {"", "[websocket]\nuri=wss://bot.example.com/\n",
        "[websocket]\nuri=ws://127.0.0.1/\nallow=127.0.0.1\n",
        "[websocket]\nallow=10.0.0.0/8\n[route a]\nmatch=x\nuri=ws://10.9.8.7/\n"}) {
    EXPECT_EQ(refused(fine), "") << fine;
  }
}

TEST(Config, WhatIsPrintedReadsBackTheSame) {
  const ConfigPtr config = good(
      "[websocket]\nheaders={\"a\":\"b\\\\n\"}\nallow=10.0.0.0/8;*.lan\n[route x]\n"
      "match=^sip:\\\\d+@\nuri=ws://h/\n[sip]\nlisten=udp:127.0.0.1:0, tcp:[::1]:5070\n");
  ASSERT_TRUE(config);
  EXPECT_EQ(config->websocket.headers, "{\"a\":\"b\\n\"}");
  EXPECT_EQ(config->sip.listen[1].host, "::1");
  const ConfigPtr again = good(printConfig(*config));
  ASSERT_TRUE(again);
  auto shown = config->values;
  shown["websocket.headers"].clear();  // there may be secrets in them
  EXPECT_EQ(again->values, shown);
  ASSERT_EQ(again->routes.size(), 1u);
  EXPECT_EQ(again->routes[0].match, "^sip:\\d+@");
  EXPECT_EQ(again->routes[0].values, config->routes[0].values);
}

TEST(Config, FaultsNameTheLine) {
  EXPECT_EQ(faults("# c\n\n[sip]\nlistn=udp:0.0.0.0:5060\n"),
            "f.ini:4: unknown key 'listn' in [sip], did you mean 'listen'?\n");
  EXPECT_EQ(faults("[spi]\nlisten=x\n"), "f.ini:1: unknown section [spi], did you mean 'sip'?\n");
  EXPECT_EQ(faults("[rtp]\nptime=ten\n"), "f.ini:2: rtp.ptime 'ten' is not a whole number\n");
  EXPECT_EQ(faults("[rtp]\nptime=500\n"), "f.ini:2: rtp.ptime '500' is outside 10–60\n");
  EXPECT_EQ(faults("[rtp]\nptime=20\nptime=30\n"),
            "f.ini:3: 'ptime' stands there twice, first on line 2\n");
  EXPECT_EQ(faults("[rtp]\nnonsense\n"),
            "f.ini:2: 'nonsense' is neither [section], key=value nor a # comment\n");
  EXPECT_EQ(faults("x=1\n"), "f.ini:1: 'x' stands before the first [section]\n");
  EXPECT_EQ(faults("[rtp\n"), "f.ini:1: '[rtp' lacks the closing bracket\n");
  EXPECT_EQ(faults("[route a]\nuri=ws://h/\n"), "f.ini:1: [route a] has no match\n");
  EXPECT_NE(faults("[route a]\nmatch=(\n").find("f.ini:2: match is not a regular expression"),
            std::string::npos);
}

TEST(Config, FaultsRepeatNoSecret) {
  for (const char* text :
       {"[websocket]\nbearer-token S3CRET\n", "[websocket]\nbearer-token S3CRET==\n",
        "[websocket]\nS3CRET==\n", "[websocket]\nS3CRET\n", "bearer-token=S3CRET\n",
        "[websocket]\nbearer-token=S3CRET\nbearer-token=S3CRET\n",
        "[websocket]\nauthorization-type=S3CRET\n", "[websocket]\njwt-algorithm=S3CRET\n",
        "[websocket]\njwt-lifetime=S3CRET\n", "[websocket]\nuri=ws://u:S3CRET@/\n",
        "[websocket]\nproxy=http://u:S3CRET@h\n", "[websocket]\nheaders={S3CRET\n",
        "[websocket]\njwt-claims={S3CRET\n", "[websocket S3CRET\n",
        "[route r]\nmatch=x\npasword S3CRET=x\n"}) {
    EXPECT_NE(faults(text), "") << text;
    EXPECT_EQ(faults(text).find("S3CRET"), std::string::npos) << faults(text);
  }
  EXPECT_EQ(faults("[websocket]\nbearer-token X\n"),
            "f.ini:2: 'bearer-token' is neither [section], key=value nor a # comment\n");
  EXPECT_EQ(faults("", {"S3CRET"}).find("S3CRET"), std::string::npos);
}

TEST(Config, AllFaultsAreListedAtOnce) {
  const std::string all = faults("[rtp]\nptime=x\ncodecs=OPUS\n[sip]\nlisten=5060\n");
  EXPECT_NE(all.find("f.ini:2:"), std::string::npos);
  EXPECT_NE(all.find("f.ini:3:"), std::string::npos);
  EXPECT_NE(all.find("f.ini:5:"), std::string::npos);
}

TEST(Config, BadValues) {
  for (const char* text : {"[sip]\nlisten=udp:host:5060",
                           "[sip]\nlisten=udp:1.2.3.4:70000",
                           "[sip]\nlisten=",
                           "[rtp]\nport-range=1000-2000",
                           "[rtp]\nport-range=30000",
                           "[rtp]\ncodecs=PCMU;PCMU",
                           "[websocket]\nuri=ftp://h/",
                           "[websocket]\nheaders=[1]",
                           "[websocket]\ntls-verify=yes",
                           "[websocket]\ncontent-type=audio/mp3",
                           "[audio]\nnoise-level=1",
                           "[log]\nlevel=loud",
                           "[echo]\nlisten=8080",
                           "[http]\nlisten=host:80",
                           "[http]\ntls-key-file=/dev/null",
                           "[websocket]\ntwilio-account-sid=AC1",
                           "[websocket]\ntls-cert-file=/a.pem",
                           "[rtp]\naddress=nowhere",
                           "[rtp]\nallow=phones.example.org",
                           "[rtp]\nallow=10.0.0.0/33",
                           "[rtp]\nallow=10.0.0.0/8;fd00::/129",
                           "[rtp]\nallow=10.0.0/8"}) {
    EXPECT_NE(faults(text), "") << text;
  }
}

TEST(Config, HttpBeyondLoopbackNeedsClientCertificatesOrAProxy) {
  for (const std::string address : {"127.0.0.1:8080", "127.8.9.10:0", "[::1]:80"})
    EXPECT_TRUE(good("[http]\nlisten=" + address + "\n")) << address;
  const std::string cert = "tls-cert-file=/dev/null\ntls-key-file=/dev/null\n";
  for (const std::string address :
       {"0.0.0.0:8080", "[::]:80", "192.0.2.1:80", "10.0.0.1:80", "[::ffff:127.0.0.1]:80"}) {
    std::string open = "[http]\nlisten=";
    open.append(address).append("\n");
    for (const std::string& text : {open, open + cert}) {
      const std::string fault = faults(text);
      EXPECT_NE(fault.find(":2: http.listen " + address), std::string::npos) << fault;
      EXPECT_NE(fault.find("set http.tls-client-ca-file"), std::string::npos) << fault;
      EXPECT_NE(fault.find("reverse proxy"), std::string::npos) << fault;
    }
    EXPECT_TRUE(good(open + cert + "tls-client-ca-file=/dev/null\n")) << address;
  }
  EXPECT_NE(faults("[http]\nlisten=0.0.0.0:1\ntls-client-ca-file=/dev/null\n")
                .find("needs http.tls-cert-file"),
            std::string::npos);
}

TEST(Config, DeadCallsEndByDefaultAndNeverByZero) {
  EXPECT_EQ(good("")->limits.mediaTimeout, 60);
  EXPECT_EQ(good("")->limits.maxCallDuration, 4 * 3600);
  const ConfigPtr never = good("[limits]\nmedia-timeout=0\nmax-call-duration=0\n");
  ASSERT_TRUE(never);
  EXPECT_EQ(never->limits.mediaTimeout, 0);
  EXPECT_EQ(never->limits.maxCallDuration, 0);
}

TEST(Config, NetworksThatRtpMayBeSentTo) {
  EXPECT_TRUE(good("")->rtp.allow.empty());
  const ConfigPtr config = good("[rtp]\nallow=10.0.0.0/8; fd00::/8,127.0.0.1\n");
  ASSERT_TRUE(config);
  EXPECT_EQ(config->rtp.allow, (std::vector<std::string>{"10.0.0.0/8", "fd00::/8", "127.0.0.1"}));
}

TEST(Config, NameServersAreAddressesWithOrWithoutAPort) {
  const ConfigPtr config =
      good("[websocket]\nname-servers=192.0.2.1; 192.0.2.2:5353,[2001:db8::1],[2001:db8::2]:53\n");
  ASSERT_TRUE(config);
  EXPECT_EQ(config->websocket.nameServers,
            "192.0.2.1,192.0.2.2:5353,[2001:db8::1],[2001:db8::2]:53");
  for (const std::string bad :
       {"dns.example", "192.0.2.1:0", "192.0.2.1:65536", "192.0.2.1:", "192.0.2.1:x", "2001:db8::1",
        "[192.0.2.1]", "[2001:db8::1", "[2001:db8::1]53", "[]", "192.0.2", ":53"}) {
    EXPECT_NE(faults("[websocket]\nname-servers=" + bad + "\n"), "") << bad;
  }
}

TEST(Config, SettingsWinOverTheFile) {
  const ConfigPtr config = good("[rtp]\nptime=30\n", {"rtp.ptime=40", "log.format=json"});
  ASSERT_TRUE(config);
  EXPECT_EQ(config->rtp.ptime, 40);
  EXPECT_EQ(config->log.format, log::Format::Json);
  EXPECT_EQ(faults("", {"rtp.ptim=40"}),
            "--set: unknown key 'rtp.ptim', did you mean 'rtp.ptime'?\n");
  EXPECT_EQ(faults("", {"rtp.ptime"}), "--set: 'rtp.ptime' is not section.key=value\n");
  EXPECT_EQ(faults("", {"rtp.ptime=x"}), "--set: rtp.ptime 'x' is not a whole number\n");
}

TEST(Config, SecretsAreNotPrinted) {
  const ConfigPtr config = good(
      "[websocket]\nauthorization=Bearer topsecret\n[route a]\nmatch=.\nauthorization=hidden\n");
  ASSERT_TRUE(config);
  EXPECT_EQ(config->websocket.authorization.value, "Bearer topsecret");
  const std::string printed = printConfig(*config);
  EXPECT_EQ(printed.find("topsecret"), std::string::npos);
  EXPECT_EQ(printed.find("hidden"), std::string::npos);
}

TEST(Config, ChangesThatNeedARestartAreNamed) {
  const ConfigPtr a = good("");
  const ConfigPtr b = good("[sip]\nlisten=udp:127.0.0.1:1\n[rtp]\nptime=30\n");
  EXPECT_EQ(keysNeedingRestart(*a, *b), std::vector<std::string>{"sip.listen"});
}

TEST(Config, FilesThatCannotBeReadAreNamed) {
  for (const std::string key :
       {"websocket.tls-ca-file", "websocket.tls-cert-file", "websocket.tls-key-file",
        "media.template", "http.tls-cert-file", "http.tls-key-file", "http.tls-client-ca-file"}) {
    for (const std::string path : {"/nonexistent/file.pem", "/"}) {
      const std::size_t dot = key.find('.');
      std::string text = "[";
      text.append(key, 0, dot).append("]\n").append(key, dot + 1).append("=").append(path) += '\n';
      const std::string fault = std::string(":2: ").append(key).append(" '").append(path) += '\'';
      EXPECT_NE(faults(text).find(fault), std::string::npos) << faults(text);
    }
  }
}

TEST(Config, SecretsOfEveryKindAreNotPrinted) {
  std::string keys;
  for (const AuthorizationKey& key : authorizationKeys()) {
    if (key.secret) keys += key.name + "=topsecret\n";
  }
  const ConfigPtr config = good("[websocket]\n" + keys + "[route a]\nmatch=.\n" + keys);
  ASSERT_TRUE(config);
  EXPECT_EQ(printConfig(*config).find("topsecret"), std::string::npos);
  const ConfigPtr uris = good(
      "[websocket]\nuri=wss://anna:geheim@a.example/x@y,ws://b.example,ws://c:geheim@c.example\n");
  const std::string printed = printConfig(*uris);
  EXPECT_EQ(printed.find("geheim"), std::string::npos);
  EXPECT_NE(printed.find("uri=wss://***@a.example/x@y,ws://b.example,ws://***@c.example\n"),
            std::string::npos)
      << printed;
}

TEST(Config, WhatAnAuthorizationLacksIsNamed) {
  const std::pair<const char*, const char*> wrong[] = {
      {"[websocket]\nauthorization-type=basic\n", "f.ini:2: websocket.username is not set"},
      {"[websocket]\nauthorization-type=bearer\n", "f.ini:2: websocket.bearer-token is not set"},
      {"[websocket]\nauthorization-type=jwt\n", "f.ini:2: websocket.jwt-key-file is not set"},
      {"[websocket]\nauthorization-type=jwt\njwt-key-file=/nonexistent\n",
       "jwt-key-file '/nonexistent' cannot be read"},
      {"[websocket]\nauthorization-type=jwt\njwt-key-file=" LAUNCHER_SOURCE_ROOT "/LICENSE\n",
       "no private key in PEM"},
      {"[websocket]\nauthorization-type=digest\n",
       "authorization-type is none of fixed, basic, bearer, jwt"},
      {"[websocket]\njwt-claims=nonsense\n", "f.ini:2: websocket.jwt-claims is not JSON"},
      {"[websocket]\njwt-claims={\"exp\":1}\n", "websocket.jwt-claims sets exp"},
      {"[websocket]\njwt-claims={\"\\u0065xp\":1}\n", "websocket.jwt-claims sets exp"},
      {"[websocket]\njwt-claims={'iss':1}\n", "websocket.jwt-claims is not JSON at byte 2"},
      {"[websocket]\nheaders={\"a\":01}\n", "f.ini:2: websocket.headers is not JSON at byte 7"},
      {"[websocket]\njwt-lifetime=0\n", "outside 1–86400"},
      {"[websocket]\nusername=a:b\n", "colon"},
      {"[websocket]\nproxy=https://p:1\n", "f.ini:2: websocket.proxy is not http://"},
      {"[websocket]\nproxy=http://p\n", "f.ini:2: websocket.proxy is not http://"},
      {"[route r]\nmatch=.\nauthorization-type=basic\n", "f.ini:1: [route r] username is not set"},
  };
  for (const auto& [text, word] : wrong)
    EXPECT_NE(faults(text).find(word), std::string::npos) << faults(text);
}

TEST(Config, ABackslashReadsAlikeWithEveryGlib) {
  const std::pair<const char*, const char*> values[] = {
      {R"(\d+)", R"(\d+)"},       {R"(\\d+)", R"(\d+)"},  {R"(a\sb\tc)", "a b\tc"},
      {R"(\u0041)", R"(\u0041)"}, {R"(end\)", R"(end\)"}, {R"(\\\\)", R"(\\)"},
  };
  for (const auto& [written, meant] : values) {
    const auto config = good("[websocket]\nusername=" + std::string(written) + "\n");
    EXPECT_EQ(config->values.at("websocket.username"), meant);
  }
}

TEST(Config, ACommandLineTakesNoSecrets) {
  for (const ConfigKey& key : configKeys()) {
    const CommandLine line = parseCommandLine({"--set", key.name + "=S3CRET"});
    EXPECT_EQ(line.fault.empty(), !key.secret) << key.name;
    EXPECT_EQ(line.fault.find("S3CRET"), std::string::npos) << line.fault;
    if (key.secret) {
      EXPECT_NE(line.fault.find("--config"), std::string::npos) << "tells the way: " << line.fault;
    }
  }
  EXPECT_NE(parseCommandLine({"--set", "websocket.uri=wss://u:pw@h/"}).fault, "");
  EXPECT_EQ(parseCommandLine({"--set", "websocket.uri=wss://h/"}).fault, "");
  const std::string unknown = parseCommandLine({"--bearer-token=S3CRET"}).fault;
  EXPECT_NE(unknown, "");
  EXPECT_EQ(unknown.find("S3CRET"), std::string::npos) << unknown;
}

TEST(Config, WhatIsPrintedHidesHeadersClaimsAndQueries) {
  const ConfigPtr config = good(
      "[websocket]\nuri=wss://u:S3CRET@h/p?token=S3CRET,wss://b/?S3CRET\n"
      "headers={\"k\":\"S3CRET\"}\njwt-claims={\"sub\":\"S3CRET\"}\n"
      "[route r]\nmatch=x\nuri=ws://h/?S3CRET\nheaders={\"k\":\"S3CRET\"}\n"
      "jwt-claims={\"k\":\"S3CRET\"}\n");
  ASSERT_TRUE(config);
  const std::string text = printConfig(*config);
  EXPECT_EQ(text.find("S3CRET"), std::string::npos) << text;
  EXPECT_NE(text.find("uri=wss://***@h/p?***,wss://b/?***\n"), std::string::npos) << text;
  EXPECT_NE(text.find("# headers is set and not shown"), std::string::npos);
}

TEST(Config, FilesWithSecretsThatOthersMayReadAreNamed) {
  char directory[] = "/tmp/wsbridge-files-XXXXXX";
  ASSERT_NE(mkdtemp(directory), nullptr);
  const std::string key = std::string(directory) + "/key";
  const std::string file = std::string(directory) + "/f.ini";
  ASSERT_TRUE(g_file_set_contents(key.c_str(), "0123456789abcdef", -1, nullptr));
  ASSERT_TRUE(g_file_set_contents(file.c_str(), "", -1, nullptr));
  const ConfigPtr plain = good("[rtp]\nptime=30\n");
  const ConfigPtr secret = good(
      "[websocket]\nauthorization-type=jwt\njwt-algorithm=HS256\n"
      "jwt-key-file=" +
      key + "\npassword=p\n");
  ASSERT_TRUE(plain && secret);
  chmod(key.c_str(), 0644);
  chmod(file.c_str(), 0640);
  EXPECT_TRUE(filesOthersMayRead(*plain, file).empty()) << "there is no secret in it";
  const auto open = filesOthersMayRead(*secret, file);
  ASSERT_EQ(open.size(), 2U);
  EXPECT_EQ(open[0].path, file);
  EXPECT_EQ(open[0].mode, "0640");
  EXPECT_EQ(open[1].path, key);
  EXPECT_EQ(open[1].mode, "0644");
  chmod(key.c_str(), 0600);
  chmod(file.c_str(), 0400);
  EXPECT_TRUE(filesOthersMayRead(*secret, file).empty());
  unlink(key.c_str());
  unlink(file.c_str());
  rmdir(directory);
}

}  // namespace launcher
