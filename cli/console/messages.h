#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/ssh/key.h"
#include "base/error.h"
#include "cli/console/words.h"
#include "tunnel/relay.h"

namespace cfpipe::cli {

Words words_for(Cause cause);
/// Those of its cause; of a tunnel that was closed with a code, those of the code.
Words words_for(const Failure& failure);

/// Why an edge's applications are not listed, where no Cause says it.
enum class NotListed { not_signed_in, sign_in_expired, sign_in_rejected, no_list };
Words words_for(NotListed why);

/// `<what>: <detail> (status 403, to host, ray …)`, the part of the line that says what happened.
std::string what_text(const Failure& failure);
/// The same with other words than those of its cause.
std::string what_text(const Failure& failure, const Words& words);

/// `cfpipe: <stage>: <what>: <detail> (status 403, to host, ray …); <what to do>`, without a newline.
std::string line_for(const Failure& failure);

/// Prints the line on standard error, and to the log, and returns the exit status.
int report(const Failure& failure);
int report(const Failure& failure, const Words& words);

/// Prints text on standard error, as it is.
void print(const std::string& text);

/// Whether good news is for a person: standard error is a terminal. A command that ssh runs (`Match exec`,
/// ProxyCommand) has that too, and says nothing unless standard output is one as well.
enum class Streams { standard_error, both_outputs };
bool person_reads(Streams streams);

/// What the near stream of a tunnel is: standard input and output, or a connection of listener mode.
enum class NearEnd { standard_streams, connection };

/// What a finished tunnel amounts to: nothing if it ended as it should.
std::optional<Failure> failure_of(const tunnel::Outcome& outcome, NearEnd near = NearEnd::standard_streams);

/// The words around a login. Where there is a URL it is the last line alone, for people and scripts to copy.
/// `code`: what the page shows if it shows one; empty where none does.
std::string login_text(std::string_view url, std::string_view code, bool browser_is_opened);
/// The login is done. `who` empty, `until` 0: not known; both times in Unix seconds.
std::string logged_in_text(std::string_view who, std::int64_t until, std::int64_t now);
std::string browser_failed_text(std::string_view why, bool opened);
/// Of another process's login: the URL and the code that it shows, or empty.
std::string waiting_text(std::string_view url, std::string_view code);
/// What `logout` has done; `host` empty: for all applications. `any`: there was something to remove.
std::string logged_out_text(std::string_view host, bool any);
/// What `ssh-gen` has made or found.
std::string certificate_text(std::string_view file, std::string_view principals, std::string_view left);
/// What listener mode prints once it accepts connections.
std::string listening_text(std::string_view address, bool reachable_from_elsewhere);
/// What `curl` says when it goes on without a token.
std::string no_token_text(std::string_view host);
/// What `ssh-config --install` and `--uninstall` have done to the file. `host` empty: to all of it.
std::string installed_text(std::string_view file, std::string_view host, bool installed, bool ssh_reads_it);
/// The certificate is for these names, and ssh logs in under another one.
std::string principal_text(const std::vector<std::string>& principals, std::string_view user);
/// The edge's clock is so many seconds ahead of this machine's, or behind.
std::string clock_text(std::int64_t offset);
/// Message: a client on a host that the agent was forwarded to was rejected.
std::string forwarding_refused_text();
/// There is no state directory, and none could be made.
std::string nothing_kept_text(std::string_view why);
/// ssh has been told of the certificate, and has not had anything signed with it. `made`: what kind of key
/// was made for it, unless the key is the user's own.
std::string unused_certificate_text(std::optional<auth::KeyType> made);
/// What `login` prints around the token.
std::string token_text(std::string_view host, std::string_view token);

}  // namespace cfpipe::cli
