// A thin layer over libpq: owned connections and results, parameters by $n only, errors with their SQLSTATE.
#pragma once

#include <libpq-fe.h>

#include <initializer_list>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

namespace postgres {

// The server refused a statement; the connection is still good.
class StatementError : public std::runtime_error {
 public:
  StatementError(const std::string &message, std::string sqlstate)
      : std::runtime_error(message), sqlstate_(std::move(sqlstate)) {}

  const std::string &sqlstate() const { return sqlstate_; }
  // The same statement may succeed a moment later: a conflict, a lock or statement time-out, lack of
  // resources.
  bool is_transient() const;

 private:
  std::string sqlstate_;
};

// The connection is gone, or could not be made. Whether the statement in flight was committed is unknown.
class ConnectionError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// A bytea value: it travels in binary, everything else as text.
struct Bytes {
  std::string data;
};

// The value of one $n. Its type is the one that the statement gives to $n.
class Parameter {
 public:
  Parameter(std::nullopt_t) {}
  Parameter(const char *text) : value_(text) {}
  Parameter(std::string text) : value_(std::move(text)) {}
  Parameter(int number) : value_(std::to_string(number)) {}
  Parameter(bool truth) : value_(truth ? "true" : "false") {}
  Parameter(std::optional<Bytes> bytes) : is_binary_(true) {
    if (bytes) value_ = std::move(bytes->data);
  }

  const char *data() const { return value_ ? value_->c_str() : nullptr; }
  int size() const { return value_ ? static_cast<int>(value_->size()) : 0; }
  int format() const { return is_binary_ ? 1 : 0; }

 private:
  std::optional<std::string> value_;
  bool is_binary_ = false;
};

class Result {
 public:
  explicit Result(PGresult *result) : result_(result) {}

  int rows() const { return PQntuples(result_.get()); }
  // The value as text; NULL is the empty string.
  std::string text(int row, const char *column) const;
  bool truth(int row, const char *column) const { return text(row, column) == "t"; }
  bool is_null(int row, const char *column) const;
  // A bytea value; NULL is empty.
  std::string bytes(int row, const char *column) const;

 private:
  int number_of(const char *column) const;

  struct Clear {
    void operator()(PGresult *result) const { PQclear(result); }
  };
  std::unique_ptr<PGresult, Clear> result_;
};

class Connection {
 public:
  // Waits until the server answers, at most 5 s unless `conninfo` sets connect_timeout.
  explicit Connection(const std::string &conninfo);

  Result execute(const char *statement, std::initializer_list<Parameter> parameters = {});

  // For poll(): readable when the server has sent something, such as a notification.
  int socket() const { return PQsocket(connection_.get()); }
  // Takes all notifications that have arrived; true when there was one.
  bool take_notifications();

 private:
  [[noreturn]] void fail() const;

  struct Finish {
    void operator()(PGconn *connection) const { PQfinish(connection); }
  };
  std::unique_ptr<PGconn, Finish> connection_;
};

// A transaction that is rolled back unless it was committed.
class Transaction {
 public:
  explicit Transaction(Connection &connection) : connection_(connection) { connection_.execute("BEGIN"); }
  ~Transaction();
  Transaction(const Transaction &) = delete;
  Transaction &operator=(const Transaction &) = delete;

  void commit();

 private:
  Connection &connection_;
  bool is_open_ = true;
};

}  // namespace postgres
