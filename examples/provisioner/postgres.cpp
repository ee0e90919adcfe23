#include "postgres.hpp"

#include <iostream>
#include <vector>

namespace postgres {

namespace {

// libpq's messages end with a line feed and may have several lines.
std::string one_line(std::string message) {
  while (!message.empty() && message.back() == '\n') message.pop_back();
  for (char &c : message)
    if (c == '\n' || c == '\t') c = ' ';
  return message;
}

std::string field(const PGresult *result, int code) {
  const char *value = PQresultErrorField(result, code);
  return value ? value : "";
}

// "message: detail (hint)", as far as the server gave them.
std::string describe(const PGresult *result) {
  std::string text = field(result, PG_DIAG_MESSAGE_PRIMARY);
  if (text.empty()) text = one_line(PQresultErrorMessage(result));
  if (const std::string detail = field(result, PG_DIAG_MESSAGE_DETAIL); !detail.empty())
    text += ": " + detail;
  if (const std::string hint = field(result, PG_DIAG_MESSAGE_HINT); !hint.empty()) text += " (" + hint + ")";
  return text;
}

}  // namespace

bool StatementError::is_transient() const {
  return sqlstate_.starts_with("40") || sqlstate_.starts_with("53") || sqlstate_ == "55P03" ||
         sqlstate_ == "57014";
}

int Result::number_of(const char *column) const {
  const int number = PQfnumber(result_.get(), column);
  if (number < 0) throw std::logic_error(std::string("the result has no column ") + column);
  return number;
}

std::string Result::text(int row, const char *column) const {
  const int number = number_of(column);
  return {PQgetvalue(result_.get(), row, number),
          static_cast<std::size_t>(PQgetlength(result_.get(), row, number))};
}

bool Result::is_null(int row, const char *column) const {
  return PQgetisnull(result_.get(), row, number_of(column)) == 1;
}

std::string Result::bytes(int row, const char *column) const {
  struct Free {
    void operator()(unsigned char *memory) const { PQfreemem(memory); }
  };
  const std::string escaped = text(row, column);
  std::size_t size = 0;
  const std::unique_ptr<unsigned char, Free> raw(
      PQunescapeBytea(reinterpret_cast<const unsigned char *>(escaped.c_str()), &size));
  if (!raw) throw std::bad_alloc();
  return {reinterpret_cast<const char *>(raw.get()), size};
}

Connection::Connection(const std::string &conninfo) {
  // A later keyword wins: `conninfo` may change what stands before it, and nothing that stands behind it.
  const char *const keywords[] = {"connect_timeout", "fallback_application_name", "dbname", "client_encoding",
                                  nullptr};
  const char *const values[] = {"5", "provisioner", conninfo.c_str(), "UTF8", nullptr};
  connection_.reset(PQconnectdbParams(keywords, values, /* expand_dbname = */ 1));
  if (!connection_) throw std::bad_alloc();
  if (PQstatus(connection_.get()) != CONNECTION_OK) fail();
  PQsetNoticeProcessor(
      connection_.get(), [](void *, const char *notice) { std::cerr << "provisioner: " << notice; }, nullptr);
}

Result Connection::execute(const char *statement, std::initializer_list<Parameter> parameters) {
  std::vector<const char *> values;
  std::vector<int> lengths, formats;
  for (const Parameter &parameter : parameters) {
    values.push_back(parameter.data());
    lengths.push_back(parameter.size());
    formats.push_back(parameter.format());
  }

  PGresult *const raw = PQexecParams(connection_.get(), statement, static_cast<int>(values.size()), nullptr,
                                     values.data(), lengths.data(), formats.data(), /* resultFormat = */ 0);
  if (!raw || PQstatus(connection_.get()) != CONNECTION_OK) {
    PQclear(raw);
    fail();
  }
  Result result(raw);
  const ExecStatusType status = PQresultStatus(raw);
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
    throw StatementError(describe(raw), field(raw, PG_DIAG_SQLSTATE));
  return result;
}

bool Connection::take_notifications() {
  struct Free {
    void operator()(PGnotify *notification) const { PQfreemem(notification); }
  };
  if (PQconsumeInput(connection_.get()) == 0) fail();
  bool any = false;
  while (const std::unique_ptr<PGnotify, Free> notification{PQnotifies(connection_.get())}) any = true;
  return any;
}

void Connection::fail() const { throw ConnectionError(one_line(PQerrorMessage(connection_.get()))); }

Transaction::~Transaction() {
  if (!is_open_) return;
  try {
    connection_.execute("ROLLBACK");
  } catch (const std::exception &) {
    // A connection that cannot roll back is lost, and the server rolls back by itself.
  }
}

void Transaction::commit() {
  connection_.execute("COMMIT");
  is_open_ = false;
}

}  // namespace postgres
