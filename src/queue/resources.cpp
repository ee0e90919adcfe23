#include "queue/resources.hpp"

#include <limits>

#include "pg/relation.hpp"

namespace prebuilds::queue {

namespace {

constexpr int highest_daily_cost = 1'000'000'000;

[[noreturn]] void refuse(const std::string &path, std::string message, std::string hint) {
  throw pg::SqlError(ERRCODE_INVALID_PARAMETER_VALUE, std::move(message), "At " + path + ".",
                     std::move(hint));
}

// Of a long one only the beginning.
std::string shown(const JsonbValue &value) {
  return pg::call([&] {
    JsonbValue copy = value;
    const char *text =
        DatumGetCString(DirectFunctionCall1(jsonb_out, JsonbPGetDatum(JsonbValueToJsonb(&copy))));
    const int length = static_cast<int>(strlen(text));
    if (pg_mbstrlen_with_len(text, length) <= 64) return text;
    return static_cast<const char *>(psprintf("%.*s...", pg_mbcharcliplen(text, length, 61), text));
  });
}

std::string joined(std::span<const std::string_view> words) {
  std::string result;
  for (const std::string_view word : words) result.append(result.empty() ? "" : ", ").append(word);
  return result;
}

// An object that has no other members than these.
class Object {
 public:
  Object(const JsonbValue &value, std::string path, std::span<const std::string_view> members)
      : path_(std::move(path)) {
    const std::string hint = "Members are " + joined(members) + ".";
    if (value.type != jbvBinary || !JsonContainerIsObject(value.val.binary.data))
      refuse(path_, "not a JSON object: " + shown(value), hint);
    container_ = value.val.binary.data;
    const auto is_known = [&](std::string_view key) {
      return std::find(members.begin(), members.end(), key) != members.end();
    };
    JsonbIterator *iterator = pg::call([&] { return JsonbIteratorInit(container_); });
    JsonbValue key;
    while (const JsonbIteratorToken token =
               pg::call([&] { return JsonbIteratorNext(&iterator, &key, /* skipNested = */ true); }))
      if (token == WJB_KEY && !is_known(text_of(key)))
        refuse(path_, "unknown member: \"" + std::string(text_of(key)) + "\"", hint);
  }

  const std::string &path() const { return path_; }

  // A string; none if it is left out.
  std::optional<std::string_view> text(std::string_view member) {
    const JsonbValue *value = find(member);
    if (value == nullptr) return std::nullopt;
    if (value->type != jbvString) refuse_member(member, *value, "Give a JSON string.");
    return text_of(*value);
  }
  std::string_view required_text(std::string_view member) {
    const auto value = text(member);
    if (!value || value->empty())
      refuse(path_of(member), std::string(member) + " is missing or empty", "Give a JSON string.");
    return *value;
  }
  // A whole number from 0; 0 if it is left out.
  int number(std::string_view member, int highest) {
    const JsonbValue *value = find(member);
    if (value == nullptr) return 0;
    const std::string hint = "Give a whole number from 0 to " + std::to_string(highest) + ".";
    if (value->type != jbvNumeric) refuse_member(member, *value, hint);
    const auto whole = pg::call([&]() -> std::optional<int> {
      const Datum given = NumericGetDatum(value->val.numeric);
      const auto compare = [&](Datum other) {
        return DatumGetInt32(DirectFunctionCall2(numeric_cmp, given, other));
      };
      const auto to_numeric = [](int i) { return DirectFunctionCall1(int4_numeric, Int32GetDatum(i)); };
      if (compare(to_numeric(0)) < 0 || compare(to_numeric(highest)) > 0) return std::nullopt;
      const Datum truncated = DirectFunctionCall2(numeric_trunc, given, Int32GetDatum(0));
      if (compare(truncated) != 0) return std::nullopt;
      return DatumGetInt32(DirectFunctionCall1(numeric_int4, given));
    });
    if (!whole) refuse_member(member, *value, hint);
    return *whole;
  }
  // An object, as jsonb; empty if it is left out.
  pg::AsIs object(std::string_view member) {
    JsonbValue *value = find(member);
    if (value != nullptr && (value->type != jbvBinary || !JsonContainerIsObject(value->val.binary.data)))
      refuse_member(member, *value, "Give a JSON object.");
    return pg::call([&] {
      JsonbValue empty{};
      empty.type = jbvObject;
      return pg::AsIs{JsonbPGetDatum(JsonbValueToJsonb(value != nullptr ? value : &empty))};
    });
  }
  // The elements of an array; none if it is left out.
  std::vector<JsonbValue> array(std::string_view member) {
    const JsonbValue *value = find(member);
    if (value == nullptr) return {};
    if (value->type != jbvBinary || !JsonContainerIsArray(value->val.binary.data))
      refuse_member(member, *value, "Give a JSON array.");
    return elements(value->val.binary.data);
  }

