// What the provisioner knows about a job on disk: the files that it shares with the command, and what it
// needs to go on with the job when it was killed in the middle.
#pragma once

#include "queue.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

// WORK_DIR/jobs/JOB_ID with the files
//   state           the workspace's state: the previous build's when the command begins; what it holds when
//                   the command ends is kept for the next build
//   resources.json  written by the command
//   environment     the command's variables, each ended by a zero byte
//   agents          ids of the agents, a line each: the job is complete, the agents are not ready yet
class JobDirectory {
 public:
  // Those of an earlier process: jobs to be carried on, because agents are still to be reported. The others
  // are removed; the server fails their jobs when this process registers.
  static std::vector<JobDirectory> left_behind(const std::filesystem::path &work_dir);
  // Of a job that begins. Every function here throws std::system_error when the disk refuses.
  static JobDirectory create(const std::filesystem::path &work_dir, const Job &job);

  const std::filesystem::path &path() const { return path_; }
  std::string job_id() const { return path_.filename(); }
  std::vector<std::string> environment() const;
  // Nothing when the command removed the file: the workspace keeps the state that it had.
  std::optional<postgres::Bytes> state() const;
  // "[]" when the command wrote none.
  std::string resources() const { return read("resources.json").value_or("[]"); }
  std::vector<std::string> agents() const;
  void note_agents(const std::vector<std::string> &agent_ids);
  void remove() { std::filesystem::remove_all(path_); }

 private:
  explicit JobDirectory(std::filesystem::path path) : path_(std::move(path)) {}
  std::optional<std::string> read(const char *name) const;
  void write(const char *name, const std::string &content);

  std::filesystem::path path_;
};
