// SPDX-License-Identifier: LGPL-2.1-or-later
#include "call/NameResolver.hpp"

#include <memory>

#include <gio/gio.h>

#include "base/GPtr.hpp"

namespace launcher {

namespace {

constexpr int kThreads = 4;

struct Job {
  std::string host;
  NameResolver::Answer answer;
};

void work(gpointer data, gpointer) {
  const std::unique_ptr<Job> job(static_cast<Job*>(data));
  GObjectPtr<GResolver> resolver(g_resolver_get_default());
  GError* error = nullptr;
  GList* found = g_resolver_lookup_by_name(resolver.get(), job->host.c_str(), nullptr, &error);
  const ErrorPtr owned(error);
  NameAnswer answer;
  for (const GList* item = found; item; item = item->next) {
    CharPtr text(g_inet_address_to_string(G_INET_ADDRESS(item->data)));
    answer.addresses.emplace_back(text.get());
  }
  if (found) g_resolver_free_addresses(found);
  if (error) {
    answer.fault = error->message;
    answer.temporary =
        g_error_matches(error, G_RESOLVER_ERROR, G_RESOLVER_ERROR_TEMPORARY_FAILURE) != FALSE;
  }
  job->answer(std::move(answer));
}

}  // namespace

NameResolver::NameResolver() : pool_(g_thread_pool_new(work, nullptr, kThreads, FALSE, nullptr)) {}

NameResolver::~NameResolver() {
  g_thread_pool_free(pool_, FALSE, TRUE);
}

void NameResolver::resolve(const std::string& host, Answer answer) {
  g_thread_pool_push(pool_, new Job{host, std::move(answer)}, nullptr);
}

}  // namespace launcher