  static std::vector<JsonbValue> elements(JsonbContainer *array) {
    std::vector<JsonbValue> result(JsonContainerSize(array));
    for (std::size_t i = 0; i < result.size(); i++)
      result[i] = *pg::call([&] { return getIthJsonbValueFromContainer(array, static_cast<uint32>(i)); });
    return result;
  }

 private:
  static std::string_view text_of(const JsonbValue &string) {
    return {string.val.string.val, static_cast<std::size_t>(string.val.string.len)};
  }
  std::string path_of(std::string_view member) const { return path_ + "." + std::string(member); }

  // nullptr if it is left out, or null.
  JsonbValue *find(std::string_view member) {
    JsonbValue *value = pg::call([&] {
      return getKeyJsonValueFromContainer(container_, member.data(), static_cast<int>(member.size()),
                                          nullptr);
    });
    return value == nullptr || value->type == jbvNull ? nullptr : value;
  }
  [[noreturn]] void refuse_member(std::string_view member, const JsonbValue &value, std::string hint) const {
    refuse(path_of(member), "invalid " + std::string(member) + ": " + shown(value), std::move(hint));
  }

  std::string path_;
  JsonbContainer *container_ = nullptr;
};

constexpr std::string_view resource_members[] = {"type",          "name",     "daily_cost",
                                                 "instance_type", "metadata", "agents"};
constexpr std::string_view agent_members[] = {"name", "metadata"};

// The elements of the report.
std::vector<JsonbValue> elements_of(Datum report) {
  Jsonb *list = pg::call([&] { return DatumGetJsonbP(report); });
  if (!JB_ROOT_IS_ARRAY(list) || JB_ROOT_IS_SCALAR(list)) {
    JsonbValue value{};
    pg::call([&] {
      if (!JsonbExtractScalar(&list->root, &value)) {
        value.type = jbvBinary;
        value.val.binary.data = &list->root;
        value.val.binary.len = static_cast<int>(VARSIZE(list) - VARHDRSZ);
      }
    });
    refuse("resources", "not a JSON array: " + shown(value),
           "Give one object per resource: [{\"type\": \"vm\", \"name\": \"main\"}].");
  }
  return Object::elements(&list->root);
}

}  // namespace

Resources read_resources(Datum report, core::Instant now) {
  const Oid resource_table = pg::relation_oid("workspace_resources");
  const Oid agent_table = pg::relation_oid("workspace_agents");
  Resources read;
  std::int64_t daily_cost = 0;
  const std::nullopt_t none = std::nullopt;
  const std::vector<JsonbValue> elements = elements_of(report);
  for (std::size_t i = 0; i < elements.size(); i++) {
    Object resource(elements[i], "resources[" + std::to_string(i) + "]", resource_members);
    const core::Uuid id = pg::make_uuid_v7(now);
    const std::string_view type = resource.required_text("type");
    const std::string_view name = resource.required_text("name");
    const int cost = resource.number("daily_cost", highest_daily_cost);
    const auto instance_type = resource.text("instance_type");
    const pg::AsIs metadata = resource.object("metadata");
    read.resources.push_back(pg::make_record(
        resource_table,
        std::array<pg::Param, 10>{id, none, none, none, none, type, name, cost, instance_type, metadata}));
    daily_cost += cost;

    const std::vector<JsonbValue> agents = resource.array("agents");
    for (std::size_t n = 0; n < agents.size(); n++) {
      Object agent(agents[n], resource.path() + ".agents[" + std::to_string(n) + "]", agent_members);
      const std::string_view agent_name = agent.required_text("name");
      const pg::AsIs agent_metadata = agent.object("metadata");
      read.agent_ids.push_back(pg::make_uuid_v7(now));
      read.agents.push_back(pg::make_record(
          agent_table, std::array<pg::Param, 12>{read.agent_ids.back(), none, none, id, agent_name, none,
                                                 none, none, none, none, none, agent_metadata}));
    }
  }
  if (daily_cost > std::numeric_limits<int>::max())
    refuse("resources", "daily costs add up to " + std::to_string(daily_cost),
           "Together they may be 2147483647 at most.");
  read.daily_cost = static_cast<int>(daily_cost);
  return read;
}

}  // namespace prebuilds::queue
