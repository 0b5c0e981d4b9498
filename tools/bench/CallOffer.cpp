// SPDX-License-Identifier: LGPL-2.1-or-later
#include "CallOffer.hpp"

#include <utility>

#include "EndpointReport.hpp"
#include "wire/Sdp.hpp"
#include "wire/Text.hpp"

namespace bench {

using namespace wire;

SipSettings sipSettings(const LoadOptions& options) {
  SipSettings settings;
  settings.targetUri = options.targetUri;
  settings.target = options.target;
  const std::pair<const char*, const std::string&> headers[] = {
      {"content-type", options.contentType},
      {"headers", options.headers},
  };
  for (const auto& [name, value] : headers)
    if (!value.empty())
      settings.extraHeaders +=
          "P-wsbridge-websocket-" + std::string(name) + ": " + percentEncode(value) + "\r\n";
  if (!options.dialect.empty())
    settings.extraHeaders += "P-wsbridge-websocket-dialect: " + options.dialect + "\r\n";
  return settings;
}

std::string offerOf(const LoadOptions& options, const sockaddr_in& local, uint16_t rtpPort) {
  const std::string address = addressText(local);
  return makeOffer(address.substr(0, address.find(':')), rtpPort, options.codec->payloadType,
                   options.codec->rtpmap, options.ptime, static_cast<int>(options.codec->rate));
}

std::string endpointHeader(const LoadOptions& options, std::string_view run, unsigned index) {
  if (options.websocketUri.empty()) return "";
  const std::string uri = options.endpointReport.empty()
                              ? options.websocketUri
                              : labelUri(options.websocketUri, run, index);
  return "P-wsbridge-websocket-uri: " + percentEncode(uri) + "\r\n";
}

}  // namespace bench
