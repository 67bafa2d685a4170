#include "server/server.h"

#include "server/metrics.h"
#include "server/node.h"

namespace sparc::server {

Server::Server(std::unique_ptr<Node> node) : node_(std::move(node)) {}
Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::start(const config::Config& config, ServerEvents events) {
  auto node = std::make_unique<Node>(config, std::move(events));
  if (auto started = node->start(); !started) return std::unexpected(started.error());
  std::unique_ptr<Server> server(new Server(std::move(node)));
  if (config.dev_echo) {
    const auto echo = [](const shard::ClientEvent& event) {
      return std::optional(shard::EventAnswer{.data = event.data, .fault = {}, .attachments = event.attachments});
    };
    for (const auto& ns : server->node_->settings()->namespaces) server->set_inline_handler(ns.name + ":echo", echo);
  }
  return server;
}

std::uint16_t Server::port() const { return node_->threads()[0]->port(); }
void Server::drain(std::uint32_t window_ms) { node_->drain(window_ms); }
void Server::wait() { node_->wait(); }
void Server::reload(const config::Loaded& loaded) { node_->reload(loaded); }
void Server::refuse_reload(std::string_view reason) { node_->refuse_reload(reason); }

void Server::publish(shard::PublishRequest request, shard::PublishDone done) {
  node_->run_on(0, [request = std::move(request), done = std::move(done)](IoThread& there) mutable {
    there.shard().publish(std::move(request), nullptr, std::move(done));
  });
}

void Server::ask(shard::AskRequest request, shard::AskDone done) {
  node_->run_on(0, [request = std::move(request), done = std::move(done)](IoThread& there) mutable {
    there.shard().ask(std::move(request), nullptr, std::move(done));
  });
}

void Server::set_inline_handler(const std::string& event, const shard::InlineHandler& handler) {
  for (const auto& thread : node_->threads()) {
    thread->post([event, handler](IoThread& there) { there.set_inline_handler(event, handler); });
  }
}

void Server::set_handler(const std::string& group, const std::string& event, AsyncHandler handler, bool retryable) {
  node_->set_handler(group, event, std::move(handler), retryable);
}

void Server::clients(std::function<void(std::vector<shard::ClientInfo>)> done) {
  using Clients = std::vector<shard::ClientInfo>;
  node_->run_on(0, [node = node_.get(), done = std::move(done)](IoThread& asker) {
    node->gather<Clients>(
        asker,
        [](IoThread& there) {
          Clients out;
          there.shard().for_each_client([&](const shard::ClientInfo& client) { out.push_back(client); });
          return out;
        },
        [done](std::vector<Clients> parts) {
          Clients all;
          for (Clients& part : parts)
            all.insert(all.end(), std::make_move_iterator(part.begin()), std::make_move_iterator(part.end()));
          done(std::move(all));
        });
  });
}

std::vector<std::pair<std::string, std::uint64_t>> Server::namespaces() const {
  std::vector<std::pair<std::string, std::uint64_t>> out;
  const auto settings = node_->settings();
  for (std::size_t ns = 0; ns < settings->namespaces.size(); ++ns) {
    std::uint64_t sum = 0;
    for (const auto& thread : node_->threads()) sum += thread->shard().counters().namespaces[ns].connections.get();
    out.emplace_back(settings->namespaces[ns].name, sum);
  }
  return out;
}

std::uint64_t Server::sessions() const {
  std::uint64_t sum = 0;
  for (const auto& thread : node_->threads()) sum += thread->shard().counters().sessions.get();
  return sum;
}

std::string Server::metrics() const { return metrics_text(*node_, {}); }

}  // namespace sparc::server
