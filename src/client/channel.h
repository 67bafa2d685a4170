#pragma once
#include <memory>
#include <string>

#include "client/engine.h"

namespace sparc::client {

/// A shared connection with what it takes to open its transports.
class Channel final : public Transports, public std::enable_shared_from_this<Channel> {
 public:
  Channel(Engine& engine, Endpoint where, std::shared_ptr<const net::TlsContext> tls_context, websocket::Token how,
          MachineOptions options)
      : endpoint(std::move(where)),
        tls(std::move(tls_context)),
        token(std::move(how)),
        engine_(engine),
        connection(std::move(options), engine.entropy_, *this) {}

  void open(LinkId link) override { engine_.open(shared_from_this(), link); }
  void send(LinkId link, std::string bytes) override { engine_.send(*this, link, std::move(bytes)); }
  void close(LinkId link) override { engine_.close(*this, link); }
  void ask_token() override { engine_.ask_token(shared_from_this()); }

  const Endpoint endpoint;
  const std::shared_ptr<const net::TlsContext> tls;  // null: plain
  const websocket::Token token;

 private:
  Engine& engine_;

 public:
  SharedConnection connection;
};

}  // namespace sparc::client
