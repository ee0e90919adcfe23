#include "job_directory.hpp"

#include <unistd.h>

#include <cctype>
#include <fstream>
#include <iterator>

namespace fs = std::filesystem;

namespace {

// The name of a parameter as that of a variable: "cpu cores" is CPU_CORES.
std::string variable_name(const std::string &parameter) {
  std::string name;
  for (const char c : parameter) {
    const auto letter = static_cast<unsigned char>(c);
    name += std::isalnum(letter) ? static_cast<char>(std::toupper(letter)) : '_';
  }
  return name;
}

// Our own variables, and those that tell the command what to do.
std::vector<std::string> environment_of(const Job &job, const fs::path &directory) {
  std::vector<std::string> variables;
  for (char **variable = environ; *variable; variable++)
    if (!std::string_view(*variable).starts_with("PREBUILDS_")) variables.emplace_back(*variable);

  const auto set = [&](const std::string &name, const std::string &value) {
    variables.push_back("PREBUILDS_" + name + "=" + value);
  };
  set("JOB_ID", job.id);
  set("WORKSPACE_ID", job.workspace_id);
  set("WORKSPACE_NAME", job.workspace_name);
  set("OWNER_ID", job.owner_id);
  set("OWNER_NAME", job.owner_name);
  set("TRANSITION", job.transition);
  set("STAGE", job.stage);
  set("BUILD_NUMBER", job.build_number);
  set("ORGANIZATION", job.organization);
  set("TEMPLATE", job.template_name);
  set("VERSION", job.template_version);
  set("DEFINITION", job.definition);
  set("TAGS", job.tags);
  set("STATE_FILE", directory / "state");
  set("RESOURCES_FILE", directory / "resources.json");
  for (const auto &[name, value] : job.parameters) set("PARAMETER_" + variable_name(name), value);
  return variables;
}

std::vector<std::string> split(const std::string &text, char separator) {
  std::vector<std::string> parts;
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t to = text.find(separator, from);
    parts.push_back(text.substr(from, to - from));
    from = to == std::string::npos ? text.size() : to + 1;
  }
  return parts;
}

std::string joined(const std::vector<std::string> &parts, char separator) {
  std::string text;
  for (const std::string &part : parts) text += part + separator;
  return text;
}

}  // namespace

std::vector<JobDirectory> JobDirectory::left_behind(const fs::path &work_dir) {
  std::vector<fs::path> paths;
  if (fs::exists(work_dir / "jobs"))
    for (const fs::directory_entry &entry : fs::directory_iterator(work_dir / "jobs"))
      paths.push_back(entry.path());

  std::vector<JobDirectory> directories;
  for (fs::path &path : paths) {
    JobDirectory directory(std::move(path));
    if (directory.agents().empty())
      directory.remove();
    else
      directories.push_back(std::move(directory));
  }
  return directories;
}

JobDirectory JobDirectory::create(const fs::path &work_dir, const Job &job) {
  JobDirectory directory(work_dir / "jobs" / job.id);
  fs::create_directories(directory.path_);
  // State and definition may hold secrets.
  fs::permissions(directory.path_, fs::perms::owner_all);
  directory.write("state", job.state);
  directory.write("environment", joined(environment_of(job, directory.path_), '\0'));
  return directory;
}

std::vector<std::string> JobDirectory::environment() const {
  return split(read("environment").value_or(""), '\0');
}

std::optional<postgres::Bytes> JobDirectory::state() const {
  std::optional<std::string> content = read("state");
  if (!content) return std::nullopt;
  return postgres::Bytes{std::move(*content)};
}

std::vector<std::string> JobDirectory::agents() const { return split(read("agents").value_or(""), '\n'); }

void JobDirectory::note_agents(const std::vector<std::string> &agent_ids) {
  write("agents", joined(agent_ids, '\n'));
}

std::optional<std::string> JobDirectory::read(const char *name) const {
  if (!fs::exists(path_ / name)) return std::nullopt;
  std::ifstream file;
  file.exceptions(std::ios::failbit | std::ios::badbit);
  file.open(path_ / name, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// Written beside and renamed: a file is there as a whole or not at all.
void JobDirectory::write(const char *name, const std::string &content) {
  const fs::path draft = path_ / (std::string(name) + ".new");
  std::ofstream file;
  file.exceptions(std::ios::failbit | std::ios::badbit);
  file.open(draft, std::ios::binary);
  file << content;
  file.close();
  fs::rename(draft, path_ / name);
}
