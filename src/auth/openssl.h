#pragma once
// OpenSSL objects with an owner. Included by this layer's .cc files only.

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>

#include <memory>
#include <string_view>

namespace sparc::auth {

template <auto function>
struct Frees {
  template <class T>
  void operator()(T* object) const {
    function(object);
  }
};

using PkeyPtr = std::unique_ptr<EVP_PKEY, Frees<EVP_PKEY_free>>;
using PkeyContextPtr = std::unique_ptr<EVP_PKEY_CTX, Frees<EVP_PKEY_CTX_free>>;
using DigestContextPtr = std::unique_ptr<EVP_MD_CTX, Frees<EVP_MD_CTX_free>>;
using MacContextPtr = std::unique_ptr<EVP_MAC_CTX, Frees<EVP_MAC_CTX_free>>;
using NumberPtr = std::unique_ptr<BIGNUM, Frees<BN_free>>;
using BioPtr = std::unique_ptr<BIO, Frees<BIO_free_all>>;
using CertificatePtr = std::unique_ptr<X509, Frees<X509_free>>;
using ParamBuilderPtr = std::unique_ptr<OSSL_PARAM_BLD, Frees<OSSL_PARAM_BLD_free>>;
using ParamsPtr = std::unique_ptr<OSSL_PARAM, Frees<OSSL_PARAM_free>>;

inline const unsigned char* octets(std::string_view bytes) { return reinterpret_cast<const unsigned char*>(bytes.data()); }

/// Leaves this thread's error queue empty: a failed check here must not be read as a failure of the TLS connection served next.
struct ErrorQueueGuard {
  ~ErrorQueueGuard() { ERR_clear_error(); }
};

}  // namespace sparc::auth
