#include "net/tls.h"

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/uio.h>

#include <fstream>

#include "certificates.h"
#include "harness.h"

namespace sparc::net {
namespace {

using ContextPtr = std::shared_ptr<const TlsContext>;
using Log = std::vector<std::string>;

/// A TLS server in the driver, and what is needed to be its client.
class Tls : public testing::Test {
 protected:
  Tls() {
    driver.tls = server.get();
    driver.listen();
  }
  static ContextPtr make_server(const CertificateFiles& files) {
    return TlsContext::server({.certificate_file = files.certificate, .key_file = files.key}).value();
  }
  static ContextPtr make_client(const std::string& ca_file) { return TlsContext::client({.ca_file = ca_file}).value(); }

  /// Connects slot 100 of the same table as a client.
  [[nodiscard]] Result<void> connect(const TlsContext& context, const std::string& name, std::uint32_t slot = 100) {
    return driver.sockets.connect(slot, driver.acceptor->address(), {.context = &context, .server_name = name});
  }
  /// Whether the handshake is done on both sides: in TLS 1.3 the client's is before the server's.
  [[nodiscard]] bool established(std::uint32_t slot = 100) {
    const std::string connected = "connected " + std::to_string(slot);
    if (!driver.until([&] { return logged(connected) || driver.closed.contains(slot); }) || driver.closed.contains(slot))
      return false;
    EXPECT_EQ(driver.sockets.send(slot, "!").status, SendStatus::ready);
    const bool arrived = driver.until([&] { return driver.bytes(driver.next_slot - 1) == "!"; });
    driver.received.clear();
    return arrived;
  }
  [[nodiscard]] bool logged(const std::string& line) const {
    return std::find(driver.log.begin(), driver.log.end(), line) != driver.log.end();
  }

