#include "signer.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <vector>

namespace edge_mock {
namespace {

namespace fs = std::filesystem;

struct Job {
  uv_process_t process{};
  std::string dir;
  Signer::Done done;
};

std::vector<char*> argv_of(std::vector<std::string>& arguments) {
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  return argv;
}

/// Only while starting, before there is anything to serve.
void run_and_wait(std::vector<std::string> arguments) {
  std::vector<char*> argv = argv_of(arguments);
  pid_t child = fork();
  if (child == 0) {
    execvp(argv[0], argv.data());
    _exit(127);
  }
  int status = -1;
  if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
    throw std::runtime_error("ssh-keygen failed");
}

void make_key(const std::string& file, const std::string& comment) {
  if (fs::exists(file)) return;
  run_and_wait({"ssh-keygen", "-q", "-t", "ecdsa", "-b", "256", "-N", "", "-C", comment, "-f", file});
}

std::optional<std::string> first_line(const std::string& file) {
  std::ifstream in(file);
  std::string line;
  if (!std::getline(in, line) || line.empty()) return std::nullopt;
  return line;
}

void exited(uv_process_t* process, std::int64_t status, int) {
  auto* job = static_cast<Job*>(process->data);
  std::optional<std::string> certificate;
  if (status == 0) certificate = first_line(job->dir + "/key-cert.pub");
  std::error_code ignored;
  fs::remove_all(job->dir, ignored);
  Signer::Done done = std::move(job->done);
  uv_close(reinterpret_cast<uv_handle_t*>(process),
           [](uv_handle_t* handle) { delete static_cast<Job*>(handle->data); });
  done(std::move(certificate));
}

}  // namespace

Signer::Signer(uv_loop_t* loop, const std::string& dir, bool with_other_key) : loop_(loop), dir_(dir) {
  make_key(dir_ + "/ssh-ca", "edge_mock ssh ca");
  if (with_other_key) make_key(dir_ + "/ssh-other", "other");
}

void Signer::sign(const Order& order, Done done) {
  std::string job_dir = dir_ + "/sign-XXXXXX";
  if (!mkdtemp(job_dir.data())) return done(std::nullopt);
  std::optional<std::string> other = first_line(dir_ + "/ssh-other.pub");
  std::ofstream(job_dir + "/key.pub")
      << (order.over_another_key ? other.value_or("") : order.public_key) << '\n';

  std::string validity =
      "-" + std::to_string(kBackdateSeconds) + "s:+" + std::to_string(order.validity_seconds) + "s";
  std::vector<std::string> arguments{"ssh-keygen",
                                     "-q",
                                     "-s",
                                     dir_ + "/ssh-ca",
                                     "-I",
                                     order.key_id,
                                     "-n",
                                     order.principal,
                                     "-V",
                                     validity,
                                     "-z",
                                     std::to_string(order.serial),
                                     job_dir + "/key.pub"};
  std::vector<char*> argv = argv_of(arguments);
  auto job = std::make_unique<Job>();
  job->dir = job_dir;
  job->done = std::move(done);
  job->process.data = job.get();
  uv_process_options_t options{};
  options.file = argv[0];
  options.args = argv.data();
  options.exit_cb = exited;
  if (uv_spawn(loop_, &job->process, &options) == 0) {
    job.release();
    return;
  }
  // The handle is initialised even when the spawn failed, and has to be closed like any other.
  Job* failed = job.release();
  exited(&failed->process, 127, 0);
}

}  // namespace edge_mock
