#include "transport/tls/trust_store.h"

#include <dirent.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string_view>

#include "base/shortage.h"
#include "transport/tls/handles.h"

namespace cfpipe::transport {
namespace {

/// Of Debian and Gentoo, Fedora, openSUSE, OpenELEC, RHEL, Alpine (Go, crypto/x509).
constexpr const char* kBundles[] = {"/etc/ssl/certs/ca-certificates.crt",
                                    "/etc/pki/tls/certs/ca-bundle.crt",
                                    "/etc/ssl/ca-bundle.pem",
                                    "/etc/pki/tls/cacert.pem",
                                    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
                                    "/etc/ssl/cert.pem"};
constexpr const char* kDirectories[] = {"/etc/ssl/certs", "/etc/pki/tls/certs"};

/// Files of one directory that are read at most, and the largest of them in bytes.
constexpr std::size_t kMaxFiles = 4096;
constexpr off_t kMaxFileBytes = 16 * 1024 * 1024;
/// Hexadecimal digits in front of the dot in a name that `c_rehash` makes.
constexpr std::size_t kHashDigits = 8;

using StoreContext = std::unique_ptr<X509_STORE_CTX, FreeWith<X509_STORE_CTX_free>>;
using Directory = std::unique_ptr<DIR, FreeWith<closedir>>;

const char* set_variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : nullptr;
}

std::vector<std::string> parted(std::string_view list) {
  std::vector<std::string> out;
  while (!list.empty()) {
    const auto one = list.substr(0, list.find(':'));
    if (!one.empty()) out.emplace_back(one);
    list.remove_prefix(std::min(list.size(), one.size() + 1));
  }
  return out;
}

/// What a lookup by hash has found already.
bool is_hash_name(std::string_view name) {
  return name.size() > kHashDigits && name[kHashDigits] == '.' &&
         name.find_first_not_of("0123456789abcdef") == kHashDigits;
}

bool is_plain_file(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) && info.st_size <= kMaxFileBytes;
}

std::vector<std::string> files_of(const std::string& directory) {
  std::vector<std::string> files;
  const Directory dir(::opendir(directory.c_str()));
  if (!dir) return files;
  while (const dirent* entry = ::readdir(dir.get())) {
    const std::string path = directory + "/" + entry->d_name;
    if (is_hash_name(entry->d_name) || !is_plain_file(path)) continue;
    files.push_back(path);
    if (files.size() == kMaxFiles) break;
  }
  return files;
}

/// The places that are read only if they are needed. One for each SSL_CTX, whose handshakes may be of several
/// threads.
class SlowPlaces {
 public:
  explicit SlowPlaces(TrustPlaces places) : places_(std::move(places)) {}

  /// Adds the next of them; false if there is none left.
  bool read_next(X509_STORE* store) {
    const std::lock_guard lock(mutex_);
    ERR_set_mark();
    const bool read = next_ == Next::bundle ? read_bundle(store) || read_files(store)
                                            : next_ == Next::files && read_files(store);
    ERR_pop_to_mark();
    return read;
  }

 private:
  enum class Next { bundle, files, none };

  bool read_bundle(X509_STORE* store) {
    next_ = Next::files;
    const auto there = std::find_if(places_.bundles.begin(), places_.bundles.end(), is_plain_file);
    return there != places_.bundles.end() && X509_STORE_load_file(store, there->c_str()) == 1;
  }
  bool read_files(X509_STORE* store) {
    next_ = Next::none;
    bool read = false;
    for (const auto& directory : places_.directories)
      for (const auto& file : files_of(directory)) read |= X509_STORE_load_file(store, file.c_str()) == 1;
    return read;
  }

  const TrustPlaces places_;
  std::mutex mutex_;
  Next next_ = Next::bundle;
};

void free_slow_places(void*, void* places, CRYPTO_EX_DATA*, int, long, void*) {
  delete static_cast<SlowPlaces*>(places);
}

int slow_places_index() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, free_slow_places);
  return index;
}

