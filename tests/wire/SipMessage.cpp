// SPDX-License-Identifier: LGPL-2.1-or-later
#include "SipMessage.hpp"

#include "Text.hpp"

namespace wire {
namespace {

std::string_view longName(std::string_view name) {
  if (name.size() != 1) return name;
  switch (name[0] | 0x20) {
    case 'v':
      return "Via";
    case 'f':
      return "From";
    case 't':
      return "To";
    case 'i':
      return "Call-ID";
    case 'm':
      return "Contact";
    case 'l':
      return "Content-Length";
    case 'c':
      return "Content-Type";
    case 'k':
      return "Supported";
    default:
      return name;
  }
}

bool parseStart(std::string_view line, SipMessage& message) {
  if (line.starts_with("SIP/2.0 ")) {
    message.status = toNumber(line.substr(8, 3));
    message.phrase = line.size() > 11 ? trim(line.substr(11)) : std::string_view();
    return message.status >= 100 && message.status <= 699;
  }
  message.method = nextWord(line);
  message.requestUri = nextWord(line);
  return !message.requestUri.empty() && line == "SIP/2.0";
}

// False when something is missing that each message must have.
bool parseHead(std::string_view head, SipMessage& message) {
  const bool started = parseStart(nextLine(head), message);
  while (!head.empty()) {
    const std::string_view line = nextLine(head);
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    message.headers.emplace_back(longName(trim(line.substr(0, colon))),
                                 trim(line.substr(colon + 1)));
  }
  std::string_view sequence = message.header("CSeq");
  nextWord(sequence);
  if (message.isResponse()) message.method = sequence;
  return started && !sequence.empty() && !message.header("Call-ID").empty();
}

void append(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

void appendBody(std::string& out, std::string_view type, std::string_view body) {
  if (!body.empty()) append(out, "Content-Type", type);
  append(out, "Content-Length", std::to_string(body.size()));
  out.append("\r\n").append(body);
}

}  // namespace

const std::string& SipMessage::header(std::string_view name) const {
  static const std::string kNone;
  for (const auto& [key, value] : headers)
    if (sameText(key, name)) return value;
  return kNone;
}

std::vector<std::string> SipMessage::all(std::string_view name) const {
  std::vector<std::string> values;
  for (const auto& [key, value] : headers)
    if (sameText(key, name)) values.push_back(value);
  return values;
}

unsigned SipMessage::cseq() const {
  return static_cast<unsigned>(toNumber(header("CSeq")));
}

std::string SipMessage::toTag() const {
  return headerParameter(header("To"), "tag");
}

std::string SipMessage::fromTag() const {
  return headerParameter(header("From"), "tag");
}

std::string headerParameter(std::string_view value, std::string_view name) {
  // Parameters of the URI stand inside the angle brackets; those of the header behind them.
  size_t at = value.find('>');
  at = value.find(';', at == std::string_view::npos ? 0 : at);
  while (at != std::string_view::npos) {
    const size_t end = value.find(';', at + 1);
    const std::string_view parameter = trim(value.substr(at + 1, end - at - 1));
    const size_t equals = parameter.find('=');
    if (sameText(parameter.substr(0, equals), name))
      return equals == std::string_view::npos ? "" : std::string(parameter.substr(equals + 1));
    at = end;
  }
  return "";
}

std::string addressUri(std::string_view value) {
  const size_t open = value.find('<');
  if (open == std::string_view::npos) return std::string(trim(value.substr(0, value.find(';'))));
  return std::string(value.substr(open + 1, value.find('>', open) - open - 1));
}

bool parseSip(std::string_view text, SipMessage& message) {
  const size_t end = text.find("\r\n\r\n");
  if (end == std::string_view::npos) return false;
  message = {};
  message.body = text.substr(end + 4);
  return parseHead(text.substr(0, end), message);
}

std::optional<SipMessage> takeSipMessage(std::string& bytes) {
  while (bytes.starts_with("\r\n"))
    bytes.erase(0, 2);  // keep-alive
  const size_t end = bytes.find("\r\n\r\n");
  if (end == std::string::npos) return std::nullopt;
  SipMessage message;
  parseHead(std::string_view(bytes).substr(0, end), message);
  const auto length = static_cast<size_t>(toNumber(message.header("Content-Length")));
  if (bytes.size() < end + 4 + length) return std::nullopt;
  message.body = bytes.substr(end + 4, length);
  message.at = std::chrono::steady_clock::now();
  bytes.erase(0, end + 4 + length);
  return message;
}

std::string SipRequest::text() const {
  std::string out;
  out.reserve(1024 + headers.size() + body.size());
  out.append(method).append(" ").append(uri).append(" SIP/2.0\r\n");
  append(out, "Via", via);
  append(out, "Max-Forwards", "70");
  append(out, "From", from);
  append(out, "To", to);
  append(out, "Call-ID", callId);
  append(out, "CSeq", std::to_string(cseq) + " " + std::string(method));
  out.append(headers);
  appendBody(out, type, body);
  return out;
}

std::string responseTo(const SipMessage& request, int status, std::string_view phrase,
                       std::string_view toTag, std::string_view headers, std::string_view sdp) {
  std::string out = "SIP/2.0 " + std::to_string(status) + " " + std::string(phrase) + "\r\n";
  const bool tagged = status == 100 || !request.toTag().empty();
  for (const auto& [name, value] : request.headers) {
    bool copied = false;
    for (const char* wanted : {"Via", "Record-Route", "From", "To", "Call-ID", "CSeq"})
      copied = copied || sameText(name, wanted);
    if (!copied) continue;
    const bool tag = !tagged && sameText(name, "To");
    append(out, name, tag ? value + ";tag=" + std::string(toTag) : value);
  }
  out.append(headers);
  appendBody(out, "application/sdp", sdp);
  return out;
}

}  // namespace wire
