#pragma once
// Key documents (JWKS): loaded at the start, and kept fresh by a thread of their own.

#include <memory>

#include "auth/key_set.h"
#include "base/result.h"
#include "server/config/config.h"

namespace sparc::server {

class Node;

/// Drives a JwksCache per document and hands what it believes to `Node::use_documents`, which also makes waiting tokens try again.
///
/// Limits:   a document of `KeySetBuilder::text_bytes_max`; one load per source at a time; no redirects; certificates are verified.
/// Errors:   of a load: the last good document stays, a warning is logged, and it is tried again.
class KeyKeeper {
 public:
  /// `node` outlives this object.
  KeyKeeper(Node& node, const config::Config& config);
  ~KeyKeeper();
  KeyKeeper(const KeyKeeper&) = delete;
  KeyKeeper& operator=(const KeyKeeper&) = delete;

  /// Loads every document once, before `start`. A file without usable keys is an Error; a URL that fails is tried again later.
  [[nodiscard]] Result<void> load();
  /// Without sources no thread is started.
  void start();
  /// Aborts loads that are under way; idempotent.
  void stop();
  /// A token named an unknown key. True: fresh documents are under way, and `Node::use_documents` follows whatever they say.
  /// Thread: any.
  [[nodiscard]] bool on_unknown_key(auth::KeyPurpose purpose);
  /// Sources that stay keep their documents; new ones are loaded in the background.
  void reload(const config::Config& config);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sparc::server
