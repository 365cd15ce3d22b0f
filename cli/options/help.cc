#include "cli/options/help.h"

#include <array>
#include <utility>
#include <vector>

namespace cfpipe::cli {
namespace {

/// A command and a line that people copy.
using Example = std::pair<std::string_view, std::string_view>;
constexpr std::array<Example, 10> kExamples{{
    {"ssh", "ssh -o ProxyCommand='cfpipe access ssh --hostname %h' vm.example.com"},
    {"ssh-config", "cfpipe access ssh-config --install --hostname vm.example.com --short-lived-cert"},
    {"ssh-gen", "cfpipe access ssh-gen --hostname vm.example.com"},
    {"login", "cfpipe access login https://vm.example.com"},
    {"token", "cfpipe access token https://vm.example.com"},
    {"logout", "cfpipe access logout https://vm.example.com"},
    {"curl", "cfpipe access curl https://app.example.com/api --silent"},
    {"doctor", "cfpipe doctor vm.example.com"},
    {"status", "cfpipe status --json"},
    {"list", "cfpipe list https://vm.example.com"},
}};

/// Columns: of the text of a line; of the names in front of it, unless those are longer.
constexpr std::size_t kLineColumns = 100;
constexpr std::size_t kNameColumns = 30;

/// A name and what it means, wrapped, with the meaning in a column of its own.
void add_entry(std::string& out, const std::string& names, const std::string& meaning) {
  out += "  " + names;
  std::size_t column = names.size() + 2;
  if (column + 2 > kNameColumns) {
    out += '\n';
    column = 0;
  }
  out.append(kNameColumns - column, ' ');
  column = kNameColumns;
  std::string_view rest = meaning;
  while (!rest.empty()) {
    const auto word = rest.substr(0, rest.find(' '));
    rest.remove_prefix(std::min(rest.size(), word.size() + 1));
    if (column > kNameColumns && column + 1 + word.size() > kLineColumns) {
      out += '\n' + std::string(kNameColumns, ' ');
      column = kNameColumns;
    }
    if (column > kNameColumns) {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
  }
  out += '\n';
}

std::string names_of(const CLI::Option& option) {
  std::string names;
  for (const auto& name : option.get_snames()) names += (names.empty() ? "-" : ", -") + name;
  for (const auto& name : option.get_lnames()) names += (names.empty() ? "--" : ", --") + name;
  if (option.get_type_size() != 0) names += " " + option.get_type_name();
  return names;
}

void add_options(std::string& out, const CLI::App& app, const std::string& title, bool with_help) {
  std::string entries;
  for (const auto* option : app.get_options()) {
    if (option->get_group().empty() || option->get_positional()) continue;
    if (option == app.get_help_ptr() && !with_help) continue;
    add_entry(entries, names_of(*option), option->get_description());
  }
  if (!entries.empty()) out += "\n" + title + ":\n" + entries;
}

void add_command_lines(std::string& out, const CLI::App& app) {
  std::string entries;
  for (const auto* command : app.get_subcommands(nullptr)) {
    if (command->get_group().empty()) continue;
    std::string names = command->get_name();
    for (const auto& alias : command->get_aliases()) names += ", " + alias;
    add_entry(entries, names, command->get_description());
  }
  if (!entries.empty()) out += "\nCommands:\n" + entries;
}

std::string arguments_of(const CLI::App& app) {
  std::string out;
  for (const auto* option : app.get_options()) {
    if (!option->get_positional() || option->get_group().empty()) continue;
    out += option->get_required() ? " " + option->get_name() : " [" + option->get_name() + "]";
  }
  return out;
}

}  // namespace

std::string help_text(const CLI::App& root, const std::string& program) {
  const CLI::App* app = &root;
  std::string spelling = program;
  while (!app->get_subcommands().empty()) {
    app = app->get_subcommands().front();
    spelling += " " + app->get_name();
  }
  // A command that takes everything behind its name for itself has its own line of usage in the footer.
  const bool has_commands = !app->get_subcommands(nullptr).empty();
  std::string out = "Usage: ";
  out += app->get_footer().empty()
             ? spelling + " [OPTIONS]" + (has_commands ? " COMMAND" : arguments_of(*app))
             : app->get_footer();
  out += "\n\n" + app->get_description() + "\n";
  add_command_lines(out, *app);
  add_options(out, *app, app == &root ? "Options of every command" : "Options", true);
  if (app == &root) return out;
  out += "\nMore options:\n";
  add_entry(out, program + " --help", "Options of every command, such as --proxy and --log-level");
  for (const auto& [name, line] : kExamples)
    if (name == app->get_name()) out += "\nExample:\n  " + std::string(line) + "\n";
  return out;
}

}  // namespace cfpipe::cli
