// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

#include "TempDir.hpp"

namespace testsupport {

struct CertificatePair {
  std::string certFile;
  std::string keyFile;
};

// Owns a directory with a certificate authority of its own and the certificates that a TLS test
// needs, made with the openssl command when the object is constructed (about half a second).
// Read-only afterwards: any thread may read.
class TestCa {
 public:
  // Throws std::runtime_error with openssl's words when a certificate cannot be made.
  TestCa();

  const std::string& caFile() const { return ca_file_; }
  // Signed by the CA, for localhost, *.test.example, 127.0.0.1 and ::1.
  const CertificatePair& valid() const { return valid_; }
  // Right names, but signed by its own key.
  const CertificatePair& selfSigned() const { return self_signed_; }
  // Signed by the CA, for another host.
  const CertificatePair& wrongHost() const { return wrong_host_; }
  // Signed by the CA, right names, valid in 2001 only.
  const CertificatePair& expired() const { return expired_; }
  // Signed by the CA for TLS clients.
  const CertificatePair& client() const { return client_; }

 private:
  CertificatePair make(const std::string& name, const std::string& subject,
                       const std::string& extensions, bool expired);

  TempDir dir_{"wsbridge-ca"};
  std::string ca_file_;
  CertificatePair valid_;
  CertificatePair self_signed_;
  CertificatePair wrong_host_;
  CertificatePair expired_;
  CertificatePair client_;
};

}  // namespace testsupport
