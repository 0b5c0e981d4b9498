// SPDX-License-Identifier: LGPL-2.1-or-later
#include "admin/TwilioCalls.hpp"

#include <variant>

#include <libsoup/soup.h>

#include "base/Result.hpp"
#include "base/Text.hpp"
#include "common/TwilioSid.hpp"
#include "common/json/JsonWriter.hpp"

namespace launcher {

namespace {

// twilio.com/docs/api/errors
constexpr int kUnknownParameters = 20001;
constexpr int kAuthenticate = 20003;
constexpr int kMethodNotAllowed = 20004;
constexpr int kNotFound = 20404;

using EndWhich = CallManager::EndWhich;

class JsonMaker {
 public:
  JsonMaker& text(const char* name, const std::string& value) {
    json_.add(name, value);
    return *this;
  }
  JsonMaker& textOrNull(const char* name, const std::string& value) {
    if (!value.empty()) return text(name, value);
    json_.addNull(name);
    return *this;
  }
  JsonMaker& number(const char* name, std::int64_t value) {
    json_.add(name, value);
    return *this;
  }
  std::string end() const { return json_.text(); }

 private:
  wsbridge::common::JsonWriter json_;
};

HttpResponse failure(unsigned status, int code, const std::string& message) {
  const std::string info = "https://www.twilio.com/docs/errors/" + std::to_string(code);
  return {status, "application/json",
          JsonMaker()
              .number("code", code)
              .text("message", message)
              .text("more_info", info)
              .number("status", status)
              .end()};
}

HttpResponse notFound(const std::string& path) {
  return failure(404, kNotFound, "The requested resource " + path + " was not found");
}

/// "Tue, 31 Aug 2010 20:36:28 +0000"; empty for 0.
std::string dateOf(std::int64_t unixSeconds) {
  if (unixSeconds == 0) return {};
  GDateTime* time = g_date_time_new_from_unix_utc(unixSeconds);
  // Not g_date_time_format(): the names of days and months are those of no locale.
  static constexpr const char* kDays[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const CharPtr text(g_strdup_printf(
      "%s, %02d %s %04d %02d:%02d:%02d +0000", kDays[g_date_time_get_day_of_week(time) - 1],
      g_date_time_get_day_of_month(time), kMonths[g_date_time_get_month(time) - 1],
      g_date_time_get_year(time), g_date_time_get_hour(time), g_date_time_get_minute(time),
      g_date_time_get_second(time)));
  g_date_time_unref(time);
  return text.get();
}

const char* statusOf(CallSnapshot::Status status) {
  switch (status) {
    case CallSnapshot::Status::Ringing:
      return "ringing";
    case CallSnapshot::Status::InProgress:
      return "in-progress";
    case CallSnapshot::Status::Cancelled:
      return "canceled";
    case CallSnapshot::Status::Completed:
      break;
  }
  return "completed";
}

HttpResponse describe(const TwilioSids& sids, const CallSnapshot& call) {
  const std::string path =
      std::string(TwilioCalls::kPrefix) + "/Accounts/" + sids.account + "/Calls/" + sids.call;
  const bool over = call.endedAt != 0;
  const std::int64_t seconds = over && call.answeredAt ? call.endedAt - call.answeredAt : 0;
  return {200, "application/json",
          JsonMaker()
              .text("sid", sids.call)
              .text("account_sid", sids.account)
              .text("api_version", "2010-04-01")
              .text("status", statusOf(call.status))
              .text("direction", call.outgoing ? "outbound-api" : "inbound")
              .text("from", call.from)
              .text("to", call.to)
              .textOrNull("date_created", dateOf(call.startedAt))
              .textOrNull("start_time", dateOf(call.answeredAt))
              .textOrNull("end_time", dateOf(call.endedAt))
              .textOrNull("duration", over ? std::to_string(seconds) : "")
              .text("uri", path + ".json")
              .end()};
}

/// The time that it takes does not tell how much is right.
bool sameSecret(const std::string& given, const std::string& wanted) {
  unsigned difference = given.size() == wanted.size() ? 0 : 1;
  for (std::size_t i = 0; i < given.size(); ++i)
    difference |= static_cast<unsigned char>(given[i]) ^
                  static_cast<unsigned char>(wanted[i % wanted.size()]);
  return difference == 0;
}

/// AccountSid:AuthToken by HTTP Basic (RFC 7617).
bool knows(const std::string& authorization, const std::string& account, const std::string& token) {
  constexpr std::string_view kScheme = "basic ";
  if (!text::lower(authorization.substr(0, kScheme.size())).starts_with(kScheme)) return false;
  gsize size = 0;
  const std::unique_ptr<guchar, GFree> bytes(
      g_base64_decode(authorization.c_str() + kScheme.size(), &size));
  return sameSecret(std::string(reinterpret_cast<const char*>(bytes.get()), size),
                    account + ":" + token);
}

std::optional<HttpResponse> refusal(const HttpRequest& request, const std::string& account,
                                    const std::string& token) {
  if (token.empty()) {
    if (request.loopback) return std::nullopt;
    return failure(403, kAuthenticate,
                   "The calls API is closed: without websocket.twilio-auth-token it answers on "
                   "loopback addresses only");
  }
  if (knows(request.authorization, account, token)) return std::nullopt;
  HttpResponse response = failure(401, kAuthenticate, "Authenticate");
  response.headers.emplace_back("WWW-Authenticate", "Basic realm=\"wsbridge\"");
  return response;
}

/// /2010-04-01/Accounts/AC…/Calls/CA….json
std::optional<TwilioSids> sidsOf(const std::string& path) {
  const std::string accounts = std::string(TwilioCalls::kPrefix) + "/Accounts/";
  constexpr std::string_view kCalls = "/Calls/";
  constexpr std::string_view kEnd = ".json";
  if (!path.starts_with(accounts) || !path.ends_with(kEnd)) return std::nullopt;
  const std::size_t calls = path.find(kCalls, accounts.size());
  if (calls == std::string::npos) return std::nullopt;
  const std::size_t call = calls + kCalls.size();
  if (path.size() < call + kEnd.size()) return std::nullopt;
  const TwilioSids sids{path.substr(accounts.size(), calls - accounts.size()),
                        path.substr(call, path.size() - kEnd.size() - call)};
  if (!wsbridge::common::isTwilioSid("AC", sids.account) ||
      !wsbridge::common::isTwilioSid("CA", sids.call))
    return std::nullopt;
  return sids;
}

Result<EndWhich, HttpResponse> wishOf(const HttpRequest& request) {
  const auto bad = [](const std::string& fault) {
    return Failure{failure(400, kUnknownParameters, fault)};
  };
  const std::string type =
      text::lower(request.contentType.substr(0, request.contentType.find(';')));
  if (text::trim(type) != SOUP_FORM_MIME_TYPE_URLENCODED) {
    return bad("Content-Type is not application/x-www-form-urlencoded");
  }
  const std::unique_ptr<GHashTable, decltype(&g_hash_table_unref)> form(
      soup_form_decode(request.body.c_str()), g_hash_table_unref);
  GHashTableIter each;
  g_hash_table_iter_init(&each, form.get());
  gpointer name = nullptr;
  while (g_hash_table_iter_next(&each, &name, nullptr)) {
    const std::string field = static_cast<const char*>(name);
    if (field == "Twiml" || field == "Url") {
      return bad(field +
                 " is not supported: the gateway runs no TwiML, a call can only be ended "
                 "(Status=completed)");
    }
    if (field != "Status") return bad(field + " is not supported: the one field is Status");
  }
  const auto* status = static_cast<const char*>(g_hash_table_lookup(form.get(), "Status"));
  if (!status) return bad("Status is missing: give completed or canceled");
  if (std::string_view(status) == "completed") return EndWhich::Any;
  if (std::string_view(status) == "canceled") return EndWhich::Unanswered;
  return bad("Status is neither completed nor canceled");
}

}  // namespace

void TwilioCalls::handle(const HttpRequest& request, const std::string& token,
                         const HttpServer::Answer& answer) const {
  const auto sids = sidsOf(request.path);
  if (!sids) return answer(notFound(request.path));
  if (const auto refused = refusal(request, sids->account, token)) return answer(*refused);
  EndWhich end = EndWhich::None;
  if (request.method == "POST") {
    const auto wish = wishOf(request);
    if (!wish) return answer(wish.error());
    end = *wish;
  } else if (request.method != "GET") {
    HttpResponse response =
        failure(405, kMethodNotAllowed, "Method " + request.method + " is not allowed");
    response.headers.emplace_back("Allow", "GET, POST");
    return answer(response);
  }
  look_(*sids, end, [answer, sids = *sids, path = request.path](const auto& call) {
    answer(call ? describe(sids, *call) : notFound(path));
  });
}

}  // namespace launcher