/// The same chain, with what the store has now. What comes out of it goes into `first`, which has been used.
int verify_again(X509_STORE_CTX* first) {
  const StoreContext again(X509_STORE_CTX_new());
  if (!again ||
      X509_STORE_CTX_init(again.get(), X509_STORE_CTX_get0_store(first), X509_STORE_CTX_get0_cert(first),
                          X509_STORE_CTX_get0_untrusted(first)) != 1 ||
      X509_VERIFY_PARAM_set1(X509_STORE_CTX_get0_param(again.get()), X509_STORE_CTX_get0_param(first)) != 1)
    return 0;
  const int verdict = X509_verify_cert(again.get());
  X509_STORE_CTX_set_error(first, X509_STORE_CTX_get_error(again.get()));
  X509_STORE_CTX_set_error_depth(first, X509_STORE_CTX_get_error_depth(again.get()));
  X509_STORE_CTX_set0_verified_chain(first, X509_STORE_CTX_get1_chain(again.get()));
  X509_VERIFY_PARAM_move_peername(X509_STORE_CTX_get0_param(first), X509_STORE_CTX_get0_param(again.get()));
  return verdict;
}

int verify(X509_STORE_CTX* chain, void* places) {
  int verdict = X509_verify_cert(chain);
  while (verdict != 1 && lacks_an_issuer(X509_STORE_CTX_get_error(chain)) &&
         static_cast<SlowPlaces*>(places)->read_next(X509_STORE_CTX_get0_store(chain)))
    verdict = verify_again(chain);
  return verdict;
}

/// A file that is gone is none, as one without a certificate is.
Result<void> trust_named_file(SSL_CTX* context, const std::string& file) {
  struct stat info {};
  if (::stat(file.c_str(), &info) != 0 && errno == ENOENT) return {};
  if (SSL_CTX_load_verify_file(context, file.c_str()) == 1) return {};
  const bool unreadable = ERR_SYSTEM_ERROR(ERR_peek_error());
  auto failure = load_failure("SSL_CERT_FILE cannot be read: " + printable(file));
  if (!unreadable && failure.cause == Cause::bad_option) return {};
  return failure;
}

}  // namespace

TrustPlaces TrustPlaces::of_environment() {
  TrustPlaces places;
  if (const char* file = set_variable("SSL_CERT_FILE")) {
    places.named_file = file;
  } else {
    places.bundles.assign(std::begin(kBundles), std::end(kBundles));
  }
  if (const char* list = set_variable("SSL_CERT_DIR")) {
    places.directories = parted(list);
  } else {
    places.directories.assign(std::begin(kDirectories), std::end(kDirectories));
  }
  return places;
}

std::string TrustPlaces::state() const {
  std::string text = named_file.empty() ? std::string() : state_of(named_file) + "\n";
  for (const auto* list : {&bundles, &directories})
    for (const auto& path : *list) text += state_of(path) + "\n";
  return text;
}

std::string state_of(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return path + " missing";
  return path + " " + std::to_string(info.st_ino) + " " + std::to_string(info.st_size) + " " +
         std::to_string(info.st_mtim.tv_sec) + "." + std::to_string(info.st_mtim.tv_nsec);
}

bool lacks_an_issuer(long verdict) {
  switch (verdict) {
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:  // an issuer of the same name with another key
      return true;
    default:
      return false;
  }
}

Failure load_failure(const std::string& what) {
  const auto last = ERR_peek_last_error();
  const char* reason = last != 0 ? ERR_reason_error_string(last) : nullptr;
  while (const auto code = ERR_get_error()) {
    const bool no_memory = !ERR_SYSTEM_ERROR(code) && ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE;
    if (!no_memory && !ERR_SYSTEM_ERROR(code)) continue;
    ERR_clear_error();
    return system_failure(Stage::config, Cause::bad_option, what, no_memory ? ENOMEM : ERR_GET_REASON(code));
  }
  return {Stage::config, Cause::bad_option, reason != nullptr ? what + ": " + reason : what};
}

Result<void> trust(SSL_CTX* context, TrustPlaces places) {
  if (!places.named_file.empty())
    if (auto read = trust_named_file(context, places.named_file); !read) return read;
  // The first call also adds the method that reads files, which is not to be added beside a handshake.
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  X509_STORE_add_lookup(store, X509_LOOKUP_file());
  for (const auto& directory : places.directories) X509_STORE_load_path(store, directory.c_str());
  ERR_clear_error();
  auto slow = std::make_unique<SlowPlaces>(std::move(places));
  if (SSL_CTX_set_ex_data(context, slow_places_index(), slow.get()) != 1)
    return Failure(Stage::config, Cause::system_short, "no memory for certificate authorities");
  SSL_CTX_set_cert_verify_callback(context, verify, slow.release());
  return {};
}

}  // namespace cfpipe::transport
