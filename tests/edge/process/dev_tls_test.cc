#include "edge/process/dev_tls.h"

#include <sys/stat.h>

#include <cstdio>
#include <ctime>

#include "base/x509.h"
#include "edge/edge_fixture.h"

namespace cfpipe::edge {
namespace {

std::string content(const std::string& path) {
  return read_file(path).value().value_or("");
}

class DevTlsTest : public ::testing::Test {
 protected:
  DevTls prepare(const std::vector<std::string>& names, std::time_t later = 0) {
    return prepare_dev_tls(dir_ / "state", names, std::time(nullptr) + later).value();
  }
  TempDir dir_;
  const std::vector<std::string> names_{"auth.localhost", "vm.localhost"};
};

TEST_F(DevTlsTest, MakesAChainThatVerifiesForEveryName) {
  const DevTls files = prepare(names_);
  for (const std::string& name : names_) {
    const std::string command = "openssl verify -x509_strict -purpose sslserver -verify_hostname " + name +
                                " -CAfile " + files.ca_file + " " + files.certificate_file +
                                " >/dev/null 2>&1";
    EXPECT_EQ(std::system(command.c_str()), 0) << command;
  }
  const auto key = private_key_from_pem(content(files.key_file));
  EXPECT_TRUE(certificate_fits(content(files.certificate_file), key.get()));
}

TEST_F(DevTlsTest, UsesTheSameFilesAgain) {
  const DevTls files = prepare(names_);
  const std::string ca = content(files.ca_file);
  const std::string leaf = content(files.certificate_file);
  prepare({"vm.localhost", "auth.localhost"});
  EXPECT_EQ(content(files.ca_file), ca);
  EXPECT_EQ(content(files.certificate_file), leaf);
}

TEST_F(DevTlsTest, MakesANewLeafForOtherNamesUnderTheSameCa) {
  const DevTls files = prepare(names_);
  const std::string ca = content(files.ca_file);
  const std::string leaf = content(files.certificate_file);
  prepare({"auth.localhost", "vm.localhost", "b.localhost"});
  EXPECT_EQ(content(files.ca_file), ca);
  EXPECT_NE(content(files.certificate_file), leaf);
  EXPECT_TRUE(signed_by(content(files.certificate_file), ca));
  EXPECT_EQ(certificate_facts(content(files.certificate_file))->dns_names.size(), 3u);
}

TEST_F(DevTlsTest, ReplacesWhatIsAboutToEnd) {
  const DevTls files = prepare(names_);
  const std::string ca = content(files.ca_file);
  const std::string leaf = content(files.certificate_file);
  prepare(names_, std::time_t{340} * 24 * 3600);
  EXPECT_EQ(content(files.ca_file), ca);
  EXPECT_NE(content(files.certificate_file), leaf);
  prepare(names_, std::time_t{3630} * 24 * 3600);
  EXPECT_NE(content(files.ca_file), ca);
}

TEST_F(DevTlsTest, ReplacesDamagedFiles) {
  const DevTls files = prepare(names_);
  for (const std::string& damaged :
       {files.ca_file, files.key_file, dir_ / "state/tls-ca-key.pem", files.certificate_file}) {
    ASSERT_TRUE(replace_file(damaged, "nonsense", 0600));
    prepare(names_);
    EXPECT_TRUE(signed_by(content(files.certificate_file), content(files.ca_file)));
    EXPECT_TRUE(certificate_fits(content(files.certificate_file),
                                 private_key_from_pem(content(files.key_file)).get()));
  }
}

TEST_F(DevTlsTest, KeysAreForTheirOwnerOnly) {
  prepare(names_);
  for (const char* name : {"tls-ca-key.pem", "tls-key.pem"}) {
    struct stat info {};
    ASSERT_EQ(::stat((dir_ / (std::string("state/") + name)).c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777u, 0600u);
  }
}

}  // namespace
}  // namespace cfpipe::edge