  Folder folder;
  CertificateFiles files = make_certificate(folder, "server", "DNS:sparc.test,IP:127.0.0.1");
  ContextPtr server = make_server(files);
  ContextPtr client = make_client(files.certificate);
  Driver driver;
};

TEST_F(Tls, BytesGoBothWays) {
  ASSERT_TRUE(connect(*client, "sparc.test"));
  EXPECT_EQ(driver.sockets.send(100, "before the handshake").status, SendStatus::blocked);
  ASSERT_TRUE(driver.until([&] { return logged("writable 100"); }));
  driver.bytes_hook = [&](std::uint32_t slot, std::string_view view) {
    if (slot == 0) driver.sockets.send(0, "echo " + std::string(view));
  };
  EXPECT_EQ(driver.sockets.send(100, "hello").taken, 5U);
  ASSERT_TRUE(driver.until([&] { return driver.bytes(100) == "echo hello"; }));
}

TEST_F(Tls, AServersIpAddressIsVerifiedToo) {
  ASSERT_TRUE(connect(*client, "127.0.0.1"));
  EXPECT_TRUE(established());
}

TEST_F(Tls, ACertificateForAnotherNameIsRefused) {
  for (const std::string name : {"other.test", "sparc.test.evil.test", "127.0.0.2"}) {
    driver.closed.clear();
    ASSERT_TRUE(connect(*client, name));
    EXPECT_FALSE(established());
    EXPECT_EQ(driver.closed[100].first, CloseReason::tls_failed);
    EXPECT_NE(driver.closed[100].second.find("mismatch"), std::string::npos) << driver.closed[100].second;
  }
  EXPECT_FALSE(logged("connected 100"));
}

TEST_F(Tls, ACertificateOfAnUnknownAuthorityIsRefused) {
  const auto other = make_certificate(folder, "other", "DNS:sparc.test");
  ASSERT_TRUE(connect(*make_client(other.certificate), "sparc.test"));
  EXPECT_FALSE(established());
  EXPECT_NE(driver.closed[100].second.find("certificate is refused"), std::string::npos) << driver.closed[100].second;
  driver.closed.clear();
  ASSERT_TRUE(connect(*TlsContext::client({}).value(), "sparc.test")) << "with the system's authorities";
  EXPECT_FALSE(established());
}

TEST_F(Tls, VerificationIsOffOnlyWhenThatIsSaid) {
  const auto unverified = TlsContext::client({.verify = TlsContext::Verify::none}).value();
  ASSERT_TRUE(connect(*unverified, "whoever"));
  EXPECT_TRUE(established());
  EXPECT_FALSE(connect(*client, "")) << "no name would mean no check";
  EXPECT_FALSE(driver.sockets.is_open(101));
}

TEST_F(Tls, LargeTransfersSurviveFullSocketsInBothDirections) {
  ASSERT_TRUE(connect(*client, "sparc.test"));
  ASSERT_TRUE(established());
  const std::string sent = pattern(6'000'001);
  std::map<std::uint32_t, std::size_t> at;
  bool blocked = false;
  const auto push = [&](std::uint32_t slot) {
    while (at[slot] < sent.size()) {
      const SendResult result =
          driver.sockets.send(slot, sent.data() + at[slot], std::min<std::size_t>(sent.size() - at[slot], 100'000));
      at[slot] += result.taken;
      if (result.status == SendStatus::ready) continue;
      ASSERT_EQ(result.status, SendStatus::blocked);
      blocked = true;
      EXPECT_EQ(driver.sockets.send(slot, sent.data() + at[slot], 1).taken, 0U);
      return;
    }
  };
  driver.writable_hook = push;
  push(0);
  push(100);
  ASSERT_TRUE(driver.until([&] { return driver.bytes(0).size() == sent.size() && driver.bytes(100).size() == sent.size(); }));
  EXPECT_TRUE(blocked);
  EXPECT_TRUE(driver.bytes(0) == sent);
  EXPECT_TRUE(driver.bytes(100) == sent);
}

TEST_F(Tls, TheRestBehindABegunRecordIsStillTheOwnersToReplace) {
  ASSERT_TRUE(connect(*client, "sparc.test"));
  ASSERT_TRUE(established());
  driver.sockets.pause_reading(100);
  const std::string first = pattern(16 << 20);
  const SendResult result = driver.sockets.send(0, first);
  ASSERT_EQ(result.status, SendStatus::blocked);
  ASSERT_LT(result.taken, first.size());
  ASSERT_GT(result.taken, 100'000U);
  driver.writable_hook = [&](std::uint32_t slot) {
    driver.writable_hook = nullptr;
    driver.sockets.send(slot, "something else");
  };
  driver.sockets.resume_reading(100);
  const std::string expected = first.substr(0, result.taken) + "something else";
  ASSERT_TRUE(driver.until([&] { return driver.bytes(100).size() >= expected.size(); }));
  EXPECT_TRUE(driver.bytes(100) == expected);
}

TEST_F(Tls, PiecesAreGatheredIntoFullRecordsInOrder) {
  ASSERT_TRUE(connect(*client, "sparc.test"));
  ASSERT_TRUE(established());
  std::string a = "one,", b, c = pattern(40'000), d = ",end";
  const auto piece = [](std::string& s) { return iovec{s.data(), s.size()}; };
  const std::vector<iovec> pieces{piece(a), piece(b), piece(c), piece(d)};
  const auto before = driver.sockets.counters().sends;
  const SendResult result = driver.sockets.sendv(0, pieces);
  EXPECT_EQ(result.taken, a.size() + c.size() + d.size());
  EXPECT_EQ(driver.sockets.counters().sends - before, 3U) << "40,008 bytes are three records";
  ASSERT_TRUE(driver.until([&] { return driver.bytes(100).size() == result.taken; }));
  EXPECT_TRUE(driver.bytes(100) == a + c + d);
}

TEST_F(Tls, FinishingWhileARecordIsStuckLosesNothing) {
  ASSERT_TRUE(connect(*client, "sparc.test"));
  ASSERT_TRUE(established());
  driver.sockets.pause_reading(100);
  const std::string sent = pattern(16 << 20);
  const SendResult result = driver.sockets.send(0, sent);
  ASSERT_EQ(result.status, SendStatus::blocked);
  driver.sockets.shutdown_write(0);
  driver.sockets.resume_reading(100);
  ASSERT_TRUE(driver.until([&] { return driver.closed.contains(100); }));
  EXPECT_EQ(driver.closed[100].first, CloseReason::ended);
  EXPECT_TRUE(driver.bytes(100) == sent.substr(0, result.taken));
  ASSERT_TRUE(driver.until([&] { return driver.closed.contains(0); })) << "the client's end follows";
}

TEST_F(Tls, AReceiveBufferSmallerThanARecordGetsItInSeveralTurns) {
  Sockets::Options options;
  options.receive_bytes = 1000;
  Driver small(options);
  small.tls = server.get();
  small.listen();
  ASSERT_TRUE(small.sockets.connect(100, small.acceptor->address(), {.context = client.get(), .server_name = "sparc.test"}));
  ASSERT_TRUE(small.until([&] { return !small.log.empty(); }));
  const std::string sent = pattern(15'500);
  ASSERT_EQ(small.sockets.send(100, sent).taken, sent.size());
  small.sockets.close(100);
  ASSERT_TRUE(small.until([&] { return small.closed.contains(0); }));
  EXPECT_TRUE(small.bytes(0) == sent);
  EXPECT_EQ(small.closed[0].first, CloseReason::ended);
}

TEST_F(Tls, PausedReadingDeliversNothingAndLosesNothing) {
  ASSERT_TRUE(connect(*client, "sparc.test"));
  ASSERT_TRUE(established());
  driver.sockets.pause_reading(0);
  driver.sockets.send(100, "first");
  for (int turn = 0; turn < 3; ++turn) driver.loop->run_once(driver, 0);
  driver.sockets.send(100, " second");
  driver.sockets.close(100);
  for (int turn = 0; turn < 3; ++turn) driver.loop->run_once(driver, 0);
  EXPECT_EQ(driver.bytes(0), "");
  driver.sockets.resume_reading(0);
  ASSERT_TRUE(driver.until([&] { return driver.closed.contains(0); }));
  EXPECT_EQ(driver.bytes(0), "first second");
}

TEST_F(Tls, PlainHttpOnATlsPortIsClosed) {
  auto peer = driver.connect_peer(0);
  peer->send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(driver.until([&] { return (peer->receive(), peer->ended || peer->error != 0); }));
  EXPECT_EQ(driver.closed[0].first, CloseReason::tls_failed);
  EXPECT_EQ(driver.closed[0].second, "http request");
  EXPECT_EQ(driver.sockets.counters().tls_failures, 1U);
  EXPECT_EQ(driver.bytes(0), "");
}

TEST_F(Tls, APeerThatLeavesInTheMiddleOfTheHandshakeIsClosed) {
  auto peer = driver.connect_peer(0);
  peer->send(std::string("\x16\x03\x01\x02\x00\x01", 6));  // the begin of a ClientHello, RFC 8446 section 5.1
  driver.loop->run_once(driver, 100);
  EXPECT_EQ(driver.closings, 0);
  peer->close();
  ASSERT_TRUE(driver.until([&] { return driver.closings == 1; }));
  EXPECT_EQ(driver.log, (Log{"closed 0"}));
}

TEST_F(Tls, EveryFirstByteThatIsNotTlsEndsTheConnectionOrWaits) {
  for (int first = 0; first < 256; ++first) {
    const auto slot = static_cast<std::uint32_t>(first);
    auto peer = driver.connect_peer(slot);
    peer->send(std::string(64, static_cast<char>(first)));
    peer->close();
    ASSERT_TRUE(driver.until([&] { return driver.closed.contains(slot); })) << first;
  }
  EXPECT_TRUE(driver.received.empty());
}

TEST_F(Tls, ACloseDuringTheHandshakeIsClean) {
  ASSERT_TRUE(connect(*client, "sparc.test"));
  ASSERT_TRUE(driver.until([&] { return driver.sockets.is_open(0); }));
  driver.sockets.close(0);
  ASSERT_TRUE(driver.until([&] { return driver.closed.contains(100); }));
  EXPECT_FALSE(logged("connected 100"));
}

TEST_F(Tls, NewConnectionsUseTheNewCertificateAndOpenOnesGoOn) {
  ASSERT_TRUE(connect(*client, "sparc.test"));
  ASSERT_TRUE(established());
  const auto renewed = make_certificate(folder, "renewed", "DNS:sparc.test");
  std::weak_ptr<const TlsContext> old = server;
  server = make_server(renewed);
  driver.tls = server.get();
  EXPECT_TRUE(old.expired()) << "only its connections hold it now";
  ASSERT_TRUE(connect(*client, "sparc.test", 101));
  EXPECT_FALSE(established(101)) << "the old authority does not know the new certificate";
  ASSERT_TRUE(connect(*make_client(renewed.certificate), "sparc.test", 102));
  EXPECT_TRUE(established(102));
  driver.sockets.send(100, "still here");
  EXPECT_TRUE(driver.until([&] { return driver.bytes(0) == "still here"; }));
}

TEST_F(Tls, FilesThatCannotBeUsedAreNamedWithTheReason) {
  const auto message = [](const std::string& certificate, const std::string& key) {
    const auto made = TlsContext::server({.certificate_file = certificate, .key_file = key});
    return made ? std::string() : made.error().message;
  };
  const auto other = make_certificate(folder, "other", "DNS:other.test");
  const auto locked = make_certificate(folder, "locked", "DNS:locked.test", "secret");
  const std::string missing = folder.file("missing.pem"), garbage = folder.file("garbage.pem");
  std::ofstream(garbage) << "not a certificate";
  EXPECT_EQ(message(missing, files.key), "cannot read the certificate from '" + missing + "': No such file or directory");
  EXPECT_NE(message(garbage, files.key).find("'" + garbage + "'"), std::string::npos);
  EXPECT_NE(message(files.certificate, missing).find("cannot read the private key from '" + missing + "'"), std::string::npos);
  EXPECT_EQ(message(files.certificate, other.key),
            "the private key in '" + other.key + "' does not belong to the certificate in '" + files.certificate + "'");
  EXPECT_NE(message(locked.certificate, locked.key).find("without passphrase"), std::string::npos);
  const auto no_ca = TlsContext::client({.ca_file = missing});
  ASSERT_FALSE(no_ca);
  EXPECT_NE(no_ca.error().message.find("'" + missing + "'"), std::string::npos);
  EXPECT_GT(server->certificate_expires_ms(), driver.loop->now().wall_ms + 80'000'000);
  EXPECT_LT(server->certificate_expires_ms(), driver.loop->now().wall_ms + 90'000'000);
}

/// OpenSSL's own client, stepped between turns of the loop.
class RawClient {
 public:
  RawClient(Driver& driver, SSL_CTX* context)
      : driver_(driver), peer_(driver.acceptor->address()), ssl_(SSL_new(context), &SSL_free) {
    SSL_set_fd(ssl_.get(), peer_.fd());
    SSL_set_connect_state(ssl_.get());
  }
  [[nodiscard]] SSL* ssl() const { return ssl_.get(); }
  /// Repeats `step` until it succeeds or fails for good.
  bool finishes(const std::function<int()>& step) {
    bool done = false, ok = false;
    driver_.until([&] {
      ERR_clear_error();
      const int result = step();
      const int error = SSL_get_error(ssl_.get(), result);
      ok = result > 0;
      return done = ok || (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE);
    });
    return done && ok;
  }
  bool handshake() {
    return finishes([&] { return SSL_do_handshake(ssl_.get()); });
  }
  bool read_one_byte() {
    char byte = 0;
    return finishes([&] { return SSL_read(ssl_.get(), &byte, 1); });
  }

 private:
  Driver& driver_;
  Peer peer_;
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
};

using RawContext = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;
RawContext raw_context() { return {SSL_CTX_new(TLS_client_method()), &SSL_CTX_free}; }

TEST_F(Tls, VersionsBefore12AreRefused) {
  for (const auto& [version, accepted] : {std::pair{TLS1_1_VERSION, false}, {TLS1_2_VERSION, true}, {TLS1_3_VERSION, true}}) {
    const auto context = raw_context();
    SSL_CTX_set_security_level(context.get(), 0);
    SSL_CTX_set_min_proto_version(context.get(), version);
    SSL_CTX_set_max_proto_version(context.get(), version);
    RawClient raw(driver, context.get());
    EXPECT_EQ(raw.handshake(), accepted) << version;
  }
  ASSERT_TRUE(driver.until([&] { return driver.closed.contains(0); }));
  EXPECT_EQ(driver.closed[0].second, "unsupported protocol");
}

TEST_F(Tls, OnlyHttp11IsNegotiated) {
  const auto context = raw_context();
  SSL_CTX_set_alpn_protos(context.get(), reinterpret_cast<const unsigned char*>("\x02h2\x08http/1.1"), 12);
  RawClient both(driver, context.get());
  ASSERT_TRUE(both.handshake());
  const unsigned char* selected = nullptr;
  unsigned length = 0;
  SSL_get0_alpn_selected(both.ssl(), &selected, &length);
  EXPECT_EQ(std::string_view(reinterpret_cast<const char*>(selected), length), "http/1.1");
  SSL_CTX_set_alpn_protos(context.get(), reinterpret_cast<const unsigned char*>("\x02h2"), 3);
  EXPECT_FALSE(RawClient(driver, context.get()).handshake());
  EXPECT_TRUE(RawClient(driver, raw_context().get()).handshake()) << "a client without ALPN speaks HTTP/1.1 anyway";
}

TEST_F(Tls, ASessionTicketSavesTheNextHandshakeItsCertificate) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const auto context = raw_context();
    SSL_CTX_set_max_proto_version(context.get(), version);
    driver.bytes_hook = [&](std::uint32_t slot, std::string_view) { driver.sockets.send(slot, "x"); };
    RawClient first(driver, context.get());
    ASSERT_TRUE(first.handshake());
    EXPECT_FALSE(SSL_session_reused(first.ssl()));
    ASSERT_EQ(SSL_write(first.ssl(), "x", 1), 1);
    ASSERT_TRUE(first.read_one_byte()) << "the ticket of TLS 1.3 comes behind the handshake";
    const std::unique_ptr<SSL_SESSION, decltype(&SSL_SESSION_free)> session(SSL_get1_session(first.ssl()), &SSL_SESSION_free);
    RawClient second(driver, context.get());
    SSL_set_session(second.ssl(), session.get());
    ASSERT_TRUE(second.handshake());
    EXPECT_TRUE(SSL_session_reused(second.ssl())) << version;
  }
}

TEST_F(Tls, ARenegotiationIsRefused) {
  const auto context = raw_context();
  SSL_CTX_set_max_proto_version(context.get(), TLS1_2_VERSION);
  RawClient raw(driver, context.get());
  ASSERT_TRUE(raw.handshake());
  SSL_renegotiate(raw.ssl());
  EXPECT_FALSE(raw.handshake());
}

TEST_F(Tls, AKeyUpdateInTheMiddleOfTheStreamChangesNothing) {
  RawClient raw(driver, raw_context().get());
  ASSERT_TRUE(raw.handshake());
  driver.bytes_hook = [&](std::uint32_t slot, std::string_view) { driver.sockets.send(slot, "x"); };
  for (int round = 0; round < 3; ++round) {
    ASSERT_EQ(SSL_key_update(raw.ssl(), SSL_KEY_UPDATE_REQUESTED), 1);
    ASSERT_EQ(SSL_write(raw.ssl(), "y", 1), 1);
    ASSERT_TRUE(raw.read_one_byte());
  }
  EXPECT_EQ(driver.bytes(0), "yyy");
}

TEST_F(Tls, ACloseTellsThePeerThatTheStreamEndedInOrder) {
  RawClient raw(driver, raw_context().get());
  ASSERT_TRUE(raw.handshake());
  ASSERT_TRUE(driver.until([&] { return driver.sockets.is_open(0); }));
  driver.bytes_hook = [&](std::uint32_t slot, std::string_view) { driver.sockets.close(slot); };
  ASSERT_EQ(SSL_write(raw.ssl(), "x", 1), 1);
  EXPECT_FALSE(raw.read_one_byte());
  EXPECT_EQ(SSL_get_shutdown(raw.ssl()) & SSL_RECEIVED_SHUTDOWN, SSL_RECEIVED_SHUTDOWN);
}

TEST_F(Tls, APeersOrderlyEndIsAnsweredWithOurs) {
  RawClient raw(driver, raw_context().get());
  ASSERT_TRUE(raw.handshake());
  ASSERT_EQ(SSL_shutdown(raw.ssl()), 0) << "sent, not yet answered";
  EXPECT_TRUE(raw.finishes([&] { return SSL_shutdown(raw.ssl()); }));
  ASSERT_TRUE(driver.until([&] { return driver.closed.contains(0); }));
  EXPECT_EQ(driver.closed[0].first, CloseReason::ended);
}

TEST_F(Tls, BytesBehindTheHandshakeInTheSameSegmentAreDelivered) {
  // With TLS 1.3 the client may send data right behind its Finished: both in one event of the server.
  RawClient raw(driver, raw_context().get());
  ASSERT_TRUE(raw.handshake());
  ASSERT_EQ(SSL_write(raw.ssl(), "at once", 7), 7);
  ASSERT_TRUE(driver.until([&] { return driver.bytes(0) == "at once"; }));
}

}  // namespace
}  // namespace sparc::net
