// What is found out about an edge's TLS files before it serves with them.
#include "edge/config/tls_files.h"

#include <gtest/gtest.h>
#include <openssl/pem.h>

#include <fstream>

#include "base/x509.h"
#include "edge/edge_fixture.h"

namespace cfpipe::edge {
namespace {

constexpr std::time_t kDay = 24 * 3600;

class TlsFiles : public ::testing::Test {
 protected:
  std::string write(const std::string& name, std::string_view content) {
    const std::string path = dir_ / name;
    std::ofstream(path) << content;
    return path;
  }
  /// As OpenSSL writes it behind a pass phrase, in both of its forms.
  static std::string encrypted(EVP_PKEY* key, bool traditional) {
    const std::unique_ptr<BIO, Free<BIO_free_all>> out(BIO_new(BIO_s_mem()));
    const unsigned char phrase[] = "phrase";
    if (traditional)
      PEM_write_bio_PrivateKey_traditional(out.get(), key, EVP_aes_128_cbc(), phrase, 6, nullptr, nullptr);
    else
      PEM_write_bio_PKCS8PrivateKey(out.get(), key, EVP_aes_128_cbc(), "phrase", 6, nullptr, nullptr);
    char* data = nullptr;
    const long size = BIO_get_mem_data(out.get(), &data);
    return {data, static_cast<std::size_t>(size)};
  }
  TlsFileFindings look(const std::string& certificate, const std::string& key, std::time_t later = 0) {
    return look_at_tls_files(certificate, key, names_, std::time(nullptr) + later);
  }

  TempDir dir_;
  PKey key_ = new_p256_key();
  std::string pem_ = make_certificate({"edge", 10, false, {"auth.example.com", "*.vm.example.com"}},
                                      key_.get(), nullptr, key_.get());
  std::string certificate_ = write("cert.pem", pem_);
  std::string key_file_ = write("key.pem", private_key_pem(key_.get()).reveal());
  std::vector<std::string> names_{"auth.example.com", "a.vm.example.com"};
};

TEST_F(TlsFiles, ThatAreGoodAreLeftAlone) {
  const auto found = look(certificate_, key_file_);
  EXPECT_TRUE(found.certificate.empty());
  EXPECT_TRUE(found.key.empty()) << found.key[0];
  EXPECT_TRUE(found.warnings.empty()) << found.warnings[0];
}

TEST_F(TlsFiles, ThatAreMissingOrNoneAreFaults) {
  const auto missing = look(dir_ / "none", dir_ / "nothing");
  ASSERT_EQ(missing.certificate.size(), 1u);
  EXPECT_EQ(missing.certificate[0], (dir_ / "none") + ": No such file or directory");
  ASSERT_EQ(missing.key.size(), 1u);
  EXPECT_EQ(missing.key[0], (dir_ / "nothing") + ": No such file or directory");
  const auto swapped = look(key_file_, certificate_);
  EXPECT_EQ(swapped.certificate, std::vector<std::string>{key_file_ + ": holds no certificate (PEM)"});
  EXPECT_EQ(swapped.key, std::vector<std::string>{certificate_ + ": holds no private key (PEM)"});
  EXPECT_EQ(look(dir_.path(), dir_.path()).key,
            std::vector<std::string>{dir_.path() + ": is not a plain file"});
}

TEST_F(TlsFiles, OfTwoPairsAreAFault) {
  const std::string other = write("other.pem", private_key_pem(new_p256_key().get()).reveal());
  EXPECT_EQ(look(certificate_, other).key,
            std::vector<std::string>{other + ": is not the key of the certificate in " + certificate_});
}

TEST_F(TlsFiles, WithAPassPhraseAreAFaultWithoutAPrompt) {
  for (const bool traditional : {true, false}) {
    const std::string closed = write("closed.pem", encrypted(key_.get(), traditional));
    const auto found = look(certificate_, closed);
    ASSERT_EQ(found.key.size(), 1u);
    EXPECT_NE(found.key[0].find("has a pass phrase"), std::string::npos) << found.key[0];
  }
}

TEST_F(TlsFiles, ThatClientsWillObjectToAreWarnings) {
  for (const auto& [later, says] :
       {std::pair{11 * kDay, "has expired"}, std::pair{-2 * kDay, "is good from"}}) {
    const auto found = look(certificate_, key_file_, later);
    EXPECT_TRUE(found.certificate.empty() && found.key.empty());
    ASSERT_EQ(found.warnings.size(), 1u) << says;
    EXPECT_NE(found.warnings[0].find(says), std::string::npos) << found.warnings[0];
  }
  names_ = {"auth.example.com", "vm.example.com", "a.b.vm.example.com", "b.vm.example.com"};
  EXPECT_EQ(look(certificate_, key_file_).warnings,
            std::vector<std::string>{certificate_ +
                                     ": the certificate is not for vm.example.com, a.b.vm.example.com"});
  names_ = {"*.vm.example.com", "b-*.vm.example.com", "*.example.com", "*.*.vm.example.com"};
  EXPECT_EQ(look(certificate_, key_file_).warnings,
            std::vector<std::string>{certificate_ +
                                     ": the certificate is not for *.example.com, *.*.vm.example.com"});
}

}  // namespace
}  // namespace cfpipe::edge
