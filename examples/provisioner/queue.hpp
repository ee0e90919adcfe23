// The provisioner's side of the queue: every statement that it ever sends, and nothing else.
#pragma once

#include "postgres.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

// How this provisioner presents itself; what it may be given depends on the first, third and fourth.
struct Registration {
  std::string organization;
  std::string name;                        // unique in its organization: two processes must not share it
  std::string provisioners = "terraform";  // separated by commas
  std::string tags = "{}";                 // a JSON object
};

// One build of one workspace, as the queue hands it out.
struct Job {
  std::string id;
  std::string type;
  std::string workspace_id, workspace_name;
  std::string owner_id, owner_name;
  std::string transition;  // start, stop or delete
  std::string stage;       // none, create or claim
  std::string build_number;
  std::string organization, template_name, template_version;
  std::string definition;  // JSON, exactly as the template's author pushed it
  std::string tags;
  std::vector<std::pair<std::string, std::string>> parameters;
  std::string state;  // what the workspace's previous build left behind
};

// A registered session. Every function may throw postgres::StatementError (the server refused) or
// postgres::ConnectionError (the session is over; what it did last may or may not have happened).
class Queue {
 public:
  // Connects, registers and listens. `fresh`: this process runs no job; whatever the server believes this
  // provisioner to be running fails at once instead of after the hang time-out.
  Queue(const std::string &conninfo, const Registration &registration, bool fresh);

  // For poll(): readable when a job may have been posted.
  int socket() const { return connection_.socket(); }
  // True when jobs were announced since the last call.
  bool take_announcements() { return connection_.take_notifications(); }

  std::vector<Job> acquire(int max_jobs);
  // Sign of life, with log lines separated by line feeds; true: the job is to be cancelled.
  bool update(const std::string &job_id, const std::string &log_lines);
  // Within the caller's transaction, so that he can note the ids of the agents before the job is final.
  std::vector<std::string> complete(const std::string &job_id, const std::optional<postgres::Bytes> &state,
                                    const std::string &resources);
  void fail(const std::string &job_id, const std::string &error, const std::string &error_code);
  void report_agent(const std::string &agent_id, const std::string &lifecycle_state);

  postgres::Transaction begin() { return postgres::Transaction(connection_); }

 private:
  postgres::Connection connection_;
  std::string daemon_id_;
};
