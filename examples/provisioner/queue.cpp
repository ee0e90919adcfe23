#include "queue.hpp"

Queue::Queue(const std::string &conninfo, const Registration &registration, bool fresh)
    : connection_(conninfo) {
  // The loop that calls us serves every job: no statement may hold it up for long.
  connection_.execute("SET statement_timeout = '10s'");
  // Listen first: a job that is posted after the first look into the queue must not go unnoticed.
  connection_.execute("LISTEN provisioner_job_posted");
  daemon_id_ =
      connection_
          .execute(
              "SELECT prebuilds_register_provisioner(organization => $1, name => $2, "
              "provisioners => string_to_array($3, ','), tags => $4, version => $5, fresh => $6) AS id",
              {registration.organization, registration.name, registration.provisioners, registration.tags,
               PREBUILDS_VERSION, fresh})
          .text(0, "id");
}

std::vector<Job> Queue::acquire(int max_jobs) {
  // One row per job and parameter, so that the database takes the JSON apart for us.
  const postgres::Result rows = connection_.execute(
      "SELECT job.*, parameter.key, parameter.value "
      "FROM prebuilds_acquire_job(daemon_id => $1, max_jobs => $2) WITH ORDINALITY AS job "
      "LEFT JOIN LATERAL jsonb_each_text(job.parameters) AS parameter ON true "
      "ORDER BY job.ordinality, parameter.key",
      {daemon_id_, max_jobs});

  std::vector<Job> jobs;
  for (int row = 0; row < rows.rows(); row++) {
    if (jobs.empty() || jobs.back().id != rows.text(row, "job_id")) {
      jobs.push_back({.id = rows.text(row, "job_id"),
                      .type = rows.text(row, "type"),
                      .workspace_id = rows.text(row, "workspace_id"),
                      .workspace_name = rows.text(row, "workspace_name"),
                      .owner_id = rows.text(row, "owner_id"),
                      .owner_name = rows.text(row, "owner_name"),
                      .transition = rows.text(row, "transition"),
                      .stage = rows.text(row, "stage"),
                      .build_number = rows.text(row, "build_number"),
                      .organization = rows.text(row, "organization_name"),
                      .template_name = rows.text(row, "template_name"),
                      .template_version = rows.text(row, "template_version_name"),
                      .definition = rows.text(row, "definition"),
                      .tags = rows.text(row, "tags"),
                      .parameters = {},
                      .state = rows.bytes(row, "provisioner_state")});
    }
    if (!rows.is_null(row, "key"))
      jobs.back().parameters.emplace_back(rows.text(row, "key"), rows.text(row, "value"));
  }
  return jobs;
}

bool Queue::update(const std::string &job_id, const std::string &log_lines) {
  return connection_
      .execute(
          "SELECT prebuilds_update_job(job_id => $1, daemon_id => $2, "
          "logs => string_to_array($3, E'\\n')) AS canceled",
          {job_id, daemon_id_, log_lines})
      .truth(0, "canceled");
}

std::vector<std::string> Queue::complete(const std::string &job_id,
                                         const std::optional<postgres::Bytes> &state,
                                         const std::string &resources) {
  const postgres::Result rows = connection_.execute(
      "SELECT unnest(prebuilds_complete_job(job_id => $1, daemon_id => $2, provisioner_state => $3, "
      "resources => $4)) AS agent_id",
      {job_id, daemon_id_, state, resources});
  std::vector<std::string> agent_ids;
  for (int row = 0; row < rows.rows(); row++) agent_ids.push_back(rows.text(row, "agent_id"));
  return agent_ids;
}

void Queue::fail(const std::string &job_id, const std::string &error, const std::string &error_code) {
  connection_.execute(
      "SELECT prebuilds_fail_job(job_id => $1, daemon_id => $2, error => $3, error_code => $4)",
      {job_id, daemon_id_, error, error_code});
}

void Queue::report_agent(const std::string &agent_id, const std::string &lifecycle_state) {
  connection_.execute("SELECT prebuilds_report_agent(agent_id => $1, lifecycle_state => $2)",
                      {agent_id, lifecycle_state});
}
