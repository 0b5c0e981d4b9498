// SPDX-License-Identifier: LGPL-2.1-or-later
#include "TestCa.hpp"

#include <stdexcept>
#include <vector>

#include "ChildProcess.hpp"

namespace testsupport {
namespace {

void openssl(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "openssl");
  const auto result = runCommand(arguments, 20s);
  if (result.status != 0) {
    throw std::runtime_error("openssl " + arguments[1] + " failed: " + result.errors);
  }
}

const char* const kHostNames =
    "subjectAltName=DNS:localhost,DNS:*.test.example,IP:127.0.0.1,IP:0:0:0:0:0:0:0:1\n"
    "extendedKeyUsage=serverAuth\n";

}  // namespace

TestCa::TestCa() {
  ca_file_ = dir_.file("ca.pem");
  openssl({"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
           "-days", "30", "-subj", "/CN=wsbridge test CA", "-keyout", dir_.file("ca.key"), "-out",
           ca_file_, "-addext", "keyUsage=critical,keyCertSign,cRLSign"});
  // `openssl ca` is the only subcommand of OpenSSL 3.0 that sets a validity in the past.
  dir_.write("index.txt", "");
  dir_.write("serial", "1000\n");
  dir_.write("ca.cnf", "[ca]\ndefault_ca=own\n[own]\ndatabase=" + dir_.file("index.txt") +
                           "\nserial=" + dir_.file("serial") + "\nnew_certs_dir=" + dir_.path() +
                           "\ncertificate=" + ca_file_ + "\nprivate_key=" + dir_.file("ca.key") +
                           "\ndefault_md=sha256\ndefault_days=30\npolicy=any\nunique_subject=no\n"
                           "[any]\ncommonName=supplied\n");
  valid_ = make("valid", "/CN=localhost", kHostNames, false);
  wrong_host_ =
      make("wrong-host", "/CN=elsewhere.example.org",
           "subjectAltName=DNS:elsewhere.example.org\nextendedKeyUsage=serverAuth\n", false);
  expired_ = make("expired", "/CN=localhost", kHostNames, true);
  client_ = make("client", "/CN=wsbridge client", "extendedKeyUsage=clientAuth\n", false);
  self_signed_ = {dir_.file("self.pem"), dir_.file("self.key")};
  openssl({"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
           "-days", "30", "-subj", "/CN=localhost", "-addext",
           "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", self_signed_.keyFile, "-out",
           self_signed_.certFile});
}

CertificatePair TestCa::make(const std::string& name, const std::string& subject,
                             const std::string& extensions, bool expired) {
  CertificatePair pair{dir_.file(name + ".pem"), dir_.file(name + ".key")};
  const std::string request = dir_.file(name + ".csr");
  const std::string extensionFile = dir_.write(name + ".ext", extensions);
  openssl({"req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj",
           subject, "-keyout", pair.keyFile, "-out", request});
  std::vector<std::string> sign{"ca",          "-batch",   "-config",    dir_.file("ca.cnf"),
                                "-in",         request,    "-notext",    "-out",
                                pair.certFile, "-extfile", extensionFile};
  if (expired) {
    sign.insert(sign.end(), {"-startdate", "20010101000000Z", "-enddate", "20011231000000Z"});
  }
  openssl(sign);
  return pair;
}

}  // namespace testsupport
