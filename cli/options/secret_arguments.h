#pragma once

namespace cfpipe::cli {

/// Overwrites the values of options that may hold secrets (of a service token, of a header, of a proxy) in
/// the memory that `ps` and /proc/PID/cmdline show to every user. What has read them there before, at the
/// start, has them: a file or the environment is the better place.
void hide_secret_arguments(int argc, char** argv);

/// Once the options have their values: programs that this process starts (a browser, curl) get none of the
/// secrets in its environment.
void forget_secret_variables();

}  // namespace cfpipe::cli
